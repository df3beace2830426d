//! The queue in front of the log, for async callers.
//!
//! A caller takes a [`Slot`] before it does what has to be recorded, and is refused if there is none: nothing is done
//! that could not be recorded. Whoever has a slot can always record, even from `Drop`. One thread writes; what it
//! cannot write it keeps and tries again every second, and gives out no slot meanwhile.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use crate::append::{Appender, Options};
use crate::counts::{Count, Counted, Counts};
use crate::error::AuditError;
use crate::record::{Entry, Event, Outcome};

/// Slots: operations under way and records that wait, together.
const QUEUE: usize = 4_096;
/// Records in one write.
const BATCH: usize = 256;
/// How long a record may wait for its sync and the anchor, and a failed write for the next attempt.
const GROUP: Duration = Duration::from_secs(1);
/// How long a caller waits for a slot or a write before it is refused.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a process that ends tries to write what is left: once each second.
const LAST_TRIES: u32 = 3;

struct LogMessage {
    entry: Entry,
    written: Option<oneshot::Sender<()>>,
}

/// What callers and the writer share.
#[derive(Debug, Default)]
struct SharedLog {
    failing: AtomicBool,
    records: AtomicU64,
    failures: AtomicU64,
    /// There once somebody wants to know.
    counts: OnceLock<Mutex<Counts>>,
}

impl SharedLog {
    fn with_counts<T>(&self, work: impl FnOnce(&mut Counts) -> T) -> Option<T> {
        let counts = self.counts.get()?;
        Some(work(&mut counts.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// The log of one process. Dropping it and the last slot writes what was taken, syncs, and moves the anchor.
#[derive(Debug)]
pub struct AuditLog(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    queue: Option<mpsc::Sender<LogMessage>>,
    shared: Arc<SharedLog>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for LogMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.entry.fmt(f)
    }
}

/// Room for one record. Dropped without a record it is given back.
#[derive(Debug)]
#[must_use = "whoever took a slot has something to record"]
pub struct Slot {
    // Dropped first: the log waits for its last permit.
    permit: mpsc::OwnedPermit<LogMessage>,
    _log: Arc<Handle>,
}

/// A record on its way to the disk.
#[derive(Debug)]
#[must_use = "await it before the operation is reported as done"]
pub struct Written(oneshot::Receiver<()>);

impl AuditLog {
    /// Reads the end of the chain, repairs it, and starts the thread.
    ///
    /// # Errors
    /// [`AuditError::Io`]; [`AuditError::Damaged`] if the chain cannot be continued.
    pub fn open(dir: &Path, options: Options) -> Result<Self, AuditError> {
        let mut appender = Appender::open(dir, options)?;
        appender.check()?;
        let (queue, receiver) = mpsc::channel(QUEUE);
        let shared = Arc::<SharedLog>::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| AuditError::io(dir, error))?;
        let writer = LogWriter {
            appender,
            receiver,
            shared: shared.clone(),
            anchor_at: None,
        };
        let thread = std::thread::Builder::new()
            .name("loadlock-audit".into())
            .spawn(move || runtime.block_on(writer.run()))
            .map_err(|error| AuditError::io(dir, error))?;
        Ok(Self(Arc::new(Handle {
            queue: Some(queue),
            shared,
            thread: Some(thread),
        })))
    }

    /// Room for one record.
    ///
    /// # Errors
    /// [`AuditError::Unwritable`] while records cannot be written; [`AuditError::Busy`] if none was free for 5 s.
    pub async fn slot(&self) -> Result<Slot, AuditError> {
        if self.0.shared.failing.load(Ordering::Acquire) {
            return Err(AuditError::Unwritable);
        }
        let queue = self.0.queue.clone().ok_or(AuditError::Unwritable)?;
        match timeout(PATIENCE, queue.reserve_owned()).await {
            Ok(Ok(permit)) => Ok(Slot {
                permit,
                _log: self.0.clone(),
            }),
            Ok(Err(_)) => Err(AuditError::Unwritable),
            Err(_) => Err(AuditError::Busy),
        }
    }

    /// Whether records cannot be written now.
    pub fn is_failing(&self) -> bool {
        self.0.shared.failing.load(Ordering::Acquire)
    }

    /// Records written since it was opened.
    pub fn records(&self) -> u64 {
        self.0.shared.records.load(Ordering::Relaxed)
    }

    /// Writes that failed since it was opened.
    pub fn failures(&self) -> u64 {
        self.0.shared.failures.load(Ordering::Relaxed)
    }

    /// Counts from now on what is written, by day, tenant, event and outcome; see [`Count`]. What the log says of
    /// itself ([`Event::Log`]), and what other processes write, does not count.
    pub fn count(&self) {
        self.0.shared.counts.get_or_init(Mutex::default);
    }

    /// At most so many counts that grew since they were [`Self::told`].
    pub fn untold(&self, most: usize) -> Vec<Count> {
        let untold = self.0.shared.with_counts(|counts| counts.untold(most));
        untold.unwrap_or_default()
    }

    /// Whoever keeps the summary has these counts now. Of days before that of `now_ms` nothing is kept once all was
    /// told.
    pub fn told(&self, counts: &[Count], now_ms: u64) {
        self.0.shared.with_counts(|all| all.told(counts, now_ms));
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the audit log's thread panicked");
        }
    }
}

impl Slot {
    /// Records. The future of the answer says when it is written; dropping that takes nothing back.
    pub fn record(self, entry: Entry) -> Written {
        let (written, receiver) = oneshot::channel();
        self.permit.send(LogMessage {
            entry,
            written: Some(written),
        });
        Written(receiver)
    }
}

impl Written {
    /// Waits until the record is in the file (a denial: on the disk).
    ///
    /// # Errors
    /// [`AuditError::Unwritable`]: it is kept and tried again; [`AuditError::Busy`] after 5 s.
    pub async fn wait(self) -> Result<(), AuditError> {
        match timeout(PATIENCE, self.0).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(AuditError::Unwritable),
            Err(_) => Err(AuditError::Busy),
        }
    }
}

