#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

#[path = "tests_lost_answers.rs"]
mod lost_answers;
#[path = "tests_unreachable.rs"]
mod unreachable;

const DEADLINE: Millis = Millis::from_secs(600);

struct Upload {
    retry: RetryLoop,
    now: Millis,
    paid: bool,
}

impl Upload {
    fn over(legs: &[VerifyMethod]) -> Self {
        Self::with(RetryPolicy::default(), RoutePolicy::default(), legs)
    }

    fn with(retry: RetryPolicy, route: RoutePolicy, legs: &[VerifyMethod]) -> Self {
        let legs = legs.iter().map(|verify| Leg { verify: *verify, retry });
        let retry = RetryLoop::new(route, legs, DEADLINE);
        Self {
            retry,
            now: Millis::ZERO,
            paid: true,
        }
    }

    fn on(&mut self, event: Event) -> Decision {
        let paid = self.paid;
        let mut budget = || paid;
        let mut inputs = Inputs {
            now: self.now,
            random: 0.5,
            budget: &mut budget,
        };
        self.retry.on(event, &mut inputs).unwrap()
    }

    fn send(&mut self, event: Event) -> Decision {
        assert!(matches!(self.retry.start(self.now).unwrap(), Decision::Send { .. }));
        self.on(event)
    }

    fn fail(&mut self, kind: FailureKind) -> Decision {
        self.send(Event::AttemptFailed(Failure::new(kind, "test")))
    }
}

fn limited(retry_after: Millis) -> Event {
    let failure = Failure::new(FailureKind::RateLimited, "slow down");
    Event::AttemptFailed(Failure {
        retry_after: Some(retry_after),
        ..failure
    })
}

fn given_up(decision: Decision) -> (Why, bool) {
    match decision {
        Decision::GiveUp(give_up) => (give_up.why, give_up.outcome_unknown),
        other => panic!("{other:?}"),
    }
}

const MARK: VerifyMethod = VerifyMethod::Mark;

#[test]
fn three_attempts_with_growing_waits() {
    let mut upload = Upload::over(&[MARK]);
    assert_eq!(
        upload.fail(FailureKind::Unavailable),
        Decision::Retry { after: Millis(500) }
    );
    assert_eq!(
        upload.fail(FailureKind::Transport),
        Decision::Retry { after: Millis(1_000) }
    );
    assert_eq!(
        given_up(upload.fail(FailureKind::Unavailable)),
        (Why::AttemptsSpent, false)
    );
}

#[test]
fn what_cannot_help_is_not_retried() {
    for kind in FailureKind::ALL {
        let mut upload = Upload::over(&[MARK]);
        let decision = upload.fail(kind);
        let again = matches!(decision, Decision::Retry { .. } | Decision::Verify { .. });
        assert_eq!(again, kind.is_retryable() || kind == FailureKind::Protocol, "{kind}");
    }
}

#[test]
fn a_refused_file_is_not_shopped_around_and_a_broken_provider_is_left() {
    for kind in FailureKind::ALL {
        let mut upload = Upload::over(&[MARK, MARK]);
        match (kind, upload.fail(kind)) {
            (FailureKind::Rejected, decision) => {
                assert_eq!(given_up(decision), (Why::Refused, false));
            }
            (
                FailureKind::Unauthorized
                | FailureKind::QuotaExhausted
                | FailureKind::NotFound
                | FailureKind::Unsupported
                | FailureKind::Internal,
                decision,
            ) => assert_eq!(decision, Decision::NextProvider, "{kind}"),
            (_, decision) => {
                assert!(matches!(decision, Decision::Retry { .. } | Decision::Verify { .. }));
            }
        }
    }
}

/// Connection errors and timeouts were not retried, `Retry-After` was ignored, and one file was sent up to ten times
/// through a chain of providers.
#[test]
fn pains_4d_classified_retry_after_honoured_verified_before_resending() {
    for kind in [FailureKind::Transport, FailureKind::Timeout] {
        let decision = Upload::over(&[MARK]).fail(kind);
        assert!(!matches!(decision, Decision::GiveUp(_)), "{kind} is retried");
    }
    let mut upload = Upload::over(&[MARK]);
    assert_eq!(
        upload.send(limited(Millis::from_secs(20))),
        Decision::Retry { after: Millis(20_500) }
    );
    // Four providers, all of them broken: the number of sends is limited for the upload, not only for each.
    let mut upload = Upload::over(&[MARK; 4]);
    loop {
        if let Decision::GiveUp(give_up) = upload.fail(FailureKind::Unavailable) {
            assert_eq!(give_up.why, Why::AttemptsSpent);
            break;
        }
    }
    assert_eq!(upload.retry.total_sends(), 6);
    // A lost answer is looked for before anything is sent, here or elsewhere.
    let mut upload = Upload::over(&[MARK, MARK]);
    assert!(matches!(upload.fail(FailureKind::Timeout), Decision::Verify { .. }));
    assert!(upload.retry.start(upload.now).is_err());
    assert_eq!(upload.on(Event::VerifyFound), Decision::Adopt);
}

#[test]
fn a_longer_pause_than_is_waited_for_moves_on() {
    let long = limited(Millis::from_secs(61));
    let mut upload = Upload::over(&[MARK, MARK]);
    assert_eq!(upload.send(long.clone()), Decision::NextProvider);
    assert_eq!(given_up(upload.send(long)), (Why::RetryAfterTooLong, false));
    let absurd = limited(Millis(u64::MAX));
    assert_eq!(
        given_up(Upload::over(&[MARK]).send(absurd)),
        (Why::RetryAfterTooLong, false)
    );
}

