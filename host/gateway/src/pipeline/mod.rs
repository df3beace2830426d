//! The one road that every upload takes.
//!
//! `Principal → AdmittedFile → (dedup) → Route → Attempt… → Receipt → recorded`. Each stage is a type that only the
//! stage before can make.

mod accounted;
mod attempt;
pub(crate) use attempt::{Place, log_component};
pub(crate) mod burial;
mod cancel;
mod dedup;
mod entry;
pub(crate) use entry::{journal_error, record_of};
pub(crate) mod flights;
mod given_up;
mod joining;
mod lease;
mod lifetime;
pub(crate) mod on_the_way;
mod pass;
pub(crate) mod record;
pub(crate) use pass::Pass;
mod recover;
pub use recover::Settled;
mod replay;
mod routing;
mod send;
mod settle;
pub(crate) use settle::has_evidence;
mod shared;
mod upload;
mod verify;
mod waiting;
