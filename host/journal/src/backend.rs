//! The storage beneath the store, watched: how often it was synced, and what failed first.
//!
//! After a failure redb only says that there was one; what the operator should do depends on which call failed and why.

use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use redb::{BackendError, StorageBackend};

use crate::error::JournalError;
use crate::pages::Pages;

/// Where redb's file format keeps its state flags: after the magic number of nine bytes.
const STATE_BYTE: usize = 9;
/// The flag that says which of the two commit slots holds the last commit.
const SLOT_BIT: u8 = 1;

/// The commit slot that a store's header names; `None` if there is no header.
pub(crate) fn named_slot(backend: &dyn StorageBackend) -> Option<u8> {
    let mut byte = [0];
    backend.read(STATE_BYTE as u64, &mut byte).ok()?;
    Some(byte[0] & SLOT_BIT)
}

/// What is known about the storage's health.
#[derive(Debug, Default)]
pub(crate) struct BackendHealth {
    syncs: AtomicU64,
    chosen_slot: Mutex<Option<u8>>,
    first_failure: Mutex<Option<JournalError>>,
}

impl BackendHealth {
    /// Syncs so far.
    pub(crate) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    /// The failure that everything after it comes from, if there was one since the last call.
    pub(crate) fn take_failure(&self) -> Option<JournalError> {
        self.failure().take()
    }

    /// The failure that everything since comes from.
    pub(crate) fn cause(&self) -> Option<JournalError> {
        self.failure().clone()
    }

    /// The commit slot that the first header written since the last call names.
    pub(crate) fn take_chosen_slot(&self) -> Option<u8> {
        self.chosen_slot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn failure(&self) -> std::sync::MutexGuard<'_, Option<JournalError>> {
        self.first_failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note<T>(&self, result: io::Result<T>, doing: &str) -> io::Result<T> {
        if let Err(error) = &result {
            self.failure()
                .get_or_insert_with(|| JournalError::from_io(error, doing));
        }
        result
    }
}

/// A backend that reports to a [`BackendHealth`].
#[derive(Debug)]
pub(crate) struct Watched {
    inner: Box<dyn StorageBackend>,
    health: Arc<BackendHealth>,
    pages: Pages,
}

impl Watched {
    pub(crate) fn new(inner: Box<dyn StorageBackend>, health: Arc<BackendHealth>) -> Self {
        Self {
            inner,
            health,
            pages: Pages::default(),
        }
    }
}

impl StorageBackend for Watched {
    fn len(&self) -> io::Result<u64> {
        self.health.note(self.inner.len(), "measuring the journal")
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let result = self.inner.read(offset, out).and_then(|()| {
            self.pages.read(offset, out).map_err(|page| {
                let what = format!("page {page} is not what was written or verified");
                io::Error::new(io::ErrorKind::InvalidData, what)
            })
        });
        self.health.note(result, "reading the journal")
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.pages.cut(len);
        self.health.note(self.inner.set_len(len), "growing the journal")
    }

    fn sync_data(&self) -> io::Result<()> {
        self.health.syncs.fetch_add(1, Ordering::Relaxed);
        let result = self.inner.sync_data();
        if let Err(error) = &result {
            // Linux marks pages clean after a failed write-back: a later sync that succeeds proves nothing about them.
            let what = error.to_string();
            *self.health.failure() = Some(JournalError::SyncFailed { what });
        }
        result
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.pages.wrote(offset, data);
        if offset == 0
            && let Some(byte) = data.get(STATE_BYTE)
        {
            let mut chosen = self.health.chosen_slot.lock().unwrap_or_else(PoisonError::into_inner);
            chosen.get_or_insert(byte & SLOT_BIT);
        }
        self.health.note(self.inner.write(offset, data), "writing the journal")
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use redb::backends::InMemoryBackend;

    use super::*;

    #[test]
    fn a_shrunk_store_grows_again_with_other_content() {
        let health = Arc::new(BackendHealth::default());
        let watched = Watched::new(Box::new(InMemoryBackend::new()), health.clone());
        watched.set_len(8192).unwrap();
        watched.write(4096, &[1; 4096]).unwrap();
        watched.set_len(4096).unwrap();
        watched.set_len(8192).unwrap();
        watched.read(4096, &mut [0; 4096]).unwrap();
        assert_eq!(health.take_failure(), None);
    }
}
