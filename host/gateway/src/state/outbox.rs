//! Records on their way from the journal to the ledger.
//!
//! While the upkeep runs, an answer does not wait for the ledger: what was accepted is in the journal, durable, and
//! goes to the ledger behind the answer, together with what is accepted meanwhile. Whoever asks the ledger first has it
//! told what concerns the question, so nobody sees a ledger without a file that was answered. A ledger that several
//! gateways share is told before the answer: the next question may come to another gateway, which has not this journal.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use loadlock_journal::Journal;
use loadlock_sandbox::tracker::FileRecord;
use tokio::sync::mpsc;

use crate::error::Result;
use crate::records::record_of;

/// Records that are remembered from an earlier process; beyond that the ledger has been away for long.
const MAX_KNOWN: usize = 100_000;

/// What is known of one such record.
#[derive(Debug)]
pub(crate) struct PendingRecord {
    pub(crate) tenant: String,
    pub(crate) account: String,
    pub(crate) purpose: String,
    pub(crate) bytes: u64,
    sha256: String,
    /// It made a remote file, and does not share one.
    pub(crate) stored: bool,
}

impl PendingRecord {
    /// Whether it may be the same content: by digest, and by size where the digest is not known.
    pub(crate) fn may_equal(&self, tenant: &str, bytes: u64, digest: Option<&str>) -> bool {
        self.tenant == tenant && self.bytes == bytes && digest.is_none_or(|digest| self.sha256 == digest)
    }
}

impl From<&FileRecord> for PendingRecord {
    fn from(record: &FileRecord) -> Self {
        Self {
            tenant: record.key.tenant.clone(),
            account: record.key.account.clone(),
            purpose: record.key.purpose.clone(),
            bytes: record.bytes,
            sha256: record.key.sha256.clone(),
            stored: !record.deduplicated,
        }
    }
}

/// All of them. One stands here from before the journal says `accepted` until after the ledger has it.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    records: Mutex<HashMap<String, PendingRecord>>,
    arrived: AtomicU64,
    /// Those that the ledger refuses for what they say. They stay in the journal; another program may know better.
    refused: Mutex<HashSet<String>>,
    /// Wakes the deliveries; closed while none run.
    wake: Mutex<Option<mpsc::Sender<()>>>,
    /// Read while records go to the tracker, written while one is taken back: none may arrive after that.
    delivering: tokio::sync::RwLock<()>,
    /// Held by whoever hands records to the tracker.
    recording: tokio::sync::Mutex<()>,
    /// Those that are being handed over at this moment, and by how many.
    handed: Mutex<HashMap<String, usize>>,
}

/// Records that are being handed over.
pub(crate) struct HandedRecords<'a> {
    outbox: &'a Outbox,
    ids: Vec<String>,
}

impl Drop for HandedRecords<'_> {
    fn drop(&mut self) {
        let mut handed = self.outbox.handed();
        for id in &self.ids {
            match handed.get_mut(id) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(handed.remove(id)),
            }
        }
    }
}

/// The turn to hand records to the tracker.
pub(crate) struct DeliveryTurn<'a>(
    #[expect(dead_code, reason = "held, not read")] tokio::sync::RwLockReadGuard<'a, ()>,
    #[expect(dead_code, reason = "held, not read")] tokio::sync::MutexGuard<'a, ()>,
);

impl Outbox {
    /// With those that an earlier process left in the journal.
    pub(crate) fn of(journal: &Journal) -> Result<Self> {
        let rows = journal.accepted_not_recorded(MAX_KNOWN)?;
        let this = Self::default();
        for record in rows.iter().filter_map(record_of) {
            this.add(&record);
        }
        Ok(this)
    }

    fn records(&self) -> MutexGuard<'_, HashMap<String, PendingRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Call it before the journal is told.
    pub(crate) fn add(&self, record: &FileRecord) {
        self.records().insert(record.id.clone(), PendingRecord::from(record));
    }

    fn handed(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.handed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Say so before the journal is asked whether they still wait: whoever deletes a file looks here after it.
    pub(crate) fn hand(&self, records: &[FileRecord]) -> HandedRecords<'_> {
        let ids: Vec<String> = records.iter().map(|record| record.id.clone()).collect();
        let mut handed = self.handed();
        for id in &ids {
            *handed.entry(id.clone()).or_default() += 1;
        }
        drop(handed);
        HandedRecords { outbox: self, ids }
    }

    /// Whether this file's record may reach the ledger yet.
    pub(crate) fn is_on_its_way(&self, id: &str) -> bool {
        self.records().contains_key(id) || self.handed().contains_key(id)
    }

    /// The ledger is not asked again by this process.
    pub(crate) fn refuse(&self, id: &str) {
        self.remove(&[id.to_owned()]);
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.insert(id.to_owned());
    }

    pub(crate) fn refused(&self) -> HashSet<String> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.clone()
    }

    /// The ledger has them, or nobody will tell it.
    pub(crate) fn remove(&self, ids: &[String]) {
        let mut records = self.records();
        for id in ids {
            records.remove(id);
        }
        self.arrived.fetch_add(ids.len() as u64, Ordering::Release);
    }

    pub(crate) fn any(&self, concerns: impl Fn(&str, &PendingRecord) -> bool) -> bool {
        let records = self.records();
        records.iter().any(|(id, waiting)| concerns(id, waiting))
    }

    /// How many have arrived: what was read of the ledger and of this set is of one moment if it did not grow
    /// meanwhile.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Acquire)
    }

    /// Goes through those that are on their way now.
    pub(crate) fn each(&self, mut visit: impl FnMut(&PendingRecord)) {
        self.records().values().for_each(&mut visit);
    }

    /// Has the deliveries run soon; false if there are none.
    pub(crate) fn wake(&self) -> bool {
        use mpsc::error::TrySendError;
        let wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner);
        match wake.as_ref().map(|wake| wake.try_send(())) {
            // Full: they are about to run.
            Some(Ok(()) | Err(TrySendError::Full(()))) => true,
            Some(Err(TrySendError::Closed(()))) | None => false,
        }
    }

    /// Has deliveries woken from now on.
    pub(crate) fn attach(&self) -> mpsc::Receiver<()> {
        let (wake, woken) = mpsc::channel(1);
        *self.wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(wake);
        woken
    }

    /// One transaction at a time: those who wait here meanwhile are delivered together by the first of them.
    pub(crate) async fn turn(&self) -> DeliveryTurn<'_> {
        let delivering = self.delivering.read().await;
        DeliveryTurn(delivering, self.recording.lock().await)
    }

    /// Records may go to the tracker while the answer is held, beside others.
    pub(crate) async fn delivering(&self) -> tokio::sync::RwLockReadGuard<'_, ()> {
        self.delivering.read().await
    }

    /// Nothing is on its way to the tracker while the answer is held.
    pub(crate) async fn quiet(&self) -> tokio::sync::RwLockWriteGuard<'_, ()> {
        self.delivering.write().await
    }
}
