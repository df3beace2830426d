//! Probes and what they found.

use std::time::{Duration, Instant};

use loadlock_policy::breaker::Outcome;
use loadlock_policy::model::FailureKind;
use loadlock_sandbox::{CallError, Exhausted};

use crate::state::gateway::GatewayState;
use crate::state::provider::{Probed, ProviderUnit};
use crate::view::{Health, Probe, rfc3339};

/// Longest that a probe may take: a list of a vendor that is well takes a second.
const PROBE: Duration = Duration::from_secs(20);

/// Longest text of a vendor that is kept, in characters.
const DETAIL: usize = 300;

impl GatewayState {
    /// Probes a provider and remembers what came of it; answers what it means to the breaker too.
    pub(crate) async fn look(&self, unit: &ProviderUnit) -> (Probe, Outcome) {
        let started = Instant::now();
        let (healthy, detail, failure, outcome) = match tokio::time::timeout(PROBE, unit.component.probe()).await {
            Ok(report) => {
                unit.called(&report);
                match report.outcome {
                    Ok(Ok(detail)) => (true, detail, None, Outcome::Success),
                    Ok(Err(failure)) => {
                        let outcome = Outcome::of(&failure);
                        (false, failure.to_string(), Some(failure.kind), outcome)
                    }
                    Err(error) => {
                        // Out of time is the vendor's fault; a trap or a limit here is not.
                        let outcome = match &error {
                            CallError::Exhausted(Exhausted::Wall) => Outcome::Fault,
                            _ => Outcome::Neutral,
                        };
                        let kind = FailureKind::Internal;
                        (false, error.to_string(), Some(kind), outcome)
                    }
                }
            }
            Err(_) => (
                false,
                format!("no answer within {} s", PROBE.as_secs()),
                Some(FailureKind::Timeout),
                Outcome::Fault,
            ),
        };
        let found = Probed {
            healthy,
            detail: detail.chars().take(DETAIL).collect(),
            failure,
            checked_at_ms: self.clock.wall_ms(),
        };
        unit.keep_probe(found, &self.journal, &self.clock).await;
        let probe = Probe {
            provider: unit.name.clone(),
            healthy,
            detail,
            failure,
            elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        (probe, outcome)
    }

    /// What the last probe found, whichever process made it.
    pub(crate) fn health(&self, unit: &ProviderUnit) -> Option<Health> {
        unit.last_probe().found.as_ref().map(|found| Health {
            healthy: found.healthy,
            detail: found.detail.clone(),
            failure: found.failure,
            checked_at: rfc3339(found.checked_at_ms),
            age_ms: self.clock.wall_ms().saturating_sub(found.checked_at_ms),
        })
    }
}
