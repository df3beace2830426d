//! Instants in the forms that vendors write.

/// Seconds since 1970 of an RFC 3339 instant; a fraction of a second is cut off.
///
/// ```
/// use loadlock_sdk::instant::rfc3339;
/// assert_eq!(rfc3339("1970-01-02T00:00:01.25Z"), Some(86_401));
/// assert_eq!(rfc3339("1970-01-01T01:00:00+01:00"), Some(0));
/// assert_eq!(rfc3339("tomorrow"), None);
/// ```
pub fn rfc3339(text: &str) -> Option<u64> {
    let (date, rest) = text.trim().split_at_checked(10)?;
    let [year, month, day] = numbers::<3>(date, '-', &[4, 2, 2])?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, rest) = rest.split_at_checked(8)?;
    let [hour, minute, second] = numbers::<3>(time, ':', &[2, 2, 2])?;
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    if !in_range {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    u64::try_from(seconds - offset(zone)?).ok()
}

/// Seconds by which a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => return Some(0),
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let [hours, minutes] = numbers::<2>(rest, ':', &[2, 2])?;
    Some(sign * (hours * 3_600 + minutes * 60))
}

/// Numbers of so many digits each, and nothing else.
fn numbers<const N: usize>(text: &str, separator: char, digits: &[usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut found = [0; N];
    for (number, digits) in found.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == *digits)?;
        *number = part
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(found)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar. Years are counted from March, so that the day that leap
/// years have besides is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_those_of_the_calendar() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2026-11-29T16:05:26.999999Z", 1_795_968_326),
            ("2026-11-29T18:05:26+02:00", 1_795_968_326),
            ("2026-11-29T11:35:26-04:30", 1_795_968_326),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(rfc3339(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "2026-11-29",
            "2026-13-01T00:00:00Z",
            "2026-11-29T16:05:26",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
        assert_eq!(rfc3339("2026-1é-29T16:05:26Z"), None);
    }
}
