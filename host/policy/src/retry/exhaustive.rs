//! Every course of events over a small route, breadth first, against a ghost that knows what was really sent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{HashSet, VecDeque};

use super::{Decision, Event, Factor, Inputs, Leg, RetryLoop, RetryPolicy, RoutePolicy};
use crate::Millis;
use crate::breaker::Refusal;
use crate::model::{Failure, FailureKind, Reach, VerifyMethod};

const DEADLINE: Millis = Millis(12);

const POLICY: RetryPolicy = RetryPolicy {
    enabled: true,
    attempts: 2,
    base: Millis(2),
    factor: Factor::TWO,
    cap: Millis(4),
    retry_after_cap: Millis(5),
    verify_attempts: 2,
    outage_looks: 3,
    look_for: Millis(8),
    connect: Millis(3),
    resend_unknown: false,
};

const ROUTE: RoutePolicy = RoutePolicy {
    total_attempts: 3,
    fallback: true,
};

/// The loop, and what really happened.
#[derive(Clone, PartialEq, Eq, Hash)]
struct World {
    retry: RetryLoop,
    now: Millis,
    /// What the loop said last; a driver does as it is told.
    told: Decision,
    sends: [u32; 2],
    /// A file may be stored at this leg and nobody has looked since.
    unverified: [bool; 2],
    /// When this leg was first sent to.
    first: [Millis; 2],
    /// By when a look that is under way has told something.
    looked_for_until: Millis,
}

struct Scope {
    retry: RetryPolicy,
    route: RoutePolicy,
    legs: [VerifyMethod; 2],
}

fn failures() -> Vec<Failure> {
    let mut all = Vec::new();
    for kind in FailureKind::ALL {
        all.push(Failure::new(kind, ""));
        let flagged = matches!(
            kind,
            FailureKind::Transport | FailureKind::Unavailable | FailureKind::Rejected | FailureKind::Unauthorized
        );
        if flagged {
            all.push(Failure {
                outcome_unknown: true,
                ..Failure::new(kind, "")
            });
        }
        // The host knows that nothing left, whatever the component says.
        if matches!(
            kind,
            FailureKind::Transport | FailureKind::Timeout | FailureKind::Protocol
        ) {
            for reach in [Reach::NothingSent, Reach::Unreachable] {
                all.push(Failure {
                    outcome_unknown: true,
                    reach,
                    ..Failure::new(kind, "")
                });
            }
        }
        if matches!(kind, FailureKind::RateLimited | FailureKind::Timeout) {
            for asked in [Millis(5), Millis(6)] {
                all.push(Failure {
                    retry_after: Some(asked),
                    ..Failure::new(kind, "")
                });
            }
        }
    }
    all
}

impl World {
    fn new(scope: &Scope) -> Self {
        let legs = scope.legs.map(|verify| Leg {
            verify,
            retry: scope.retry,
        });
        Self {
            retry: RetryLoop::new(scope.route, legs, DEADLINE),
            now: Millis::ZERO,
            told: Decision::NextProvider,
            sends: [0; 2],
            unverified: [false; 2],
            first: [Millis::ZERO; 2],
            looked_for_until: Millis::ZERO,
        }
    }

    fn over(&self) -> bool {
        matches!(self.told, Decision::Done | Decision::Adopt | Decision::GiveUp(_))
    }

    /// One event, at one of two times, with either answer of the budget and both ends of the jitter.
    fn event(&self, event: &Event, scope: &Scope, next: &mut Vec<World>) {
        for elapsed in [Millis::ZERO, Millis(7)] {
            for (random, paid) in [(0.0, true), (0.999, true), (0.0, false)] {
                let mut world = self.clone();
                world.now = world.now + elapsed;
                let mut asked = 0;
                let mut budget = || {
                    asked += 1;
                    paid
                };
                let mut inputs = Inputs {
                    now: world.now,
                    random,
                    budget: &mut budget,
                };
                world.ghost(event);
                world.told = world.retry.on(event.clone(), &mut inputs).expect("in order");
                assert!(asked <= 1, "a retry is paid for once");
                world.check(self, event, paid || asked == 0, scope);
                world.forget();
                next.push(world);
            }
        }
    }

