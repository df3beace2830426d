//! What front doors call, each module one part of it. An upload's own door is in [`crate::upload`], what an operator
//! asks for about everything in [`crate::maintenance`].

pub(crate) mod audit_tail;
mod authenticate;
mod content;
pub(crate) mod files;
mod gateway;
mod gauges;
pub(crate) mod import;
pub(crate) mod progress;
mod providers;
mod reload;
pub(crate) mod request;
mod route;
mod sessions;
pub(crate) mod stage;
mod status;
