//! The state machine of one upload over one route.

use super::{Decision, Event, GiveUp, Leg, OutOfOrder, RetryPolicy, RoutePolicy, Why};
use crate::Millis;
use crate::breaker::Refusal;
use crate::model::{Failure, FailureKind, VerifyMethod};

/// What a decision needs from outside.
pub struct Inputs<'a> {
    /// The time.
    pub now: Millis,
    /// Uniform in `[0, 1)`.
    pub random: f64,
    /// Asked at most once, when everything else speaks for a retry at the same provider: whether its retry budget pays
    /// for it. See [`crate::budget::RetryBudget::withdraw`].
    pub budget: &'a mut dyn FnMut() -> bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// Nothing is under way; the next is to send.
    Ready,
    Sending,
    /// Looking for a lost upload, for the how-manieth time, and until when.
    Verifying {
        looks: u32,
        until: Millis,
    },
    Over,
}

/// Decides over one upload; see the [module](super).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RetryLoop {
    policy: RoutePolicy,
    legs: Vec<Leg>,
    leg: usize,
    /// Sends to this leg's provider.
    sends: u32,
    /// When the first of them began.
    first: Millis,
    total_sends: u32,
    phase: Phase,
    deadline: Millis,
    last: Option<Failure>,
    /// An earlier send to this leg's provider may have stored the file, and nobody has looked.
    unknown: bool,
}

impl RetryLoop {
    /// A loop over a route, best provider first; it must all be over by `deadline`. A pinned upload has a route of one.
    pub fn new(policy: RoutePolicy, legs: impl IntoIterator<Item = Leg>, deadline: Millis) -> Self {
        Self {
            policy,
            legs: legs.into_iter().collect(),
            leg: 0,
            sends: 0,
            first: Millis::ZERO,
            total_sends: 0,
            phase: Phase::Ready,
            deadline,
            last: None,
            unknown: false,
        }
    }

    /// Index in the route of the provider that is or will be asked.
    pub const fn leg(&self) -> usize {
        self.leg
    }

    /// Sends so far, over all providers.
    pub const fn total_sends(&self) -> u32 {
        self.total_sends
    }

    /// The instant by which it must all be over.
    pub const fn deadline(&self) -> Millis {
        self.deadline
    }

    /// By when a look for a lost upload must have told something: it is cut short then, and told as
    /// [`Event::VerifyUnanswered`].
    pub const fn look_until(&self) -> Millis {
        match self.phase {
            Phase::Verifying { until, .. } => until,
            Phase::Ready | Phase::Sending | Phase::Over => self.deadline,
        }
    }

    /// An attempt is about to be sent: the breaker has let it in. Answers [`Decision::Send`], or
    /// [`Decision::GiveUp`] if the deadline has passed.
    ///
    /// # Errors
    /// [`OutOfOrder`] if this is not the time to send.
    pub fn start(&mut self, now: Millis) -> Result<Decision, OutOfOrder> {
        if self.phase != Phase::Ready {
            return Err(self.out_of_order("start"));
        }
        if self.leg >= self.legs.len() {
            return Ok(self.give_up(Why::AttemptsSpent));
        }
        if now >= self.deadline {
            return Ok(self.give_up(Why::Deadline));
        }
        if self.sends == 0 {
            self.first = now;
        }
        self.sends += 1;
        self.total_sends += 1;
        self.phase = Phase::Sending;
        Ok(Decision::Send {
            leg: self.leg,
            attempt: self.sends,
        })
    }

