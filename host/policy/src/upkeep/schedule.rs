//! When to look.

use std::collections::BTreeMap;

use crate::Millis;
use crate::breaker::{Admission, Breaker, BreakerPolicy, Outcome, Refusal};

/// Time between two probes of a provider that works: often enough that a health status is never older than a person's
/// patience, and 1,440 cheap requests a day are nothing to a vendor.
pub const HEALTH_INTERVAL: Millis = Millis::from_secs(60);

/// Time between two rounds of settling.
pub const SETTLE_INTERVAL: Millis = Millis::from_secs(30);

/// How long an entry whose caller went away is left alone. Its request may still be at the vendor: asked at once, the
/// vendor would say that there is nothing, and store the file a moment later.
pub const SETTLE_GRACE: Millis = Millis::from_secs(10);

/// When a provider is to be probed next. An instant that is not after `now` means now.
///
/// While its breaker is open or half-open this is when the breaker lets a probe in, so that recovery waits for nobody's
/// upload. While it is closed, it is `every` after the last look at it, and never within a pause that the vendor asked
/// for.
///
/// ```
/// use loadlock_policy::{Millis, breaker::{Breaker, BreakerPolicy}, upkeep::next_probe};
/// let (breaker, policy, every) = (Breaker::new(), BreakerPolicy::default(), Millis::from_secs(60));
/// assert_eq!(next_probe(&breaker, &policy, None, every, Millis(7)), Millis(7));
/// assert_eq!(next_probe(&breaker, &policy, Some(Millis(5)), every, Millis(7)), Millis(60_005));
/// ```
pub fn next_probe(
    breaker: &Breaker,
    policy: &BreakerPolicy,
    checked: Option<Millis>,
    every: Millis,
    now: Millis,
) -> Millis {
    if let Some(at) = breaker.next_probe_at(policy) {
        return at;
    }
    let at = checked.map_or(now, |checked| checked + every);
    match breaker.eligibility(policy, now) {
        Admission::Refused(Refusal::CoolingDown { until }) => at.max(until),
        Admission::Ready | Admission::Probe | Admission::Refused(_) => at,
    }
}

/// What a background probe tells the breaker.
///
/// A probe that the breaker let in to find out (`decides`) counts like an upload. A routine one of a closed breaker
/// only passes a rate limit on: it asks for something else than an upload does, so its success must not wipe out faults
/// that uploads counted, and its faults must not shut out a vendor that takes uploads.
pub const fn told(decides: bool, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::RateLimited { .. } => outcome,
        _ if decides => outcome,
        _ => Outcome::Neutral,
    }
}

/// Open entries that nobody holds any more, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettleQueue(BTreeMap<String, Millis>);

