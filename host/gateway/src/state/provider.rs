//! Providers, ready to be asked.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loadlock_journal::Journal;
use loadlock_policy::Millis;
use loadlock_policy::breaker::{Admission, Breaker, BreakerPolicy, BreakerSnapshot};
use loadlock_policy::budget::{BudgetPolicy, RetryBudget};
use loadlock_policy::egress::EgressGrant;
use loadlock_policy::model::{FailureKind, Profile, VerifyMethod};
use loadlock_policy::retry::RetryPolicy;
use loadlock_sandbox::provider::Provider;
use loadlock_sandbox::{CallReport, Network};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, Semaphore};

use super::deletes::DeleteLog;
use super::out_of_service::OutOfService;
use super::statuses::Statuses;
use crate::clock::Clock;
use crate::error::{Error, ErrorCode, Result};
use crate::view::EgressView;

/// What is loaded of one configured provider.
pub(crate) struct LoadedProvider {
    pub(crate) name: String,
    /// Position in the operator's order; `None`: only if it is named.
    pub(crate) order: Option<u32>,
    pub(crate) component: Provider,
    pub(crate) profile: Profile,
    /// Nobody said what it may reach: it may reach what it asks for.
    pub(crate) egress_by_default: bool,
    /// Why nothing that it sends for an upload would leave.
    pub(crate) blocked: Option<String>,
    pub(crate) account: String,
    pub(crate) max_upload_bytes: u64,
    /// A client's purpose → the vendor's.
    pub(crate) purposes: BTreeMap<String, String>,
    pub(crate) retry: RetryPolicy,
    pub(crate) breaker_policy: BreakerPolicy,
    /// Uploads that may be under way at once.
    pub(crate) concurrency: u32,
}

/// One configured provider. Dereferences to what was loaded of it.
pub(crate) struct ProviderUnit {
    loaded: LoadedProvider,
    /// Whether the health monitor runs.
    pub(crate) watched: Arc<AtomicBool>,
    breaker: Mutex<Breaker>,
    budget_policy: BudgetPolicy,
    budget: Mutex<RetryBudget>,
    pub(crate) in_flight: AtomicU32,
    /// Uploads that may be under way at once; fair.
    pub(crate) permits: Semaphore,
    /// Those of them that may be held while the body is still coming: half.
    pub(crate) arriving: Semaphore,
    last_probe: Mutex<LastProbe>,
    /// Notified whenever the breaker was told something.
    pub(crate) reported: Arc<Notify>,
    /// What was deleted at the vendor.
    pub(crate) deleted: DeleteLog,
}

impl Deref for ProviderUnit {
    type Target = LoadedProvider;

    fn deref(&self) -> &LoadedProvider {
        &self.loaded
    }
}

