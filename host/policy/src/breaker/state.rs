//! The state machine.

use serde::{Deserialize, Serialize};

use super::attempt::{Admission, Outcome, Permit, Refusal};
use super::policy::BreakerPolicy;
use crate::Millis;

/// The state's name, for logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// Everything is let in.
    Closed,
    /// Nothing is.
    Open,
    /// One probe at a time is.
    HalfOpen,
}

/// The look at a provider that is suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Look {
    /// To be made when it is suspect, from this instant.
    Pending {
        after: Millis,
    },
    UnderWay(ProbeSlot),
    /// It went well: no further one before a success.
    Passed,
}

impl Look {
    pub(super) const NEW: Self = Self::Pending { after: Millis::ZERO };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ProbeSlot {
    pub(super) id: u64,
    pub(super) lease_ends: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum BreakerState {
    Closed {
        faults: u32,
        look: Look,
    },
    Open {
        until: Millis,
    },
    HalfOpen {
        successes: u32,
        probe: Option<ProbeSlot>,
        last_probe: Option<Millis>,
        /// An upload failed as a probe, and nothing went well since.
        doubted: bool,
    },
}

/// The breaker of one provider. Instants are of one monotonic clock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Breaker {
    pub(super) state: BreakerState,
    pub(super) epoch: u64,
    pub(super) next_probe_id: u64,
    pub(super) cool_until: Option<Millis>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new()
    }
}

impl Breaker {
    /// Closed, nothing counted.
    pub const fn new() -> Self {
        Self {
            state: BreakerState::Closed {
                faults: 0,
                look: Look::NEW,
            },
            epoch: 0,
            next_probe_id: 0,
            cool_until: None,
        }
    }

    /// Asks for one attempt.
    ///
    /// # Errors
    /// [`Refusal`] says why not and when to ask again.
    ///
    /// ```
    /// use loadlock_policy::{Millis, breaker::{Breaker, BreakerPolicy, Outcome}};
    /// let (policy, now) = (BreakerPolicy { failures: 1, ..Default::default() }, Millis::ZERO);
    /// let mut breaker = Breaker::new();
    /// let permit = breaker.acquire(&policy, now)?;
    /// breaker.report(&policy, permit, Outcome::Fault, now);
    /// assert!(breaker.acquire(&policy, now).is_err());
    /// assert!(breaker.acquire(&policy, now + policy.open_for)?.is_probe());
    /// # Ok::<(), loadlock_policy::breaker::Refusal>(())
    /// ```
    pub fn acquire(&mut self, policy: &BreakerPolicy, now: Millis) -> Result<Permit, Refusal> {
        match self.eligibility(policy, now) {
            Admission::Refused(refusal) => Err(refusal),
            Admission::Ready => Ok(Permit {
                epoch: self.epoch,
                probe: None,
                monitor: false,
            }),
            Admission::Probe => {
                let (successes, doubted) = match self.state {
                    BreakerState::HalfOpen { successes, doubted, .. } => (successes, doubted),
                    BreakerState::Open { .. } | BreakerState::Closed { .. } => {
                        self.epoch += 1;
                        (0, false)
                    }
                };
                let probe = self.new_probe(policy, now);
                self.state = BreakerState::HalfOpen {
                    successes,
                    probe: Some(probe),
                    last_probe: Some(now),
                    doubted,
                };
                Ok(Permit {
                    epoch: self.epoch,
                    probe: Some(probe.id),
                    monitor: false,
                })
            }
        }
    }

    /// Asks for what [`Breaker::next_probe_at`] names: like [`Breaker::acquire`], and at a provider that is suspect the
    /// look that decides whether it opens.
    ///
    /// # Errors
    /// As [`Breaker::acquire`].
    pub fn acquire_probe(&mut self, policy: &BreakerPolicy, now: Millis) -> Result<Permit, Refusal> {
        let permit = Permit {
            monitor: true,
            ..self.acquire(policy, now)?
        };
        match self.look_at(policy) {
            Some((at, faults)) if at <= now => {
                let probe = self.new_probe(policy, now);
                self.state = BreakerState::Closed {
                    faults,
                    look: Look::UnderWay(probe),
                };
                Ok(Permit {
                    probe: Some(probe.id),
                    ..permit
                })
            }
            _ => Ok(permit),
        }
    }

    fn new_probe(&mut self, policy: &BreakerPolicy, now: Millis) -> ProbeSlot {
        let id = self.next_probe_id;
        self.next_probe_id += 1;
        ProbeSlot {
            id,
            lease_ends: now + policy.probe_lease,
        }
    }

    /// From when a suspect provider is to be looked at, and its faults; `None` if it is not suspect, or the look went
    /// well.
    fn look_at(&self, policy: &BreakerPolicy) -> Option<(Millis, u32)> {
        match self.state {
            BreakerState::Closed { faults, look } if policy.enabled && faults >= policy.failures => match look {
                Look::Pending { after } => Some((after, faults)),
                Look::UnderWay(probe) => Some((probe.lease_ends, faults)),
                Look::Passed => None,
            },
            _ => None,
        }
    }

    /// What [`Breaker::acquire`] would answer now. Routing asks this, never a label that an earlier answer left behind.
    pub fn eligibility(&self, policy: &BreakerPolicy, now: Millis) -> Admission {
        if let Some(until) = self.cool_until
            && now < until
        {
            return Admission::Refused(Refusal::CoolingDown { until });
        }
        if !policy.enabled {
            return Admission::Ready;
        }
        match self.state {
            BreakerState::Closed { .. } => Admission::Ready,
            BreakerState::Open { until } if now < until => Admission::Refused(Refusal::Open { until }),
            BreakerState::HalfOpen { probe: Some(probe), .. } if now < probe.lease_ends => {
                Admission::Refused(Refusal::Probing {
                    until: probe.lease_ends,
                })
            }
            BreakerState::Open { .. } | BreakerState::HalfOpen { .. } => Admission::Probe,
        }
    }

