//! Probes and what they found.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use loadlock_policy::Millis;
use loadlock_policy::breaker::Outcome;
use loadlock_policy::model::FailureKind;
use loadlock_sandbox::{CallError, Exhausted};
use serde::{Deserialize, Serialize};

use crate::gateway::Inner;
use crate::setup::ProviderUnit;
use crate::view::{Probe, rfc3339};

/// Longest that a probe may take: a list of a vendor that is well takes a second.
const PROBE: Duration = Duration::from_secs(20);

/// Longest text of a vendor that is kept, in characters.
const DETAIL: usize = 300;

/// What the last probe of a provider found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether it answered as it should.
    pub healthy: bool,
    /// One line for a person.
    pub detail: String,
    /// What kind of failure it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureKind>,
    /// RFC 3339, UTC.
    pub checked_at: String,
    /// Milliseconds since then.
    pub age_ms: u64,
}

/// As it is kept, also over a restart.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    healthy: bool,
    detail: String,
    failure: Option<FailureKind>,
    checked_at_ms: u64,
}

/// The last probe of one provider.
#[derive(Debug, Default)]
pub(crate) struct LastProbe {
    kept: Option<Kept>,
    /// On this process's monotonic clock; absent if another process made it.
    at: Option<Millis>,
}

impl LastProbe {
    /// When this process probed last.
    pub(super) fn at(&self) -> Option<Millis> {
        self.at
    }
}

fn state_key(provider: &str) -> String {
    format!("health/{provider}")
}

impl Inner {
    /// Probes a provider and remembers what came of it; answers what it means to the breaker too.
    pub(crate) async fn look(&self, unit: &ProviderUnit) -> (Probe, Outcome) {
        let started = Instant::now();
        let (healthy, detail, failure, outcome) = match tokio::time::timeout(PROBE, unit.component.probe()).await {
            Ok(report) => {
                crate::pipeline::log_component(&unit.name, &report);
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
        let kept = Kept {
            healthy,
            detail: detail.chars().take(DETAIL).collect(),
            failure,
            checked_at_ms: self.clock.wall_ms(),
        };
        let bytes = serde_json::to_vec(&kept).unwrap_or_default();
        *unit.health.lock().unwrap_or_else(PoisonError::into_inner) = LastProbe {
            kept: Some(kept),
            at: Some(self.clock.now()),
        };
        if let Err(error) = self.journal.put_state(&state_key(&unit.name), bytes).await {
            tracing::warn!(%error, provider = %unit.name, "a provider's health is not kept over a restart");
        }
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
        let last = unit.health.lock().unwrap_or_else(PoisonError::into_inner);
        last.kept.as_ref().map(|kept| Health {
            healthy: kept.healthy,
            detail: kept.detail.clone(),
            failure: kept.failure,
            checked_at: rfc3339(kept.checked_at_ms),
            age_ms: self.clock.wall_ms().saturating_sub(kept.checked_at_ms),
        })
    }

    /// What earlier processes found.
    pub(crate) fn restore_health(&self) {
        for unit in &self.providers {
            let kept = self.journal.get_state(&state_key(&unit.name));
            let kept = kept.ok().flatten();
            let kept = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            *unit.health.lock().unwrap_or_else(PoisonError::into_inner) = LastProbe { kept, at: None };
        }
    }
}
