//! Conditional and partial reading of a file's own bytes (RFC 9110 §13, §14): they never change, and their SHA-256 is
//! a strong tag.

use std::ops::Range;

use http::HeaderMap;
use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE};

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it: 200.
    Whole,
    /// These bytes: 206.
    Part(Range<u64>),
    /// The client has it: 304.
    Known,
    /// The client asks for another: 412.
    Other,
    /// Nothing of it is in the range: 416.
    Beyond,
}

/// The tag of bytes with this digest.
pub(super) fn tag(sha256: &str) -> String {
    format!("\"{sha256}\"")
}

/// Whether a request asks for anything but the whole.
pub(super) fn any(headers: &HeaderMap) -> bool {
    [IF_MATCH, IF_NONE_MATCH, RANGE]
        .iter()
        .any(|name| headers.contains_key(name))
}

/// What a request wants of `length` bytes with this tag.
pub(super) fn wanted(headers: &HeaderMap, tag: &str, length: u64) -> Wanted {
    if headers.contains_key(IF_MATCH) && !names(headers, &IF_MATCH, tag, false) {
        return Wanted::Other;
    }
    if names(headers, &IF_NONE_MATCH, tag, true) {
        return Wanted::Known;
    }
    // A date, or another tag: the client's part is of something else.
    let same = headers
        .get(IF_RANGE)
        .is_none_or(|value| value.as_bytes() == tag.as_bytes());
    let mut ranges = headers.get_all(RANGE).iter();
    match (ranges.next().and_then(|range| range.to_str().ok()), ranges.next()) {
        (Some(range), None) if same => part(range, length),
        _ => Wanted::Whole,
    }
}

/// Whether a header names the tag, or any. Weak tags count where only sameness in meaning is asked for.
fn names(headers: &HeaderMap, header: &HeaderName, tag: &str, weak: bool) -> bool {
    let values = headers.get_all(header).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).any(|one| {
        let strong = if weak {
            one.strip_prefix("W/").unwrap_or(one)
        } else {
            one
        };
        one == "*" || strong == tag
    })
}

/// One range of bytes. Several, and what is no range of bytes, are answered with the whole, as §14.2 allows.
fn part(range: &str, length: u64) -> Wanted {
    let Some((unit, set)) = range.split_once('=') else {
        return Wanted::Whole;
    };
    let Some((first, last)) = set.trim().split_once('-') else {
        return Wanted::Whole;
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More digits than a number has are past every end.
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let range = match (first, number(first), last, number(last)) {
        (_, Some(first), "", None) => first..length,
        (_, Some(first), _, Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        ("", None, _, Some(count)) => length.saturating_sub(count)..length,
        _ => return Wanted::Whole,
    };
    if range.is_empty() {
        Wanted::Beyond
    } else {
        Wanted::Part(range)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const TAG: &str = "\"abc\"";

    fn asked(pairs: &[(HeaderName, &'static str)]) -> Wanted {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        wanted(&headers, TAG, 100)
    }

    #[test]
    fn ranges_are_those_of_the_standard() {
        for (range, expected) in [
            ("bytes=0-9", Wanted::Part(0..10)),
            ("bytes=90-", Wanted::Part(90..100)),
            ("bytes=90-1000", Wanted::Part(90..100)),
            ("bytes=-5", Wanted::Part(95..100)),
            ("bytes=-1000", Wanted::Part(0..100)),
            ("Bytes= 0-0", Wanted::Part(0..1)),
            ("bytes=0-99999999999999999999999", Wanted::Part(0..100)),
            ("bytes=100-", Wanted::Beyond),
            ("bytes=99999999999999999999999-", Wanted::Beyond),
            ("bytes=-0", Wanted::Beyond),
            ("bytes=9-5", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("lines=0-9", Wanted::Whole),
            ("0-9", Wanted::Whole),
        ] {
            assert_eq!(asked(&[(RANGE, range)]), expected, "{range}");
        }
        assert_eq!(asked(&[(RANGE, "bytes=0-1"), (RANGE, "bytes=2-3")]), Wanted::Whole);
    }

    #[test]
    fn conditions_come_before_ranges() {
        let range = (RANGE, "bytes=0-9");
        for (condition, expected) in [
            ((IF_NONE_MATCH, TAG), Wanted::Known),
            ((IF_NONE_MATCH, "\"x\", W/\"abc\""), Wanted::Known),
            ((IF_NONE_MATCH, "*"), Wanted::Known),
            ((IF_NONE_MATCH, "\"x\""), Wanted::Part(0..10)),
            ((IF_MATCH, TAG), Wanted::Part(0..10)),
            ((IF_MATCH, "W/\"abc\""), Wanted::Other),
            ((IF_MATCH, "\"x\""), Wanted::Other),
            ((IF_RANGE, TAG), Wanted::Part(0..10)),
            ((IF_RANGE, "\"x\""), Wanted::Whole),
            ((IF_RANGE, "W/\"abc\""), Wanted::Whole),
            ((IF_RANGE, "Sun, 06 Nov 1994 08:49:37 GMT"), Wanted::Whole),
        ] {
            assert_eq!(asked(&[condition.clone(), range.clone()]), expected, "{condition:?}");
        }
        assert_eq!(asked(&[]), Wanted::Whole);
    }

    proptest! {
        #[test]
        fn a_part_lies_within(range in "bytes=[0-9]{0,4}-[0-9]{0,4}", length in 0_u64..2_000) {
            if let Wanted::Part(part) = part(&range, length) {
                prop_assert!(part.start < part.end && part.end <= length);
            }
        }
    }
}
