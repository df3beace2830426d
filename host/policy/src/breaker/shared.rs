//! What gateways that use one vendor account tell each other about it.
//!
//! A gateway that opens tells the others, so that five faults are counted once and not once a gateway; a vendor that
//! asked one of them for a pause has asked all. What is passed on is what is left of a time, never an instant: clocks
//! need not agree. Only openings and pauses spread. Nobody is closed by what another found, so a gateway that cannot
//! reach the vendor keeps its own judgement. And only what a gateway found itself is told: two that told each other
//! what they had heard would keep each other open.

use super::state::BreakerState;
use super::{Breaker, BreakerPolicy, Label};
use crate::Millis;

/// What is left of a breaker's being open, and of a pause; zero is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Word {
    /// Of being open.
    pub open: Millis,
    /// Of a pause that the vendor asked for.
    pub cooldown: Millis,
}

/// What was heard of one account, so that it is not told again. Instants of the same clock as the breaker's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Heard {
    open_until: Millis,
    cool_until: Millis,
}

impl Breaker {
    /// What others are to be told at `now`: what this breaker found itself.
    pub fn tells(&self, heard: &Heard, now: Millis) -> Word {
        let own = |until: Option<Millis>, heard: Millis| {
            until
                .filter(|until| *until > heard)
                .map_or(Millis::ZERO, |until| until - now)
        };
        let open_until = match self.state {
            BreakerState::Open { until } => Some(until),
            _ => None,
        };
        Word {
            open: own(open_until, heard.open_until),
            cooldown: own(self.cool_until, heard.cool_until),
        }
    }

