//! The shape of Google's APIs: errors as `google.rpc.Status`, and resumable uploads.

mod error;
mod resumable;

pub use error::failure;
pub use resumable::Session;
