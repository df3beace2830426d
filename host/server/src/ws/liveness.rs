//! When to ping a client and when to give it up. Time comes in as an argument.

use std::time::Duration;

use tokio::time::Instant;

/// Of silence before a ping.
pub(super) const PING: Duration = Duration::from_secs(30);
/// Of silence before the client counts as gone: two pings unanswered, and half of one for the way.
pub(super) const SILENCE: Duration = Duration::from_secs(75);
/// Without a call and without a subscription.
pub(super) const IDLE: Duration = Duration::from_secs(15 * 60);

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    Silent,
    Idle,
}

/// What was heard of one client and when.
#[derive(Debug)]
pub(super) struct Liveness {
    heard: Instant,
    used: Instant,
    pinged: Instant,
}

impl Liveness {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            heard: now,
            used: now,
            pinged: now,
        }
    }

    /// Any frame, pongs included.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// A call.
    pub(super) fn used(&mut self, now: Instant) {
        self.used = now;
    }

    /// When to ask [`Self::due`] next.
    pub(super) fn next(&self, watching: bool) -> Instant {
        let ping = self.heard.max(self.pinged) + PING;
        let next = ping.min(self.heard + SILENCE);
        if watching { next } else { next.min(self.used + IDLE) }
    }

    /// What is due now.
    pub(super) fn due(&mut self, now: Instant, watching: bool) -> Due {
        if now >= self.heard + SILENCE {
            return Due::Silent;
        }
        if !watching && now >= self.used + IDLE {
            return Due::Idle;
        }
        if now >= self.heard.max(self.pinged) + PING {
            self.pinged = now;
            return Due::Ping;
        }
        Due::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_client_is_pinged_twice_and_given_up() {
        let start = Instant::now();
        let mut liveness = Liveness::new(start);
        let mut seen = Vec::new();
        while seen.last() != Some(&Due::Silent) {
            let at = liveness.next(true);
            seen.push(liveness.due(at, true));
        }
        assert_eq!(seen, [Due::Ping, Due::Ping, Due::Silent]);
    }

    #[test]
    fn a_client_that_answers_stays_while_it_watches_and_is_idle_otherwise() {
        let start = Instant::now();
        for watching in [true, false] {
            let mut liveness = Liveness::new(start);
            let mut last = Due::Nothing;
            for _ in 0..100 {
                let at = liveness.next(watching);
                last = liveness.due(at, watching);
                match last {
                    Due::Ping => liveness.heard(at),
                    Due::Nothing => {}
                    Due::Silent | Due::Idle => break,
                }
            }
            assert_eq!(last == Due::Idle, !watching, "{last:?}");
        }
    }

    #[test]
    fn a_call_starts_the_idle_time_again() {
        let start = Instant::now();
        let mut liveness = Liveness::new(start);
        let later = start + IDLE;
        liveness.heard(later);
        liveness.used(later);
        assert_eq!(liveness.due(later + PING / 2, false), Due::Nothing);
    }
}