    /// Something happened.
    ///
    /// # Errors
    /// [`OutOfOrder`] if it cannot have happened in this state.
    pub fn on(&mut self, event: Event, inputs: &mut Inputs<'_>) -> Result<Decision, OutOfOrder> {
        match (self.phase, event) {
            (Phase::Ready, Event::NotAdmitted(refusal)) => Ok(self.not_admitted(refusal, inputs)),
            (Phase::Sending, Event::AttemptSucceeded) => Ok(self.end(Decision::Done)),
            (Phase::Sending, Event::AttemptFailed(failure)) => Ok(self.failed(failure, inputs)),
            (Phase::Verifying { .. }, Event::VerifyFound) => Ok(self.end(Decision::Adopt)),
            (Phase::Verifying { .. }, Event::VerifyAbsent) => {
                self.unknown = false;
                Ok(self.again(inputs, true))
            }
            (Phase::Verifying { looks, until }, Event::VerifyUnknown) => {
                let most = self.current().retry.verify_attempts;
                Ok(self.look_again(looks, most, until, inputs))
            }
            (Phase::Verifying { looks, until }, Event::VerifyUnanswered) => {
                let most = self.current().retry.outage_looks;
                Ok(self.look_again(looks, most, until, inputs))
            }
            (Phase::Ready | Phase::Sending | Phase::Verifying { .. }, Event::DeadlinePassed) => {
                Ok(self.interrupted(Why::Deadline))
            }
            (Phase::Ready | Phase::Sending | Phase::Verifying { .. }, Event::Cancelled) => {
                Ok(self.interrupted(Why::Cancelled))
            }
            (_, event) => Err(self.out_of_order(name(&event))),
        }
    }

    fn failed(&mut self, failure: Failure, inputs: &mut Inputs<'_>) -> Decision {
        let unknown = failure.leaves_outcome_unknown();
        let asked = failure.retry_after;
        self.last = Some(failure);
        if !unknown {
            return self.again(inputs, false);
        }
        self.unknown = true;
        let Leg { verify, retry } = self.current();
        match verify {
            VerifyMethod::Mark | VerifyMethod::ChosenId | VerifyMethod::Digest => {
                if inputs.now >= self.deadline {
                    return self.give_up(Why::Deadline);
                }
                let until = self.deadline.min(inputs.now + retry.look_for);
                self.phase = Phase::Verifying { looks: 1, until };
                let after = retry.wait(self.sends, asked, inputs.random);
                // A look that comes early is better than none.
                let fits = after.filter(|after| inputs.now + *after < until);
                Decision::Verify {
                    after: fits.unwrap_or(Millis::ZERO),
                }
            }
            // The mark goes with every send as idempotency key, so sending again is looking.
            VerifyMethod::IdempotencyKey => self.again(inputs, false),
            VerifyMethod::None if retry.resend_unknown => self.again(inputs, false),
            VerifyMethod::None => self.give_up(Why::OutcomeUnknown),
        }
    }

    fn look_again(&mut self, looks: u32, most: u32, until: Millis, inputs: &Inputs<'_>) -> Decision {
        let after = self.current().retry.backoff(looks, inputs.random);
        if looks >= most || inputs.now + after >= until {
            return self.give_up(Why::OutcomeUnknown);
        }
        self.phase = Phase::Verifying {
            looks: looks + 1,
            until,
        };
        Decision::Verify { after }
    }

    /// After a failure whose outcome is known, or does not keep us from sending again: the same provider, the next, or
    /// none. `waited` if the wait was before the look.
    fn again(&mut self, inputs: &mut Inputs<'_>, waited: bool) -> Decision {
        let retry = self.current().retry;
        let (kind, asked) = match &self.last {
            Some(failure) => (failure.kind, failure.retry_after),
            None => (FailureKind::Internal, None),
        };
        let unreachable = self.last.as_ref().is_some_and(Failure::is_unreachable);
        // An unreadable answer is not retried blindly, but here somebody has looked, or sending again is safe.
        let retryable = kind.is_retryable() || kind == FailureKind::Protocol;
        // What the vendor refuses it would refuse elsewhere too; and a refusal by content is not to be shopped around.
        if kind == FailureKind::Rejected {
            return self.give_up(Why::Refused);
        }
        let why = if inputs.now >= self.deadline {
            return self.give_up(Why::Deadline);
        } else if !retryable {
            Why::Refused
        } else if unreachable && self.has_next() {
            // Another provider takes the file sooner than this one comes back.
            Why::Unreachable
        } else if !retry.enabled || self.sends >= retry.attempts || self.total_sends >= self.policy.total_attempts {
            Why::AttemptsSpent
        } else {
            let wait = retry.wait(self.sends, asked, inputs.random);
            match wait.map(|wait| if waited { Millis::ZERO } else { wait }) {
                None => Why::RetryAfterTooLong,
                Some(after) if inputs.now + after >= self.deadline => Why::Deadline,
                Some(after) if unreachable && inputs.now + after >= self.first + retry.connect => Why::Unreachable,
                Some(_) if !(inputs.budget)() => Why::BudgetSpent,
                Some(after) => {
                    self.phase = Phase::Ready;
                    return Decision::Retry { after };
                }
            }
        };
        self.next_provider(why)
    }

