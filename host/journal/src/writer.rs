//! The one writer: collects what is waiting, applies it in one transaction, and answers after the commit.
//!
//! Nothing waits on purpose: while one commit syncs, the next batch gathers behind it, so the number of syncs falls as
//! load rises and a lone upload pays one sync a step.

use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use crate::apply::apply;
use crate::change::{Change, ChangeAnswer, ChangeVerdict, Need};
use crate::entry::Begun;
use crate::error::JournalError;
use crate::outgoing::{self, Subscription};
use crate::stats::Meters;
use crate::store::{Phases, Store};
use crate::types::EntryId;

/// Changes in one transaction at most: bounds how long the first of them waits for the last.
const BATCH: usize = 512;

/// A change on its way, and who waits for it.
pub(crate) struct WriteJob {
    pub(crate) change: Change,
    pub(crate) reply: oneshot::Sender<Reply>,
    /// Its place in the queue.
    pub(crate) _permit: OwnedSemaphorePermit,
}

/// Ids of entries that began for callers who never heard of it.
type Lost = Arc<Mutex<Vec<EntryId>>>;

/// An answer on its way. If nobody takes it, an entry that it began is taken back: nothing was sent for it, and left
/// alone it would hold its idempotency key until the next start.
#[derive(Debug)]
pub(crate) struct Reply {
    answer: Option<Result<ChangeAnswer, JournalError>>,
    lost: Lost,
}

impl Reply {
    /// The answer, taken by the caller who waited for it.
    pub(crate) fn take(mut self) -> Result<ChangeAnswer, JournalError> {
        self.answer.take().unwrap_or(Err(JournalError::Closed))
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(Ok(ChangeAnswer::Begun(Begun::New(id)))) = self.answer.take() {
            self.lost.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        }
    }
}

/// What the writer receives.
pub(crate) enum WriterMessage {
    WriteJob(Box<WriteJob>),
    /// Somebody reads and met a closed store: it is opened again if that can be, and the sender dropped.
    Revive(std::sync::mpsc::Sender<()>),
    Close(oneshot::Sender<Result<(), JournalError>>),
}

/// Who is told of the ends of uploads.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) subscriptions: Mutex<Arc<[Subscription]>>,
    /// Changes after a commit that has something for somebody.
    pub(crate) added: watch::Sender<()>,
}

impl Told {
    pub(crate) fn now(&self) -> Arc<[Subscription]> {
        self.subscriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// How the writer behaves.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// How long lazy changes may wait for a durable commit, and how long after the last commit the journal is sealed.
    pub(crate) flush_after: Duration,
    /// Fault injection: durable commits wrongly made lazily for changes that this answers true for.
    #[cfg(test)]
    pub(crate) downgrade: Option<fn(&Change) -> bool>,
    /// Fault injection: commits that reach the disk and then fail, if they have such a change.
    #[cfg(test)]
    pub(crate) fail_late: Option<fn(&Change) -> bool>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            flush_after: Duration::from_secs(1),
            #[cfg(test)]
            downgrade: None,
            #[cfg(test)]
            fail_late: None,
        }
    }
}

impl Rules {
    fn need(&self, change: &Change, need: Need) -> Need {
        #[cfg(test)]
        if need == Need::Durable && self.downgrade.is_some_and(|downgrade| downgrade(change)) {
            return Need::Lazy;
        }
        let _ = change;
        need
    }
}

/// The writer's thread.
pub(crate) struct JournalWriter {
    store: Arc<Store>,
    rules: Rules,
    meters: Arc<Meters>,
    told: Arc<Told>,
    /// Entries to take back before anything else: a failed commit may have left them, or nobody took the answer.
    forget: Vec<EntryId>,
    lost: Lost,
    /// Since when there are commits that are not durable.
    lazy_since: Option<Instant>,
    /// Whether a durable commit came after the last seal.
    unsealed: bool,
}

impl JournalWriter {
    pub(crate) fn new(store: Arc<Store>, rules: Rules, meters: Arc<Meters>, told: Arc<Told>) -> Self {
        Self {
            store,
            rules,
            meters,
            told,
            forget: Vec::new(),
            lost: Lost::default(),
            lazy_since: None,
            unsealed: false,
        }
    }