#[test]
fn no_wait_passes_the_deadline() {
    let mut upload = Upload::over(&[MARK]);
    upload.now = DEADLINE - Millis(500);
    assert_eq!(given_up(upload.fail(FailureKind::Unavailable)), (Why::Deadline, false));
    let mut upload = Upload::over(&[MARK]);
    upload.now = DEADLINE - Millis(501);
    assert_eq!(
        upload.fail(FailureKind::Unavailable),
        Decision::Retry { after: Millis(500) }
    );
    upload.now = DEADLINE;
    assert_eq!(given_up(upload.retry.start(DEADLINE).unwrap()), (Why::Deadline, false));
    // With another provider there is still time for one attempt there.
    let mut upload = Upload::over(&[MARK, MARK]);
    upload.now = DEADLINE - Millis(500);
    assert_eq!(upload.fail(FailureKind::Unavailable), Decision::NextProvider);
    // And for a look that comes early.
    let mut upload = Upload::over(&[MARK]);
    upload.now = DEADLINE - Millis(500);
    assert_eq!(
        upload.fail(FailureKind::Timeout),
        Decision::Verify { after: Millis::ZERO }
    );
}

#[test]
fn a_spent_budget_leaves_the_provider_alone() {
    let mut upload = Upload::over(&[MARK, MARK]);
    upload.paid = false;
    assert_eq!(upload.fail(FailureKind::Unavailable), Decision::NextProvider);
    assert_eq!(
        given_up(upload.fail(FailureKind::Unavailable)),
        (Why::BudgetSpent, false)
    );
}

#[test]
fn a_breaker_is_waited_for_only_if_it_is_short_and_there_is_no_other() {
    let cooling = Refusal::CoolingDown {
        until: Millis::from_secs(5),
    };
    let open = Refusal::Open {
        until: Millis::from_secs(5),
    };
    let mut pinned = Upload::over(&[MARK]);
    assert_eq!(
        pinned.on(Event::NotAdmitted(cooling)),
        Decision::Retry { after: Millis(5_500) }
    );
    assert_eq!(
        given_up(pinned.on(Event::NotAdmitted(open))),
        (Why::NotAdmitted(open), false)
    );
    let mut auto = Upload::over(&[MARK, MARK]);
    assert_eq!(auto.on(Event::NotAdmitted(cooling)), Decision::NextProvider);
    assert_eq!(auto.retry.total_sends(), 0);
}

#[test]
fn switches_switch() {
    let off = RetryPolicy {
        enabled: false,
        ..RetryPolicy::default()
    };
    let mut upload = Upload::with(off, RoutePolicy::default(), &[MARK, MARK]);
    assert_eq!(upload.fail(FailureKind::Unavailable), Decision::NextProvider);
    assert!(matches!(upload.fail(FailureKind::Timeout), Decision::Verify { .. }));
    assert_eq!(given_up(upload.on(Event::VerifyAbsent)), (Why::AttemptsSpent, false));
    let alone = RoutePolicy {
        fallback: false,
        ..RoutePolicy::default()
    };
    let mut upload = Upload::with(RetryPolicy::default(), alone, &[MARK, MARK]);
    assert_eq!(given_up(upload.fail(FailureKind::Unauthorized)), (Why::Refused, false));
}

#[test]
fn each_provider_has_its_own_settings() {
    let once = RetryPolicy {
        attempts: 1,
        ..RetryPolicy::default()
    };
    let slow = RetryPolicy {
        base: Millis::from_secs(4),
        attempts: 2,
        ..once
    };
    let legs = [once, slow].map(|retry| Leg { verify: MARK, retry });
    let retry = RetryLoop::new(RoutePolicy::default(), legs, DEADLINE);
    let mut upload = Upload {
        retry,
        now: Millis::ZERO,
        paid: true,
    };
    assert_eq!(upload.fail(FailureKind::Unavailable), Decision::NextProvider);
    assert_eq!(
        upload.fail(FailureKind::Unavailable),
        Decision::Retry { after: Millis(2_000) }
    );
    assert_eq!(
        given_up(upload.fail(FailureKind::Unavailable)),
        (Why::AttemptsSpent, false)
    );
}

#[test]
fn events_out_of_order_change_nothing() {
    let mut upload = Upload::over(&[MARK]);
    let before = upload.retry.clone();
    let mut inputs = Inputs {
        now: Millis::ZERO,
        random: 0.0,
        budget: &mut || true,
    };
    for event in [Event::AttemptSucceeded, Event::VerifyFound, Event::VerifyAbsent] {
        assert!(upload.retry.on(event, &mut inputs).is_err());
    }
    assert_eq!(upload.retry, before);
    upload.send(Event::AttemptSucceeded);
    assert!(upload.retry.start(Millis::ZERO).is_err());
    assert!(upload.retry.on(Event::Cancelled, &mut inputs).is_err());
}

#[test]
fn a_route_of_nobody_ends() {
    let mut upload = Upload::over(&[]);
    assert_eq!(
        given_up(upload.retry.start(Millis::ZERO).unwrap()),
        (Why::AttemptsSpent, false)
    );
}
