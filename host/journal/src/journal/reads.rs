//! Reading.

use loadlock_policy::model::ContentKey;

use super::Journal;
use crate::entry::{Backlog, Counts, Entry};
use crate::error::JournalError;
use crate::read;

/// Reading. Every call sees one snapshot, lazy changes included, and fails only with the storage's errors.
impl Journal {
    /// Does something, such as copying the store's files, while nobody reads or changes it. What is there then is what
    /// a crash at this moment would leave. Everybody else waits meanwhile, so it is to be short.
    ///
    /// # Errors
    /// The storage's, if it is down.
    pub fn held_still<T>(&self, work: impl FnOnce() -> T) -> Result<T, JournalError> {
        self.inner.store.held_still(work)
    }

    /// One entry, while it is kept.
    ///
    /// # Errors
    /// The storage's.
    pub fn entry(&self, id: &str) -> Result<Option<Entry>, JournalError> {
        self.read(|snapshot| read::entry(snapshot, id))
    }

    /// Entries without an end, in the order in which they began: what recovery settles at start.
    ///
    /// # Errors
    /// The storage's.
    pub fn open_entries(&self) -> Result<Vec<Entry>, JournalError> {
        self.read(read::open_entries)
    }

    /// Entries whose outcome is unknown, by id.
    ///
    /// # Errors
    /// The storage's.
    pub fn unknown_entries(&self, limit: usize) -> Result<Vec<Entry>, JournalError> {
        self.read(|snapshot| read::unknown_entries(snapshot, limit))
    }

    /// Clean failures that are still kept, the latest first: their marks tell what of them is left at a vendor.
    ///
    /// # Errors
    /// The storage's.
    pub fn failed_entries(&self, limit: usize) -> Result<Vec<Entry>, JournalError> {
        self.read(|snapshot| read::failed_entries(snapshot, limit))
    }

    /// Entries that the tracker lacks, in the order of acceptance.
    ///
    /// # Errors
    /// The storage's.
    pub fn accepted_not_recorded(&self, limit: usize) -> Result<Vec<Entry>, JournalError> {
        self.read(|snapshot| read::accepted_not_recorded(snapshot, limit))
    }

    /// The newest entry with this content that the tracker lacks; `None` for a key without a digest. Its remote file is
    /// not being deleted, because [`Self::deleting`] refuses that. Whether it expired is for the caller to see.
    ///
    /// # Errors
    /// The storage's.
    pub fn find_accepted(&self, key: &ContentKey) -> Result<Option<Entry>, JournalError> {
        self.read(|snapshot| read::find_accepted(snapshot, key))
    }

    /// The entry that holds a tenant's idempotency key at the time `now_ms`; `None` once its 24 hours are over.
    ///
    /// # Errors
    /// The storage's.
    pub fn find_keyed(&self, tenant: &str, key: &str, now_ms: u64) -> Result<Option<Entry>, JournalError> {
        self.read(|snapshot| read::find_keyed(snapshot, tenant, key, now_ms))
    }

    /// Entries of any tenant that refer to a remote file and that the tracker lacks, in the order of acceptance.
    ///
    /// # Errors
    /// The storage's.
    pub fn entries_of_remote(&self, account: &str, remote_id: &str) -> Result<Vec<Entry>, JournalError> {
        self.read(|snapshot| read::entries_of_remote(snapshot, account, remote_id))
    }

    /// How far the tracker is behind.
    ///
    /// # Errors
    /// The storage's.
    pub fn backlog(&self) -> Result<Backlog, JournalError> {
        self.read(read::backlog)
    }

    /// The balance, for `fsck`.
    ///
    /// # Errors
    /// The storage's.
    pub fn counts(&self) -> Result<Counts, JournalError> {
        self.read(read::counts)
    }
}
