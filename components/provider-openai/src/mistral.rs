//! Mistral pages by number and counts all files.

use loadlock_sdk::openai_shape::{Api, ListObject};
use loadlock_sdk::prelude::*;

/// Most files asked for at once.
const PAGE: u32 = 100;

/// The cursor is the page's size and number: a number means nothing without the size that it was counted with.
pub(crate) fn list(api: &Api, query: &ListQuery) -> Result<RemotePage, Failure> {
    let (size, number) = match query.cursor.as_deref() {
        None => (query.limit.clamp(1, PAGE), 0),
        Some(cursor) => parse(cursor)?,
    };
    let (page, page_size) = (number.to_string(), size.to_string());
    let mut asked = vec![("page", page.as_str()), ("page_size", page_size.as_str())];
    // Its pages are counted with a total only where that is asked for.
    asked.push(("include_total", "true"));
    asked.extend(query.purpose.as_deref().map(|purpose| ("purpose", purpose)));
    let listed = api.list(&asked)?;
    let next = next(&listed, size, number);
    let files = listed.page(None)?.files.into_iter();
    let wanted = |file: &RemoteFile| query.purpose.is_none() || file.purpose == query.purpose;
    Ok(RemotePage {
        files: files.filter(wanted).collect(),
        next,
    })
}

fn next(listed: &ListObject, size: u32, number: u32) -> Option<String> {
    let seen = u64::from(size) * (u64::from(number) + 1);
    let more = !listed.data.is_empty() && listed.total.is_some_and(|total| total > seen);
    more.then(|| number.checked_add(1))
        .flatten()
        .map(|number| format!("{size}:{number}"))
}

fn parse(cursor: &str) -> Result<(u32, u32), Failure> {
    cursor
        .split_once(':')
        .and_then(|(size, number)| Some((size.parse().ok()?, number.parse().ok()?)))
        .filter(|(size, _)| (1..=PAGE).contains(size))
        .ok_or_else(|| Failure::new(FailureKind::Rejected, "the cursor was not issued by this provider"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn listed(count: usize, total: u64) -> ListObject {
        let file = serde_json::json!({"id": "a"});
        serde_json::from_value(serde_json::json!({"data": vec![file; count], "total": total})).unwrap()
    }

    #[test]
    fn pages_end_with_the_total() {
        assert_eq!(next(&listed(2, 5), 2, 0).as_deref(), Some("2:1"));
        assert_eq!(next(&listed(2, 5), 2, 1).as_deref(), Some("2:2"));
        assert_eq!(next(&listed(1, 5), 2, 2), None);
        assert_eq!(next(&listed(0, 99), 2, 0), None);
    }

    #[test]
    fn only_our_own_cursors_are_taken() {
        assert_eq!(parse("2:7").unwrap(), (2, 7));
        for cursor in ["", "2", "0:1", "101:1", "2:-1", "x:y"] {
            assert!(parse(cursor).is_err(), "{cursor}");
        }
    }
}
