//! The one road that every upload takes.
//!
//! `Principal → AdmittedFile → (dedup) → Route → Attempt… → Receipt → recorded`. Each stage is a type that only the stage before can make.

mod attempt;
pub(crate) use attempt::log_component;
mod dedup;
pub(crate) mod flights;
mod record;
mod routing;
mod upload;
mod verify;
