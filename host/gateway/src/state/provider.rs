//! Providers, ready to be asked.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use std::collections::BTreeMap;

use loadlock_journal::Journal;
use loadlock_policy::Millis;
use loadlock_policy::breaker::{Admission, Breaker, BreakerPolicy, BreakerSnapshot};
use loadlock_policy::budget::{BudgetPolicy, RetryBudget};
use loadlock_policy::egress::EgressGrant;
use loadlock_policy::model::{Failure, FailureKind, Profile, VerifyMethod};
use loadlock_policy::retry::RetryPolicy;
use loadlock_policy::swap::{CallEnd, SwapTerms, shrinks};
use loadlock_sandbox::provider::Provider;
use loadlock_sandbox::{CallReport, Network};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::deletes::DeleteLog;
use super::generation::{Generation, OnTrial, call_end};
use super::places::Places;
use crate::clock::Clock;
use crate::forward::lane::ForwardLane;
use crate::view::EgressView;

/// What is loaded of one configured provider.
pub(crate) struct LoadedProvider {
    pub(crate) name: String,
    pub(crate) component: Provider,
    pub(crate) generation: Generation,
    pub(crate) profile: Profile,
    /// Nobody said what it may reach: it may reach what it asks for.
    pub(crate) egress_by_default: bool,
    /// Why nothing that it sends for an upload would leave.
    pub(crate) blocked: Option<String>,
    pub(crate) account: String,
    pub(crate) max_upload_bytes: u64,
    /// A client's purpose → the vendor's.
    pub(crate) purposes: BTreeMap<String, String>,
    /// Requests of clients that go on to the vendor.
    pub(crate) forward: Option<ForwardLane>,
    pub(crate) retry: RetryPolicy,
    pub(crate) breaker_policy: BreakerPolicy,
    /// Uploads that may be under way at once.
    pub(crate) concurrency: u32,
}

impl LoadedProvider {
    /// What others rely on.
    pub(crate) fn terms(&self) -> SwapTerms<'_> {
        SwapTerms {
            account: &self.account,
            profile: &self.profile,
        }
    }
}

/// What all generations of one provider have together: its vendor's health, and what is under way there.
pub(crate) struct ProviderHealth {
    /// Whether the health monitor runs.
    pub(crate) watched: Arc<AtomicBool>,
    breaker: Mutex<Breaker>,
    budget_policy: BudgetPolicy,
    budget: Mutex<RetryBudget>,
    pub(crate) in_flight: AtomicU32,
    /// Uploads that may be under way at once.
    pub(crate) permits: Places,
    /// Those of them that may be held while the body is still coming: half.
    pub(crate) arriving: Places,
    last_probe: Mutex<LastProbe>,
    /// Notified whenever the breaker was told something.
    pub(crate) reported: Arc<Notify>,
    /// What was deleted at the vendor.
    pub(crate) deleted: DeleteLog,
}

/// One generation of a configured provider. Dereferences to what was loaded of it. Whoever holds it goes on with it,
/// whatever takes its place meanwhile.
pub(crate) struct ProviderUnit {
    loaded: LoadedProvider,
    pub(crate) health: Arc<ProviderHealth>,
    /// Its first calls, if it took the place of another one.
    pub(crate) trial: OnTrial<Self>,
    /// Another generation has its place, or the provider was removed.
    pub(crate) is_draining: AtomicBool,
    /// Position in the operator's order; [`UNORDERED`]: only if it is named.
    order: AtomicU32,
}

/// No position in the operator's order.
const UNORDERED: u32 = u32::MAX;

impl Deref for ProviderUnit {
    type Target = LoadedProvider;

    fn deref(&self) -> &LoadedProvider {
        &self.loaded
    }
}

impl ProviderUnit {
    pub(crate) fn new(loaded: LoadedProvider, now: Millis) -> Self {
        let budget_policy = BudgetPolicy::default();
        let health = ProviderHealth {
            watched: Arc::default(),
            breaker: Mutex::new(Breaker::new()),
            budget: Mutex::new(RetryBudget::new(&budget_policy, now)),
            budget_policy,
            in_flight: AtomicU32::new(0),
            permits: Places::new(loaded.concurrency),
            arriving: Places::new(loaded.concurrency / 2),
            last_probe: Mutex::default(),
            reported: Arc::default(),
            deleted: DeleteLog::default(),
        };
        Self::with_health(loaded, Arc::new(health))
    }

    /// The next generation of a provider: the vendor is the same, and so is what is under way there.
    pub(crate) fn with_health(loaded: LoadedProvider, health: Arc<ProviderHealth>) -> Self {
        Self {
            loaded,
            health,
            trial: OnTrial::default(),
            is_draining: AtomicBool::new(false),
            order: AtomicU32::new(UNORDERED),
        }
    }

    /// Position in the operator's order; `None`: only if it is named.
    pub(crate) fn order(&self) -> Option<u32> {
        Some(self.order.load(Ordering::Relaxed)).filter(|order| *order != UNORDERED)
    }

    /// Gives it a position.
    pub(crate) fn set_order(&self, order: Option<u32>) {
        self.order.store(order.unwrap_or(UNORDERED), Ordering::Relaxed);
    }

    /// Whether it can go on with what was planned for `before`.
    pub(crate) fn stands_in_for(&self, before: &Self) -> bool {
        // One that wants the digest first would have to be told it.
        let asks_more = self.profile.wants_digest && !before.profile.wants_digest;
        !asks_more && Arc::ptr_eq(&self.health, &before.health) && shrinks(&before.terms(), &self.terms()).is_empty()
    }

