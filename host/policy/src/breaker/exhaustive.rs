//! Every interleaving of three callers over a small breaker, breadth first.
//!
//! Time is relative in the visited set (only distances matter) and so are epochs and probe ids, so the state space is
//! finite and is explored to its end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{HashSet, VecDeque};

use super::state::{BreakerState, Look, ProbeSlot};
use super::{Admission, Breaker, BreakerPolicy, Label, Outcome, Permit};
use crate::Millis;

const CALLERS: usize = 3;

/// Small policies whose times are in every order of length, one of them as strict as can be.
fn policies() -> [BreakerPolicy; 6] {
    let policy = |failures, successes, open_for, probe_lease, cooldown_cap| BreakerPolicy {
        enabled: true,
        failures,
        watched: false,
        successes,
        open_for: Millis(open_for),
        probe_lease: Millis(probe_lease),
        probe_interval: Millis(1),
        cooldown_cap: Millis(cooldown_cap),
        cooldown_default: Millis(1),
    };
    [
        policy(2, 2, 3, 2, 2),
        policy(3, 3, 2, 4, 3),
        policy(1, 1, 1, 1, 4),
        policy(2, 3, 4, 1, 1),
        BreakerPolicy {
            watched: true,
            ..policy(2, 2, 3, 2, 2)
        },
        BreakerPolicy {
            watched: true,
            ..policy(1, 1, 1, 3, 1)
        },
    ]
}

const OUTCOMES: [Outcome; 7] = [
    Outcome::Success,
    Outcome::Fault,
    Outcome::Neutral,
    Outcome::RateLimited { retry_after: None },
    Outcome::RateLimited {
        retry_after: Some(Millis(2)),
    },
    Outcome::RateLimited {
        retry_after: Some(Millis::MAX),
    },
    Outcome::Cancelled,
];

/// A breaker, the permits that are out, and the time.
struct World {
    breaker: Breaker,
    permits: [Option<Permit>; CALLERS],
    now: Millis,
    policy: BreakerPolicy,
}

impl Clone for World {
    fn clone(&self) -> Self {
        let copy = |p: &Option<Permit>| {
            p.as_ref().map(|p| Permit {
                epoch: p.epoch,
                probe: p.probe,
                monitor: p.monitor,
            })
        };
        Self {
            breaker: self.breaker.clone(),
            permits: [copy(&self.permits[0]), copy(&self.permits[1]), copy(&self.permits[2])],
            now: self.now,
            policy: self.policy,
        }
    }
}

/// What of a world matters for its future.
type Key = (BreakerState, Option<Millis>, Vec<Option<[bool; 4]>>);

impl World {
    fn new(policy: BreakerPolicy) -> Self {
        Self {
            breaker: Breaker::new(),
            permits: [None, None, None],
            now: Millis(100),
            policy,
        }
    }

    fn key(&self) -> Key {
        let left = |at: Millis| at - self.now;
        let state = match self.breaker.state {
            BreakerState::Closed { faults, look } => BreakerState::Closed {
                faults,
                look: match look {
                    Look::Pending { after } => Look::Pending { after: left(after) },
                    Look::UnderWay(probe) => Look::UnderWay(ProbeSlot {
                        id: 0,
                        lease_ends: left(probe.lease_ends),
                    }),
                    Look::Passed => Look::Passed,
                },
            },
            BreakerState::Open { until } => BreakerState::Open { until: left(until) },
            BreakerState::HalfOpen {
                successes,
                probe,
                last_probe,
                doubted,
            } => BreakerState::HalfOpen {
                successes,
                probe: probe.map(|p| ProbeSlot {
                    id: 0,
                    lease_ends: left(p.lease_ends),
                }),
                // Matters as the distance to the next probe only, and is over after one interval.
                last_probe: last_probe.map(|at| left(at + self.policy.probe_interval)),
                doubted,
            },
        };
        let cool = self.breaker.cool_until.map(left).filter(|l| *l > Millis::ZERO);
        let mut permits: Vec<_> = self
            .permits
            .iter()
            .map(|p| {
                p.as_ref().map(|p| {
                    [
                        p.epoch == self.breaker.epoch,
                        p.is_probe(),
                        p.monitor,
                        self.holds_place(p),
                    ]
                })
            })
            .collect();
        permits.sort();
        (state, cool, permits)
    }

