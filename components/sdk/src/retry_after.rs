//! How long a vendor asks to wait.

use std::time::{Duration, SystemTime};

/// Longest wait that is believed: one hour. A vendor once answered 292 billion years.
pub const MAX_RETRY_AFTER_MS: u64 = 3_600_000;

/// Reads `retry-after-ms` (milliseconds) and, failing that, `retry-after` (seconds, or an HTTP date).
///
/// `header` looks a header up by its lower-case name. A date counts from the answer's own `date`, so that a wrong clock
/// on either side does not matter; `now` stands in where there is none. Fractions are rounded up, a date in the past is
/// 0, anything above [`MAX_RETRY_AFTER_MS`] becomes it, and what cannot be read is ignored.
///
/// ```
/// use std::time::SystemTime;
/// let header = |name: &str| (name == "retry-after").then(|| "1.5".to_owned());
/// assert_eq!(loadlock_sdk::retry_after::parse(header, SystemTime::UNIX_EPOCH), Some(1_500));
/// ```
pub fn parse(header: impl Fn(&str) -> Option<String>, now: SystemTime) -> Option<u64> {
    if let Some(wait) = header("retry-after-ms").and_then(|value| number(&value, 1.0)) {
        return Some(wait);
    }
    let value = header("retry-after")?;
    if let Some(wait) = number(&value, 1_000.0) {
        return Some(wait);
    }
    let until = httpdate::parse_http_date(value.trim()).ok()?;
    let now = header("date")
        .and_then(|date| httpdate::parse_http_date(date.trim()).ok())
        .unwrap_or(now);
    let wait = until.duration_since(now).unwrap_or(Duration::ZERO);
    Some(u64::try_from(wait.as_millis()).map_or(MAX_RETRY_AFTER_MS, |ms| ms.min(MAX_RETRY_AFTER_MS)))
}

/// A non-negative decimal number times `scale`, rounded up and capped. `inf`, `nan` and hexadecimal are not numbers
/// here.
fn number(value: &str, scale: f64) -> Option<u64> {
    let value = value.trim();
    let decimal = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && value.bytes().any(|byte| byte.is_ascii_digit());
    let scaled = decimal.then(|| value.parse::<f64>().ok()).flatten()? * scale;
    // A cast saturates, but the cap makes the intent plain; NaN cannot come from digits.
    Some(scaled.ceil().min(MAX_RETRY_AFTER_MS as f64) as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(headers: &[(&str, &str)]) -> Option<u64> {
        let now = httpdate::parse_http_date("Mon, 02 Nov 2026 10:00:00 GMT").unwrap();
        parse(
            |name| {
                headers
                    .iter()
                    .find(|(header, _)| *header == name)
                    .map(|(_, value)| (*value).to_owned())
            },
            now,
        )
    }

    #[test]
    fn milliseconds_win_over_seconds() {
        assert_eq!(read(&[("retry-after", "9"), ("retry-after-ms", "250")]), Some(250));
        assert_eq!(read(&[("retry-after", "9"), ("retry-after-ms", "soon")]), Some(9_000));
    }

    #[test]
    fn seconds_may_have_a_fraction() {
        assert_eq!(read(&[("retry-after", " 0 ")]), Some(0));
        assert_eq!(read(&[("retry-after", "0.0001")]), Some(1));
    }

    #[test]
    fn a_date_counts_from_the_answers_own_date() {
        let until = ("retry-after", "Mon, 02 Nov 2026 10:00:20 GMT");
        assert_eq!(read(&[until]), Some(20_000));
        assert_eq!(read(&[until, ("date", "Mon, 02 Nov 2026 10:00:15 GMT")]), Some(5_000));
        assert_eq!(read(&[("retry-after", "Sunday, 01-Nov-26 10:00:00 GMT")]), Some(0));
    }

    #[test]
    fn absurd_values_are_capped() {
        let cap = Some(MAX_RETRY_AFTER_MS);
        assert_eq!(read(&[("retry-after", "9223372036854775807")]), cap);
        assert_eq!(read(&[("retry-after-ms", &"9".repeat(400))]), cap);
        assert_eq!(read(&[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")]), cap);
    }

    #[test]
    fn nonsense_is_ignored() {
        for value in ["", "-1", "inf", "nan", "1e9", ".", "0x10", "tomorrow"] {
            assert_eq!(read(&[("retry-after", value)]), None, "{value}");
        }
        assert_eq!(read(&[]), None);
    }
}
