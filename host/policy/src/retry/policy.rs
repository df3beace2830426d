//! Settings, and the waiting time.

use std::fmt;

use crate::Millis;
use crate::model::VerifyMethod;

/// By what a wait grows from one retry to the next, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Factor(u32);

impl Factor {
    /// Twice as long each time.
    pub const TWO: Self = Self(2_000);

    /// From a number; less than 1 (or no number) is 1, more than 1,000 is 1,000.
    pub fn new(factor: f64) -> Self {
        let factor = if factor.is_nan() {
            1.0
        } else {
            factor.clamp(1.0, 1_000.0)
        };
        Self((factor * 1_000.0).round() as u32)
    }
}

impl fmt::Display for Factor {
    /// As a decimal number: `2`, `1.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (f64::from(self.0) / 1_000.0).fmt(f)
    }
}

/// Settings of one provider's retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RetryPolicy {
    /// Off: one attempt. A lost answer is still looked for.
    pub enabled: bool,
    /// Most sends of one upload to this provider.
    pub attempts: u32,
    /// Longest wait before the first retry.
    pub base: Millis,
    /// By what the longest wait grows from one retry to the next.
    pub factor: Factor,
    /// Longest wait of all.
    pub cap: Millis,
    /// Longest `Retry-After` that is waited for; beyond it the route moves on.
    pub retry_after_cap: Millis,
    /// Most looks for a lost upload, if they are answered and tell nothing, before its outcome counts as unknown.
    pub verify_attempts: u32,
    /// Most looks in all, if the provider does not answer them.
    pub outage_looks: u32,
    /// How long a lost upload is looked for while its caller waits, from the lost answer on. What loses an answer is
    /// often an outage, and a look that comes after it tells everything; but a caller wants to hear something. What is
    /// unknown by then is looked for again when the journal is settled.
    pub look_for: Millis,
    /// How long after the first attempt another one may begin at a provider that cannot be reached: the longest time
    /// that one attempt may spend on connecting.
    pub connect: Millis,
    /// Send again although a lost upload may be stored and there is no way to look: at least once instead of at most
    /// once.
    pub resend_unknown: bool,
}

impl Default for RetryPolicy {
    /// 3 attempts; waits of up to 1 s, 2 s, 4 s … 60 s; `Retry-After` up to 60 s; 3 looks that tell nothing, 20 in an
    /// outage, all within five minutes; 10 s for a connection.
    fn default() -> Self {
        Self {
            enabled: true,
            attempts: 3,
            base: Millis::from_secs(1),
            factor: Factor::TWO,
            cap: Millis::from_secs(60),
            retry_after_cap: Millis::from_secs(60),
            verify_attempts: 3,
            outage_looks: 20,
            look_for: Self::look_for(Millis::from_secs(1)),
            connect: Millis::from_secs(10),
            resend_unknown: false,
        }
    }
}

/// Settings of a whole route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RoutePolicy {
    /// Most sends of one upload, over all providers.
    pub total_attempts: u32,
    /// Whether a route moves on to the next provider.
    pub fallback: bool,
}

impl Default for RoutePolicy {
    /// 6 sends, which is 3 at each of two providers; with fallback.
    fn default() -> Self {
        Self {
            total_attempts: 6,
            fallback: true,
        }
    }
}

/// One provider of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Leg {
    /// How a lost answer is settled there.
    pub verify: VerifyMethod,
    /// Its settings.
    pub retry: RetryPolicy,
}

impl RetryPolicy {
    /// How long a lost upload is looked for where the first retry waits up to `base`: 1,800 times that, from 30 s,
    /// which a vendor's list may take to be up to date, to half an hour, which outlasts an outage and what follows it.
    /// The deadline of the upload ends it earlier.
    pub fn look_for(base: Millis) -> Millis {
        Millis(base.get().saturating_mul(1_800)).clamp(Millis::from_secs(30), Millis::from_secs(1_800))
    }

    /// The longest wait before retry number `retry` (the first is 1): `base * factor^(retry - 1)`, at most `cap`.
    pub fn ceiling(&self, retry: u32) -> Millis {
        let cap = u128::from(self.cap.get());
        let mut ceiling = u128::from(self.base.get());
        for _ in 1..retry {
            let grown = ceiling * u128::from(self.factor.0) / 1_000;
            // It has reached the cap, or it does not grow.
            if ceiling >= cap || grown == ceiling {
                break;
            }
            ceiling = grown;
        }
        Millis(u64::try_from(ceiling.min(cap)).unwrap_or(u64::MAX))
    }

    /// The wait before retry number `retry`: uniform between nothing and [`Self::ceiling`] ("full jitter"), so that
    /// uploads that failed together do not come back together. `random` is in `[0, 1)`.
    pub fn backoff(&self, retry: u32, random: f64) -> Millis {
        self.ceiling(retry).scaled(random)
    }

    /// The wait before retry number `retry` where the provider asked for one, or `None` if it asked for longer than is
    /// waited for. Never shorter than asked, and up to `base` longer, for the same reason as the jitter.
    pub fn wait(&self, retry: u32, asked: Option<Millis>, random: f64) -> Option<Millis> {
        let backoff = self.backoff(retry, random);
        match asked {
            None => Some(backoff),
            Some(asked) if asked > self.retry_after_cap => None,
            Some(asked) => Some(backoff.max(asked + self.base.scaled(random))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let policy = RetryPolicy::default();
        let ceilings: Vec<_> = (1..=8).map(|n| policy.ceiling(n).get() / 1_000).collect();
        assert_eq!(ceilings, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(policy.ceiling(u32::MAX), policy.cap);
        let slow = RetryPolicy {
            factor: Factor::new(1.5),
            ..policy
        };
        assert_eq!(slow.ceiling(3), Millis(2_250));
        let flat = RetryPolicy {
            factor: Factor::new(f64::NAN),
            ..policy
        };
        assert_eq!(flat.ceiling(u32::MAX), policy.base);
    }

    #[test]
    fn the_whole_range_is_used() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.backoff(2, 0.0), Millis::ZERO);
        assert_eq!(policy.backoff(2, 0.5), Millis(1_000));
        assert_eq!(policy.backoff(2, 0.999), Millis(1_998));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn jitter_stays_between_nothing_and_the_ceiling(
            retry in any::<u32>(),
            random in 0.0..1.0f64,
            base in any::<u64>(),
            factor in any::<f64>(),
            cap in any::<u64>(),
        ) {
            let factor = Factor::new(factor);
            let policy = RetryPolicy { base: Millis(base), factor, cap: Millis(cap), ..RetryPolicy::default() };
            let wait = policy.backoff(retry, random);
            prop_assert!(wait <= policy.ceiling(retry) && policy.ceiling(retry) <= policy.cap);
        }

        #[test]
        fn what_is_asked_is_waited_for_or_refused(
            retry in 1..10u32,
            random in 0.0..1.0f64,
            asked in any::<u64>(),
        ) {
            let policy = RetryPolicy::default();
            let asked = Millis(asked);
            match policy.wait(retry, Some(asked), random) {
                Some(wait) => {
                    prop_assert!(asked <= policy.retry_after_cap && wait >= asked);
                    prop_assert!(wait <= (asked + policy.base).max(policy.cap));
                }
                None => prop_assert!(asked > policy.retry_after_cap),
            }
        }

        #[test]
        fn short_requests_are_waited_for(retry in 1..10u32, random in 0.0..1.0f64, asked in 0..=60_000u64) {
            let policy = RetryPolicy::default();
            prop_assert!(policy.wait(retry, Some(Millis(asked)), random).is_some_and(|w| w.get() >= asked));
        }
    }
}