impl SettleQueue {
    /// Takes the entries that are open and held by nobody now; answers those that were so for [`SETTLE_GRACE`], the
    /// longest waiting first, and else in the order given. What is not named any more is forgotten, so this grows no
    /// larger than what is open.
    ///
    /// ```
    /// use loadlock_policy::{Millis, upkeep::{SETTLE_GRACE, SettleQueue}};
    /// let mut waiting = SettleQueue::default();
    /// assert!(waiting.due(["a".to_owned()], Millis(5)).is_empty());
    /// assert_eq!(waiting.due(["a".to_owned(), "b".to_owned()], Millis(5) + SETTLE_GRACE), ["a"]);
    /// ```
    pub fn due(&mut self, open: impl IntoIterator<Item = String>, now: Millis) -> Vec<String> {
        let mut seen = BTreeMap::new();
        let mut due = Vec::new();
        for id in open {
            let since = self.0.get(&id).copied().unwrap_or(now);
            if now - since >= SETTLE_GRACE {
                due.push((since, id.clone()));
            }
            seen.insert(id, since);
        }
        self.0 = seen;
        due.sort_by_key(|(since, _)| *since);
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// An entry is looked at: if it stays open it waits anew, behind all that were not.
    ///
    /// ```
    /// use loadlock_policy::{Millis, upkeep::{SETTLE_GRACE, SettleQueue}};
    /// let (mut waiting, open) = (SettleQueue::default(), || ["a".to_owned(), "b".to_owned()]);
    /// waiting.due(open(), Millis(5));
    /// waiting.looked_at("a", Millis(6));
    /// assert_eq!(waiting.due(open(), Millis(6) + SETTLE_GRACE), ["b", "a"]);
    /// ```
    pub fn looked_at(&mut self, id: &str, now: Millis) {
        if let Some(since) = self.0.get_mut(id) {
            *since = now;
        }
    }

    /// Whether some entry waits for its time.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::breaker::Label;

    const EVERY: Millis = HEALTH_INTERVAL;

    fn opened(policy: &BreakerPolicy) -> Breaker {
        let mut breaker = Breaker::new();
        for _ in 0..policy.failures {
            let permit = breaker.acquire(policy, Millis::ZERO).unwrap();
            breaker.report(policy, permit, Outcome::Fault, Millis::ZERO);
        }
        breaker
    }

    /// Following the schedule and nothing else, a provider that works again is closed in the breaker's time plus one
    /// interval for each further success; and the schedule never names an instant at which the breaker refuses.
    #[test]
    fn the_schedule_alone_closes_a_breaker() {
        let policy = BreakerPolicy {
            successes: 3,
            ..BreakerPolicy::default()
        };
        let mut breaker = opened(&policy);
        let mut now = Millis(1);
        let mut probes = 0;
        while breaker.label(now) != Label::Closed {
            let at = next_probe(&breaker, &policy, Some(now), EVERY, now);
            assert!(at > now || probes > 0, "a busy loop");
            now = now.max(at);
            let permit = breaker.acquire(&policy, now).unwrap();
            assert!(permit.is_probe());
            let outcome = told(permit.is_probe(), Outcome::Success);
            breaker.report(&policy, permit, outcome, now);
            probes += 1;
            assert!(probes <= 3);
        }
        assert_eq!(now, policy.open_for + policy.probe_interval + policy.probe_interval);
        assert_eq!(next_probe(&breaker, &policy, Some(now), EVERY, now), now + EVERY);
    }

    #[test]
    fn a_failed_probe_waits_the_breakers_time_again() {
        let policy = BreakerPolicy::default();
        let mut breaker = opened(&policy);
        let now = policy.open_for;
        let permit = breaker.acquire(&policy, now).unwrap();
        breaker.report(&policy, permit, told(true, Outcome::Fault), now);
        assert_eq!(
            next_probe(&breaker, &policy, Some(now), EVERY, now),
            now + policy.open_for
        );
    }

    #[test]
    fn a_pause_that_was_asked_for_is_kept() {
        let policy = BreakerPolicy::default();
        let mut breaker = Breaker::new();
        let permit = breaker.acquire(&policy, Millis::ZERO).unwrap();
        let outcome = Outcome::RateLimited {
            retry_after: Some(Millis(30_000)),
        };
        breaker.report(&policy, permit, told(false, outcome), Millis::ZERO);
        assert_eq!(next_probe(&breaker, &policy, None, EVERY, Millis(1)), Millis(30_000));
        assert_eq!(
            next_probe(&breaker, &policy, None, EVERY, Millis(30_000)),
            Millis(30_000)
        );
    }

    #[test]
    fn a_routine_probe_neither_opens_nor_forgives() {
        let policy = BreakerPolicy::default();
        let mut breaker = Breaker::new();
        for outcome in [Outcome::Fault; 50] {
            let permit = breaker.acquire(&policy, Millis::ZERO).unwrap();
            let told = told(permit.is_probe(), outcome);
            breaker.report(&policy, permit, told, Millis::ZERO);
        }
        assert_eq!(breaker, Breaker::new());
        for _ in 1..policy.failures {
            let permit = breaker.acquire(&policy, Millis::ZERO).unwrap();
            breaker.report(&policy, permit, Outcome::Fault, Millis::ZERO);
        }
        let permit = breaker.acquire(&policy, Millis::ZERO).unwrap();
        breaker.report(&policy, permit, told(false, Outcome::Success), Millis::ZERO);
        let permit = breaker.acquire(&policy, Millis::ZERO).unwrap();
        breaker.report(&policy, permit, Outcome::Fault, Millis::ZERO);
        assert_eq!(breaker.label(Millis::ZERO), Label::Open);
    }

    #[test]
    fn an_entry_that_somebody_holds_again_starts_anew() {
        let mut waiting = SettleQueue::default();
        let open = || ["a".to_owned()];
        assert!(waiting.due(open(), Millis::ZERO).is_empty());
        assert!(waiting.due([], Millis(1)).is_empty());
        assert!(waiting.is_empty());
        assert!(waiting.due(open(), SETTLE_GRACE).is_empty());
        assert_eq!(waiting.due(open(), SETTLE_GRACE + SETTLE_GRACE), ["a"]);
    }
}
