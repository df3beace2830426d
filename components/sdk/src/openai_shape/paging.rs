//! Pages for vendors that have none.

use std::cmp::Reverse;

use crate::types::{Failure, FailureKind, ListQuery, RemoteFile, RemotePage};

/// One page out of everything that the vendor has, newest first.
///
/// The cursor names the instant and the id of the last file, not its position, so that a file that comes or goes
/// between two pages neither hides nor repeats another.
///
/// # Errors
/// `rejected` for a cursor that this function did not make.
///
/// ```
/// use loadlock_sdk::{openai_shape::page_of_all, types::ListQuery};
/// let query = ListQuery { purpose: None, cursor: None, limit: 10 };
/// assert!(page_of_all(Vec::new(), &query)?.files.is_empty());
/// # Ok::<(), loadlock_sdk::types::Failure>(())
/// ```
pub fn page_of_all(files: Vec<RemoteFile>, query: &ListQuery) -> Result<RemotePage, Failure> {
    let after = query.cursor.as_deref().map(parse).transpose()?;
    let mut files: Vec<_> = files
        .into_iter()
        .filter(|file| query.purpose.is_none() || file.purpose == query.purpose)
        .filter(|file| after.is_none_or(|after| key(file) > after))
        .collect();
    files.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    let limit = query.limit.max(1) as usize;
    let more = files.len() > limit;
    files.truncate(limit);
    let next = files.last().filter(|_| more).map(|last| {
        let at = last.created_at.unwrap_or_default();
        format!("{at}:{}", last.id)
    });
    Ok(RemotePage { files, next })
}

fn key(file: &RemoteFile) -> (Reverse<u64>, &str) {
    (Reverse(file.created_at.unwrap_or_default()), &file.id)
}

fn parse(cursor: &str) -> Result<(Reverse<u64>, &str), Failure> {
    cursor
        .split_once(':')
        .and_then(|(at, id)| Some((Reverse(at.parse().ok()?), id)))
        .ok_or_else(|| Failure::new(FailureKind::Rejected, "the cursor was not issued by this provider"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file(id: &str, created_at: u64, purpose: &str) -> RemoteFile {
        RemoteFile {
            purpose: Some(purpose.to_owned()),
            created_at: Some(created_at),
            ..RemoteFile::new(id, 1)
        }
    }

    fn query(cursor: Option<String>) -> ListQuery {
        ListQuery {
            purpose: None,
            cursor,
            limit: 2,
        }
    }

    fn ids(page: &RemotePage) -> Vec<&str> {
        page.files.iter().map(|file| file.id.as_str()).collect()
    }

    #[test]
    fn every_file_is_seen_once_even_if_the_cursors_file_goes() {
        let all = || {
            vec![
                file("a", 1, "x"),
                file("c", 3, "x"),
                file("b", 3, "y"),
                file("d", 2, "x"),
            ]
        };
        let first = page_of_all(all(), &query(None)).unwrap();
        assert_eq!(ids(&first), ["b", "c"]);
        let without = all().into_iter().filter(|file| file.id != "c").collect();
        let second = page_of_all(without, &query(first.next)).unwrap();
        assert_eq!(ids(&second), ["d", "a"]);
        assert_eq!(second.next, None);
    }

    #[test]
    fn a_purpose_filters() {
        let query = ListQuery {
            purpose: Some("y".to_owned()),
            ..query(None)
        };
        let page = page_of_all(vec![file("a", 1, "x"), file("b", 3, "y")], &query).unwrap();
        assert_eq!(ids(&page), ["b"]);
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        for cursor in ["", "x", "x:y"] {
            assert!(page_of_all(Vec::new(), &query(Some(cursor.to_owned()))).is_err());
        }
    }
}