    /// A call of it has ended: counts it, and writes what it logged.
    pub(crate) fn called<T>(&self, report: &CallReport<Result<T, Failure>>) {
        log_call(&self.name, report);
        let end = match &report.outcome {
            // The component's own words for what is its own fault.
            Ok(Err(failure)) if matches!(failure.kind, FailureKind::Internal | FailureKind::Protocol) => CallEnd::Bad,
            outcome => call_end(outcome),
        };
        self.judged(end);
    }

    /// How a call ended, as far as the component is to blame.
    pub(crate) fn judged(&self, end: CallEnd) {
        let draining = self.is_draining.load(Ordering::Relaxed);
        crate::metrics::generation_call(&self.name, draining, end);
        self.trial.on(end);
    }

    /// What it may reach, for a person.
    pub(crate) fn egress(&self) -> EgressView {
        EgressView {
            by_default: self.egress_by_default,
            rules: match &self.component.grants().network {
                Network::Denied => Vec::new(),
                Network::Granted(outlet) => outlet.policy.grants().iter().map(EgressGrant::describe).collect(),
            },
        }
    }

    /// The breaker's policy as it is now.
    pub(crate) fn breaker_policy(&self) -> BreakerPolicy {
        BreakerPolicy {
            watched: self.health.watched.load(Ordering::Relaxed),
            ..self.loaded.breaker_policy
        }
    }

    pub(crate) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.health.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the breaker says of an upload that would come now.
    pub(crate) fn eligibility(&self, now: Millis) -> Admission {
        self.breaker().eligibility(&self.breaker_policy(), now)
    }

    /// Keeps the breaker's state over a restart.
    pub(crate) async fn keep_breaker(&self, journal: &Journal, clock: &Clock) {
        let snapshot = self.breaker().snapshot(clock.now(), clock.wall_ms());
        let Ok(bytes) = serde_json::to_vec(&snapshot) else {
            return;
        };
        if let Err(error) = journal.put_state(&breaker_key(&self.name), bytes).await {
            tracing::warn!(%error, provider = %self.name, "the breaker's state is not kept over a restart");
        }
    }

    /// The breaker as the last process left it: a restart must not send a herd at a vendor that was down.
    fn restore_breaker(&self, journal: &Journal, clock: &Clock) {
        let Ok(Some(bytes)) = journal.get_state(&breaker_key(&self.name)) else {
            return;
        };
        let Ok(snapshot) = serde_json::from_slice::<BreakerSnapshot>(&bytes) else {
            return;
        };
        let restored = Breaker::restore(&snapshot, &self.breaker_policy(), clock.now(), clock.wall_ms());
        *self.breaker() = restored;
    }

    /// Breaker and last probe as the last process left them.
    pub(crate) fn restore(&self, journal: &Journal, clock: &Clock) {
        self.restore_breaker(journal, clock);
        self.restore_probe(journal);
    }

    /// An upload begins: it pays into the budget that retries are paid from.
    pub(crate) fn deposit(&self) {
        let mut budget = self.health.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.deposit(&self.health.budget_policy);
    }

    /// Whether the budget pays for a retry.
    pub(crate) fn withdraw(&self, now: Millis) -> bool {
        let mut budget = self.health.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.withdraw(&self.health.budget_policy, now)
    }

    pub(crate) fn last_probe(&self) -> MutexGuard<'_, LastProbe> {
        self.health.last_probe.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what a probe found, also over a restart.
    pub(crate) async fn keep_probe(&self, found: Probed, journal: &Journal, clock: &Clock) {
        let bytes = serde_json::to_vec(&found).unwrap_or_default();
        *self.last_probe() = LastProbe {
            found: Some(found),
            at: Some(clock.now()),
        };
        if let Err(error) = journal.put_state(&probe_key(&self.name), bytes).await {
            tracing::warn!(%error, provider = %self.name, "a provider's health is not kept over a restart");
        }
    }

    fn restore_probe(&self, journal: &Journal) {
        let kept = journal.get_state(&probe_key(&self.name)).ok().flatten();
        let found = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        *self.last_probe() = LastProbe { found, at: None };
    }

    /// Whether a body may be sent while it arrives: where a lost upload is found by its digest alone, or the vendor is
    /// told the digest, that has to be known first. At least one place has to be left for whole bodies.
    pub(crate) fn may_cut_through(&self) -> bool {
        self.profile.verify != VerifyMethod::Digest && !self.profile.wants_digest && self.concurrency > 1
    }

    /// Whether the vendor's list tells whose a remote file is. Where a key makes sending again harmless there is
    /// nothing to look for, and nothing to send again once the process that had the file is gone.
    pub(crate) fn has_evidence(&self) -> bool {
        match self.profile.verify {
            VerifyMethod::Mark | VerifyMethod::ChosenId | VerifyMethod::Digest => true,
            VerifyMethod::IdempotencyKey | VerifyMethod::None => false,
        }
    }
}

fn breaker_key(provider: &str) -> String {
    format!("breaker/{provider}")
}

fn probe_key(provider: &str) -> String {
    format!("health/{provider}")
}

/// What a probe found, as it is kept over a restart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Probed {
    pub(crate) healthy: bool,
    pub(crate) detail: String,
    pub(crate) failure: Option<FailureKind>,
    pub(crate) checked_at_ms: u64,
}

/// The last probe of one provider.
#[derive(Debug, Default)]
pub(crate) struct LastProbe {
    pub(crate) found: Option<Probed>,
    /// On this process's monotonic clock; absent if another process made it.
    pub(crate) at: Option<Millis>,
}

/// Counts a component's call, and writes what it logged.
pub(crate) fn log_call<T>(name: &str, report: &CallReport<T>) {
    crate::metrics::call(name, &report.usage, report.outcome.is_err());
    report.write_log(name);
}
