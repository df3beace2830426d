//! What of a breaker outlives a restart.

use serde::{Deserialize, Serialize};

use super::state::{BreakerState, Look};
use super::{Breaker, BreakerPolicy};
use crate::Millis;

/// A breaker as it is kept on disk. A monotonic clock starts anew with the process, so instants are kept as what was
/// left of them, and the wall clock only tells how much of that passed meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerSnapshot {
    /// When it was taken, milliseconds since 1970.
    pub taken_at_ms: u64,
    /// The state.
    pub state: SnapshotState,
    /// What was left of a cool-down.
    pub cooldown_left: Option<Millis>,
}

/// The state in a snapshot. A probe that was under way is not kept: its process is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotState {
    /// Closed.
    Closed {
        /// Faults in a row. A look at a suspect provider is made anew.
        faults: u32,
    },
    /// Open.
    Open {
        /// What was left.
        left: Millis,
    },
    /// Half-open.
    HalfOpen {
        /// Successful probes.
        successes: u32,
    },
}

impl Breaker {
    /// Takes a snapshot at `now` on the monotonic and `wall_ms` on the wall clock.
    pub fn snapshot(&self, now: Millis, wall_ms: u64) -> BreakerSnapshot {
        let state = match self.state {
            BreakerState::Closed { faults, .. } => SnapshotState::Closed { faults },
            BreakerState::Open { until } => SnapshotState::Open { left: until - now },
            BreakerState::HalfOpen { successes, .. } => SnapshotState::HalfOpen { successes },
        };
        let cooldown_left = self.cool_until.map(|until| until - now).filter(|l| *l > Millis::ZERO);
        BreakerSnapshot {
            taken_at_ms: wall_ms,
            state,
            cooldown_left,
        }
    }

    /// A breaker from a snapshot.
    ///
    /// A wall clock that was set back counts as no time passed, and nothing lasts longer than the policy allows, so a
    /// wrong clock or an edited file cannot shut a provider out.
    pub fn restore(snapshot: &BreakerSnapshot, policy: &BreakerPolicy, now: Millis, wall_ms: u64) -> Self {
        let passed = Millis(wall_ms.saturating_sub(snapshot.taken_at_ms));
        let state = match snapshot.state {
            // One fault from opening at most, watched or not: a policy that became stricter must not open it without a
            // new fault.
            SnapshotState::Closed { faults } => BreakerState::Closed {
                faults: faults.min(policy.failures.saturating_mul(2).saturating_sub(1)),
                look: Look::NEW,
            },
            SnapshotState::Open { left } => BreakerState::Open {
                until: now + (left.min(policy.open_for) - passed),
            },
            SnapshotState::HalfOpen { successes } => BreakerState::HalfOpen {
                successes: successes.min(policy.successes.saturating_sub(1)),
                probe: None,
                last_probe: None,
                doubted: false,
            },
        };
        let cool_until = snapshot
            .cooldown_left
            .map(|left| now + (left.min(policy.cooldown_cap) - passed));
        Self {
            state,
            cool_until,
            ..Self::new()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::breaker::{Admission, Label, Outcome, Refusal};

    const HOUR_MS: u64 = 3_600_000;

    fn opened(policy: &BreakerPolicy, now: Millis) -> Breaker {
        let mut breaker = Breaker::new();
        for _ in 0..policy.failures {
            let permit = breaker.acquire(policy, now).unwrap();
            breaker.report(policy, permit, Outcome::Fault, now);
        }
        breaker
    }

    #[test]
    fn what_is_left_goes_on_after_a_restart() {
        let policy = BreakerPolicy::default();
        let breaker = opened(&policy, Millis(5_000));
        let snapshot = breaker.snapshot(Millis(15_000), HOUR_MS);
        let text = serde_json::to_string(&snapshot).unwrap();
        let snapshot = serde_json::from_str(&text).unwrap();
        // Ten seconds of the sixty passed before, twenty during the restart; the new clock starts at 100.
        let restored = Breaker::restore(&snapshot, &policy, Millis(100), HOUR_MS + 20_000);
        let until = Millis(30_100);
        assert_eq!(
            restored.eligibility(&policy, Millis(100)),
            Admission::Refused(Refusal::Open { until })
        );
        assert_eq!(restored.eligibility(&policy, until), Admission::Probe);
        let late = Breaker::restore(&snapshot, &policy, Millis(100), HOUR_MS * 2);
        assert_eq!(late.eligibility(&policy, Millis(100)), Admission::Probe);
    }

    #[test]
    fn a_wrong_clock_or_an_edited_file_shuts_nobody_out() {
        let policy = BreakerPolicy::default();
        let snapshot = BreakerSnapshot {
            taken_at_ms: u64::MAX,
            state: SnapshotState::Open { left: Millis::MAX },
            cooldown_left: Some(Millis::MAX),
        };
        let restored = Breaker::restore(&snapshot, &policy, Millis::ZERO, 0);
        assert_eq!(restored.next_probe_at(&policy), Some(policy.open_for));
        assert_eq!(restored.eligibility(&policy, policy.open_for), Admission::Probe);
    }

    #[test]
    fn a_probe_under_way_and_counts_are_settled() {
        let policy = BreakerPolicy::default();
        let mut breaker = opened(&policy, Millis::ZERO);
        let _lost = breaker.acquire(&policy, policy.open_for).unwrap();
        let snapshot = breaker.snapshot(policy.open_for, 0);
        let restored = Breaker::restore(&snapshot, &policy, Millis::ZERO, 0);
        assert_eq!(restored.label(Millis::ZERO), Label::HalfOpen);
        assert_eq!(restored.eligibility(&policy, Millis::ZERO), Admission::Probe);

        let closed = BreakerSnapshot {
            taken_at_ms: 0,
            state: SnapshotState::Closed { faults: 9 },
            cooldown_left: None,
        };
        let strict = BreakerPolicy { failures: 2, ..policy };
        let restored = Breaker::restore(&closed, &strict, Millis::ZERO, 0);
        assert_eq!(restored.label(Millis::ZERO), Label::Closed);
    }
}