    /// What no later check asks for would only make one world look like several.
    fn forget(&mut self) {
        if !matches!(self.told, Decision::Verify { .. }) {
            self.looked_for_until = Millis::ZERO;
        }
        if self.retry.leg() > 0 {
            self.first[0] = Millis::ZERO;
        }
    }

    /// What the event means for the file, whatever the loop makes of it.
    fn ghost(&mut self, event: &Event) {
        let leg = self.retry.leg();
        match event {
            Event::AttemptFailed(failure) => {
                // A failure that is known says nothing of an earlier send that is not.
                self.unverified[leg] |= match failure.reach {
                    Reach::NothingSent | Reach::Incomplete | Reach::Unreachable => false,
                    Reach::Untold => failure.leaves_outcome_unknown(),
                };
                self.looked_for_until = DEADLINE.min(self.now + POLICY.look_for);
            }
            Event::VerifyAbsent => self.unverified[leg] = false,
            Event::Cancelled | Event::DeadlinePassed => {
                self.unverified[leg] |= matches!(self.told, Decision::Send { .. } | Decision::Verify { .. });
            }
            _ => {}
        }
    }

    fn successors(&self, scope: &Scope) -> Vec<World> {
        let mut next = Vec::new();
        for outside in [Event::Cancelled, Event::DeadlinePassed] {
            self.event(&outside, scope, &mut next);
        }
        match self.told {
            Decision::Retry { after } => {
                let mut waited = self.clone();
                waited.now = waited.now + after;
                waited.ask_to_send(scope, &mut next);
            }
            Decision::NextProvider => self.ask_to_send(scope, &mut next),
            Decision::Send { .. } => {
                self.event(&Event::AttemptSucceeded, scope, &mut next);
                for failure in failures() {
                    self.event(&Event::AttemptFailed(failure), scope, &mut next);
                }
            }
            Decision::Verify { after } => {
                let mut waited = self.clone();
                waited.now = waited.now + after;
                for event in [
                    Event::VerifyFound,
                    Event::VerifyAbsent,
                    Event::VerifyUnknown,
                    Event::VerifyUnanswered,
                ] {
                    waited.event(&event, scope, &mut next);
                }
            }
            Decision::Done | Decision::Adopt | Decision::GiveUp(_) => unreachable!(),
        }
        next
    }

    /// The breaker lets it in or not; the driver may be late.
    fn ask_to_send(&self, scope: &Scope, next: &mut Vec<World>) {
        for until in [self.now, self.now + Millis(3), self.now + Millis(9)] {
            for refusal in [Refusal::Open { until }, Refusal::CoolingDown { until }] {
                self.event(&Event::NotAdmitted(refusal), scope, next);
            }
        }
        for late in [Millis::ZERO, Millis(1), Millis(7)] {
            let mut world = self.clone();
            world.now = world.now + late;
            world.told = world.retry.start(world.now).expect("in order");
            if let Decision::Send { leg, attempt } = world.told {
                if world.sends[leg] == 0 {
                    world.first[leg] = world.now;
                }
                world.sends[leg] += 1;
                assert_eq!(attempt, world.sends[leg]);
                assert!(world.now < DEADLINE, "sent after the deadline");
                let allowed = match scope.legs[leg] {
                    VerifyMethod::IdempotencyKey => true,
                    VerifyMethod::None => scope.retry.resend_unknown,
                    VerifyMethod::Mark | VerifyMethod::ChosenId | VerifyMethod::Digest => false,
                };
                assert!(!self.unverified[leg] || allowed, "sent again without looking");
                assert!(
                    leg == 0 || !self.unverified[0],
                    "sent elsewhere what may be stored here"
                );
                let most = if scope.retry.enabled { scope.retry.attempts } else { 1 };
                assert!(world.sends[leg] <= most, "too many sends to one provider");
                let total: u32 = world.sends.iter().sum();
                assert!(total <= scope.route.total_attempts, "too many sends");
                assert_eq!(total, world.retry.total_sends());
                assert!(leg == 0 || scope.route.fallback, "fell back");
            } else {
                assert!(world.now >= DEADLINE && world.over());
            }
            next.push(world);
        }
    }