/// What leaves no trace elsewhere, and what an intruder would most like to undo by pulling the plug, is on the disk at
/// once. An upload or a delete is in the journal or the ledger anyway.
fn is_urgent(entry: &Entry) -> bool {
    entry.outcome == Outcome::Denied || matches!(entry.event, Event::Token | Event::Grant | Event::Log)
}

struct LogWriter {
    appender: Appender,
    receiver: mpsc::Receiver<LogMessage>,
    shared: Arc<SharedLog>,
    /// When the anchor has to move, if something was written since it last did.
    anchor_at: Option<Instant>,
}

impl LogWriter {
    async fn run(mut self) {
        loop {
            let first = match self.anchor_at {
                None => self.receiver.recv().await,
                Some(at) => match timeout_at(at, self.receiver.recv()).await {
                    Ok(message) => message,
                    Err(_) => {
                        self.anchor();
                        continue;
                    }
                },
            };
            let Some(first) = first else {
                break;
            };
            let mut messages = vec![first];
            while messages.len() < BATCH
                && let Ok(more) = self.receiver.try_recv()
            {
                messages.push(more);
            }
            if !self.write(messages).await {
                return;
            }
            // Under load there is no quiet moment to wait for.
            if self.anchor_at.is_some_and(|at| at <= Instant::now()) {
                self.anchor();
            }
        }
        self.anchor();
    }

    /// Writes a batch, however often it takes; false if this process ends before it succeeds.
    async fn write(&mut self, messages: Vec<LogMessage>) -> bool {
        let urgent = messages.iter().any(|message| is_urgent(&message.entry));
        let count = messages.len() as u64;
        let mut counted: Vec<Counted> = match self.shared.counts.get() {
            Some(_) => messages.iter().map(|one| (&one.entry).into()).collect(),
            None => Vec::new(),
        };
        let (mut entries, mut waiting): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .map(|message| (message.entry, message.written))
            .unzip();
        let mut last_tries = 0;
        loop {
            let written = self
                .appender
                .append(&mut entries)
                .and_then(|()| if urgent { self.appender.sync() } else { Ok(()) });
            // What was written is gone from `entries`.
            let done = counted.len().saturating_sub(entries.len());
            self.shared
                .with_counts(|counts| counted.drain(..done).for_each(|one| counts.add(one)));
            match written {
                Ok(()) => break,
                Err(error) => {
                    self.shared.failing.store(true, Ordering::Release);
                    self.shared.failures.fetch_add(1, Ordering::Relaxed);
                    // Whoever waits learns now that it takes longer.
                    waiting.clear();
                    let (left, closed) = (entries.len(), self.receiver.is_closed());
                    tracing::error!(%error, left, "the audit log cannot be written; nothing that has to be recorded \
                         is done until it can");
                    if closed {
                        last_tries += 1;
                    }
                    if last_tries == LAST_TRIES {
                        let left = left + self.receiver.len();
                        tracing::error!(left, "records of the audit log are lost: this process ends");
                        return false;
                    }
                    tokio::time::sleep(GROUP).await;
                }
            }
        }
        self.shared.failing.store(false, Ordering::Release);
        self.shared.records.fetch_add(count, Ordering::Relaxed);
        for written in waiting.into_iter().flatten() {
            let _ = written.send(());
        }
        self.anchor_at.get_or_insert_with(|| Instant::now() + GROUP);
        true
    }

    fn anchor(&mut self) {
        match self.appender.anchor() {
            Ok(()) => self.anchor_at = None,
            Err(error) => {
                self.shared.failures.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%error, "the audit log cannot be synced");
                self.anchor_at = Some(Instant::now() + GROUP);
            }
        }
    }
}
