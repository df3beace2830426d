//! The state machine.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Millis;
use crate::model::{Failure, FailureKind};

/// Settings of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Off: everything is let in, nothing is counted. Cool-downs still hold.
    pub enabled: bool,
    /// Faults in a row that open it; at least 1.
    pub failures: u32,
    /// Successful probes that close it; at least 1.
    pub successes: u32,
    /// How long it stays open.
    pub open_for: Millis,
    /// How long a probe may hold the only place before another may be made.
    pub probe_lease: Millis,
    /// Time between two background probes while half-open.
    pub probe_interval: Millis,
    /// Longest cool-down, whatever the provider asks for.
    pub cooldown_cap: Millis,
    /// Cool-down after a rate limit that names no time.
    pub cooldown_default: Millis,
}

impl Default for BreakerPolicy {
    /// 5 faults, 2 successes, 60 s open; a probe holds its place for 30 s, and background probes are 5 s apart;
    /// cool-downs of 1 s where nothing is asked, at most 60 s.
    fn default() -> Self {
        Self {
            enabled: true,
            failures: 5,
            successes: 2,
            open_for: Millis::from_secs(60),
            probe_lease: Millis::from_secs(30),
            probe_interval: Millis::from_secs(5),
            cooldown_cap: Millis::from_secs(60),
            cooldown_default: Millis::from_secs(1),
        }
    }
}

/// How an admitted attempt ended, as far as the breaker cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The provider did what it should.
    Success,
    /// The provider did not: unavailable, timeout, transport.
    Fault,
    /// The attempt failed for a reason that is not the provider's, so it says nothing about it.
    Neutral,
    /// The provider asks for a pause.
    RateLimited {
        /// How long, if it said.
        retry_after: Option<Millis>,
    },
    /// The attempt was abandoned before it ended; its permit comes back unused.
    Cancelled,
}

impl Outcome {
    /// What a failure means to the breaker.
    pub const fn of(failure: &Failure) -> Self {
        if failure.kind.is_provider_fault() {
            Self::Fault
        } else if matches!(failure.kind, FailureKind::RateLimited) {
            Self::RateLimited {
                retry_after: failure.retry_after,
            }
        } else {
            Self::Neutral
        }
    }
}

/// Why an attempt is not let in, and when to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// It failed too often just now.
    #[error("the breaker is open until {until} after repeated faults")]
    Open {
        /// When a probe is let in.
        until: Millis,
    },
    /// Another caller is finding out whether it works again.
    #[error("the breaker is half-open and a probe is under way")]
    Probing {
        /// When that probe loses its place at the latest.
        until: Millis,
    },
    /// It asked for a pause.
    #[error("the provider asked for a pause until {until}")]
    CoolingDown {
        /// When the pause ends.
        until: Millis,
    },
}

impl Refusal {
    /// The instant from which asking again makes sense.
    pub const fn until(self) -> Millis {
        match self {
            Self::Open { until } | Self::Probing { until } | Self::CoolingDown { until } => until,
        }
    }
}

/// The right to one attempt. Give it back with [`Breaker::report`], with [`Outcome::Cancelled`] if the attempt is
/// dropped. It is neither `Clone` nor `Copy`, so it cannot be reported twice.
#[derive(Debug, PartialEq, Eq, Hash)]
#[must_use = "a permit has to be reported, or its place is held until the lease ends"]
pub struct Permit {
    pub(super) epoch: u64,
    /// Which probe this is, if it is one: a probe that lost its place has no say.
    pub(super) probe: Option<u64>,
}

impl Permit {
    /// Whether this attempt decides if the breaker closes.
    pub const fn is_probe(&self) -> bool {
        self.probe.is_some()
    }
}

/// What [`Breaker::eligibility`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Admission {
    /// It works, as far as is known.
    Ready,
    /// One attempt would be let in, to find out whether it works again.
    Probe,
    /// It would not be let in.
    Refused(Refusal),
}

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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Probe {
    pub(super) id: u64,
    pub(super) lease_ends: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    Closed {
        faults: u32,
    },
    Open {
        until: Millis,
    },
    HalfOpen {
        successes: u32,
        probe: Option<Probe>,
        last_probe: Option<Millis>,
    },
}

