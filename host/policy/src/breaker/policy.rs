//! When a breaker opens, closes and is probed.

use crate::Millis;

/// Settings of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Off: everything is let in, nothing is counted. Cool-downs still hold.
    pub enabled: bool,
    /// Faults in a row that open it; at least 1.
    pub failures: u32,
    /// Somebody follows [`Breaker::next_probe_at`](super::Breaker::next_probe_at). Then that many faults in a row make
    /// the provider suspect only: it is looked at, and the breaker opens if the look fails too, and at twice as many
    /// faults in any case. With 15 % transient faults five in a row come once in 13,000 attempts, and a minute in which
    /// a provider that works is refused costs hundreds of uploads. For the same reason an upload that fails as a probe
    /// does not open it again by itself: it takes a second one in a row, or a look, which is due at once.
    pub watched: bool,
    /// Successful probes that close it; at least 1.
    pub successes: u32,
    /// How long it stays open.
    pub open_for: Millis,
    /// How long a probe may hold the only place before another may be made.
    pub probe_lease: Millis,
    /// Time between two background probes while half-open.
    pub probe_interval: Millis,
    /// Longest cool-down, whatever the provider asks for.
    pub cooldown_cap: Millis,
    /// Cool-down after a rate limit that names no time.
    pub cooldown_default: Millis,
}

impl Default for BreakerPolicy {
    /// 5 faults, 2 successes, 60 s open; a probe holds its place for 30 s, and background probes are 5 s apart;
    /// cool-downs of 1 s where nothing is asked, at most 60 s.
    fn default() -> Self {
        Self {
            enabled: true,
            failures: 5,
            watched: false,
            successes: 2,
            open_for: Millis::from_secs(60),
            probe_lease: Millis::from_secs(30),
            probe_interval: Millis::from_secs(5),
            cooldown_cap: Millis::from_secs(60),
            cooldown_default: Millis::from_secs(1),
        }
    }
}

impl BreakerPolicy {
    /// Faults in a row that open it whatever a look says.
    pub(super) const fn opens_at(&self) -> u32 {
        if self.watched {
            self.failures.saturating_mul(2)
        } else {
            self.failures
        }
    }
}