    /// Takes over what another gateway told. Nothing lasts longer than this gateway's own policy allows. Answers the
    /// new label if the state changed.
    ///
    /// ```
    /// use loadlock_policy::{Millis, breaker::{Breaker, BreakerPolicy, Heard, Label, Word}};
    /// let (policy, now) = (BreakerPolicy::default(), Millis(7));
    /// let (mut breaker, mut heard) = (Breaker::new(), Heard::default());
    /// let word = Word { open: Millis(1_000), cooldown: Millis::ZERO };
    /// assert_eq!(breaker.hears(&policy, &word, &mut heard, now), Some(Label::Open));
    /// assert_eq!(breaker.tells(&heard, now), Word::default());
    /// assert!(breaker.acquire(&policy, now + Millis(1_000))?.is_probe());
    /// # Ok::<(), loadlock_policy::breaker::Refusal>(())
    /// ```
    pub fn hears(&mut self, policy: &BreakerPolicy, word: &Word, heard: &mut Heard, now: Millis) -> Option<Label> {
        let cool_until = now + word.cooldown.min(policy.cooldown_cap);
        if cool_until > self.cool_until.unwrap_or(now) {
            self.cool_until = Some(cool_until);
            heard.cool_until = cool_until;
        }
        let open_until = now + word.open.min(policy.open_for);
        let longer = match self.state {
            BreakerState::Open { until } => open_until > until.max(now),
            _ => open_until > now,
        };
        if !policy.enabled || !longer {
            return None;
        }
        let before = self.label(now);
        // What was let in before says nothing about the time after.
        self.epoch += 1;
        self.state = BreakerState::Open { until: open_until };
        heard.open_until = open_until;
        (before != Label::Open).then_some(Label::Open)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::breaker::{Admission, Outcome, Refusal};

    const SECOND: Millis = Millis::from_secs(1);

    fn opened(policy: &BreakerPolicy, now: Millis) -> Breaker {
        let mut breaker = Breaker::new();
        while breaker.label(now) == Label::Closed {
            let permit = breaker.acquire(policy, now).unwrap();
            let _ = breaker.report(policy, permit, Outcome::Fault, now);
        }
        breaker
    }

    #[test]
    fn an_opening_and_a_pause_spread_until_their_time() {
        let policy = BreakerPolicy::default();
        let mut first = opened(&policy, Millis::ZERO);
        let word = first.tells(&Heard::default(), SECOND);
        assert_eq!(word.open, policy.open_for - SECOND);
        let (mut other, mut heard) = (Breaker::new(), Heard::default());
        // The other's clock is another.
        let now = Millis(500_000);
        assert_eq!(other.hears(&policy, &word, &mut heard, now), Some(Label::Open));
        let until = now + policy.open_for - SECOND;
        assert_eq!(
            other.eligibility(&policy, now),
            Admission::Refused(Refusal::Open { until })
        );
        assert_eq!(other.eligibility(&policy, until), Admission::Probe);

        let permit = Breaker::new().acquire(&policy, now).unwrap();
        first = Breaker::new();
        let pause = Outcome::RateLimited {
            retry_after: Some(SECOND),
        };
        let _ = first.report(&policy, permit, pause, now);
        let word = first.tells(&Heard::default(), now);
        assert_eq!(word.cooldown, SECOND);
        let mut other = Breaker::new();
        assert_eq!(other.hears(&policy, &word, &mut heard, now), None);
        let until = now + SECOND;
        assert_eq!(
            other.eligibility(&policy, now),
            Admission::Refused(Refusal::CoolingDown { until })
        );
    }

    #[test]
    fn what_was_heard_is_not_told_again_and_what_follows_is() {
        let policy = BreakerPolicy::default();
        let word = opened(&policy, Millis::ZERO).tells(&Heard::default(), Millis::ZERO);
        let (mut other, mut heard) = (Breaker::new(), Heard::default());
        let _ = other.hears(&policy, &word, &mut heard, Millis::ZERO);
        assert_eq!(other.tells(&heard, Millis::ZERO), Word::default());
        // The same word again does not prolong it.
        assert_eq!(other.hears(&policy, &word, &mut heard, Millis::ZERO), None);
        let later = policy.open_for;
        let probe = other.acquire(&policy, later).unwrap();
        let _ = other.report(&policy, probe, Outcome::Fault, later);
        if other.label(later) == Label::Open {
            assert_eq!(other.tells(&heard, later).open, policy.open_for);
        }
    }

    #[test]
    fn two_that_hear_each_other_for_ever_recover() {
        let policy = BreakerPolicy::default();
        let mut breakers = [opened(&policy, Millis::ZERO), Breaker::new()];
        let mut heard = [Heard::default(); 2];
        // A slow ledger: every word arrives ten seconds late.
        let late = Millis::from_secs(10);
        let mut now = Millis::ZERO;
        while now < policy.open_for + late + late {
            for (from, to) in [(0, 1), (1, 0)] {
                let word = breakers[from].tells(&heard[from], now);
                now = now + late;
                let _ = breakers[to].hears(&policy, &word, &mut heard[to], now);
            }
        }
        for breaker in &breakers {
            assert_ne!(breaker.label(now), Label::Open);
        }
    }

    #[test]
    fn nothing_lasts_longer_than_the_own_policy_and_nothing_closes() {
        let policy = BreakerPolicy::default();
        let word = Word {
            open: Millis::MAX,
            cooldown: Millis::MAX,
        };
        let (mut breaker, mut heard) = (Breaker::new(), Heard::default());
        let _ = breaker.hears(&policy, &word, &mut heard, Millis::ZERO);
        assert!(breaker.next_probe_at(&policy).unwrap() <= policy.open_for.max(policy.cooldown_cap));
        assert_eq!(breaker.hears(&policy, &Word::default(), &mut heard, Millis::ZERO), None);
        assert_eq!(breaker.label(Millis::ZERO), Label::Open);
        let off = BreakerPolicy {
            enabled: false,
            ..policy
        };
        let mut breaker = Breaker::new();
        assert_eq!(breaker.hears(&off, &word, &mut heard, Millis::ZERO), None);
        assert_eq!(breaker.label(Millis::ZERO), Label::Closed);
    }
}
