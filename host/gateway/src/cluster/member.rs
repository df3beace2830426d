//! This gateway among those that share its ledger: its name, and its attempts there.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use loadlock_journal::Journal;
use loadlock_policy::Millis;
use loadlock_policy::breaker::Heard;
use loadlock_policy::model::FailureKind;
use loadlock_sandbox::CallError;
use loadlock_sandbox::batches::Batches;
use loadlock_sandbox::coordination::{Coordination, PeerGateway};
use loadlock_sandbox::tracker::Answer;
use rand::RngExt;
use tokio::sync::Notify;

use super::batches::BatchedCalls;
use crate::error::{Result, answered};
use crate::metrics;

/// Time between two heartbeats: what one gateway finds out, all know within two of them.
pub(super) const HEARTBEAT: Millis = Millis::from_secs(1);

/// How long a gateway is thought to live after it was heard of: some missed heartbeats, and a restart of the database.
const LEASE: Millis = Millis::from_secs(10);

/// Longest that an upload waits for the ledger to answer one question. Past it, it goes on without.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a call may still do something in the ledger after the ledger said that nothing was done: it is under way in
/// a database that answers others, whose own bounds are shorter.
pub(super) const ARRIVAL: Millis = Millis::from_secs(30);

/// Key of the journal's note of who this gateway is.
const NAME: &str = "together/gateway";

/// Letters of a gateway's id that ids of its sessions begin with.
pub(crate) const TAG: usize = 8;

/// What this gateway has to do with others.
pub(crate) struct Cluster {
    pub(super) ledger: Coordination,
    /// Where the tracker takes many things in one call.
    pub(super) batched: Option<BatchedCalls>,
    /// 32 characters `[0-9a-f]`, the same after a restart.
    pub(super) id: String,
    pub(super) lease_ms: u64,
    pub(super) peers: RwLock<Vec<PeerGateway>>,
    /// Of each account, what others told about it.
    pub(super) heard: Mutex<HashMap<String, Heard>>,
    attempts: Mutex<Attempts>,
    /// Files that the ledger may make yet because its answer did not come: since when it says that there is none.
    unanswered: Mutex<HashMap<String, Instant>>,
    /// Notified when an attempt may be over.
    pub(super) ended: Notify,
    /// Notified when a gateway is gone that has left something.
    pub(super) abandoned: Notify,
    /// The ledger did not answer last time.
    pub(super) away: AtomicBool,
    /// Whether the ledger was told since the start what is still open here.
    pub(super) resumed: AtomicBool,
    /// Written while it is; read while the ledger is asked for a lease.
    pub(super) resuming: tokio::sync::RwLock<()>,
}

/// This gateway's attempts in the ledger, by id.
#[derive(Default)]
pub(super) struct Attempts {
    /// Of uploads under way.
    pub(super) held: HashSet<String>,
    /// Of uploads that are over, or settled later; with whether they still lead.
    pub(super) left: HashMap<String, bool>,
    /// Of those that are held, what the ledger has ended already.
    over: HashSet<String>,
    /// Of those that the ledger was asked to begin and has not answered about: since when. Other calls overtake a
    /// beginning, so its end may come before it.
    asked: HashMap<String, Instant>,
}

impl Cluster {
    /// # Errors
    /// [`ErrorCode::StateUnavailable`] if the journal cannot keep the gateway's name.
    pub(crate) async fn new(
        ledger: Coordination,
        batches: Vec<Batches>,
        journal: &Journal,
        clock: &crate::Clock,
    ) -> Result<Self> {
        let id = name(journal).await?;
        let lease_ms = u64::try_from(clock.real(LEASE).as_millis()).unwrap_or(u64::MAX);
        Ok(Self {
            ledger,
            batched: BatchedCalls::new(batches, &id, lease_ms),
            id,
            lease_ms,
            unanswered: Mutex::default(),
            peers: RwLock::default(),
            heard: Mutex::default(),
            attempts: Mutex::default(),
            ended: Notify::new(),
            abandoned: Notify::new(),
            away: AtomicBool::new(false),
            resumed: AtomicBool::new(false),
            resuming: tokio::sync::RwLock::default(),
        })
    }

    /// What ids of this gateway's sessions begin with.
    pub(crate) fn tag(&self) -> &str {
        self.id.get(..TAG).unwrap_or(&self.id)
    }

    /// Asks the ledger, within bounds. A ledger that did not answer is not asked again by uploads until it answers a
    /// heartbeat.
    ///
    /// # Errors
    /// [`ErrorCode::TrackerFailed`].
    pub(crate) async fn ask<T>(&self, question: impl Future<Output = Answer<T>>) -> Result<T> {
        answered(self.bounded(question).await)
    }

