//! Several gateways on one ledger: what this one tells the others, and what it does for one that is gone.
//!
//! None of it is there unless the tracker can be shared. The ledger is asked for a lease before equal content is sent,
//! and told every second that this gateway lives. An upload never waits for a ledger that is away: it goes on without a
//! lease, and what two gateways then stored twice is put right when the records are delivered.
//!
//! | module | one job |
//! |---|---|
//! | `beat` | says that this gateway lives, spreads breakers and pauses, ends attempts that are over |
//! | `takeover` | settles what a gateway left that is gone |
//! | `outdone` | puts right a record that came after another gateway's |
//! | `summary` | counts of the audit log's records |

mod beat;
mod outdone;
mod summary;
mod takeover;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use loadlock_journal::Journal;
use loadlock_policy::Millis;
use loadlock_policy::breaker::Heard;
use loadlock_sandbox::coordination::{Coordination, PeerGateway};
use loadlock_sandbox::tracker::Answer;
use rand::RngExt;
use tokio::sync::Notify;

use crate::error::{Error, ErrorCode, Result};
use crate::files::answered;
use crate::gateway::{Gateway, Inner};
use crate::metrics;
use crate::pipeline::journal_error;

/// Time between two beats: what one gateway finds out, all know within two of them.
const BEAT: Millis = Millis::from_secs(1);

/// How long a gateway is thought to live after it was heard of: some missed beats, and a restart of the database.
const LEASE: Millis = Millis::from_secs(10);

/// Longest that an upload waits for the ledger to answer one question. Past it, it goes on without.
const PATIENCE: Duration = Duration::from_secs(3);

/// Key of the journal's note of who this gateway is.
const NAME: &str = "together/gateway";

/// Letters of a gateway's id that ids of its sessions begin with.
pub(crate) const TAG: usize = 8;

/// What this gateway has to do with others.
pub(crate) struct Together {
    ledger: Coordination,
    /// 32 characters `[0-9a-f]`, the same after a restart.
    id: String,
    lease_ms: u64,
    peers: RwLock<Vec<PeerGateway>>,
    /// Of each account, what others told about it.
    heard: Mutex<HashMap<String, Heard>>,
    attempts: Mutex<Attempts>,
    /// Notified when an attempt may be over.
    over: Notify,
    /// Notified when a gateway is gone that has left something.
    abandoned: Notify,
    /// The ledger did not answer last time.
    away: AtomicBool,
    /// Whether the ledger was told since the start what is still open here.
    resumed: AtomicBool,
    /// Written while it is; read while the ledger is asked for a lease.
    resuming: tokio::sync::RwLock<()>,
}

/// This gateway's attempts in the ledger, by id.
#[derive(Default)]
struct Attempts {
    /// Of uploads under way.
    held: HashSet<String>,
    /// Of uploads that are over, or settled later; with whether they still lead.
    left: HashMap<String, bool>,
}

