//! Nothing was sent, and the host knows it.

use super::*;
use crate::model::Reach;

fn unreachable() -> Event {
    Event::AttemptFailed(Failure::unreachable(
        "cannot connect to api.test:443: connection refused",
    ))
}

#[test]
fn another_provider_is_asked_at_once() {
    let mut upload = Upload::over(&[MARK, MARK]);
    assert_eq!(upload.send(unreachable()), Decision::NextProvider);
    assert_eq!(upload.send(Event::AttemptSucceeded), Decision::Done);
    assert_eq!(upload.retry.total_sends(), 2);
}

#[test]
fn alone_it_is_tried_again_while_the_connect_timeout_lasts() {
    let mut upload = Upload::over(&[MARK]);
    assert_eq!(upload.send(unreachable()), Decision::Retry { after: Millis(500) });
    upload.now = Millis(9_000);
    assert_eq!(given_up(upload.send(unreachable())), (Why::Unreachable, false));
    // A black hole takes the whole of it.
    let mut upload = Upload::over(&[MARK]);
    upload.retry.start(upload.now).unwrap();
    upload.now = RetryPolicy::default().connect;
    assert_eq!(given_up(upload.on(unreachable())), (Why::Unreachable, false));
}

#[test]
fn the_time_of_the_last_provider_counts_from_its_own_first_attempt() {
    let mut upload = Upload::over(&[MARK, MARK]);
    upload.retry.start(upload.now).unwrap();
    upload.now = Millis::from_secs(10);
    assert_eq!(upload.on(unreachable()), Decision::NextProvider);
    assert_eq!(upload.send(unreachable()), Decision::Retry { after: Millis(500) });
}

#[test]
fn nothing_is_looked_for_that_was_not_sent() {
    for kind in FailureKind::ALL {
        for reach in [Reach::NothingSent, Reach::Unreachable] {
            let failure = Failure {
                outcome_unknown: true,
                reach,
                ..Failure::new(kind, "test")
            };
            let decision = Upload::over(&[MARK, MARK]).send(Event::AttemptFailed(failure));
            assert!(!matches!(decision, Decision::Verify { .. }), "{kind} {reach:?}");
        }
    }
}

#[test]
fn what_was_lost_before_stays_lost() {
    // Sent with a key, and the answer lost: a refused connection afterwards does not tell what became of it.
    let mut upload = Upload::over(&[VerifyMethod::IdempotencyKey, MARK]);
    assert!(matches!(upload.fail(FailureKind::Timeout), Decision::Retry { .. }));
    assert!(matches!(upload.send(unreachable()), Decision::Retry { .. }));
    assert_eq!(given_up(upload.send(unreachable())), (Why::AttemptsSpent, true));
}
