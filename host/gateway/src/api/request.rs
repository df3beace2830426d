//! What a caller asks for.

use std::path::PathBuf;

use loadlock_journal::Callback;
use tokio_util::sync::CancellationToken;

use crate::admission::{Arrival, Body};
use crate::error::{Error, ErrorCode, Result};
use crate::staged::Staged;

/// Longest time until a file expires that can be asked for, in seconds: a century. Ledgers have a last instant, and a
/// record that they refuse helps nobody.
const MAX_EXPIRES_IN_S: u64 = 36_525 * 86_400;
/// Bytes of a purpose.
const PURPOSE: usize = 64;
/// Bytes of an idempotency key.
const KEY: usize = 255;

/// Whether a file can expire in so many seconds.
///
/// # Errors
/// [`ErrorCode::RequestInvalid`] for no time at all, or more than a century.
pub fn check_expiry(seconds: u64) -> Result<()> {
    if (1..=MAX_EXPIRES_IN_S).contains(&seconds) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::RequestInvalid,
        format!("a file cannot expire in {seconds} seconds"),
    )
    .hint(format!("use 1 to {MAX_EXPIRES_IN_S}, or leave it out")))
}

/// Whether this can be a purpose.
///
/// # Errors
/// [`ErrorCode::RequestInvalid`] for none, or more than 64 bytes.
pub fn check_purpose(purpose: &str) -> Result<()> {
    check_bytes("purpose", purpose, PURPOSE)
}

/// Whether this can be an idempotency key.
///
/// # Errors
/// [`ErrorCode::RequestInvalid`] for none, or more than 255 bytes.
pub fn check_idempotency_key(key: &str) -> Result<()> {
    check_bytes("idempotency key", key, KEY)
}

fn check_bytes(what: &str, value: &str, most: usize) -> Result<()> {
    if (1..=most).contains(&value.len()) {
        return Ok(());
    }
    let message = match value.len() {
        0 => format!("the {what} is empty"),
        bytes => format!("the {what} has {bytes} bytes; at most {most} are allowed"),
    };
    Err(Error::new(ErrorCode::RequestInvalid, message).hint(format!("use 1 to {most} bytes, or leave it out")))
}

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
    /// A body that is still coming, by [`crate::Gateway::arrive`]: it is sent on meanwhile if nothing speaks against
    /// it.
    Arriving(Arrival),
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
    /// The key was made by a door for one content, so that the content need not be compared.
    pub key_is_of_content: bool,
    /// Seconds until it expires.
    pub expires_in_s: Option<u64>,
    /// Media types that the file may have, as the validator finds them; `image/*` is all of a kind, none is every one.
    pub only_types: Vec<String>,
    /// Who is told of its end besides those who are told of every one: see [`crate::Gateway::callback`].
    pub callback: Option<Callback>,
    /// Ends it early: see [`crate::Gateway::upload`]. A token that nobody cancels by default.
    pub cancel: CancellationToken,
}

impl UploadRequest {
    /// Whether what is asked for can be at all: before a byte is taken.
    ///
    /// # Errors
    /// [`ErrorCode::RequestInvalid`].
    pub(crate) fn check(&self) -> Result<()> {
        self.expires_in_s.map_or(Ok(()), check_expiry)?;
        self.purpose.as_deref().map_or(Ok(()), check_purpose)?;
        self.idempotency_key.as_deref().map_or(Ok(()), check_idempotency_key)
    }

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
            key_is_of_content: false,
            expires_in_s: None,
            only_types: Vec::new(),
            callback: None,
            cancel: CancellationToken::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_and_more_than_a_century_are_refused() {
        assert!(check_expiry(1).is_ok() && check_expiry(MAX_EXPIRES_IN_S).is_ok());
        for wrong in [0, MAX_EXPIRES_IN_S + 1, u64::MAX] {
            assert_eq!(
                check_expiry(wrong).map_err(|error| error.code),
                Err(ErrorCode::RequestInvalid)
            );
        }
    }

    #[test]
    fn texts_have_bounds_that_the_message_names() {
        assert!(check_purpose(&"p".repeat(64)).is_ok() && check_idempotency_key(&"k".repeat(255)).is_ok());
        let long = check_purpose(&"p".repeat(70)).map_err(|error| error.message);
        assert_eq!(long, Err("the purpose has 70 bytes; at most 64 are allowed".to_owned()));
        let none = check_idempotency_key("").map_err(|error| error.message);
        assert_eq!(none, Err("the idempotency key is empty".to_owned()));
    }
}
