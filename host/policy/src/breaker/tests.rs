#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::breaker::{Admission, BreakerPolicy, Outcome, Refusal};
use crate::model::{Failure, FailureKind};

const POLICY: BreakerPolicy = BreakerPolicy {
    enabled: true,
    failures: 5,
    watched: false,
    successes: 2,
    open_for: Millis::from_secs(60),
    probe_lease: Millis::from_secs(30),
    probe_interval: Millis::from_secs(5),
    cooldown_cap: Millis::from_secs(60),
    cooldown_default: Millis::from_secs(1),
};

fn at(seconds: u64) -> Millis {
    Millis::from_secs(seconds)
}

fn attempt(breaker: &mut Breaker, outcome: Outcome, now: Millis) -> Option<Label> {
    let permit = breaker.acquire(&POLICY, now).unwrap();
    breaker.report(&POLICY, permit, outcome, now)
}

fn opened() -> Breaker {
    let mut breaker = Breaker::new();
    for _ in 0..5 {
        attempt(&mut breaker, Outcome::Fault, at(0));
    }
    assert_eq!(breaker.label(at(0)), Label::Open);
    breaker
}

#[test]
fn five_faults_in_a_row_open_it_and_two_probes_close_it() {
    let mut breaker = Breaker::new();
    for _ in 0..4 {
        assert_eq!(attempt(&mut breaker, Outcome::Fault, at(0)), None);
    }
    assert_eq!(attempt(&mut breaker, Outcome::Fault, at(0)), Some(Label::Open));
    assert_eq!(
        breaker.acquire(&POLICY, Millis(59_999)),
        Err(Refusal::Open { until: at(60) })
    );
    assert_eq!(attempt(&mut breaker, Outcome::Success, at(60)), None);
    assert_eq!(attempt(&mut breaker, Outcome::Success, at(61)), Some(Label::Closed));
    assert!(!breaker.acquire(&POLICY, at(61)).unwrap().is_probe());
}

/// One permit in all and two successes needed: the predecessor stayed half-open for ever after one good probe.
#[test]
fn pains_4a_half_open_never_sticks() {
    for first in [Outcome::Success, Outcome::Neutral, Outcome::Cancelled] {
        let mut breaker = opened();
        attempt(&mut breaker, first, at(60));
        assert_eq!(breaker.eligibility(&POLICY, at(60)), Admission::Probe, "{first:?}");
        attempt(&mut breaker, Outcome::Success, at(60));
        if first != Outcome::Success {
            attempt(&mut breaker, Outcome::Success, at(60));
        }
        assert_eq!(breaker.label(at(60)), Label::Closed, "{first:?}");
    }
    // A probe that never comes back gives up its place.
    let mut breaker = opened();
    let lost = breaker.acquire(&POLICY, at(60)).unwrap();
    assert_eq!(
        breaker.acquire(&POLICY, at(89)),
        Err(Refusal::Probing { until: at(90) })
    );
    attempt(&mut breaker, Outcome::Success, at(90));
    attempt(&mut breaker, Outcome::Success, at(90));
    assert_eq!(breaker.label(at(90)), Label::Closed);
    assert_eq!(breaker.report(&POLICY, lost, Outcome::Fault, at(91)), None);
    assert_eq!(breaker.label(at(91)), Label::Closed);
}

/// Five 404s of one caller opened it for everyone, and a lifetime's failures opened it at call 500.
#[test]
fn pains_4b_only_provider_faults_count_and_a_success_resets() {
    let mut breaker = Breaker::new();
    for kind in FailureKind::ALL.into_iter().filter(|kind| !kind.is_provider_fault()) {
        for _ in 0..20 {
            let failure = Failure {
                retry_after: Some(Millis::ZERO),
                ..Failure::new(kind, "caller")
            };
            attempt(&mut breaker, Outcome::of(&failure), at(0));
        }
        assert_eq!(breaker.label(at(0)), Label::Closed, "{kind}");
    }
    for call in 0..10_000 {
        let outcome = if call % 100 < 4 {
            Outcome::Fault
        } else {
            Outcome::Success
        };
        attempt(&mut breaker, outcome, at(0));
        assert_eq!(breaker.label(at(0)), Label::Closed, "call {call}");
    }
}

