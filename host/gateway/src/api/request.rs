//! What a caller asks for.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::admission::Body;
use crate::staged::Staged;

/// Where the bytes come from.
pub enum Source {
    /// A path on the gateway's disk, beneath a grant.
    Path {
        /// As given.
        path: PathBuf,
        /// What a relative path is relative to; the local command line's current directory.
        current_dir: Option<PathBuf>,
    },
    /// The bytes themselves.
    Body(Body),
    /// A body that is on the disk already, by [`crate::Gateway::stage`] or [`crate::Session::stage`].
    Staged(Staged),
}

/// Which provider.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Target {
    /// The best eligible one.
    #[default]
    Auto,
    /// This one and no other.
    Pinned(String),
}

/// One upload.
pub struct UploadRequest {
    /// The bytes.
    pub source: Source,
    /// Where to.
    pub target: Target,
    /// What for: the vendor's word, or one that the configuration maps.
    pub purpose: Option<String>,
    /// Another display name.
    pub name: Option<String>,
    /// The same key and content answer the same file for 24 hours.
    pub idempotency_key: Option<String>,
    /// Seconds until it expires.
    pub expires_in_s: Option<u64>,
    /// Ends it early: see [`crate::Gateway::upload`]. A token that nobody cancels by default.
    pub cancel: CancellationToken,
}

impl UploadRequest {
    /// Of a path, with everything else left to the gateway.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self::from(Source::Path {
            path: path.into(),
            current_dir: std::env::current_dir().ok(),
        })
    }
}

impl From<Source> for UploadRequest {
    fn from(source: Source) -> Self {
        Self {
            source,
            target: Target::Auto,
            purpose: None,
            name: None,
            idempotency_key: None,
            expires_in_s: None,
            cancel: CancellationToken::new(),
        }
    }
}