    /// Takes a permit back with what became of its attempt. Answers the new label if the state changed: log that.
    pub fn report(&mut self, policy: &BreakerPolicy, permit: Permit, outcome: Outcome, now: Millis) -> Option<Label> {
        if permit.epoch != self.epoch {
            return None;
        }
        if let Outcome::RateLimited { retry_after } = outcome {
            self.cool_down(policy, retry_after, now);
        }
        if !policy.enabled {
            return None;
        }
        match self.state {
            BreakerState::Closed { faults, look } => match permit.probe {
                Some(id) => self.looked(policy, (id, outcome), (faults, look), now),
                None => self.counted(policy, outcome, (faults, look), now),
            },
            // No permit is given while open, and those from before are of an earlier epoch.
            BreakerState::Open { .. } => None,
            // A probe whose lease ended was replaced: its place is another's.
            BreakerState::HalfOpen { probe, .. } if permit.probe.is_none() || probe.map(|p| p.id) != permit.probe => {
                None
            }
            BreakerState::HalfOpen {
                successes,
                last_probe,
                doubted,
                ..
            } => {
                let next = |successes, last_probe, doubted| BreakerState::HalfOpen {
                    successes,
                    probe: None,
                    last_probe,
                    doubted,
                };
                self.state = match outcome {
                    Outcome::Fault if permit.monitor || doubted || !policy.watched => {
                        return Some(self.open(policy, now));
                    }
                    Outcome::Fault => next(0, None, true),
                    Outcome::Success if successes.saturating_add(1) >= policy.successes => {
                        self.epoch += 1;
                        self.state = Self::new().state;
                        return Some(Label::Closed);
                    }
                    Outcome::Success => next(successes + 1, last_probe, false),
                    Outcome::Neutral | Outcome::RateLimited { .. } | Outcome::Cancelled => {
                        next(successes, last_probe, doubted)
                    }
                };
                None
            }
        }
    }

    /// What an attempt means to a closed breaker.
    fn counted(
        &mut self,
        policy: &BreakerPolicy,
        outcome: Outcome,
        (faults, look): (u32, Look),
        now: Millis,
    ) -> Option<Label> {
        match outcome {
            Outcome::Success => {
                self.state = Self::new().state;
                None
            }
            Outcome::Fault => {
                let faults = faults.saturating_add(1);
                if faults >= policy.opens_at() {
                    return Some(self.open(policy, now));
                }
                self.state = BreakerState::Closed { faults, look };
                None
            }
            Outcome::Neutral | Outcome::RateLimited { .. } | Outcome::Cancelled => None,
        }
    }

    /// What the look at a suspect provider means. One that lost its place, to another or to a success, has no say.
    fn looked(
        &mut self,
        policy: &BreakerPolicy,
        (id, outcome): (u64, Outcome),
        (faults, look): (u32, Look),
        now: Millis,
    ) -> Option<Label> {
        if !matches!(look, Look::UnderWay(probe) if probe.id == id) {
            return None;
        }
        let look = match outcome {
            Outcome::Fault => return Some(self.open(policy, now)),
            Outcome::Success => Look::Passed,
            Outcome::Neutral | Outcome::RateLimited { .. } | Outcome::Cancelled => Look::Pending {
                after: now + policy.probe_interval,
            },
        };
        self.state = BreakerState::Closed { faults, look };
        None
    }

    /// When the health monitor should probe next: `None` while closed and not suspect. An instant in the past means
    /// now.
    ///
    /// A provider that nobody uploads to still recovers, because this does not depend on anybody asking.
    pub fn next_probe_at(&self, policy: &BreakerPolicy) -> Option<Millis> {
        if !policy.enabled {
            return None;
        }
        let at = match self.state {
            BreakerState::Closed { .. } => self.look_at(policy)?.0,
            BreakerState::Open { until } => until,
            BreakerState::HalfOpen { probe: Some(probe), .. } => probe.lease_ends,
            BreakerState::HalfOpen {
                probe: None,
                last_probe,
                ..
            } => last_probe.map_or(Millis::ZERO, |last| last + policy.probe_interval),
        };
        Some(at.max(self.cool_until.unwrap_or(Millis::ZERO)))
    }

    /// The state's name now: an open breaker whose time is over is half-open.
    pub fn label(&self, now: Millis) -> Label {
        match self.state {
            BreakerState::Closed { .. } => Label::Closed,
            BreakerState::Open { until } if now < until => Label::Open,
            BreakerState::Open { .. } | BreakerState::HalfOpen { .. } => Label::HalfOpen,
        }
    }

    fn open(&mut self, policy: &BreakerPolicy, now: Millis) -> Label {
        self.epoch += 1;
        self.state = BreakerState::Open {
            until: now + policy.open_for,
        };
        Label::Open
    }

    fn cool_down(&mut self, policy: &BreakerPolicy, asked: Option<Millis>, now: Millis) {
        let pause = asked.unwrap_or(policy.cooldown_default).min(policy.cooldown_cap);
        let until = now + pause;
        // Never shorter than what was asked before.
        self.cool_until = Some(self.cool_until.map_or(until, |before| before.max(until)));
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