impl ProviderUnit {
    pub(crate) fn new(loaded: LoadedProvider, now: Millis) -> Self {
        let budget_policy = BudgetPolicy::default();
        Self {
            watched: Arc::default(),
            breaker: Mutex::new(Breaker::new()),
            budget: Mutex::new(RetryBudget::new(&budget_policy, now)),
            budget_policy,
            in_flight: AtomicU32::new(0),
            permits: Semaphore::new(loaded.concurrency as usize),
            arriving: Semaphore::new(loaded.concurrency as usize / 2),
            last_probe: Mutex::default(),
            reported: Arc::default(),
            deleted: DeleteLog::default(),
            loaded,
        }
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
            watched: self.watched.load(Ordering::Relaxed),
            ..self.loaded.breaker_policy
        }
    }

    pub(crate) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the breaker says of an upload that would come now.
    pub(crate) fn health(&self, now: Millis) -> Admission {
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

    /// An upload begins: it pays into the budget that retries are paid from.
    pub(crate) fn deposit(&self) {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.deposit(&self.budget_policy);
    }

    /// Whether the budget pays for a retry.
    pub(crate) fn withdraw(&self, now: Millis) -> bool {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.withdraw(&self.budget_policy, now)
    }

    pub(crate) fn last_probe(&self) -> MutexGuard<'_, LastProbe> {
        self.last_probe.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Whether a body may be sent while it arrives: where a lost upload is found by its digest alone, that has to be
    /// known first. At least one place has to be left for whole bodies.
    pub(crate) fn may_cut_through(&self) -> bool {
        self.profile.verify != VerifyMethod::Digest && self.concurrency > 1
    }

    /// Whether the vendor's list tells whose a remote file is. Where a key makes sending again harmless there is
    /// nothing to look for, and nothing to send again once the process that had the file is gone.
    pub(crate) fn has_evidence(&self) -> bool {
        match self.profile.verify {
            VerifyMethod::Mark | VerifyMethod::Digest => true,
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

/// All providers, in the order of the configuration. Dereferences to those that are in service.
pub(crate) struct ProviderUnits {
    units: Vec<ProviderUnit>,
    pub(crate) out_of_service: Vec<OutOfService>,
    /// Uploads that may be under way at once, at all of them together.
    pub(crate) permits: Semaphore,
    /// Those of them that may be held while the body is still coming: half.
    pub(crate) arriving: Semaphore,
    /// Files that are not ready at their vendors.
    pub(crate) statuses: Statuses,
}

impl Deref for ProviderUnits {
    type Target = [ProviderUnit];

    fn deref(&self) -> &[ProviderUnit] {
        &self.units
    }
}

impl ProviderUnits {
    pub(crate) fn new(units: Vec<ProviderUnit>, out_of_service: Vec<OutOfService>, concurrency: u32) -> Self {
        Self {
            units,
            out_of_service,
            permits: Semaphore::new(concurrency as usize),
            arriving: Semaphore::new(concurrency as usize / 2),
            statuses: Statuses::default(),
        }
    }

    /// Breakers and probes as the last process left them.
    pub(crate) fn restore(&self, journal: &Journal, clock: &Clock) {
        for unit in &self.units {
            unit.restore_breaker(journal, clock);
            unit.restore_probe(journal);
        }
    }

    /// The provider that can be asked about what was stored at this account: the one of this name, or another of the
    /// same account. One that has another account by now knows nothing of it, and its "not found" would say nothing.
    pub(crate) fn at_account(&self, name: &str, account: &str) -> Option<&ProviderUnit> {
        let mut of_account = self.units.iter().filter(|unit| unit.account == account);
        let first = of_account.clone().next();
        of_account.find(|unit| unit.name == name).or(first)
    }

    /// A configured provider that could not be made ready.
    pub(crate) fn out_of_service(&self, name: &str) -> Option<&OutOfService> {
        self.out_of_service.iter().find(|one| one.name == name)
    }

    /// # Errors
    /// [`ErrorCode::ProviderUnknown`], [`ErrorCode::ProviderOutOfService`].
    pub(crate) fn named(&self, name: &str) -> Result<&ProviderUnit> {
        self.units.iter().find(|unit| unit.name == name).ok_or_else(|| {
            if let Some(one) = self.out_of_service(name) {
                return one.refusal();
            }
            let units = self.units.iter().map(|unit| &unit.name);
            let all = units.chain(self.out_of_service.iter().map(|one| &one.name));
            let names: Vec<_> = all.map(|name| format!("`{name}`")).collect();
            Error::new(ErrorCode::ProviderUnknown, format!("there is no provider `{name}`"))
                .hint(format!("configured are {}", names.join(", ")))
        })
    }
}

/// Counts a component's call, and writes what it logged.
pub(crate) fn log_call<T>(name: &str, report: &CallReport<T>) {
    crate::metrics::call(name, &report.usage, report.outcome.is_err());
    for line in &report.log {
        tracing::info!(target: "loadlock::component", component = name, "{line}");
    }
    if report.log_dropped > 0 {
        tracing::warn!(target: "loadlock::component", component = name, bytes = report.log_dropped, "more log than is \
             kept");
    }
}
