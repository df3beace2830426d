//! What can go wrong, and what to do about it.

use std::io;

use crate::types::EntryId;

/// Why the journal refused or failed.
///
/// `Clone`, because one failed commit answers every caller whose change was in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The store's checksums, structure or rows do not hold.
    #[error(
        "the journal is corrupt ({what}): move journal.redb aside, keep it for inspection, start again, \
         and run `loadlock fsck` and `loadlock reconcile --dry-run` to see what its open entries left behind"
    )]
    Corrupt {
        /// What was found.
        what: String,
    },
    /// The state directory cannot be written.
    #[error("the journal cannot be written ({what}): make the state directory writable; no upload starts until then")]
    ReadOnly {
        /// What was refused.
        what: String,
    },
    /// No space is left for the journal.
    #[error(
        "no space is left for the journal ({what}): free some; uploads are refused until then and resume by themselves"
    )]
    Full {
        /// What was refused.
        what: String,
    },
    /// Another handle or process has the store open.
    #[error("the journal is open in another process: only the owner of the state directory may open it")]
    InUse,
    /// Written by a later version.
    #[error(
        "the journal has schema {found}, this version knows {supported}: use the version that wrote it, or a later one"
    )]
    Newer {
        /// The store's schema.
        found: u64,
        /// The latest that this version knows.
        supported: u64,
    },
    /// A read or write failed for another reason.
    #[error("the journal's storage failed ({what}): check the disk")]
    Io {
        /// What failed.
        what: String,
    },
    /// A sync failed. The system may have dropped the pages it could not write, so nothing that was not synced before
    /// can be trusted and nothing more is accepted.
    #[error("a sync of the journal failed ({what}): nothing more is accepted; check the disk, then restart")]
    SyncFailed {
        /// What failed.
        what: String,
    },
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
    /// No entry has this id.
    #[error("the journal has no entry {id}: it never began, or it ended and was dropped")]
    NoEntry {
        /// The id asked for.
        id: EntryId,
    },
    /// An entry with this id began before.
    #[error("the journal already has an entry {id}: ids must be unique")]
    Duplicate {
        /// The id.
        id: EntryId,
    },
    /// The entry's state does not allow this step.
    #[error("entry {id} is {state}: it cannot become {wanted}")]
    State {
        /// The id.
        id: EntryId,
        /// Its state.
        state: &'static str,
        /// The step asked for.
        wanted: &'static str,
    },
    /// The remote file is about to be deleted, so no entry may refer to it.
    #[error("remote file {remote_id} is being deleted: upload again instead of referring to it")]
    RemoteDying {
        /// The vendor's id.
        remote_id: String,
    },
    /// An accepted entry still refers to the remote file, so it may not be deleted.
    #[error("remote file {remote_id} belongs to entry {id}, which is accepted and not recorded yet: record it first")]
    RemoteHeld {
        /// The vendor's id.
        remote_id: String,
        /// The first entry that refers to it.
        id: EntryId,
    },
    /// A row would be larger than the journal takes.
    #[error("{what} is {bytes} bytes, the journal takes {limit}: shorten it")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The largest allowed.
        limit: usize,
    },
}

impl JournalError {
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }

    /// Classifies an I/O error by what the operator can do about it.
    pub(crate) fn from_io(error: &io::Error, doing: &str) -> Self {
        let what = format!("{doing}: {error}");
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { what }
            }
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly { what },
            // The store ends before a page it names, or does not begin like a store.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Self::Corrupt { what },
            _ => Self::Io { what },
        }
    }

    /// Classifies the store's own errors.
    pub(crate) fn from_store(error: redb::Error, doing: &str) -> Self {
        match error {
            redb::Error::Io(error) => Self::from_io(&error, doing),
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse,
            redb::Error::DatabaseClosed => Self::Closed,
            redb::Error::Corrupted(what) => Self::Corrupt { what },
            redb::Error::PreviousIo | redb::Error::Backend(_) | redb::Error::Unsupported => Self::Io {
                what: format!("{doing}: {error}"),
            },
            // Everything left means that the store does not hold what this code wrote.
            other => Self::Corrupt {
                what: format!("{doing}: {other}"),
            },
        }
    }
}