impl Together {
    /// # Errors
    /// [`ErrorCode::StateUnavailable`] if the journal cannot keep the gateway's name.
    pub(crate) async fn new(ledger: Coordination, journal: &Journal, clock: &crate::Clock) -> Result<Self> {
        let lease = clock.real(LEASE);
        Ok(Self {
            ledger,
            id: name(journal).await?,
            lease_ms: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX),
            peers: RwLock::default(),
            heard: Mutex::default(),
            attempts: Mutex::default(),
            over: Notify::new(),
            abandoned: Notify::new(),
            away: AtomicBool::new(false),
            resumed: AtomicBool::new(false),
            resuming: tokio::sync::RwLock::default(),
        })
    }

    /// This gateway's id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn ledger(&self) -> &Coordination {
        &self.ledger
    }

    pub(crate) fn resuming(&self) -> &tokio::sync::RwLock<()> {
        &self.resuming
    }

    pub(crate) fn lease_ms(&self) -> u64 {
        self.lease_ms
    }

    /// What ids of this gateway's sessions begin with.
    pub(crate) fn tag(&self) -> &str {
        self.id.get(..TAG).unwrap_or(&self.id)
    }

    /// Asks the ledger, within bounds. A ledger that did not answer is not asked again by uploads until it answers a
    /// beat.
    ///
    /// # Errors
    /// [`ErrorCode::TrackerFailed`].
    pub(crate) async fn ask<T>(&self, question: impl Future<Output = Answer<T>>) -> Result<T> {
        let answer = self.answer(question).await;
        if let Err(error) = &answer
            && !self.away.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(target: "loadlock::tracker", %error, "the ledger is away: uploads go on without what other \
                 gateways do");
        }
        answer
    }

    /// [`Self::ask`] for what uploads do not depend on: nothing is concluded about the ledger.
    async fn answer<T>(&self, question: impl Future<Output = Answer<T>>) -> Result<T> {
        let answer = match tokio::time::timeout(PATIENCE, question).await {
            Ok(answer) => answered(answer),
            Err(_) => Err(Error::new(
                ErrorCode::TrackerFailed,
                "the ledger gave no answer in time",
            )),
        };
        if answer.is_err() {
            metrics::coordination_failed();
        }
        answer
    }

    /// Whether the ledger answered last time.
    pub(crate) fn answers(&self) -> bool {
        !self.away.load(Ordering::Relaxed)
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An attempt that may be in the ledger from now on, until the guard is dropped.
    pub(crate) fn attempt(self: &Arc<Self>, id: String) -> Attempting {
        self.attempts().held.insert(id.clone());
        Attempting {
            together: self.clone(),
            id,
        }
    }

    /// An attempt of this gateway that no upload holds.
    fn leave(&self, id: String) {
        let mut attempts = self.attempts();
        attempts.held.remove(&id);
        attempts.left.insert(id, true);
        drop(attempts);
        self.over.notify_one();
    }

    /// Whether an upload that is under way here holds this attempt.
    pub(crate) fn holds(&self, id: &str) -> bool {
        self.attempts().held.contains(id)
    }
}

/// An upload's attempt in the ledger. Dropped, it is ended there as soon as the journal has its end.
pub(crate) struct Attempting {
    together: Arc<Together>,
    id: String,
}

impl Drop for Attempting {
    fn drop(&mut self) {
        self.together.leave(std::mem::take(&mut self.id));
    }
}

/// Who this gateway is: made once, kept with the journal, whose entries the id stands for.
async fn name(journal: &Journal) -> Result<String> {
    let kept = journal.get_state(NAME).map_err(|error| journal_error(&error))?;
    if let Some(kept) = kept.and_then(|bytes| String::from_utf8(bytes).ok()) {
        return Ok(kept);
    }
    let id = hex::encode(rand::rng().random::<[u8; 16]>());
    let written = async {
        journal.put_state(NAME, id.clone().into_bytes()).await?;
        journal.flush().await
    };
    written.await.map_err(|error| journal_error(&error))?;
    Ok(id)
}

/// Another gateway, as a client is sent to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Its id.
    pub gateway: String,
    /// Where clients reach it, if its operator said so.
    pub url: Option<String>,
}

impl Gateway {
    /// What ids of sessions begin with that are made by doors themselves, so that another gateway knows whose they are.
    /// `None` where there are no others.
    pub fn session_tag(&self) -> Option<&str> {
        self.0.together.as_deref().map(Together::tag)
    }

    /// Which other gateway a session's id is of.
    pub fn session_elsewhere(&self, id: &str) -> Option<Elsewhere> {
        let together = self.0.together.as_deref()?;
        let tag = id.get(..TAG)?;
        let peers = together.peers.read().unwrap_or_else(PoisonError::into_inner);
        let owner = peers.iter().find(|peer| peer.gateway.starts_with(tag))?;
        Some(Elsewhere {
            gateway: owner.gateway.clone(),
            url: owner.url.clone(),
        })
    }

    /// This gateway's id among those that share its ledger.
    pub fn gateway_id(&self) -> Option<&str> {
        self.0.together.as_deref().map(Together::id)
    }
}

/// Makes this gateway known, and starts what goes on as long as it is open, whether or not it serves.
pub(crate) async fn start(inner: &Arc<Inner>) {
    let Some(together) = &inner.together else {
        return;
    };
    for configured in &inner.config.providers {
        let is_shared = configured.account.is_some();
        let is_remote = inner
            .provider(&configured.name)
            .is_ok_and(|unit| unit.component.grants().network.is_granted());
        if is_remote && !is_shared {
            tracing::warn!(provider = %configured.name, "without `account` its vendor account has another name at \
                 every gateway, and each stores on its own; give it one name at all of them");
        }
    }
    inner.first_beat(together).await;
    tokio::spawn(beat::beats(Arc::downgrade(inner)));
    tokio::spawn(takeover::takeovers(Arc::downgrade(inner)));
}
