//! Durations as the configuration writes them.

use std::time::Duration;

/// Reads `90s`, `10m`, `1h`, `30d`: one whole number of seconds or more and one unit.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write one whole number and one unit, such as 90s, 10m, 1h or 30d".to_owned();
    let text = text.trim();
    let (number, unit) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    let factor = match unit.trim_start() {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let seconds = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(wrong)?;
    // 100 years: instants beyond it are not dates any more.
    if seconds == 0 || seconds > 36_500 * 86_400 {
        return Err("must be between 1s and 36500d".to_owned());
    }
    Ok(Duration::from_secs(seconds))
}

/// The largest unit that keeps the number whole.
pub(crate) fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    for (unit, factor) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
        if seconds > 0 && seconds.is_multiple_of(factor) {
            return format!("{}{unit}", seconds / factor);
        }
    }
    format!("{seconds}s")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_one_number_and_one_unit() {
        for (text, seconds) in [("90s", 90), ("10 m", 600), ("1h", 3_600), ("30d", 2_592_000)] {
            assert_eq!(parse_duration(text).unwrap(), Duration::from_secs(seconds), "{text}");
        }
        for bad in [
            "",
            "60",
            "s",
            "1.5h",
            "1h30m",
            "-1s",
            "0s",
            "99999999999999999999d",
            "99999999999d",
            "1 ms",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_duration_is_shown_as_it_is_written() {
        for text in ["90s", "10m", "1h", "30d"] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
    }
}