    /// Whether this permit is the probe that the breaker waits for.
    fn holds_place(&self, permit: &Permit) -> bool {
        matches!(self.breaker.state,
            BreakerState::HalfOpen { probe: Some(p), .. } | BreakerState::Closed { look: Look::UnderWay(p), .. }
            if permit.epoch == self.breaker.epoch && permit.probe == Some(p.id))
    }

    /// Every world that one event leads to: a caller asks, reports, or dies with its permit; or time passes.
    fn successors(&self) -> Vec<World> {
        let mut next = Vec::new();
        for caller in 0..CALLERS {
            if self.permits[caller].is_none() {
                let mut world = self.clone();
                if let Ok(permit) = world.breaker.acquire(&self.policy, world.now) {
                    world.permits[caller] = Some(permit);
                }
                next.push(world);
                let mut monitor = self.clone();
                if let Ok(permit) = monitor.breaker.acquire_probe(&self.policy, monitor.now) {
                    monitor.permits[caller] = Some(permit);
                }
                next.push(monitor);
                continue;
            }
            for outcome in OUTCOMES {
                let mut world = self.clone();
                let permit = world.permits[caller].take().unwrap();
                world.breaker.report(&self.policy, permit, outcome, world.now);
                next.push(world);
            }
            let mut lost = self.clone();
            lost.permits[caller] = None;
            next.push(lost);
        }
        let mut later = self.clone();
        later.now = later.now + Millis(1);
        next.push(later);
        next
    }

    fn check(&self) {
        let places = self.permits.iter().flatten().filter(|p| self.holds_place(p)).count();
        assert!(places <= 1, "two probes hold the one place: {:?}", self.breaker);
        // Routing and admission agree.
        let mut asked = self.breaker.clone();
        let admitted = asked.acquire(&self.policy, self.now);
        match self.breaker.eligibility(&self.policy, self.now) {
            Admission::Ready => assert!(!admitted.unwrap().is_probe()),
            Admission::Probe => {
                assert!(admitted.unwrap().is_probe());
                let second = asked.acquire(&self.policy, self.now);
                assert!(second.is_err(), "one probe at a time");
            }
            Admission::Refused(refusal) => {
                assert_eq!(admitted, Err(refusal));
                assert!(refusal.until() > self.now, "a refusal names an instant ahead");
            }
        }
        // A provider that is suspect or shut out is always going to be probed, and no other.
        let probe = self.breaker.next_probe_at(&self.policy);
        let well = match self.breaker.state {
            BreakerState::Closed { faults, look } => {
                assert!(faults < self.policy.opens_at(), "it should be open");
                faults < self.policy.failures || look == Look::Passed
            }
            BreakerState::Open { .. } | BreakerState::HalfOpen { .. } => false,
        };
        assert_eq!(probe.is_none(), well);
        self.check_recovery();
    }

    /// From here on the provider is healthy, nobody uploads, and every permit that is out is lost.
    fn check_recovery(&self) {
        let mut breaker = self.breaker.clone();
        let mut now = self.now;
        let mut probes = 0;
        while let Some(due) = breaker.next_probe_at(&self.policy) {
            now = now.max(due);
            let permit = breaker
                .acquire_probe(&self.policy, now)
                .expect("a probe that is due is let in");
            assert!(permit.is_probe(), "it decides");
            breaker.report(&self.policy, permit, Outcome::Success, now);
            probes += 1;
            assert!(probes <= self.policy.successes, "stuck: {breaker:?}");
        }
        // The longest pause, then an interval between each two probes. A cool-down runs beside it.
        let bound = self
            .policy
            .open_for
            .max(self.policy.probe_lease)
            .max(self.policy.cooldown_cap);
        let between = Millis(self.policy.probe_interval.get() * u64::from(self.policy.successes - 1));
        assert!(now <= self.now + bound + between, "recovery took too long");
        let ready = now + self.policy.cooldown_cap;
        assert_eq!(breaker.eligibility(&self.policy, ready), Admission::Ready);
    }
}

