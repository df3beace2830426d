//! Sizes, durations and dates as people write them.

use std::fmt;
use std::time::Duration;

/// Bytes. Written as a whole number of bytes or with a unit: `"100 MB"` (10^6), `"64 MiB"` (2^20).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

const SIZE_UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

const TIME_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Size {
    /// Reads `"512 MB"`, `"64MiB"` or `"1024"`. Units are B, kB, MB, GB, TB (powers of 1,000) and KiB, MiB, GiB, TiB
    /// (powers of 1,024), in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = split(text)?;
        let factor = if unit.is_empty() {
            1
        } else {
            let found = SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
            found?.1
        };
        number.checked_mul(factor).map(Self)
    }
}

impl fmt::Display for Size {
    /// The unit that keeps the number whole and shortest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let best = SIZE_UNITS
            .iter()
            .filter(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor))
            .min_by_key(|(_, factor)| self.0 / factor);
        match best {
            Some((unit, factor)) => write!(f, "{} {unit}", self.0 / factor),
            None => write!(f, "{} B", self.0),
        }
    }
}

/// Reads `"250ms"`, `"60s"`, `"10m"`, `"1h"`, `"30d"`: one whole number and one unit.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let (_, factor) = TIME_UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*factor).map(Duration::from_millis)
}

/// The inverse of [`parse_duration`].
pub(crate) fn show_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    let best = TIME_UNITS
        .iter()
        .find(|(_, factor)| ms > 0 && ms.is_multiple_of(u128::from(*factor)));
    match best {
        Some((unit, factor)) => format!("{}{unit}", ms / u128::from(*factor)),
        None => format!("{ms}ms"),
    }
}

fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

/// An absolute instant, whole seconds since 1970-01-01T00:00:00Z. Written as RFC 3339 with an offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub u64);

impl UnixTime {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let instant: jiff::Timestamp = text.trim().parse().ok()?;
        u64::try_from(instant.as_second()).ok().map(Self)
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = i64::try_from(self.0)
            .ok()
            .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        match instant {
            Some(instant) => instant.fmt(f),
            None => write!(f, "{} s after 1970", self.0),
        }
    }
}

/// Lower-case or upper-case hexadecimal of 32 bytes.
///
/// ```
/// assert_eq!(loadlock_config::parse_sha256(&"0f".repeat(32)), Some([15; 32]));
/// assert_eq!(loadlock_config::parse_sha256("0f"), None);
/// ```
pub fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut digest = [0; 32];
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn units_are_decimal_and_binary() {
        assert_eq!(Size::parse("100 MB"), Some(Size(100_000_000)));
        assert_eq!(Size::parse("64MiB"), Some(Size(67_108_864)));
        assert_eq!(Size::parse("5gb"), Some(Size(5_000_000_000)));
        assert_eq!(Size::parse("1024"), Some(Size(1024)));
        for bad in ["", "MB", "-1", "1.5 GB", "1 QB", "1 M", "99999999 TB", "１ MB"] {
            assert_eq!(Size::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("10 m"), Some(Duration::from_secs(600)));
        for bad in ["", "60", "s", "1.5s", "1m30s", "1 S", "99999999999999999d"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for bytes in [0, 1, 1_000, 1_024, 1_500, 8_000_000_000, 17_179_869_184, u64::MAX] {
            let shown = Size(bytes).to_string();
            assert_eq!(Size::parse(&shown), Some(Size(bytes)), "{shown}");
        }
        assert_eq!(Size(16 << 30).to_string(), "16 GiB");
        for ms in [0, 1, 999, 1_000, 90_000, 3_600_000] {
            let shown = show_duration(Duration::from_millis(ms));
            assert_eq!(parse_duration(&shown), Some(Duration::from_millis(ms)), "{shown}");
        }
        let date = UnixTime::parse("2027-01-01T01:00:00+01:00").unwrap();
        assert_eq!(date.to_string(), "2027-01-01T00:00:00Z");
        assert_eq!(UnixTime::parse("2027-01-01"), None);
        assert_eq!(UnixTime::parse("1969-01-01T00:00:00Z"), None);
    }
}
