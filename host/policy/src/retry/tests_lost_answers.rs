//! An answer was lost: was the file stored?

use super::*;

#[test]
fn a_lost_answer_that_nobody_can_look_for_ends_unknown() {
    let none = VerifyMethod::None;
    let mut upload = Upload::over(&[none, MARK]);
    assert_eq!(given_up(upload.fail(FailureKind::Timeout)), (Why::OutcomeUnknown, true));
    // By a setting it is sent again, to the same provider only.
    let policy = RetryPolicy {
        resend_unknown: true,
        ..RetryPolicy::default()
    };
    let mut upload = Upload::with(policy, RoutePolicy::default(), &[none, MARK]);
    assert!(matches!(upload.fail(FailureKind::Timeout), Decision::Retry { .. }));
    assert!(matches!(upload.fail(FailureKind::Unavailable), Decision::Retry { .. }));
    assert_eq!(
        given_up(upload.fail(FailureKind::Unavailable)),
        (Why::AttemptsSpent, true)
    );
}

#[test]
fn with_an_idempotency_key_sending_again_is_looking() {
    let mut upload = Upload::over(&[VerifyMethod::IdempotencyKey, MARK]);
    assert!(matches!(upload.fail(FailureKind::Timeout), Decision::Retry { .. }));
    assert_eq!(upload.send(Event::AttemptSucceeded), Decision::Done);
    // While it is unknown, the route does not move on.
    let mut upload = Upload::over(&[VerifyMethod::IdempotencyKey, MARK]);
    upload.fail(FailureKind::Timeout);
    upload.fail(FailureKind::Unavailable);
    assert_eq!(
        given_up(upload.fail(FailureKind::Unavailable)),
        (Why::AttemptsSpent, true)
    );
}

#[test]
fn looking_is_repeated_and_then_given_up() {
    let mut upload = Upload::over(&[MARK, MARK]);
    assert_eq!(
        upload.fail(FailureKind::Protocol),
        Decision::Verify { after: Millis(500) }
    );
    assert_eq!(upload.on(Event::VerifyUnknown), Decision::Verify { after: Millis(500) });
    assert_eq!(
        upload.on(Event::VerifyUnknown),
        Decision::Verify { after: Millis(1_000) }
    );
    assert_eq!(given_up(upload.on(Event::VerifyUnknown)), (Why::OutcomeUnknown, true));
}

#[test]
fn an_outage_is_looked_through_for_as_long_as_a_caller_waits() {
    let policy = RetryPolicy::default();
    let mut upload = Upload::over(&[MARK, MARK]);
    upload.fail(FailureKind::Timeout);
    // Looks that are cut short at the end of their time, however long each takes.
    let until = policy.look_for.min(DEADLINE);
    assert_eq!(upload.retry.look_until(), until);
    let mut looks = 1;
    let end = loop {
        match upload.on(Event::VerifyUnanswered) {
            Decision::Verify { after } => upload.now = upload.now + after,
            end => break end,
        }
        looks += 1;
        assert!(upload.now < until);
    };
    assert_eq!(given_up(end), (Why::OutcomeUnknown, true));
    assert!(looks > 5, "{looks} looks");
    // One that is answered decides; the route may go on.
    let mut upload = Upload::over(&[MARK, MARK]);
    upload.fail(FailureKind::Timeout);
    upload.on(Event::VerifyUnanswered);
    assert!(matches!(upload.on(Event::VerifyAbsent), Decision::Retry { .. }));
}

#[test]
fn looks_end_in_time_even_without_waits_between_them() {
    let policy = RetryPolicy {
        base: Millis(5),
        attempts: 2,
        look_for: RetryPolicy::look_for(Millis(5)),
        ..RetryPolicy::default()
    };
    let mut upload = Upload::with(policy, RoutePolicy::default(), &[MARK]);
    upload.fail(FailureKind::Timeout);
    let mut looks = 0;
    while let Decision::Verify { after } = upload.on(Event::VerifyUnanswered) {
        // Each takes a second.
        upload.now = upload.now + after + Millis::from_secs(1);
        looks += 1;
    }
    assert_eq!(policy.look_for, Millis::from_secs(30));
    assert!(looks <= policy.outage_looks && upload.now <= policy.look_for + Millis::from_secs(2));
}

#[test]
fn after_a_look_that_found_nothing_it_goes_on_at_once() {
    let mut upload = Upload::over(&[MARK, MARK]);
    upload.fail(FailureKind::Timeout);
    assert_eq!(upload.on(Event::VerifyAbsent), Decision::Retry { after: Millis::ZERO });
    upload.fail(FailureKind::Timeout);
    upload.on(Event::VerifyAbsent);
    upload.fail(FailureKind::Timeout);
    assert_eq!(upload.on(Event::VerifyAbsent), Decision::NextProvider);
    assert_eq!(upload.retry.leg(), 1);
}

#[test]
fn an_end_from_outside_says_whether_something_may_be_stored() {
    for (event, why) in [
        (Event::Cancelled, Why::Cancelled),
        (Event::DeadlinePassed, Why::Deadline),
    ] {
        let mut waiting = Upload::over(&[MARK]);
        waiting.fail(FailureKind::Unavailable);
        assert_eq!(given_up(waiting.on(event.clone())), (why, false));
        let mut sending = Upload::over(&[MARK]);
        assert_eq!(given_up(sending.send(event.clone())), (why, true));
        let mut looking = Upload::over(&[MARK]);
        looking.fail(FailureKind::Timeout);
        assert_eq!(given_up(looking.on(event)), (why, true));
    }
}
