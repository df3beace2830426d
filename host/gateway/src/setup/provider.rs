//! Loading one provider: component, profile, network, account, resilience.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use loadlock_config::{ComponentSource, Provider as Configured};
use loadlock_policy::Millis;
use loadlock_policy::breaker::{Breaker, BreakerPolicy};
use loadlock_policy::budget::{BudgetPolicy, RetryBudget};
use loadlock_policy::model::Profile;
use loadlock_policy::retry::{Factor, RetryPolicy};
use loadlock_sandbox::provider::{Provider, ProviderGrants};
use loadlock_sandbox::{Limits, Network, Sandbox};
use tokio::sync::{Notify, Semaphore};

use super::{Needs, Setup, network, refused};
use crate::admission::Grants;
use crate::error::{Error, ErrorCode, Result};
use crate::home::Home;
use crate::pipeline::burial::Burials;
use crate::upkeep::LastProbe;

/// One configured provider, ready to be asked.
pub(crate) struct ProviderUnit {
    pub(crate) name: String,
    /// Position in the operator's order; `None`: only if it is named.
    pub(crate) order: Option<u32>,
    pub(crate) component: Provider,
    pub(crate) profile: Profile,
    pub(crate) account: String,
    pub(crate) max_upload_bytes: u64,
    /// A client's purpose → the vendor's.
    pub(crate) purposes: std::collections::BTreeMap<String, String>,
    pub(crate) retry: RetryPolicy,
    breaker_policy: BreakerPolicy,
    /// Whether the health monitor runs.
    pub(crate) watched: Arc<AtomicBool>,
    pub(crate) breaker: Mutex<Breaker>,
    pub(crate) budget_policy: BudgetPolicy,
    pub(crate) budget: Mutex<RetryBudget>,
    pub(crate) in_flight: AtomicU32,
    /// Uploads that may be under way at once; fair.
    pub(crate) turns: Semaphore,
    /// What the last probe found.
    pub(crate) health: Mutex<LastProbe>,
    /// Notified whenever the breaker was told something.
    pub(crate) reported: Arc<Notify>,
    /// What was deleted at the vendor.
    pub(crate) burials: Burials,
}

impl ProviderUnit {
    /// The breaker's policy as it is now.
    pub(crate) fn breaker_policy(&self) -> BreakerPolicy {
        BreakerPolicy {
            watched: self.watched.load(Ordering::Relaxed),
            ..self.breaker_policy
        }
    }
}

/// Calls beside the uploads, so that a provider that is full can still be asked for what it has.
const OTHER_CALLS: usize = 8;

/// Loads and binds one provider.
pub(crate) async fn load_provider(
    setup: &Setup,
    sandbox: &Sandbox,
    home: &Home,
    grants: &Grants,
    spool: Arc<loadlock_sandbox::files::GrantRoot>,
    configured: &Configured,
    installation_key: &[u8],
) -> Result<ProviderUnit> {
    let name = configured.name.clone();
    let source = setup.source(&configured.connection.component, sandbox)?;
    let mut roots = grants.roots_of(&name);
    roots.push(spool);
    let limits = Limits {
        memory_bytes: usize::try_from(configured.sandbox.memory.0).unwrap_or(usize::MAX),
        cpu: configured.sandbox.cpu,
        wall: configured.sandbox.timeout,
        concurrency: configured.concurrency.unwrap_or(setup.config.limits.concurrency) as usize + OTHER_CALLS,
        state_bytes: match (&configured.sandbox.state, &configured.connection.component.source) {
            (Some(size), _) => Some(size.0),
            // Files on this machine are for its disk to hold.
            (None, ComponentSource::Builtin(_)) => None,
            (None, ComponentSource::File(_)) => Limits::default().state_bytes,
        },
        ..Limits::default()
    };
    let mut component = Provider::load(
        sandbox,
        &source,
        ProviderGrants {
            settings: configured.connection.settings.clone().into_iter().collect(),
            roots,
            state: Some(home.component_state("providers", &name)?),
            network: Network::Denied,
            limits,
        },
    )
    .await
    .map_err(|error| refused(&error))?;
    let profile = stable_profile(&component, &name).await?;
    let bound = network(
        setup,
        &name,
        &configured.connection,
        &Needs::Of {
            egress: &profile.egress,
            can_list: profile.can_list,
        },
        installation_key,
    )?;
    component.bind_network(bound.network);
    let account = configured
        .account
        .clone()
        .or(bound.fingerprint)
        .unwrap_or_else(|| name.clone());
    let now = setup.clock.now();
    let turns = configured
        .concurrency
        .or(profile.max_concurrency)
        .unwrap_or(setup.config.limits.concurrency);
    let budget_policy = BudgetPolicy::default();
    Ok(ProviderUnit {
        order: setup
            .config
            .order
            .iter()
            .position(|ordered| *ordered == name)
            .and_then(|at| u32::try_from(at).ok()),
        component,
        profile,
        account,
        max_upload_bytes: configured.max_upload_size.0,
        purposes: configured.purposes.clone(),
        retry: retry_policy(configured),
        breaker_policy: breaker_policy(configured),
        watched: Arc::default(),
        breaker: Mutex::new(Breaker::new()),
        budget: Mutex::new(RetryBudget::new(&budget_policy, now)),
        budget_policy,
        in_flight: AtomicU32::new(0),
        turns: Semaphore::new(turns as usize),
        health: Mutex::default(),
        reported: Arc::default(),
        burials: Burials::default(),
        name,
    })
}

/// Asks for the profile in two fresh instances: a component whose answer depends on anything but its settings could
/// pass the checks with one profile and upload with another.
async fn stable_profile(component: &Provider, name: &str) -> Result<Profile> {
    let failed = |what: String| {
        Error::new(ErrorCode::ComponentRefused, format!("{name}: {what}"))
            .hint("correct the provider's settings, or use another component")
    };
    let mut profiles = Vec::with_capacity(2);
    for _ in 0..2 {
        let report = component.profile().await;
        for line in &report.log {
            tracing::info!(target: "loadlock::component", component = name, "{line}");
        }
        profiles.push(match report.outcome {
            Ok(Ok(profile)) => profile,
            Ok(Err(failure)) => {
                return Err(failed(format!("it gives no profile: {}", failure.message)));
            }
            Err(error) => return Err(failed(format!("it gives no profile: {error}"))),
        });
    }
    match profiles.as_slice() {
        [first, second] if first == second => Ok(first.clone()),
        _ => Err(failed("its profile is another at every call".into())),
    }
}

fn millis(duration: Duration) -> Millis {
    Millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn retry_policy(configured: &Configured) -> RetryPolicy {
    RetryPolicy {
        enabled: configured.retry.attempts > 1,
        attempts: configured.retry.attempts,
        base: millis(configured.retry.base),
        cap: millis(configured.retry.cap),
        factor: Factor::new(configured.retry.factor),
        ..RetryPolicy::default()
    }
}

fn breaker_policy(configured: &Configured) -> BreakerPolicy {
    BreakerPolicy {
        enabled: configured.breaker.failures > 0,
        failures: configured.breaker.failures.max(1),
        open_for: millis(configured.breaker.open),
        successes: configured.breaker.successes,
        ..BreakerPolicy::default()
    }
}