/// Open providers were skipped before anyone asked whether their time was over.
#[test]
fn pains_4c_an_open_breaker_recovers_without_an_upload() {
    let mut breaker = opened();
    assert_eq!(breaker.next_probe_at(&POLICY), Some(at(60)));
    assert!(matches!(breaker.eligibility(&POLICY, at(59)), Admission::Refused(_)));
    assert_eq!(breaker.eligibility(&POLICY, at(60)), Admission::Probe);
    // Only the monitor ever asks.
    let mut probes = 0;
    while let Some(due) = breaker.next_probe_at(&POLICY) {
        attempt(&mut breaker, Outcome::Success, due);
        probes += 1;
        assert!(due <= at(65), "recovered within the open time and one interval");
    }
    assert_eq!(probes, 2);
    assert_eq!(breaker.eligibility(&POLICY, at(65)), Admission::Ready);
}

#[test]
fn a_result_from_before_a_change_says_nothing() {
    let mut breaker = Breaker::new();
    let mut early: Vec<_> = (0..8).map(|_| breaker.acquire(&POLICY, at(0)).unwrap()).collect();
    for _ in 0..5 {
        breaker.report(&POLICY, early.pop().unwrap(), Outcome::Fault, at(1));
    }
    assert_eq!(breaker.label(at(1)), Label::Open);
    breaker.report(&POLICY, early.pop().unwrap(), Outcome::Success, at(2));
    assert_eq!(breaker.acquire(&POLICY, at(2)), Err(Refusal::Open { until: at(61) }));
    let probe = breaker.acquire(&POLICY, at(61)).unwrap();
    breaker.report(&POLICY, early.pop().unwrap(), Outcome::Fault, at(61));
    assert_eq!(breaker.label(at(61)), Label::HalfOpen);
    breaker.report(&POLICY, probe, Outcome::Success, at(61));
    attempt(&mut breaker, Outcome::Success, at(61));
    breaker.report(&POLICY, early.pop().unwrap(), Outcome::Fault, at(62));
    assert_eq!(breaker.state, Breaker::new().state);
}

#[test]
fn one_probe_at_a_time_and_its_fault_opens_again() {
    let mut breaker = opened();
    let probe = breaker.acquire(&POLICY, at(60)).unwrap();
    assert!(probe.is_probe());
    assert_eq!(
        breaker.acquire(&POLICY, at(60)),
        Err(Refusal::Probing { until: at(90) })
    );
    assert_eq!(
        breaker.report(&POLICY, probe, Outcome::Fault, at(61)),
        Some(Label::Open)
    );
    assert_eq!(breaker.acquire(&POLICY, at(62)), Err(Refusal::Open { until: at(121) }));
}

#[test]
fn a_rate_limit_is_a_pause_and_no_fault() {
    let mut breaker = Breaker::new();
    let limited = |seconds| Outcome::RateLimited {
        retry_after: Some(at(seconds)),
    };
    attempt(&mut breaker, limited(10), at(0));
    assert_eq!(
        breaker.acquire(&POLICY, at(9)),
        Err(Refusal::CoolingDown { until: at(10) })
    );
    assert_eq!(breaker.label(at(9)), Label::Closed);
    // An absurd pause is capped; a missing one has a default; a shorter one does not shorten.
    attempt(&mut breaker, limited(u64::MAX), at(10));
    assert_eq!(breaker.eligibility(&POLICY, at(70)), Admission::Ready);
    attempt(&mut breaker, Outcome::RateLimited { retry_after: None }, at(70));
    assert_eq!(
        breaker.acquire(&POLICY, at(70)),
        Err(Refusal::CoolingDown { until: at(71) })
    );
    let (a, b) = (breaker.acquire(&POLICY, at(71)), breaker.acquire(&POLICY, at(71)));
    breaker.report(&POLICY, a.unwrap(), limited(20), at(71));
    breaker.report(&POLICY, b.unwrap(), limited(1), at(71));
    assert_eq!(
        breaker.acquire(&POLICY, at(80)),
        Err(Refusal::CoolingDown { until: at(91) })
    );
}