/// The breaker of one provider. Instants are of one monotonic clock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Breaker {
    pub(super) state: State,
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
            state: State::Closed { faults: 0 },
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
            }),
            Admission::Probe => {
                let successes = match self.state {
                    State::HalfOpen { successes, .. } => successes,
                    State::Open { .. } | State::Closed { .. } => {
                        self.epoch += 1;
                        0
                    }
                };
                let id = self.next_probe_id;
                self.next_probe_id += 1;
                self.state = State::HalfOpen {
                    successes,
                    probe: Some(Probe {
                        id,
                        lease_ends: now + policy.probe_lease,
                    }),
                    last_probe: Some(now),
                };
                Ok(Permit {
                    epoch: self.epoch,
                    probe: Some(id),
                })
            }
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
            State::Closed { .. } => Admission::Ready,
            State::Open { until } if now < until => Admission::Refused(Refusal::Open { until }),
            State::HalfOpen {
                probe: Some(probe), ..
            } if now < probe.lease_ends => Admission::Refused(Refusal::Probing {
                until: probe.lease_ends,
            }),
            State::Open { .. } | State::HalfOpen { .. } => Admission::Probe,
        }
    }

    /// Takes a permit back with what became of its attempt. Answers the new label if the state changed: log that.
    pub fn report(
        &mut self,
        policy: &BreakerPolicy,
        permit: Permit,
        outcome: Outcome,
        now: Millis,
    ) -> Option<Label> {
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
            State::Closed { faults } => match outcome {
                Outcome::Success => {
                    self.state = State::Closed { faults: 0 };
                    None
                }
                Outcome::Fault if faults.saturating_add(1) >= policy.failures => {
                    Some(self.open(policy, now))
                }
                Outcome::Fault => {
                    self.state = State::Closed { faults: faults + 1 };
                    None
                }
                Outcome::Neutral | Outcome::RateLimited { .. } | Outcome::Cancelled => None,
            },
            // No permit is given while open, and those from before are of an earlier epoch.
            State::Open { .. } => None,
            State::HalfOpen {
                successes,
                probe,
                last_probe,
            } => {
                // A probe whose lease ended was replaced: its place is another's.
                if permit.probe.is_none() || probe.map(|p| p.id) != permit.probe {
                    return None;
                }
                match outcome {
                    Outcome::Fault => Some(self.open(policy, now)),
                    Outcome::Success if successes.saturating_add(1) >= policy.successes => {
                        self.epoch += 1;
                        self.state = State::Closed { faults: 0 };
                        Some(Label::Closed)
                    }
                    Outcome::Success => {
                        let successes = successes + 1;
                        self.state = State::HalfOpen {
                            successes,
                            probe: None,
                            last_probe,
                        };
                        None
                    }
                    Outcome::Neutral | Outcome::RateLimited { .. } | Outcome::Cancelled => {
                        self.state = State::HalfOpen {
                            successes,
                            probe: None,
                            last_probe,
                        };
                        None
                    }
                }
            }
        }
    }

    /// When the health monitor should probe next: `None` while closed. An instant in the past means now.
    ///
    /// A provider that nobody uploads to still recovers, because this does not depend on anybody asking.
    pub fn next_probe_at(&self, policy: &BreakerPolicy) -> Option<Millis> {
        if !policy.enabled {
            return None;
        }
        let at = match self.state {
            State::Closed { .. } => return None,
            State::Open { until } => until,
            State::HalfOpen {
                probe: Some(probe), ..
            } => probe.lease_ends,
            State::HalfOpen {
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
            State::Closed { .. } => Label::Closed,
            State::Open { until } if now < until => Label::Open,
            State::Open { .. } | State::HalfOpen { .. } => Label::HalfOpen,
        }
    }

    fn open(&mut self, policy: &BreakerPolicy, now: Millis) -> Label {
        self.epoch += 1;
        self.state = State::Open {
            until: now + policy.open_for,
        };
        Label::Open
    }

    fn cool_down(&mut self, policy: &BreakerPolicy, asked: Option<Millis>, now: Millis) {
        let pause = asked
            .unwrap_or(policy.cooldown_default)
            .min(policy.cooldown_cap);
        let until = now + pause;
        // Never shorter than what was asked before.
        self.cool_until = Some(self.cool_until.map_or(until, |before| before.max(until)));
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
