//! Time as the decisions see it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds: a duration, or an instant on the caller's monotonic clock (whose zero is the caller's business).
///
/// Arithmetic saturates: an absurd duration from a hostile answer becomes a very long one, never a short one.
///
/// ```
/// use loadlock_policy::Millis;
/// let start = Millis::from_secs(1);
/// assert_eq!(start + Millis(500), Millis(1_500));
/// assert_eq!(start - Millis::from_secs(9), Millis::ZERO);
/// assert_eq!(Millis::MAX + start, Millis::MAX);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// No time, or the clock's zero.
    pub const ZERO: Self = Self(0);
    /// Further away than any deadline.
    pub const MAX: Self = Self(u64::MAX);

    /// Whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// The number of milliseconds.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// This times `fraction`, which is clamped to `[0, 1]`; rounded down, so the result never exceeds `self`.
    pub fn scaled(self, fraction: f64) -> Self {
        let fraction = if fraction.is_nan() {
            0.0
        } else {
            fraction.clamp(0.0, 1.0)
        };
        // The cast saturates; `min` undoes a rounding upwards of values beyond 2^53.
        Self(((self.0 as f64 * fraction) as u64).min(self.0))
    }
}

impl std::ops::Add for Millis {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::ops::Sub for Millis {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl From<Millis> for std::time::Duration {
    fn from(value: Millis) -> Self {
        Self::from_millis(value.0)
    }
}

impl From<std::time::Duration> for Millis {
    fn from(value: std::time::Duration) -> Self {
        Self(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Millis {
    /// `850 ms`, `60 s`, `1.5 s`, `5 min 55 s`; see [`crate::human`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::words::of_millis(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_never_exceeds_the_whole_and_survives_nonsense() {
        assert_eq!(Millis(1_000).scaled(0.5), Millis(500));
        assert_eq!(Millis(1_000).scaled(7.0), Millis(1_000));
        assert_eq!(Millis(1_000).scaled(-1.0), Millis::ZERO);
        assert_eq!(Millis(1_000).scaled(f64::NAN), Millis::ZERO);
        assert_eq!(Millis::MAX.scaled(1.0), Millis::MAX);
    }

    #[test]
    fn reads_like_a_duration() {
        assert_eq!(Millis(850).to_string(), "850 ms");
        assert_eq!(Millis(60_000).to_string(), "60 s");
        assert_eq!(Millis(1_500).to_string(), "1.5 s");
    }
}