#[test]
fn a_probe_that_is_rate_limited_waits_and_tries_again() {
    let mut breaker = opened();
    attempt(
        &mut breaker,
        Outcome::RateLimited {
            retry_after: Some(at(20)),
        },
        at(60),
    );
    assert_eq!(breaker.next_probe_at(&POLICY), Some(at(80)));
    attempt(&mut breaker, Outcome::Success, at(80));
    attempt(&mut breaker, Outcome::Success, at(85));
    assert_eq!(breaker.label(at(85)), Label::Closed);
}

#[test]
fn off_means_off_but_a_pause_is_kept() {
    let off = BreakerPolicy {
        enabled: false,
        ..POLICY
    };
    let mut breaker = Breaker::new();
    for _ in 0..50 {
        let permit = breaker.acquire(&off, at(0)).unwrap();
        breaker.report(&off, permit, Outcome::Fault, at(0));
    }
    assert_eq!(breaker.eligibility(&off, at(0)), Admission::Ready);
    assert_eq!(breaker.next_probe_at(&off), None);
    let permit = breaker.acquire(&off, at(0)).unwrap();
    breaker.report(
        &off,
        permit,
        Outcome::RateLimited {
            retry_after: Some(at(5)),
        },
        at(0),
    );
    assert!(breaker.acquire(&off, at(4)).is_err());
}

const WATCHED: BreakerPolicy = BreakerPolicy {
    watched: true,
    ..POLICY
};

fn suspect() -> Breaker {
    let mut breaker = Breaker::new();
    assert_eq!(breaker.next_probe_at(&WATCHED), None);
    for _ in 0..5 {
        let permit = breaker.acquire_probe(&WATCHED, at(0)).unwrap();
        assert!(!permit.is_probe(), "nothing to look at yet");
        let changed = breaker.report(&WATCHED, permit, Outcome::Fault, at(0));
        assert_eq!(changed, None);
    }
    assert_eq!(breaker.eligibility(&WATCHED, at(0)), Admission::Ready);
    assert_eq!(breaker.next_probe_at(&WATCHED), Some(at(0)));
    breaker
}

#[test]
fn a_suspect_that_fails_the_look_is_shut_out() {
    let mut breaker = suspect();
    let look = breaker.acquire_probe(&WATCHED, at(0)).unwrap();
    assert!(look.is_probe());
    assert!(!breaker.acquire(&WATCHED, at(0)).unwrap().is_probe());
    assert_eq!(breaker.next_probe_at(&WATCHED), Some(at(30)));
    let changed = breaker.report(&WATCHED, look, Outcome::Fault, at(1));
    assert_eq!(changed, Some(Label::Open));
}

/// A vendor that lists and does not store: the look is no excuse for ever.
#[test]
fn a_suspect_that_passes_the_look_is_shut_out_at_twice_the_faults() {
    let mut breaker = suspect();
    let look = breaker.acquire_probe(&WATCHED, at(0)).unwrap();
    assert_eq!(breaker.report(&WATCHED, look, Outcome::Success, at(1)), None);
    assert_eq!(breaker.next_probe_at(&WATCHED), None, "one look");
    for fault in 6..=10 {
        let permit = breaker.acquire(&WATCHED, at(2)).unwrap();
        let changed = breaker.report(&WATCHED, permit, Outcome::Fault, at(2));
        assert_eq!(changed.is_some(), fault == 10);
    }
    assert_eq!(breaker.label(at(2)), Label::Open);
}

