//! What the ledger holds; see `wit/tracker.wit`.

use loadlock_policy::model::{DedupKey, RemoteAddress};
use serde::{Deserialize, Serialize};

/// One logical file and the remote file behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Our id.
    pub id: String,
    /// Whose content where.
    pub key: DedupKey,
    /// Display name.
    pub filename: String,
    /// Bytes.
    pub bytes: u64,
    /// Media type.
    pub media_type: String,
    /// Configured name of the provider.
    pub provider: String,
    /// The vendor's id.
    pub remote_id: String,
    /// What else names the remote file.
    #[serde(default, skip_serializing_if = "RemoteAddress::is_empty")]
    pub address: RemoteAddress,
    /// Shares a remote file that an earlier upload stored.
    pub deduplicated: bool,
    /// Attempts; 0 for a dedup hit.
    pub attempts: u32,
    /// Milliseconds since 1970.
    pub created_at_ms: u64,
    /// Milliseconds since 1970.
    pub expires_at_ms: Option<u64>,
}

/// State of a remote row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemoteState {
    /// Usable.
    Live,
    /// Its last reference went; the vendor has not confirmed yet.
    Dying,
    /// The vendor lost it.
    Missing,
}

/// One file at one vendor account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteRow {
    /// Provider account.
    pub account: String,
    /// Configured name of the provider.
    pub provider: String,
    /// The vendor's id.
    pub remote_id: String,
    /// What else names it.
    #[serde(default, skip_serializing_if = "RemoteAddress::is_empty")]
    pub address: RemoteAddress,
    /// The key that stored it.
    pub key: DedupKey,
    /// Bytes.
    pub bytes: u64,
    /// Media type.
    pub media_type: String,
    /// State.
    pub state: RemoteState,
    /// Files that refer to it, over all tenants.
    pub references: u64,
    /// Milliseconds since 1970.
    pub created_at_ms: u64,
    /// When the vendor was last seen to hold it, milliseconds since 1970.
    pub verified_at_ms: u64,
    /// Milliseconds since 1970.
    pub expires_at_ms: Option<u64>,
}

/// What became of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// Inserted.
    Inserted,
    /// That id was there already.
    Existing,
    /// No reference can be taken: the remote file is dying or missing.
    RemoteNotLive,
}

/// What became of a released file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// The tenant has no such file.
    NotFound,
    /// Gone; so many others remain.
    Released(u64),
    /// Gone, and it was the last.
    Last(Box<RemoteRow>),
}

/// Which files to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesQuery {
    /// Whose.
    pub tenant: String,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// 1 to 10,000.
    pub limit: u32,
    /// Only this purpose.
    pub purpose: Option<String>,
    /// Oldest first.
    pub ascending: bool,
    /// Now, milliseconds since 1970.
    pub now_ms: u64,
}

/// Which remote rows to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemotesQuery {
    /// Only this account.
    pub account: Option<String>,
    /// Only this state.
    pub state: Option<RemoteState>,
    /// Only rows that expired before this instant, milliseconds since 1970.
    pub expired_before_ms: Option<u64>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// 1 to 10,000.
    pub limit: u32,
}

/// A page of anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerPage<T> {
    /// In the query's order.
    pub items: Vec<T>,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// Totals of live rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LedgerStats {
    /// Logical files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Live remote files.
    pub remotes: u64,
    /// Their bytes.
    pub remote_bytes: u64,
    /// Remote files to be deleted.
    pub dying: u64,
    /// Remote files that the vendor lost.
    pub missing: u64,
    /// Version of the store's layout.
    pub schema_version: u32,
}

/// Use of one account and purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountUsage {
    /// Provider account.
    pub account: String,
    /// The vendor's purpose.
    pub purpose: String,
    /// Live remote files.
    pub remotes: u64,
    /// Their bytes.
    pub bytes: u64,
}