    /// Runs until closed, or until every handle is gone.
    pub(crate) fn run(mut self, messages: &Receiver<WriterMessage>) {
        loop {
            let first = if self.lazy_since.is_some() || self.unsealed || !self.forget.is_empty() {
                match messages.recv_timeout(self.rules.flush_after) {
                    Ok(message) => message,
                    Err(RecvTimeoutError::Timeout) => {
                        self.seal();
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            } else {
                match messages.recv() {
                    Ok(message) => message,
                    Err(_) => break,
                }
            };
            let mut batch = Vec::new();
            let mut readers = Vec::new();
            let mut next = Ok(first);
            let close = loop {
                match next {
                    Ok(WriterMessage::WriteJob(job)) => batch.push(*job),
                    Ok(WriterMessage::Revive(reader)) => readers.push(reader),
                    Ok(WriterMessage::Close(reply)) => break Some(reply),
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break None,
                }
                if batch.len() == BATCH {
                    break None;
                }
                next = messages.try_recv();
            };
            self.commit(batch);
            // What a failed commit may have left goes before anybody reads it.
            if !readers.is_empty() && self.forget.is_empty() {
                // If it stays down, the reader hears why.
                let _ = self.store.revive();
            }
            drop(readers);
            if let Some(reply) = close {
                // A receiver that went away does not mind.
                let _ = reply.send(self.store.close());
                return;
            }
        }
        // The last handle is gone, so nobody could be told; what was lazy is restored from elsewhere.
        let _ = self.store.close();
    }

    /// Applies a batch in one transaction and answers everyone.
    fn commit(&mut self, mut batch: Vec<WriteJob>) {
        // Whoever does not wait any more sends nothing, so nothing needs to begin.
        batch.retain(|job| !(job.change.begins() && job.reply.is_closed()));
        self.forget
            .append(&mut self.lost.lock().unwrap_or_else(PoisonError::into_inner));
        if batch.is_empty() && self.forget.is_empty() {
            return;
        }
        let overdue = self
            .lazy_since
            .is_some_and(|since| since.elapsed() >= self.rules.flush_after);
        let short = batch.iter().any(|job| job.change.begins()) && self.store.is_short_of_space();
        let forget = std::mem::take(&mut self.forget);
        let mut answers = Vec::with_capacity(batch.len());
        let (subscriptions, mut tells) = (self.told.now(), false);
        let result = self.store.revive().and_then(|()| {
            self.store.write(Phases::One, |tables| {
                let mut need = Need::Nothing;
                if !forget.is_empty()
                    && let ChangeVerdict::Applied(_, forgot) = apply(tables, &Change::Forget { ids: forget.clone() })?
                {
                    need = forgot;
                }
                for job in &batch {
                    if short && job.change.begins() {
                        answers.push(Err(JournalError::Full {
                            what: format!("less than {} bytes are free", crate::store::RESERVE_BYTES),
                        }));
                        continue;
                    }
                    let verdict = apply(tables, &job.change)?;
                    tells |= outgoing::add(tables, &subscriptions, &job.change, &verdict)?;
                    answers.push(match verdict {
                        ChangeVerdict::Applied(answer, wants) => {
                            need = need.max(self.rules.need(&job.change, wants));
                            Ok(answer)
                        }
                        ChangeVerdict::Refused(error) => Err(error),
                    });
                }
                if overdue {
                    need = Need::Durable;
                }
                Ok(need)
            })
        });
        #[cfg(test)]
        let result = result.and_then(|need| {
            let fails = self
                .rules
                .fail_late
                .is_some_and(|fails| batch.iter().any(|job| fails(&job.change)));
            if fails { Err(self.store.fail()) } else { Ok(need) }
        });
        match result {
            Ok(need) => {
                self.committed(need);
                if tells {
                    self.told.added.send_replace(());
                }
                self.answer(batch, answers);
            }
            Err(error) => {
                self.lost();
                self.forget = forget;
                let failed = batch.iter().map(|_| Err(error.clone())).collect();
                // The commit may have reached the disk all the same.
                self.forget.extend(batch.iter().filter_map(|job| match &job.change {
                    Change::Begin(intent) => Some(intent.id.clone()),
                    _ => None,
                }));
                self.answer(batch, failed);
            }
        }
    }

    fn answer(&mut self, batch: Vec<WriteJob>, answers: Vec<Result<ChangeAnswer, JournalError>>) {
        self.meters.changes(batch.len());
        for (job, answer) in batch.into_iter().zip(answers) {
            // A reply that cannot be sent comes back and is dropped.
            let _ = job.reply.send(Reply {
                answer: Some(answer),
                lost: self.lost.clone(),
            });
        }
    }

    /// Makes an idle journal wholly durable, in a way that damage to it can no longer pass for a torn commit.
    fn seal(&mut self) {
        self.commit(Vec::new());
        if self.lazy_since.is_none() && !self.unsealed {
            return;
        }
        match self.store.write(Phases::Two, |_| Ok(Need::Durable)) {
            Ok(_) => {
                self.meters.commit(true);
                self.lazy_since = None;
                self.unsealed = false;
            }
            Err(_) => self.lost(),
        }
    }

    fn committed(&mut self, need: Need) {
        match need {
            Need::Nothing => {}
            Need::Lazy => {
                self.meters.commit(false);
                self.lazy_since.get_or_insert_with(Instant::now);
            }
            Need::Durable => {
                self.meters.commit(true);
                self.lazy_since = None;
                self.unsealed = true;
            }
        }
    }

    /// The store went down, and with it whatever was not durable.
    fn lost(&mut self) {
        self.lazy_since = None;
        self.unsealed = false;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::sync::Semaphore;

    use super::*;
    use crate::store::StoreSource;
    use crate::tests::disk::DiskPlace;

    /// A stream of lazy changes alone never lets the journal idle: the overdue ones become durable on the way.
    #[test]
    fn lazy_changes_wait_only_so_long_under_load() {
        let place = DiskPlace::default();
        let store = Arc::new(Store::open(StoreSource::StorePlace(Box::new(place))).unwrap());
        let rules = Rules {
            flush_after: Duration::ZERO,
            ..Rules::default()
        };
        let mut writer = JournalWriter::new(store, rules, Arc::default(), Arc::default());
        let lazy = || WriteJob {
            change: Change::PutState {
                key: "key".into(),
                bytes: Vec::new(),
            },
            reply: oneshot::channel().0,
            _permit: Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap(),
        };
        writer.commit(vec![lazy()]);
        let stats = writer.meters.stats(0);
        assert_eq!((stats.lazy_commits, stats.durable_commits), (1, 0));
        writer.commit(vec![lazy()]);
        let stats = writer.meters.stats(0);
        assert_eq!((stats.lazy_commits, stats.durable_commits), (1, 1));
    }
}
