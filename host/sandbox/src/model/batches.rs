//! The beginnings and ends of many uploads in one call; see `wit/batches.wit`.

use loadlock_policy::model::{DedupKey, Failure};

use super::coordination::{Attempt, LeaseHolder, Leased, TenantLimits};
use super::tracker::{FileRecord, Release};

/// Where equal content may be stored already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPlace {
    /// Another tenant's, where tenants share remote files.
    pub key: DedupKey,
    /// Milliseconds since 1970: its vendor was seen to hold it since.
    pub verified_since_ms: u64,
    /// How long the vendor keeps any, in milliseconds.
    pub kept_ms: Option<u64>,
}

/// A file that is made over a remote file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTerms {
    /// Display name.
    pub filename: String,
    /// Media type.
    pub media_type: String,
    /// Milliseconds since 1970.
    pub expires_at_ms: Option<u64>,
}

/// An upload that is about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// Its id is the file's, whichever way the upload goes.
    pub attempt: Attempt,
    /// What its tenant may store, if that is limited.
    pub limits: Option<TenantLimits>,
    /// An attempt whose lease is taken away.
    pub instead: Option<String>,
    /// Where its content may be, best first.
    pub places: Vec<StoredPlace>,
    /// Absent: nothing is made, only looked for.
    pub terms: Option<FileTerms>,
    /// Milliseconds since 1970.
    pub now_ms: u64,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The content is stored, and this file was made over its remote file.
    Found(Box<FileRecord>),
    /// It leads.
    Granted {
        /// Grows with every change of hands.
        fence: u64,
        /// There is a remote file at one of the places which was not taken.
        stored: bool,
    },
    /// Another has it.
    Held(LeaseHolder),
    /// The tenant would pass a limit.
    OverQuota(HeldUsage),
}

/// Files and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldUsage {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What became of one that is about to begin, and what is recorded of its tenant if that has limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunItem {
    /// What became of it.
    pub begun: Begun,
    /// What is recorded of its tenant.
    pub recorded: Option<HeldUsage>,
}

/// What is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// An upload, with its record.
    Record(Box<FileRecord>),
    /// An attempt.
    Over(String),
    /// An attempt's lease.
    Unled(String),
    /// A remote file that is gone, and the attempt under which it was deleted.
    Gone {
        /// Provider account.
        account: String,
        /// The vendor's id.
        remote_id: String,
        /// The attempt.
        attempt: String,
    },
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Of a record.
    Recorded(Leased),
    /// Of anything else: whether there was something to end.
    Done(bool),
}

/// A file that is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Whose.
    pub tenant: String,
    /// Which.
    pub id: String,
    /// The attempt that is begun if its remote file is to be deleted.
    pub attempt: String,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// As the tracker says.
    pub release: Release,
    /// Whether that attempt leads.
    pub leads: bool,
}

/// One answer for each item, in their order.
pub type Each<T> = Vec<Result<T, Failure>>;