    /// [`Self::ask`] with the answer as it came.
    pub(super) async fn bounded<T>(&self, question: impl Future<Output = Answer<T>>) -> Answer<T> {
        let answer = in_time(question).await;
        let error = match &answer {
            Ok(Ok(_)) => return answer,
            // An answer, about what was asked.
            Ok(Err(failure)) if failure.kind == FailureKind::Rejected => return answer,
            Ok(Err(failure)) => failure.to_string(),
            Err(error) => error.to_string(),
        };
        if !self.away.swap(true, Ordering::Relaxed) {
            tracing::warn!(target: "loadlock::tracker", %error, "the ledger is away: uploads go on without what other \
                 gateways do");
        }
        answer
    }

    /// [`Self::ask`] for what uploads do not depend on: nothing is concluded about the ledger.
    pub(super) async fn answer<T>(&self, question: impl Future<Output = Answer<T>>) -> Result<T> {
        answered(in_time(question).await)
    }

    /// A ledger that was away has answered: the next heartbeat is not kept from it.
    pub(super) async fn heard(&self) {
        asks_again(self.ledger.answers_again()).await;
    }

    /// Whether the ledger answered last time.
    pub(crate) fn answers(&self) -> bool {
        !self.away.load(Ordering::Relaxed)
    }

    pub(super) fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An attempt that may be in the ledger from now on, until the guard is dropped.
    pub(crate) fn attempt(self: &Arc<Self>, id: String) -> Attempting {
        self.attempts().held.insert(id.clone());
        Attempting {
            cluster: self.clone(),
            id,
        }
    }

    /// An attempt of this gateway that no upload holds.
    pub(super) fn leave(&self, id: String) {
        let mut attempts = self.attempts();
        attempts.held.remove(&id);
        if attempts.over.remove(&id) {
            return;
        }
        attempts.left.insert(id, true);
        drop(attempts);
        self.ended.notify_one();
    }

    /// The ledger is asked to begin this attempt, among others.
    pub(super) fn asks(&self, id: &str) {
        self.attempts().asked.insert(id.to_owned(), Instant::now());
    }

    /// It has answered.
    pub(super) fn has_answered(&self, id: &str) {
        self.attempts().asked.remove(id);
    }

    /// The ledger was told that these are over. It is told again of what it may begin yet, for so long.
    pub(super) fn told_over(&self, ids: &[String], bound: Duration) {
        let mut attempts = self.attempts();
        for id in ids {
            if attempts.asked.get(id).is_some_and(|since| since.elapsed() < bound) {
                continue;
            }
            attempts.asked.remove(id);
            attempts.left.remove(id);
        }
    }

    /// The ledger has ended this attempt.
    pub(super) fn over(&self, id: &str) {
        let mut attempts = self.attempts();
        if attempts.held.contains(id) {
            attempts.over.insert(id.to_owned());
        } else {
            attempts.left.remove(id);
        }
    }

    /// Whether the ledger may make a file yet that it says it has not: a call whose answer was not awaited may still be
    /// under way there.
    pub(super) fn may_arrive(&self, id: &str, bound: Duration) -> bool {
        let mut unanswered = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        let since = *unanswered.entry(id.to_owned()).or_insert_with(Instant::now);
        let may = since.elapsed() < bound;
        if !may {
            unanswered.remove(id);
        }
        may
    }

    /// Whether an upload that is under way here holds this attempt.
    pub(crate) fn holds(&self, id: &str) -> bool {
        self.attempts().held.contains(id)
    }
}

/// An upload's attempt in the ledger. Dropped, it is ended there as soon as the journal has its end.
pub(crate) struct Attempting {
    cluster: Arc<Cluster>,
    id: String,
}

impl Attempting {
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Attempting {
    fn drop(&mut self) {
        self.cluster.leave(std::mem::take(&mut self.id));
    }
}

/// The ledger has answered one instance: another, whose this is, asks it again whatever it was told before.
pub(super) async fn asks_again(told: impl Future<Output = ()>) {
    if tokio::time::timeout(PATIENCE, told).await.is_err() {
        tracing::debug!("a question from before is still under way");
    }
}

/// The answer, unless it takes too long.
async fn in_time<T>(question: impl Future<Output = Answer<T>>) -> Answer<T> {
    let late = || Err(CallError::Host("the ledger gave no answer in time".into()));
    let answer = tokio::time::timeout(PATIENCE, question).await;
    let answer = answer.unwrap_or_else(|_| late());
    if !matches!(answer, Ok(Ok(_))) {
        metrics::coordination_failed();
    }
    answer
}

/// Who this gateway is: made once, kept with the journal, whose entries the id stands for.
async fn name(journal: &Journal) -> Result<String> {
    let kept = journal.get_state(NAME)?;
    if let Some(kept) = kept.and_then(|bytes| String::from_utf8(bytes).ok()) {
        return Ok(kept);
    }
    let id = hex::encode(rand::rng().random::<[u8; 16]>());
    let written = async {
        journal.put_state(NAME, id.clone().into_bytes()).await?;
        journal.flush().await
    };
    written.await?;
    Ok(id)
}
