//! What front doors call, each module one part of it. An upload's own door is in [`crate::upload`], what an operator
//! asks for about everything in [`crate::maintenance`].

pub(crate) mod audit_tail;
mod authenticate;
mod content;
pub(crate) mod copies;
pub(crate) mod files;
pub(crate) mod forward;
mod gateway;
mod gauges;
pub(crate) mod import;
mod issuers;
mod keep;
pub(crate) mod progress;
mod providers;
pub(crate) mod reload;
pub(crate) mod request;
mod route;
mod sessions;
pub(crate) mod stage;
mod status;
pub(crate) mod webhooks;
