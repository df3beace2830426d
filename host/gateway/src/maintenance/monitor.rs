//! One task for each provider, which probes it when policy says so; whatever generation of it there is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use loadlock_policy::breaker::Outcome;
use loadlock_policy::upkeep::{HEALTH_INTERVAL, next_probe, told};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api::progress::Silent;
use crate::state::gateway::GatewayState;
use crate::state::provider::{ProviderHealth, ProviderUnit};
use crate::upload::permits::BreakerPermit;

/// After a refusal that the schedule did not foresee: no busy loop, whatever the clock does.
const BREATH: Duration = Duration::from_millis(10);

/// A provider is watched for as long as this lives.
struct WatchedProvider(Arc<AtomicBool>);

impl WatchedProvider {
    fn begin(watched: Arc<AtomicBool>) -> Self {
        watched.store(true, Ordering::Relaxed);
        Self(watched)
    }
}

impl Drop for WatchedProvider {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Watches every provider, also those that come while the gateway is open.
pub(super) async fn watch_all(gateway: Weak<GatewayState>, mut changes: watch::Receiver<()>) {
    let mut tasks = JoinSet::new();
    let mut watched: Vec<Weak<ProviderHealth>> = Vec::new();
    loop {
        let Some(state) = gateway.upgrade() else {
            return;
        };
        watched.retain(|health| health.strong_count() > 0);
        for unit in state.providers.iter() {
            let health = Arc::downgrade(&unit.health);
            if !watched.iter().any(|one| one.ptr_eq(&health)) {
                watched.push(health);
                tasks.spawn(watch(gateway.clone(), unit.name.clone(), Arc::downgrade(&unit.health)));
            }
        }
        drop(state);
        // Those of providers that were removed have ended.
        while tasks.try_join_next().is_some() {}
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Probes one provider for as long as the gateway has it.
async fn watch(gateway: Weak<GatewayState>, name: String, health: Weak<ProviderHealth>) {
    let Some((watched, reported)) = health
        .upgrade()
        .map(|health| (health.watched.clone(), health.reported.clone()))
    else {
        return;
    };
    let _watching = WatchedProvider::begin(watched);
    let unit = |state: &GatewayState| {
        let unit = state.providers.named(&name).ok()?;
        health.ptr_eq(&Arc::downgrade(&unit.health)).then_some(unit)
    };
    loop {
        let wait = {
            let Some(state) = gateway.upgrade() else {
                return;
            };
            let Some(unit) = unit(&state) else {
                return;
            };
            until_due(&state, &unit)
        };
        if !wait.is_zero() {
            // An upload that is told to the breaker may change when the next probe is due; a removed provider has none.
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = reported.notified() => {}
            }
            continue;
        }
        let Some(state) = gateway.upgrade() else {
            return;
        };
        let Some(unit) = unit(&state) else {
            return;
        };
        if !probe(&state, &unit).await {
            drop((state, unit));
            tokio::time::sleep(BREATH).await;
        }
    }
}

/// How long until the next probe, in real time.
fn until_due(state: &GatewayState, unit: &ProviderUnit) -> Duration {
    let now = state.clock.now();
    let checked = unit.last_probe().at;
    let breaker = unit.breaker();
    let at = next_probe(&breaker, &unit.breaker_policy(), checked, HEALTH_INTERVAL, now);
    state.clock.real(at - now)
}

/// False if the breaker lets nothing in.
async fn probe(state: &GatewayState, unit: &Arc<ProviderUnit>) -> bool {
    let Ok(place) = BreakerPermit::to_probe(state, unit) else {
        return false;
    };
    let decides = place.decides();
    let asked = state.clock.now();
    let (mut found, mut outcome) = state.look(unit).await;
    let half_of_lease = unit.breaker_policy().probe_lease.scaled(0.5);
    if decides && outcome == Outcome::Fault && state.clock.now() - asked < half_of_lease {
        // One request is no verdict: at a vendor that is well but for one transient fault in seven requests it would
        // keep the breaker open for another minute every seventh time. It is repeated while it holds its place.
        (found, outcome) = state.look(unit).await;
    }
    if decides {
        tracing::info!(target: "loadlock::circuit", provider = %unit.name, healthy = found.healthy, "[CIRCUIT] probed \
             {}: {}", unit.name, found.detail);
    }
    place.report(told(decides, outcome), &Silent).await;
    true
}
