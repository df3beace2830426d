//! The sandbox of Loadlock: the only crate that knows wasmtime.
//!
//! A [`Sandbox`] holds the engines. A component is loaded for a [`Role`] from a [`Source`], inspected before anything
//! of it runs ([`inspect`]), compiled under limits, and then called through the typed wrapper of its role: a
//! [`provider::Provider`] gets a fresh instance for every call, a [`validator::Validator`] and an [`auth::Auth`] keep a
//! few, a [`tracker::Tracker`] has one with a thread of its own. Every call runs under [`Limits`]; whatever it does, it
//! costs that call and nothing else.
//!
//! | module | one job |
//! |---|---|
//! | `inspect` | what a component imports and exports, read without compiling it |
//! | `component`, `compile` | size, pin, compile (in a child process), cache, types |
//! | `engine`, `budget`, `limits` | pooled slots, epoch ticks, CPU time, memory, tables |
//! | `state`, `call` | one store and one call |
//! | [`files`] | the `wasi:filesystem` of a sandbox: one admitted file, one own directory |
//! | `egress` | the only way out |
//! | `contract` | one adapter per WIT version, into the internal model |
//! | `model` | the internal model, as far as no decision is made on it |
//! | `roles` | one typed wrapper per role |
mod bindings;
mod budget;
mod call;
mod compile;
mod component;
mod contract;
mod egress;
mod engine;
mod error;
pub mod files;
mod inspect;
mod limits;
mod log;
mod model;
mod roles;
mod state;

pub use call::{CallReport, CallUsage};
pub use compile::{CompileOptions, compile_child};
pub use component::{Sandbox, Source};
pub use egress::{EgressReport, Network, Outlet};
pub use engine::EngineOptions;
pub use error::{CallError, LoadError};
pub use inspect::{
    ComponentImport, ImportVerdict, InspectError, Inspection, PACKAGE, VERSION, export, inspect, negotiate,
};
pub use limits::{CPU_PER_BYTE, Exhausted, Limits};
pub use loadlock_policy::model::Role;
pub use roles::{auth, batches, coordination, provider, tracker, validator};

/// SHA-256 as lower-case hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(bytes))
}
