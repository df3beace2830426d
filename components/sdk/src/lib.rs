//! The guest library for authors of Loadlock providers.
//!
//! A provider is one type that implements [`Provider`], compiled to `wasm32-wasip2` as a `cdylib` and exported with
//! [`export_provider!`]. This crate gives it typed [`settings`], classified [failures](crate::types::Failure),
//! streaming [`http`] with [`multipart`] and raw bodies, capped JSON answers, [`content`](mod@content) piped to
//! standard output, the shape that most file APIs share, [`openai_shape`], that of Google's, [`google_shape`], and with
//! the feature `s3` that of object stores, `s3_shape`. The author's guide is `docs/how-to/writing-a-provider.md`; a whole provider is `examples/minimal.rs`.
//!
//! Nothing here imports anything but stable WASI 0.2: the same component runs on any host that has `wasi:http`.

pub mod bindings;
pub mod content;
pub mod digest;
pub mod failure;
pub mod file;
pub mod google_shape;
pub mod http;
pub mod instant;
pub mod log;
pub mod multipart;
pub mod openai_shape;
pub mod profile;
mod provider;
pub mod random;
mod remote;
pub mod retry_after;
#[cfg(feature = "s3")]
pub mod s3_shape;
pub mod settings;
pub mod xml;

pub use provider::{Provider, Shell, unsupported};

/// The WASI bindings that this crate uses, for providers that need more of it.
pub use wasip2;

/// The words of the contract, as documented in `wit/provider.wit` and `wit/types.wit`.
pub mod types {
    pub use crate::bindings::exports::loadlock::upload::provider::{
        ContentInfo, ContentKind, DeleteSemantics, Deletion, EgressNeed, ListQuery, LostUpload, Operation,
        ProviderProfile as Profile, PurposeProfile, RemoteFile, RemotePage, RemoteRef, RemoteStatus, Retention,
        Treatment, UploadOptions, VerifyMethod,
    };
    pub use crate::bindings::loadlock::upload::types::{AdmittedFile, Failure, FailureKind};
}

/// Everything that a provider usually needs.
pub mod prelude {
    pub use crate::file::AdmittedReader;
    pub use crate::http::{Base, Request};
    pub use crate::multipart::Form;
    pub use crate::settings::Settings;
    pub use crate::types::*;
    pub use crate::{Provider, export_provider, log_info, log_warn, unsupported};
}
