//! Counts and times as a person reads them.

use std::time::Duration;

use crate::Millis;

/// `1 file`, `2 files`: the singular's plural ends in `s`.
///
/// ```
/// assert_eq!(loadlock_policy::counted(1, "byte"), "1 byte");
/// assert_eq!(loadlock_policy::counted(0, "byte"), "0 bytes");
/// ```
pub fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The one or two units that matter: `850 ms`, `1.5 s`, `5 min 55 s`, `2 h 5 min`, `3 days 4 h`.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(loadlock_policy::human(Duration::from_millis(354_700)), "5 min 55 s");
/// ```
pub fn human(time: Duration) -> String {
    Millis::from(time).to_string()
}

pub(crate) fn of_millis(milliseconds: u64) -> String {
    let tenths = milliseconds % 1_000 / 100;
    match milliseconds {
        0..1_000 => return format!("{milliseconds} ms"),
        1_000..120_000 if tenths == 0 => return format!("{} s", milliseconds / 1_000),
        1_000..120_000 => return format!("{}.{tenths} s", milliseconds / 1_000),
        _ => {}
    }
    let seconds = milliseconds.saturating_add(500) / 1_000;
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    let (large, small) = match hours {
        0..2 => (format!("{minutes} min"), (seconds % 60, "s")),
        2..48 => (format!("{hours} h"), (minutes % 60, "min")),
        _ => (counted(hours / 24, "day"), (hours % 24, "h")),
    };
    match small {
        (0, _) => large,
        (number, unit) => format!("{large} {number} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_units_that_matter() {
        for (milliseconds, shown) in [
            (0, "0 ms"),
            (850, "850 ms"),
            (1_000, "1 s"),
            (1_500, "1.5 s"),
            (60_000, "60 s"),
            (119_999, "119.9 s"),
            (120_000, "2 min"),
            (354_700, "5 min 55 s"),
            (1_200_000, "20 min"),
            (7_500_000, "2 h 5 min"),
            (86_400_000 * 3 + 3_600_000 * 4, "3 days 4 h"),
            (86_400_000 * 30, "30 days"),
        ] {
            assert_eq!(human(Duration::from_millis(milliseconds)), shown);
        }
        assert!(!of_millis(u64::MAX).is_empty());
    }
}