/// What a step may do to the label, and why.
fn check_step(before: &World, after: &World) {
    let (old, new) = (before.breaker.state, after.breaker.state);
    if let (BreakerState::Closed { .. }, BreakerState::HalfOpen { .. }) = (old, new) {
        panic!("closed never becomes half-open");
    }
    if let (BreakerState::Closed { faults, look }, BreakerState::Open { .. }) = (old, new) {
        let policy = &before.policy;
        let failed_look = matches!(look, Look::UnderWay(_)) && faults >= policy.failures;
        assert!(
            faults + 1 == policy.opens_at() || failed_look,
            "opened after {faults} faults in a row"
        );
    }
    if let (BreakerState::Open { .. }, BreakerState::Closed { .. }) = (old, new) {
        panic!("open never closes without probes");
    }
    if let (BreakerState::HalfOpen { doubted, .. }, BreakerState::Open { .. }) = (old, new) {
        let mut places = before.permits.iter().flatten();
        let monitor = places.any(|p| p.monitor && before.holds_place(p));
        assert!(
            monitor || doubted || !before.policy.watched,
            "opened again by one upload"
        );
    }
    if let (BreakerState::HalfOpen { successes, .. }, BreakerState::Closed { .. }) = (old, new) {
        assert_eq!(successes + 1, before.policy.successes, "closed after too few successes");
    }
    if std::mem::discriminant(&old) != std::mem::discriminant(&new) {
        assert_ne!(before.breaker.epoch, after.breaker.epoch, "a change begins an epoch");
    }
}

#[test]
fn every_interleaving_keeps_one_probe_and_recovers() {
    let mut states = 0;
    for policy in policies() {
        let mut labels = HashSet::new();
        states += explore(policy, |world, next| {
            labels.insert(world.breaker.label(world.now));
            next.iter().for_each(|next| check_step(world, next));
            world.check();
        });
        for label in [Label::Closed, Label::Open, Label::HalfOpen] {
            assert!(labels.contains(&label), "{label:?} was never reached");
        }
    }
    // A change that cuts the exploration short must not pass for a proof.
    assert!(states > 1_000, "only {states} states");
}

/// Visits every reachable world with its successors; answers how many there are.
fn explore(policy: BreakerPolicy, mut visit: impl FnMut(&World, &[World])) -> usize {
    let first = World::new(policy);
    let mut seen = HashSet::from([first.key()]);
    let mut queue = VecDeque::from([first]);
    while let Some(world) = queue.pop_front() {
        let next = world.successors();
        visit(&world, &next);
        queue.extend(next.into_iter().filter(|next| seen.insert(next.key())));
        assert!(seen.len() < 1_000_000, "the state space should be small");
    }
    seen.len()
}

/// A result that was late changes neither counts nor label, from whatever state.
#[test]
fn late_results_are_ignored_everywhere() {
    let mut late = 0;
    for policy in policies() {
        explore(policy, |world, _| {
            for caller in 0..CALLERS {
                let stale = world.permits[caller].as_ref().is_some_and(|p| {
                    let probing = matches!(world.breaker.state, BreakerState::HalfOpen { .. });
                    p.epoch != world.breaker.epoch || ((probing || p.is_probe()) && !world.holds_place(p))
                });
                if !stale {
                    continue;
                }
                for outcome in [Outcome::Success, Outcome::Fault] {
                    let mut reported = world.clone();
                    let permit = reported.permits[caller].take().unwrap();
                    let changed = reported.breaker.report(&policy, permit, outcome, world.now);
                    assert_eq!(changed, None);
                    assert_eq!(reported.breaker, world.breaker);
                    late += 1;
                }
            }
        });
    }
    assert!(late > 100, "only {late} late results");
}
