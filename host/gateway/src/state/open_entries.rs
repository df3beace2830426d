//! Entries of the journal that are not over.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use loadlock_journal::Entry as Row;

/// Those that an upload of this process holds, and the turn to settle the others.
#[derive(Debug)]
pub(crate) struct OpenEntries {
    held: Mutex<HashSet<String>>,
    /// Held while open entries are settled or the ledger is reconciled: one at a time.
    settling: tokio::sync::Mutex<()>,
    /// Longest that a start waits for a vendor that does not answer.
    patience: Duration,
}

impl OpenEntries {
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            held: Mutex::default(),
            settling: tokio::sync::Mutex::default(),
            patience,
        }
    }

    fn held(&self) -> MutexGuard<'_, HashSet<String>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Take it before the entry is in the journal and give it back after its last step, so that there is no moment at
    /// which settling could take it for an abandoned one.
    pub(crate) fn hold(&self, id: String) -> Hold<'_> {
        self.held().insert(id.clone());
        Hold { entries: self, id }
    }

    /// Entries that an upload of this process holds are not open for settling.
    pub(crate) fn is_held(&self, id: &str) -> bool {
        self.held().contains(id)
    }

    /// Of `rows`, those that no upload of this process holds.
    pub(crate) fn not_held(&self, mut rows: Vec<Row>) -> Vec<Row> {
        let held = self.held();
        rows.retain(|row| !held.contains(row.id()));
        rows
    }

    /// The turn to settle what nobody holds.
    pub(crate) async fn settling(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.settling.lock().await
    }

    /// Longest that a start waits for a vendor that does not answer.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }
}

/// An entry that an upload of this process holds: settling leaves it alone.
pub(crate) struct Hold<'a> {
    entries: &'a OpenEntries,
    id: String,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        // Ended or not: from here on settling may look at it.
        self.entries.held().remove(&self.id);
    }
}
