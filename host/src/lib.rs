//! Loadlock: one gateway that takes a file, checks it, and loads it into an upstream file API through a sandboxed
//! provider component.
//!
//! This crate is what others embed. [`builder`] opens a [`Gateway`]; somebody is authenticated with it
//! ([`local::authenticate`] for this process itself, [`Gateway::authenticate`] for anybody else) and that
//! [`Principal`] uploads, lists, reads and deletes files.
//!
//! ```no_run
//! # async fn example() -> loadlock::Result<()> {
//! let gateway = loadlock::builder().home("/var/lib/shop/loadlock").grant("/srv/shop/reports").open().await?;
//! let me = loadlock::local::authenticate(&gateway).await?;
//! let request = loadlock::UploadRequest::path("/srv/shop/reports/may.pdf");
//! let file = gateway.upload(&me, request, &loadlock::Silent).await?;
//! println!("{} is stored at {} as {}", file.filename, file.provider, file.remote_id);
//! # Ok(())
//! # }
//! ```
//!
//! | module | one job |
//! |---|---|
//! | `builder` | from a configuration to an open gateway |
//! | [`local`] | the principal of this machine's own user, and the tokens that it signs |
//! | `builtins` | the components that are part of the program |
//! | [`config`], [`gateway`], [`sandbox`] | the crates behind, whole |
//!
//! The binary of the same name is this library and a command line.

mod builder;
mod builtins;
pub mod local;
mod token_register;

/// The audit log: who did what, in a chain of hashes.
pub mod audit {
    pub use loadlock_audit::*;
}

/// The configuration: one TOML file and `LOADLOCK_*` variables, typed.
pub mod config {
    pub use loadlock_config::*;
}

/// The pipeline and its durable state.
pub mod gateway {
    pub use loadlock_gateway::*;
}

/// Components: inspection, limits, and the child process that compiles them.
pub mod sandbox {
    pub use loadlock_sandbox::{
        CompileOptions, ComponentImport, EngineOptions, ImportVerdict, InspectError, Inspection, Limits, LoadError,
        Role, compile_child, inspect,
    };
}

pub use builder::{Builder, builder};
pub use builtins::builtins;
pub use loadlock_gateway::{
    Body, CancellationToken, Content, CopyMade, CopyRequest, CopyStatus, Door, Error, ErrorCode, Event, File, FileCopy,
    FilePage, Gateway, ListRequest, Peer, Principal, Progress, Result, Scope, Silent, Source, Target, UploadRequest,
};
pub use token_register::{ListedToken, issued_tokens};
