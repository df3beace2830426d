//! Counters for metrics: how well commits are shared.

use std::sync::atomic::{AtomicU64, Ordering};

/// What the journal did since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Changes answered, refused ones included.
    pub changes: u64,
    /// Commits that were durable when they returned.
    pub durable_commits: u64,
    /// Commits left to a later durable one.
    pub lazy_commits: u64,
    /// Syncs of the store's file, those of opening included.
    pub syncs: u64,
}

/// Where the writer counts.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    changes: AtomicU64,
    durable: AtomicU64,
    lazy: AtomicU64,
}

impl Meters {
    pub(crate) fn changes(&self, count: usize) {
        self.changes.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn commit(&self, durable: bool) {
        let meter = if durable { &self.durable } else { &self.lazy };
        meter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self, syncs: u64) -> Stats {
        Stats {
            changes: self.changes.load(Ordering::Relaxed),
            durable_commits: self.durable.load(Ordering::Relaxed),
            lazy_commits: self.lazy.load(Ordering::Relaxed),
            syncs,
        }
    }
}