#[test]
fn a_success_clears_a_suspect_and_a_look_that_is_under_way_has_no_say() {
    let mut breaker = suspect();
    let look = breaker.acquire_probe(&WATCHED, at(0)).unwrap();
    let permit = breaker.acquire(&WATCHED, at(0)).unwrap();
    breaker.report(&WATCHED, permit, Outcome::Success, at(1));
    assert_eq!(breaker.report(&WATCHED, look, Outcome::Fault, at(2)), None);
    assert_eq!(breaker.state, Breaker::new().state);
}

#[test]
fn a_look_that_says_nothing_is_made_again_after_an_interval() {
    let mut breaker = suspect();
    let look = breaker.acquire_probe(&WATCHED, at(0)).unwrap();
    breaker.report(&WATCHED, look, Outcome::Neutral, at(1));
    assert_eq!(breaker.next_probe_at(&WATCHED), Some(at(6)));
    assert!(!breaker.acquire_probe(&WATCHED, at(5)).unwrap().is_probe());
    let lost = breaker.acquire_probe(&WATCHED, at(6)).unwrap();
    let second = breaker.acquire_probe(&WATCHED, at(36)).unwrap();
    assert!(second.is_probe(), "the first one's lease is over");
    assert_eq!(breaker.report(&WATCHED, lost, Outcome::Fault, at(37)), None);
    let changed = breaker.report(&WATCHED, second, Outcome::Fault, at(37));
    assert_eq!(changed, Some(Label::Open));
}

/// Ten uploads by ten processes, none of which lives long enough to look.
#[test]
fn suspicion_outlives_a_restart() {
    let restored = |breaker: &Breaker| Breaker::restore(&breaker.snapshot(at(0), 0), &WATCHED, at(0), 0);
    let mut breaker = restored(&suspect());
    assert_eq!(breaker.next_probe_at(&WATCHED), Some(at(0)));
    for _ in 6..=10 {
        let permit = breaker.acquire(&WATCHED, at(0)).unwrap();
        breaker.report(&WATCHED, permit, Outcome::Fault, at(0));
        breaker = restored(&breaker);
    }
    assert_eq!(breaker.label(at(0)), Label::Open);
}

fn half_open() -> Breaker {
    let mut breaker = opened();
    let permit = breaker.acquire(&WATCHED, at(60)).unwrap();
    assert_eq!(breaker.report(&WATCHED, permit, Outcome::Fault, at(60)), None);
    assert_eq!(breaker.label(at(60)), Label::HalfOpen);
    breaker
}

#[test]
fn an_upload_that_fails_as_a_probe_makes_a_look_due_at_once() {
    let mut breaker = half_open();
    assert!(breaker.next_probe_at(&WATCHED).unwrap() <= at(60));
    for second in [60, 61] {
        let look = breaker.acquire_probe(&WATCHED, at(second)).unwrap();
        breaker.report(&WATCHED, look, Outcome::Success, at(second));
    }
    assert_eq!(breaker.label(at(61)), Label::Closed);
}

#[test]
fn a_second_upload_in_a_row_or_a_look_that_fails_opens_it_again() {
    let mut breaker = half_open();
    let permit = breaker.acquire(&WATCHED, at(60)).unwrap();
    let changed = breaker.report(&WATCHED, permit, Outcome::Fault, at(60));
    assert_eq!(changed, Some(Label::Open));

    let mut breaker = opened();
    let look = breaker.acquire_probe(&WATCHED, at(60)).unwrap();
    let changed = breaker.report(&WATCHED, look, Outcome::Fault, at(60));
    assert_eq!(changed, Some(Label::Open));
}

#[test]
fn a_success_between_two_failed_probes_takes_the_doubt_back() {
    let mut breaker = half_open();
    for outcome in [Outcome::Success, Outcome::Fault] {
        let permit = breaker.acquire(&WATCHED, at(60)).unwrap();
        breaker.report(&WATCHED, permit, outcome, at(60));
    }
    assert_eq!(breaker.label(at(60)), Label::HalfOpen);
}
