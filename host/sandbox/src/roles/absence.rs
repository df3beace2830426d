//! A store elsewhere that does not answer is left in peace for a while: whoever asks meanwhile hears at once that it is
//! away, instead of waiting for its timeout behind everybody else who does.

use std::time::{Duration, Instant};

use loadlock_policy::model::{Failure, FailureKind};

/// The first wait; each further miss doubles it.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait of its own: this long after it is back, it is known to be back.
const LONGEST: Duration = Duration::from_secs(15);
/// The longest that its `Retry-After` is believed.
const BELIEVED: Duration = Duration::from_secs(60);

/// Whether a long-lived component's store was away when it was last asked.
#[derive(Debug, Default)]
pub(crate) struct Absence {
    misses: u32,
    away: Option<(Instant, Failure)>,
}

impl Absence {
    /// What to answer without asking, at `now`.
    pub(crate) fn refusal(&self, now: Instant) -> Option<Failure> {
        let (until, failure) = self.away.as_ref()?;
        (now < *until).then(|| failure.clone())
    }

    /// Takes note of an answer at `now`: `None` for a success.
    pub(crate) fn heard(&mut self, failure: Option<&Failure>, now: Instant) {
        let Some(failure) = failure.filter(|failure| is_away(failure.kind)) else {
            *self = Self::default();
            return;
        };
        // A timeout has cost everybody its time: it is not risked again soon.
        let doubled = match failure.kind {
            FailureKind::Timeout => LONGEST,
            _ => FIRST * 2_u32.saturating_pow(self.misses.min(10)),
        };
        let asked = failure.retry_after.map(|wait| Duration::from_millis(wait.get()));
        let wait = doubled.min(LONGEST).max(asked.unwrap_or_default().min(BELIEVED));
        self.misses = self.misses.saturating_add(1);
        self.away = Some((now + wait, failure.clone()));
    }
}

/// Failures of a store that nobody can help by asking again at once. All others are answers.
fn is_away(kind: FailureKind) -> bool {
    use FailureKind::{RateLimited, Timeout, Transport, Unavailable};
    matches!(kind, Transport | Timeout | Unavailable | RateLimited)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use loadlock_policy::Millis;

    use super::*;

    fn failure(kind: FailureKind, retry_after: Option<u64>) -> Failure {
        Failure {
            retry_after: retry_after.map(Millis),
            ..Failure::new(kind, "away")
        }
    }

    #[test]
    fn waits_double_up_to_a_quarter_of_a_minute_and_end_with_an_answer() {
        let mut absence = Absence::default();
        let mut now = Instant::now();
        assert_eq!(absence.refusal(now), None);
        for wait in [1, 2, 4, 8, 15, 15] {
            absence.heard(Some(&failure(FailureKind::Transport, None)), now);
            let end = now + Duration::from_secs(wait);
            assert!(absence.refusal(now).is_some());
            assert!(absence.refusal(end - Duration::from_millis(1)).is_some());
            assert_eq!(absence.refusal(end), None, "{wait}");
            now = end;
        }
        absence.heard(None, now);
        assert_eq!(absence.refusal(now), None);
        absence.heard(Some(&failure(FailureKind::Transport, None)), now);
        assert_eq!(absence.refusal(now + FIRST), None, "it begins anew");
        absence.heard(Some(&failure(FailureKind::Timeout, None)), now);
        assert!(absence.refusal(now + LONGEST / 2).is_some());
        assert_eq!(absence.refusal(now + LONGEST), None);
    }

    #[test]
    fn its_own_word_counts_up_to_a_minute() {
        let now = Instant::now();
        for (said, wait) in [(0, 1), (7_000, 7), (3_600_000, 60)] {
            let mut absence = Absence::default();
            absence.heard(Some(&failure(FailureKind::Unavailable, Some(said))), now);
            let end = now + Duration::from_secs(wait);
            assert!(absence.refusal(end - Duration::from_millis(1)).is_some());
            assert_eq!(absence.refusal(end), None, "{said}");
        }
    }

    #[test]
    fn an_answer_that_is_a_failure_is_an_answer() {
        let now = Instant::now();
        for kind in [
            FailureKind::Rejected,
            FailureKind::Unauthorized,
            FailureKind::Internal,
            FailureKind::Protocol,
        ] {
            let mut absence = Absence::default();
            absence.heard(Some(&failure(kind, Some(9_000))), now);
            assert_eq!(absence.refusal(now), None, "{kind:?}");
        }
    }
}