    fn spent(&self, scope: &Scope) -> bool {
        self.sends.iter().sum::<u32>() >= scope.route.total_attempts
    }

    fn check(&self, before: &World, event: &Event, paid: bool, scope: &Scope) {
        let leg = before.retry.leg();
        match &self.told {
            Decision::Send { .. } => panic!("only `start` sends"),
            Decision::Retry { after } => {
                assert!(self.now + *after < DEADLINE, "waits past the deadline");
                assert_eq!(self.retry.leg(), leg);
                assert!(paid, "a retry that nobody pays for");
                match event {
                    Event::NotAdmitted(_) => assert!(after.get() > 0, "would spin"),
                    Event::AttemptFailed(failure) => {
                        assert!(failure.kind.is_retryable() || failure.kind == FailureKind::Protocol);
                        let asked = failure.retry_after.unwrap_or_default();
                        assert!(*after >= asked && asked <= scope.retry.retry_after_cap);
                        if failure.is_unreachable() {
                            let until = self.first[leg] + scope.retry.connect;
                            assert!(self.now + *after < until, "waits for a provider that is not there");
                            let elsewhere = scope.route.fallback && leg == 0;
                            assert!(
                                !elsewhere || self.unverified[leg] || self.spent(scope),
                                "waits, with another to go to"
                            );
                        }
                    }
                    _ => {}
                }
            }
            Decision::Verify { after } => {
                assert!(self.now + *after < self.looked_for_until, "looks past its time");
                assert_eq!(self.retry.look_until(), self.looked_for_until);
                if let Event::AttemptFailed(failure) = event {
                    assert_eq!(failure.reach, Reach::Untold, "looks for what was not sent");
                }
                assert!(self.unverified[leg], "looks for what was not lost");
                assert!(matches!(
                    scope.legs[leg],
                    VerifyMethod::Mark | VerifyMethod::ChosenId | VerifyMethod::Digest
                ));
            }
            Decision::NextProvider => {
                assert_eq!(self.retry.leg(), leg + 1);
                assert!(self.now < DEADLINE && !self.unverified[leg]);
            }
            Decision::Done => assert_eq!(event, &Event::AttemptSucceeded),
            Decision::Adopt => assert_eq!(event, &Event::VerifyFound),
            Decision::GiveUp(give_up) => {
                assert_eq!(give_up.outcome_unknown, self.unverified[leg], "{give_up:?} {event:?}");
            }
        }
    }
}

fn explore(scope: &Scope) -> usize {
    let first = World::new(scope);
    let mut seen = HashSet::from([first.clone()]);
    let mut queue = VecDeque::from([first]);
    while let Some(world) = queue.pop_front() {
        if world.over() {
            // Nothing more is accepted, so nothing more is sent.
            assert!(world.retry.clone().start(world.now).is_err());
            continue;
        }
        let next = world.successors(scope);
        assert!(next.iter().any(World::over), "no way out");
        for world in next {
            // The budget of time is finite, so a state space that never ends would show here.
            assert!(world.now <= DEADLINE + DEADLINE + DEADLINE);
            if seen.insert(world.clone()) {
                queue.push_back(world);
            }
        }
        assert!(seen.len() < 1_000_000, "the state space should be small");
    }
    seen.len()
}

#[test]
fn every_course_of_events_keeps_the_promises() {
    use VerifyMethod::{Digest, IdempotencyKey, Mark, None};
    let switches = [
        (POLICY, ROUTE),
        (
            RetryPolicy {
                enabled: false,
                ..POLICY
            },
            ROUTE,
        ),
        (
            POLICY,
            RoutePolicy {
                fallback: false,
                ..ROUTE
            },
        ),
        (
            RetryPolicy {
                resend_unknown: true,
                ..POLICY
            },
            ROUTE,
        ),
    ];
    let mut states = 0;
    for (retry, route) in switches {
        for legs in [
            [Mark, Digest],
            [IdempotencyKey, None],
            [None, Mark],
            [Digest, IdempotencyKey],
        ] {
            states += explore(&Scope { retry, route, legs });
        }
    }
    // A change that cuts the exploration short must not pass for a proof.
    assert!(states > 10_000, "only {states} states");
}