    fn not_admitted(&mut self, refusal: Refusal, inputs: &Inputs<'_>) -> Decision {
        if inputs.now >= self.deadline {
            return self.give_up(Why::Deadline);
        }
        let retry = self.current().retry;
        let more = self.policy.fallback && self.leg + 1 < self.legs.len();
        let pause = match refusal {
            // A short pause of a provider that works, with no other to go to: an upload waits rather than fails.
            Refusal::CoolingDown { until } | Refusal::Probing { until } if !more || self.unknown => {
                // At least a tick, or two clocks that disagree by a little would spin.
                let after = (until - inputs.now).max(Millis(1)) + retry.base.scaled(inputs.random);
                Some(after).filter(|after| *after <= retry.retry_after_cap + retry.base)
            }
            _ => None,
        };
        match pause {
            Some(after) if inputs.now + after < self.deadline => Decision::Retry { after },
            _ => self.next_provider(Why::NotAdmitted(refusal)),
        }
    }

    /// Whether the route may move on.
    fn has_next(&self) -> bool {
        // With the file perhaps stored here, storing it elsewhere could make two of it.
        !self.unknown
            && self.policy.fallback
            && self.leg + 1 < self.legs.len()
            && self.total_sends < self.policy.total_attempts.max(1)
    }

    fn next_provider(&mut self, why: Why) -> Decision {
        if !self.has_next() {
            return self.give_up(why);
        }
        self.leg += 1;
        self.sends = 0;
        self.first = Millis::ZERO;
        self.phase = Phase::Ready;
        Decision::NextProvider
    }

    /// The leg that is being asked. `start` refuses to leave a route of nobody, so there is one wherever this is used
    /// but for an event that a route of nobody can have: that one gets settings that allow nothing.
    fn current(&self) -> Leg {
        let nobody = RetryPolicy {
            enabled: false,
            ..RetryPolicy::default()
        };
        self.legs.get(self.leg).copied().unwrap_or(Leg {
            verify: VerifyMethod::None,
            retry: nobody,
        })
    }

    /// Cut short from outside.
    fn interrupted(&mut self, why: Why) -> Decision {
        self.unknown |= self.phase != Phase::Ready;
        self.give_up(why)
    }

    fn give_up(&mut self, why: Why) -> Decision {
        let failure = self.last.take();
        self.end(Decision::GiveUp(GiveUp {
            why,
            failure,
            outcome_unknown: self.unknown,
        }))
    }

    const fn end(&mut self, decision: Decision) -> Decision {
        self.phase = Phase::Over;
        decision
    }

    const fn out_of_order(&self, event: &'static str) -> OutOfOrder {
        let phase = match self.phase {
            Phase::Ready => "ready to send",
            Phase::Sending => "sending",
            Phase::Verifying { .. } => "verifying",
            Phase::Over => "over",
        };
        OutOfOrder { event, phase }
    }
}

const fn name(event: &Event) -> &'static str {
    match event {
        Event::NotAdmitted(_) => "not admitted",
        Event::AttemptSucceeded => "attempt succeeded",
        Event::AttemptFailed(_) => "attempt failed",
        Event::VerifyFound => "verify found",
        Event::VerifyAbsent => "verify absent",
        Event::VerifyUnknown => "verify unknown",
        Event::VerifyUnanswered => "verify unanswered",
        Event::DeadlinePassed => "deadline passed",
        Event::Cancelled => "cancelled",
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
