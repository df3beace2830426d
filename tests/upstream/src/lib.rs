//! Fakes of the vendors' file APIs for tests: OpenAI (files and uploads) with Azure and xAI, Kimi, GLM in
//! its two modes, Anthropic, Gemini and S3.
//!
//! An [`Upstream`] is a real HTTP server on loopback. It checks what the vendor checks (credential, multipart, purpose,
//! size, count), answers in the vendor's shape, records every request, and misbehaves on command. Bodies are never
//! held: they are hashed and counted while they arrive, and only small contents are kept so that they can be fetched
//! back.
//!
//! ```
//! use loadlock_upstream::{Answer, Fault, Operation, Options, Upstream, Vendor};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), loadlock_upstream::StartError> {
//! let upstream = Upstream::start(Vendor::Kimi, Options::with_key("sk-test")).await?;
//! // The next upload is stored, but the client is told 503.
//! upstream.faults().push(Operation::Create, Fault::StoredAnswer(Answer::status(503)));
//! assert!(upstream.base_url().ends_with("/v1"));
//! assert!(upstream.files().is_empty());
//! upstream.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! What is documented about each vendor is in [`vendor`]; where the documentation is silent the fake's answer says so
//! there.

mod body;
mod faults;
mod form;
mod io;
mod options;
mod presence;
mod recorder;
mod reply;
mod s3;
mod server;
mod service;
mod store;
mod tls;
pub mod vendor;

pub use faults::{Answer, Chaos, Fault, Faults, Injected};
pub use options::{Options, Site, Vendor};
pub use presence::Presence;
pub use recorder::{FieldFacts, Recorded, Requests};
pub use s3::{S3_BUCKET, S3_KEY_ID, S3_SECRET, S3Call, S3Fault, S3Options, S3Session, S3Store, S3Version};
pub use server::{StartError, Upstream};
pub use store::{Files, StoredFile};
pub use vendor::Operation;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic elsewhere: the tests that follow should fail for their own reasons.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
