//! When an event is sent again, and when it is given up.

use std::collections::HashSet;
use std::time::Duration;

use loadlock_egress::WebhookAnswer;
use loadlock_journal::{Delivery, PlacedEvent};
use loadlock_policy::Millis;
use loadlock_policy::breaker::Outcome;
use loadlock_policy::model::MAX_RETRY_AFTER;

/// The longest waits before the second attempt and those that follow: two days in all, as Standard Webhooks has it.
const WAITS_S: [u64; 11] = [1, 5, 30, 120, 600, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000];
/// Characters of what went wrong that are kept.
const REASON: usize = 500;

/// What becomes of an event after an attempt; `None` if it was taken.
pub(super) fn after(
    before: &Delivery,
    answer: &Result<WebhookAnswer, String>,
    now_ms: u64,
    random: f64,
) -> Option<Delivery> {
    let (reason, asked, gone) = match answer {
        Ok(answer) if (200..300).contains(&answer.status) => return None,
        Ok(answer) => (
            format!("the receiver answered {}", answer.status),
            answer.retry_after,
            answer.status == 410,
        ),
        Err(reason) => (reason.chars().take(REASON).collect(), None, false),
    };
    let attempts = before.attempts.saturating_add(1);
    let longest = usize::try_from(before.attempts)
        .ok()
        .and_then(|index| WAITS_S.get(index));
    let wait = longest.map(|seconds| {
        // Between half of it and all of it, so that what failed together does not come back together.
        let jittered = Duration::from_secs(*seconds).mul_f64(0.5 + random / 2.0);
        let most_asked = Duration::from_millis(MAX_RETRY_AFTER.get());
        jittered.max(asked.unwrap_or_default().min(most_asked))
    });
    let wait_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    Some(Delivery {
        attempts,
        next_at_ms: now_ms.saturating_add(wait_ms.unwrap_or(0)),
        last_error: Some(reason),
        dead_at_ms: (gone || wait.is_none()).then_some(now_ms),
    })
}

/// What an attempt says about the receiver.
pub(super) fn outcome(answer: &Result<WebhookAnswer, String>) -> Outcome {
    match answer {
        Ok(answer) => match answer.status {
            200..300 => Outcome::Success,
            429 => Outcome::RateLimited {
                retry_after: answer.retry_after.map(|pause| Millis::from_secs(pause.as_secs())),
            },
            500.. => Outcome::Fault,
            // It takes others.
            _ => Outcome::Neutral,
        },
        Err(_) => Outcome::Fault,
    }
}

/// What can be sent now, at most one event of each file and URL and the first of those; and when the next of the
/// others can.
pub(super) fn due(events: Vec<PlacedEvent>, now_ms: u64, most: usize) -> (Vec<PlacedEvent>, Option<u64>) {
    let (mut files, mut due, mut next) = (HashSet::new(), Vec::new(), None::<u64>);
    for placed in events {
        let callback = placed.event.callback.as_ref().map(|callback| callback.url.clone());
        if !files.insert((placed.event.file.clone(), callback)) {
            continue;
        }
        let at = placed.event.delivery.next_at_ms;
        if at > now_ms {
            next = Some(next.map_or(at, |next| next.min(at)));
        } else if due.len() < most {
            due.push(placed);
        }
    }
    (due, next)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use loadlock_journal::{OutgoingEvent, OutgoingKind};

    use super::*;

    fn answered(status: u16, retry_after: Option<u64>) -> Result<WebhookAnswer, String> {
        Ok(WebhookAnswer {
            status,
            retry_after: retry_after.map(Duration::from_secs),
        })
    }

    fn placed(place: u64, file: &str, next_at_ms: u64) -> PlacedEvent {
        let event = OutgoingEvent {
            kind: OutgoingKind::Stored,
            file: file.into(),
            tenant: "acme".into(),
            subject: "me".into(),
            filename: "a.txt".into(),
            media_type: "text/plain".into(),
            bytes: 1,
            purpose: "user_data".into(),
            provider: "p".into(),
            sha256: None,
            deduplicated: false,
            expires_at_ms: None,
            code: None,
            message: None,
            at_ms: 0,
            callback: None,
            delivery: Delivery {
                next_at_ms,
                ..Delivery::default()
            },
        };
        PlacedEvent { place, event }
    }

    #[test]
    fn an_event_is_sent_again_later_and_later_and_given_up_at_last() {
        let mut delivery = Delivery::default();
        let (mut now, mut waits) = (1_000, Vec::new());
        while delivery.dead_at_ms.is_none() {
            delivery = after(&delivery, &answered(503, None), now, 0.999).unwrap();
            waits.push((delivery.next_at_ms - now) / 1_000);
            now = delivery.next_at_ms;
        }
        assert_eq!(delivery.attempts, 12);
        assert!(
            waits[..11].is_sorted() && waits[..11].iter().sum::<u64>() > 48 * 3_600,
            "{waits:?}"
        );
        assert_eq!(delivery.last_error.as_deref(), Some("the receiver answered 503"));
    }

    #[test]
    fn a_receiver_asks_for_a_longer_pause_but_never_for_a_shorter_or_an_endless_one() {
        let wait = |asked| {
            let next = after(&Delivery::default(), &answered(429, asked), 0, 0.0).unwrap();
            next.next_at_ms
        };
        assert_eq!(wait(None), 500);
        assert_eq!(wait(Some(0)), 500);
        assert_eq!(wait(Some(60)), 60_000);
        assert_eq!(wait(Some(u64::MAX)), 86_400_000);
    }

    #[test]
    fn what_is_taken_is_over_and_what_is_gone_is_given_up() {
        for taken in [200, 204, 299] {
            assert_eq!(after(&Delivery::default(), &answered(taken, None), 7, 0.5), None);
        }
        for again in [302, 400, 404, 500] {
            let next = after(&Delivery::default(), &answered(again, None), 7, 0.5).unwrap();
            assert_eq!((next.attempts, next.dead_at_ms), (1, None), "{again}");
        }
        let gone = after(&Delivery::default(), &answered(410, None), 7, 0.5).unwrap();
        assert_eq!(gone.dead_at_ms, Some(7));
    }

    #[test]
    fn events_of_a_file_keep_their_order_and_hold_up_no_other_file() {
        let events = vec![
            placed(1, "a", 100),
            placed(2, "b", 0),
            placed(3, "a", 0),
            placed(4, "b", 0),
            placed(5, "c", 0),
            placed(6, "d", 60),
        ];
        let (due, next) = due(events, 50, 8);
        let places: Vec<u64> = due.iter().map(|placed| placed.place).collect();
        assert_eq!((places, next), (vec![2, 5], Some(60)));
    }
}
