//! Where an upload waits on its way: for a permit at a provider, and between two attempts.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use loadlock_policy::Millis;
use loadlock_policy::breaker::{Breaker, Outcome, Permit, Refusal};
use loadlock_policy::retry::Event as RetryEvent;
use tokio::sync::OwnedSemaphorePermit;

use super::job::UploadJob;
use crate::api::progress::{Event, Progress};
use crate::fault::{self, Point};
use crate::state::gateway::GatewayState;
use crate::state::provider::ProviderUnit;

/// The right to make one attempt.
pub(super) struct AttemptPermits<'a> {
    breaker: BreakerPermit<'a>,
    _provider: OwnedSemaphorePermit,
    _gateway: OwnedSemaphorePermit,
}

impl AttemptPermits<'_> {
    /// Gives all of them back with what became of the attempt.
    pub(super) async fn give_back(self, outcome: Outcome, progress: &dyn Progress) {
        self.breaker.report(outcome, progress).await;
    }
}

impl<'a> UploadJob<'a> {
    /// One of the provider's places for an upload, in the order of asking, and its breaker's permit. Waiting is part of
    /// the upload's own time.
    pub(super) async fn permits(&self, unit: &Arc<ProviderUnit>) -> Result<AttemptPermits<'a>, RetryEvent> {
        let state = self.state;
        let waiting = async {
            let provider = unit.health.permits.acquire().await;
            // The gateway's own second, so that nobody holds one of those while waiting for a provider.
            let gateway = state.providers.permits.acquire().await;
            provider.zip(gateway)
        };
        let left = state.clock.real(self.deadline - state.clock.now());
        let waited = tokio::time::timeout(left, waiting);
        let (provider, gateway) = match self.asked.cancel.run_until_cancelled(waited).await {
            None => return Err(RetryEvent::Cancelled),
            Some(Ok(Some(permits))) => permits,
            Some(_) => return Err(RetryEvent::DeadlinePassed),
        };
        Ok(AttemptPermits {
            breaker: BreakerPermit::take(state, unit).map_err(RetryEvent::NotAdmitted)?,
            _provider: provider,
            _gateway: gateway,
        })
    }

    /// Waits; false if the caller gives up meanwhile.
    pub(super) async fn pause(&self, unit: &ProviderUnit, after: Millis, what: &str) -> bool {
        let real = self.state.clock.real(after);
        self.asked.progress.event(Event::Retry {
            provider: unit.name.clone(),
            reason: what.to_owned(),
            after_ms: u64::try_from(real.as_millis()).unwrap_or(u64::MAX),
        });
        let cancel = self.asked.cancel;
        if real > Duration::ZERO {
            let _ = cancel.run_until_cancelled(tokio::time::sleep(real)).await;
        }
        !cancel.is_cancelled()
    }
}

/// The breaker's permit and the count of uploads in flight, both given back whatever happens.
pub(crate) struct BreakerPermit<'a> {
    state: &'a GatewayState,
    unit: Arc<ProviderUnit>,
    permit: Option<Permit>,
    /// Whether it counts as an upload in flight; a background probe does not.
    counted: bool,
}

impl<'a> BreakerPermit<'a> {
    /// Asks the breaker.
    pub(crate) fn take(state: &'a GatewayState, unit: &Arc<ProviderUnit>) -> std::result::Result<Self, Refusal> {
        let ask = |breaker: &mut Breaker, now| breaker.acquire(&unit.breaker_policy(), now);
        let mut permit = Self::ask(state, unit, ask)?;
        unit.health.in_flight.fetch_add(1, Ordering::Relaxed);
        permit.counted = true;
        Ok(permit)
    }

    /// Asks the breaker for a probe in the background.
    pub(crate) fn to_probe(state: &'a GatewayState, unit: &Arc<ProviderUnit>) -> std::result::Result<Self, Refusal> {
        Self::ask(state, unit, |breaker, now| {
            breaker.acquire_probe(&unit.breaker_policy(), now)
        })
    }

    fn ask(
        state: &'a GatewayState,
        unit: &Arc<ProviderUnit>,
        ask: impl FnOnce(&mut Breaker, Millis) -> std::result::Result<Permit, Refusal>,
    ) -> std::result::Result<Self, Refusal> {
        let now = state.clock.now();
        let mut breaker = unit.breaker();
        let permit = ask(&mut breaker, now)?;
        Ok(Self {
            state,
            unit: unit.clone(),
            permit: Some(permit),
            counted: false,
        })
    }

    /// Whether the breaker let it in to find out if the provider works.
    pub(crate) fn decides(&self) -> bool {
        self.permit.as_ref().is_some_and(Permit::is_probe)
    }

    /// Gives it back with what became of the attempt.
    pub(crate) async fn report(mut self, outcome: Outcome, progress: &dyn Progress) {
        let changed = self.give_back(outcome);
        if changed.is_some() || matches!(outcome, Outcome::Fault | Outcome::RateLimited { .. }) {
            self.unit.keep_breaker(&self.state.journal, &self.state.clock).await;
            fault::at(Point::BreakerKept);
        }
        if let Some(state) = changed {
            progress.event(Event::Circuit {
                provider: self.unit.name.clone(),
                state,
            });
        }
    }

    fn give_back(&mut self, outcome: Outcome) -> Option<String> {
        let permit = self.permit.take()?;
        if self.counted {
            self.unit.health.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
        // Whoever waits for the time of the next probe looks at the schedule again.
        self.unit.health.reported.notify_one();
        let now = self.state.clock.now();
        let mut breaker = self.unit.breaker();
        let label = breaker.report(&self.unit.breaker_policy(), permit, outcome, now)?;
        crate::metrics::transition(&self.unit.name, label);
        tracing::warn!(target: "loadlock::circuit", provider = %self.unit.name, state = ?label, "[CIRCUIT] {} is now \
             {label:?}", self.unit.name);
        Some(format!("{label:?}").to_lowercase())
    }
}

impl Drop for BreakerPermit<'_> {
    fn drop(&mut self) {
        // Only a dropped future comes here with a permit.
        let _ = self.give_back(Outcome::Cancelled);
    }
}
