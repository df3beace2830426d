//! What callers hand in: intents, attempts, acceptances, ends and deletes.

use std::path::PathBuf;

use loadlock_policy::model::{ContentKey, RemoteAddress};
use serde::{Deserialize, Serialize};

use crate::path_text;

/// Identity of one entry: the logical file's id, unique over all tenants.
pub type EntryId = String;

/// How long an idempotency key answers with the same receipt: 24 hours, in milliseconds.
pub const IDEMPOTENCY_MS: u64 = 24 * 60 * 60 * 1000;

/// The kind of [`FailedEnd`] of an entry that another one follows: the upload has not ended.
pub const MOVED_ON: &str = "moved on";

/// A caller's idempotency key. Scoped by the tenant of the intent that carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// As the client sent it.
    pub key: String,
    /// Of everything that must be equal for a repetition to be the same request (content, purpose, pin …).
    pub fingerprint: String,
}

/// Where the bytes come from, exactly enough to admit them again after a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourceRef {
    /// A file beneath a granted root, as it was at admission. A difference at recovery means that the file changed.
    Path {
        /// The granted root.
        #[serde(with = "path_text")]
        root: PathBuf,
        /// Beneath the root.
        #[serde(with = "path_text")]
        relative: PathBuf,
        /// Device number.
        device: u64,
        /// Inode number.
        inode: u64,
        /// Bytes.
        size: u64,
        /// Modification time, nanoseconds since 1970.
        modified_ns: i128,
        /// Status change time, nanoseconds since 1970.
        changed_ns: i128,
    },
    /// A body in the private spool.
    Spool {
        /// The directory of this upload.
        #[serde(with = "path_text")]
        dir: PathBuf,
    },
}

/// What is about to be uploaded, and the first attempt at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The logical file's id.
    pub id: EntryId,
    /// Whose data it is.
    pub tenant: String,
    /// Who asked.
    pub subject: String,
    /// The caller's key, if there was one.
    pub idempotency: Option<Idempotency>,
    /// Identity of the content; `account` is the first attempt's.
    pub key: ContentKey,
    /// Configured name of the first attempt's provider.
    pub provider: String,
    /// What marks the first attempt's remote file at the vendor as ours (idempotency key, metadata value), or empty.
    pub mark: String,
    /// The unique name that the first attempt gives the remote file.
    pub remote_name: String,
    /// The name that the tenant sees.
    pub filename: String,
    /// Media type.
    pub media_type: String,
    /// Size of the content.
    pub bytes: u64,
    /// Where the content comes from.
    pub source: SourceRef,
    /// When it began, milliseconds since 1970. Also "now" for the age of idempotency keys.
    pub created_at_ms: u64,
    /// When the file expires, milliseconds since 1970.
    pub expires_at_ms: Option<u64>,
    /// SHA-256 of the first attempt's component, lower-case hexadecimal; absent where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// Who is told of its end besides those who are told of every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Box<Callback>>,
}

/// Who is told of the end of one upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// The subscription under which that is allowed. Without it nobody is told.
    pub receiver: String,
    /// Where: the receiver's own URL, or one beneath it.
    pub url: String,
    /// The upload grant whose maker asked for it.
    pub grant: String,
}

/// One attempt: which provider may have got the bytes, and how to recognise them there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1, counted over all providers.
    pub number: u32,
    /// Configured name of the provider.
    pub provider: String,
    /// The account at that provider.
    pub account: String,
    /// What marks the remote file at the vendor as this attempt's, or empty.
    pub mark: String,
    /// The name that the remote file was given.
    pub remote_name: String,
    /// When it was about to start, milliseconds since 1970.
    pub at_ms: u64,
    /// SHA-256 of the component that made it, lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
}

/// A provider's answer that passed the host's own checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The vendor's id.
    pub remote_id: String,
    /// What else names it.
    #[serde(default, skip_serializing_if = "RemoteAddress::is_empty")]
    pub address: RemoteAddress,
    /// Configured name of the provider that took it.
    pub provider: String,
    /// The account at that provider.
    pub account: String,
    /// Digest of the very bytes sent, lowercase hex.
    pub sha256: String,
    /// How many bytes were sent.
    pub bytes: u64,
    /// Attempts that it took; 0 for a dedup hit.
    pub attempts: u32,
    /// When it was accepted, milliseconds since 1970.
    pub accepted_at_ms: u64,
    /// When the file expires, milliseconds since 1970: the earlier of the caller's wish and the vendor's retention.
    pub expires_at_ms: Option<u64>,
}

/// A clean failure: nothing of this upload stays behind, or what stays is about to be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedEnd {
    /// The failure's kind, as the API names it.
    pub kind: String,
    /// One line for a person; no secret.
    pub message: String,
    /// When it ended, milliseconds since 1970.
    pub at_ms: u64,
    /// A remote file to remove because of it. Written in the same transaction, which is then durable.
    pub delete: Option<DeleteIntent>,
}

/// A remote file that is about to be deleted at the vendor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteIntent {
    /// The provider account.
    pub account: String,
    /// Configured name of the provider.
    pub provider: String,
    /// The vendor's id.
    pub remote_id: String,
    /// Why, for a person.
    pub why: String,
    /// When it was decided, milliseconds since 1970.
    pub at_ms: u64,
}

/// A delete that the vendor has not confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingDelete {
    /// What to delete.
    pub intent: DeleteIntent,
    /// Tries that failed.
    pub tries: u32,
    /// When the last try failed, milliseconds since 1970; the time of the decision before the first.
    pub last_at_ms: u64,
    /// What the last try failed with.
    pub last_error: Option<String>,
}
