//! What a vendor says it stored: `remote-file` of the contract and its parts, with the checks that the host makes on
//! every one of them before it believes it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::ContentKind;

/// Longest remote id in bytes; from `provider.wit`.
pub const MAX_REMOTE_ID_BYTES: usize = 512;
/// Longest uri in bytes; from `provider.wit`.
const MAX_URI_BYTES: usize = 2_048;

/// State of a remote file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemoteStatus {
    /// It can be used.
    Ready,
    /// The vendor still works on it.
    Processing,
    /// The vendor could not process it.
    Failed,
}

/// What the vendor says it stored. Instants are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RemoteFile {
    /// The vendor's id.
    pub id: String,
    /// Size as the vendor counts it.
    pub bytes: u64,
    /// The remote name, if the vendor returns one.
    pub name: Option<String>,
    /// The vendor's word for the purpose.
    pub purpose: Option<String>,
    /// Digest, only if the vendor computed it.
    pub sha256: Option<String>,
    /// When the vendor stored it.
    pub created_at: Option<u64>,
    /// When the vendor will drop it.
    pub expires_at: Option<u64>,
    /// Its state.
    pub status: RemoteStatus,
    /// Why it is `Failed`, in the vendor's words.
    pub failure: Option<String>,
    /// What else names it in the vendor's own calls.
    pub address: RemoteAddress,
}

/// What else names a remote file in the vendor's own calls. Neither opens it to whoever has no credential.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RemoteAddress {
    /// What those calls want in place of the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The media type that the vendor keeps for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

impl RemoteAddress {
    /// Whether the id is all there is.
    ///
    /// ```
    /// # use loadlock_policy::model::RemoteAddress;
    /// assert!(RemoteAddress::default().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Names one remote file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RemoteRef {
    /// The vendor's id.
    pub id: String,
    /// The vendor's word for the purpose.
    pub purpose: String,
}

/// One page of an account's files.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RemotePage {
    /// The files.
    pub files: Vec<RemoteFile>,
    /// Cursor of the next page; absent on the last.
    pub next: Option<String>,
}

/// What `content` wrote.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ContentInfo {
    /// Media type of what was written.
    pub media_type: String,
    /// How many bytes.
    pub bytes: u64,
    /// The uploaded bytes, or text extracted from them.
    pub kind: ContentKind,
}

/// What `delete` found. Both mean that the remote file is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deletion {
    /// It was there.
    Deleted,
    /// It was not.
    AlreadyGone,
}

/// Why an answer about a remote file is not believed. Each is a mistake of the component: update or replace it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RemoteError {
    /// An id must name something.
    #[error("the remote id is empty; the component must return the id that the vendor gave")]
    EmptyId,
    /// An id longer than [`MAX_REMOTE_ID_BYTES`].
    #[error("the remote id has {bytes} bytes, the contract allows {MAX_REMOTE_ID_BYTES}; fix the component")]
    LongId {
        /// Its length.
        bytes: usize,
    },
    /// An id that could forge a log line or a header.
    #[error("the remote id holds a control character; fix the component")]
    ControlInId,
    /// A digest that is not one.
    #[error("the digest is not 64 lower-case hexadecimal characters; fix the component")]
    BadDigest,
    /// A text longer than is sensible.
    #[error("`{field}` has {bytes} bytes or holds a control character; fix the component")]
    BadText {
        /// Which text.
        field: &'static str,
        /// Its length.
        bytes: usize,
    },
}

/// Why a file that a vendor has stored is of no use to whoever uploaded it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unusable {
    /// The vendor has the bytes and cannot work with them.
    #[error("stored the file and could not process it{}", because(.why.as_deref()))]
    Failed {
        /// In the vendor's words.
        why: Option<String>,
    },
    /// It is as good as gone.
    #[error("stored the file with an expiry that has passed: {at_s} seconds since 1970")]
    Expired {
        /// When it expired.
        at_s: u64,
    },
}

