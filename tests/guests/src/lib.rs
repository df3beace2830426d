//! What the hostile and odd components of the test suites share.
//!
//! Each file under `examples/` is one component for `wasm32-wasip2`; its file name is its name in the suites and its
//! first sentence says what it attempts and what the host must do. Components that Rust cannot express are text files
//! under `wat/`. A provider implements [`Provider`], whose defaults are an honest profile with one purpose, `store`,
//! and `unsupported` for every operation, and is exported with [`provider!`]. A guest that wants to tell a test what
//! happened to it answers with [`report()`]: the message of its failure is the report.

pub mod bindings;
pub mod honest;
pub mod http;
mod provider;
pub mod report;
pub mod settings;

pub use provider::{Provider, Shell, failure, purpose, store_profile, unsupported};
pub use report::report;

/// The words of the provider contract.
pub mod words {
    pub use crate::bindings::provider::exports::loadlock::upload::provider::ProviderProfile as Profile;
    pub use crate::bindings::provider::exports::loadlock::upload::provider::*;
    pub use crate::bindings::provider::loadlock::upload::types::FailureKind;
}
