//! The retry budget: how much of a provider's traffic may be retries.
//!
//! Without one, three attempts each turn an overloaded provider's load into three times the load. Every first attempt
//! deposits a fifth of a retry, every retry withdraws a whole one; a floor lets rare uploads be retried too. One budget
//! per provider: a fallback to another provider is that one's traffic.

use crate::Millis;

/// A retry, in the unit of the balance. Percentages divide it without a remainder.
const ONE: u64 = 60_000;

/// Settings of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetPolicy {
    /// Off: every retry is allowed.
    pub enabled: bool,
    /// Retries per hundred first attempts.
    pub percent: u32,
    /// Retries a minute that are allowed whatever the traffic.
    pub floor_per_minute: u32,
    /// Most retries that can be saved up; also the balance at the start.
    pub burst: u32,
}

impl Default for BudgetPolicy {
    /// A fifth of the traffic, ten a minute, fifty saved up.
    fn default() -> Self {
        Self {
            enabled: true,
            percent: 20,
            floor_per_minute: 10,
            burst: 50,
        }
    }
}

/// One provider's budget: a token bucket, filled by traffic and by time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RetryBudget {
    balance: u64,
    filled_at: Millis,
}

impl RetryBudget {
    /// A full bucket at `now`.
    pub fn new(policy: &BudgetPolicy, now: Millis) -> Self {
        Self {
            balance: full(policy),
            filled_at: now,
        }
    }

    /// A first attempt was made.
    pub fn deposit(&mut self, policy: &BudgetPolicy) {
        let share = u64::from(policy.percent) * (ONE / 100);
        self.balance = (self.balance + share).min(full(policy));
    }

    /// Whether a retry may be made now; it is paid for if so.
    ///
    /// ```
    /// use loadlock_policy::{Millis, budget::{BudgetPolicy, RetryBudget}};
    /// let policy = BudgetPolicy { burst: 1, floor_per_minute: 1, ..BudgetPolicy::default() };
    /// let mut budget = RetryBudget::new(&policy, Millis::ZERO);
    /// assert!(budget.withdraw(&policy, Millis::ZERO));
    /// assert!(!budget.withdraw(&policy, Millis::ZERO));
    /// assert!(budget.withdraw(&policy, Millis::from_secs(60)));
    /// ```
    pub fn withdraw(&mut self, policy: &BudgetPolicy, now: Millis) -> bool {
        if !policy.enabled {
            return true;
        }
        // `ONE` units are a retry and 60,000 ms a minute: one unit per millisecond for each retry a minute.
        let earned = (now - self.filled_at)
            .get()
            .saturating_mul(u64::from(policy.floor_per_minute));
        self.filled_at = self.filled_at.max(now);
        self.balance = self.balance.saturating_add(earned).min(full(policy));
        match self.balance.checked_sub(ONE) {
            Some(left) => {
                self.balance = left;
                true
            }
            None => false,
        }
    }

    /// Whole retries left, without what time has earned since the last withdrawal: for a gauge.
    pub const fn available(&self) -> u64 {
        self.balance / ONE
    }
}

const fn full(policy: &BudgetPolicy) -> u64 {
    // Never less than one retry, or a burst of 0 would mean none for ever.
    let burst = if policy.burst == 0 { 1 } else { policy.burst };
    burst as u64 * ONE
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: BudgetPolicy = BudgetPolicy {
        enabled: true,
        percent: 20,
        floor_per_minute: 0,
        burst: 10,
    };

    #[test]
    fn retries_stay_a_fifth_of_traffic() {
        let mut budget = RetryBudget::new(&POLICY, Millis::ZERO);
        let mut retries = 0;
        for _ in 0..10_000 {
            budget.deposit(&POLICY);
            // Every attempt fails and wants all the retries it can get.
            retries += u32::from(budget.withdraw(&POLICY, Millis::ZERO));
            retries += u32::from(budget.withdraw(&POLICY, Millis::ZERO));
        }
        assert!(retries <= 2_000 + POLICY.burst, "{retries}");
        assert!(retries >= 2_000, "{retries}");
    }

    #[test]
    fn no_more_than_the_burst_is_saved_up() {
        let mut budget = RetryBudget::new(&POLICY, Millis::ZERO);
        (0..1_000).for_each(|_| budget.deposit(&POLICY));
        assert_eq!(budget.available(), u64::from(POLICY.burst));
    }

    #[test]
    fn a_floor_serves_rare_uploads_and_no_more() {
        let policy = BudgetPolicy {
            floor_per_minute: 6,
            burst: 1,
            ..POLICY
        };
        let mut budget = RetryBudget::new(&policy, Millis::ZERO);
        assert!(budget.withdraw(&policy, Millis::ZERO));
        assert!(!budget.withdraw(&policy, Millis(9_999)));
        assert!(budget.withdraw(&policy, Millis(10_000)));
        assert!(!budget.withdraw(&policy, Millis(10_000)));
        assert!(
            budget.withdraw(&policy, Millis::MAX),
            "a long silence does not overflow"
        );
        assert!(!budget.withdraw(&policy, Millis::MAX));
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_earns_nothing() {
        let policy = BudgetPolicy {
            floor_per_minute: 60,
            burst: 1,
            ..POLICY
        };
        let mut budget = RetryBudget::new(&policy, Millis(5_000));
        assert!(budget.withdraw(&policy, Millis(5_000)));
        assert!(!budget.withdraw(&policy, Millis(1_000)));
        assert!(!budget.withdraw(&policy, Millis(5_999)));
        assert!(budget.withdraw(&policy, Millis(6_000)));
    }

    #[test]
    fn off_means_off() {
        let policy = BudgetPolicy {
            enabled: false,
            burst: 0,
            ..POLICY
        };
        let mut budget = RetryBudget::new(&policy, Millis::ZERO);
        assert!((0..100).all(|_| budget.withdraw(&policy, Millis::ZERO)));
    }
}