fn because(why: Option<&str>) -> String {
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

impl RemoteFile {
    /// Why it is no success, although the vendor has it. A file that is still processed may become one.
    ///
    /// ```
    /// use loadlock_policy::model::{RemoteFile, RemoteStatus, Unusable};
    /// let mut file = RemoteFile {
    ///     id: "file-1".into(), bytes: 5, name: None, purpose: None, sha256: None, created_at: None,
    ///     expires_at: Some(1_000), status: RemoteStatus::Processing, failure: None, address: Default::default(),
    /// };
    /// assert_eq!(file.unusable(999_999), None);
    /// assert_eq!(file.unusable(1_000_000), Some(Unusable::Expired { at_s: 1_000 }));
    /// file.status = RemoteStatus::Failed;
    /// assert_eq!(file.unusable(0), Some(Unusable::Failed { why: None }));
    /// ```
    pub fn unusable(&self, now_ms: u64) -> Option<Unusable> {
        if self.status == RemoteStatus::Failed {
            let why = self.failure.clone();
            return Some(Unusable::Failed { why });
        }
        self.expires_at
            .filter(|seconds| seconds.saturating_mul(1_000) <= now_ms)
            .map(|at_s| Unusable::Expired { at_s })
    }

    /// Checks what the contract promises of a remote file.
    ///
    /// # Errors
    /// [`RemoteError`] names the first promise that is broken.
    pub fn check(&self) -> Result<(), RemoteError> {
        check_remote_id(&self.id)?;
        if self.sha256.as_deref().is_some_and(|digest| !is_digest(digest)) {
            return Err(RemoteError::BadDigest);
        }
        // A name is shown and matched against marks; 1,024 bytes leave room for a 255-byte name in any encoding.
        for (field, text, max) in [
            ("name", &self.name, 1_024),
            ("purpose", &self.purpose, 128),
            ("uri", &self.address.uri, MAX_URI_BYTES),
            ("media-type", &self.address.media_type, 255),
        ] {
            if let Some(text) = text
                && (text.len() > max || text.chars().any(char::is_control))
            {
                return Err(RemoteError::BadText {
                    field,
                    bytes: text.len(),
                });
            }
        }
        Ok(())
    }
}

impl RemoteRef {
    /// Checks what the contract promises of a reference.
    ///
    /// # Errors
    /// [`RemoteError`] names the first promise that is broken.
    pub fn check(&self) -> Result<(), RemoteError> {
        check_remote_id(&self.id)
    }
}

fn check_remote_id(id: &str) -> Result<(), RemoteError> {
    if id.is_empty() {
        return Err(RemoteError::EmptyId);
    }
    if id.len() > MAX_REMOTE_ID_BYTES {
        return Err(RemoteError::LongId { bytes: id.len() });
    }
    if id.chars().any(char::is_control) {
        return Err(RemoteError::ControlInId);
    }
    Ok(())
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(id: &str) -> RemoteFile {
        RemoteFile {
            id: id.into(),
            bytes: 1,
            name: None,
            purpose: None,
            sha256: None,
            created_at: None,
            expires_at: None,
            status: RemoteStatus::Ready,
            failure: None,
            address: RemoteAddress::default(),
        }
    }

    #[test]
    fn ids_are_held_to_the_contract() {
        assert_eq!(file("file-1").check(), Ok(()));
        assert_eq!(file("").check(), Err(RemoteError::EmptyId));
        assert_eq!(file(&"x".repeat(512)).check(), Ok(()));
        assert_eq!(file(&"x".repeat(513)).check(), Err(RemoteError::LongId { bytes: 513 }));
        assert_eq!(file("a\r\nb").check(), Err(RemoteError::ControlInId));
    }

    #[test]
    fn digests_and_names_are_held_to_the_contract() {
        let digest = |d: String| {
            RemoteFile {
                sha256: Some(d),
                ..file("a")
            }
            .check()
        };
        assert_eq!(digest("0".repeat(64)), Ok(()));
        assert_eq!(digest("A".repeat(64)), Err(RemoteError::BadDigest));
        assert_eq!(digest("0".repeat(63)), Err(RemoteError::BadDigest));
        let named = RemoteFile {
            name: Some("a\nb".into()),
            ..file("a")
        };
        assert_eq!(
            named.check(),
            Err(RemoteError::BadText {
                field: "name",
                bytes: 3
            })
        );
    }
}
