//! What each of the interface's calls may ask for beneath a grant.
//!
//! A grant covers every file of an account, but a call is about one file or none. A component that is asked to upload
//! must not use that call to read what others stored, nor may one that is asked for a file read another.

use thiserror::Error;

use super::{Method, uri::decode_segment};
use crate::model::Operation;

/// Why a request is outside of what the running call may do. No configuration allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ScopeFault {
    /// `upload` sends; it neither reads nor removes.
    #[error(
        "`upload` may only POST, PUT, PATCH, or ask for OPTIONS at the prefix: reading or removing what is stored is \
         not part of it"
    )]
    UploadReads,
    /// `stat`, `content`, `listing` and `probe` read.
    #[error("this call may only GET, HEAD or OPTIONS")]
    MustRead,
    /// A call about one file without the file's id.
    #[error("the call is about one remote file, but no id is known")]
    NoId,
    /// A path that is not the id that was asked for.
    #[error("the call may only reach the remote file it was asked about")]
    OtherId,
    /// A path beneath the one that lists.
    #[error("`listing` and `probe` may only reach the prefix itself, not a single file beneath it")]
    BeneathPrefix,
}

/// Path segments that may follow an id: one, such as `/content`. With more, an id that a vendor chose to equal a
/// folder's name would open what is in that folder.
const MAX_SEGMENTS_AFTER_ID: usize = 1;

/// Whether `operation` on `remote_id` may send `method` to `rest`, the canonical path after the prefix.
pub(super) fn check(
    operation: Operation,
    method: Method,
    rest: &str,
    remote_id: Option<&str>,
    can_list: bool,
) -> Result<(), ScopeFault> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    match operation {
        Operation::Upload => match method {
            Method::Post | Method::Put | Method::Patch => Ok(()),
            // What the server can do, not what it holds.
            Method::Options if rest.is_empty() => Ok(()),
            Method::Get | Method::Head | Method::Delete | Method::Options => Err(ScopeFault::UploadReads),
        },
        Operation::Listing | Operation::Probe => {
            if !method.is_read() {
                Err(ScopeFault::MustRead)
            } else if rest.is_empty() {
                Ok(())
            } else {
                Err(ScopeFault::BeneathPrefix)
            }
        }
        // Its store is not a vendor's account, and its calls are not told apart by paths: methods and prefix are the
        // limit.
        Operation::Track => Ok(()),
        Operation::Stat if method.is_read() && rest.is_empty() && can_list => Ok(()),
        Operation::Stat | Operation::Content if !method.is_read() => Err(ScopeFault::MustRead),
        Operation::Stat | Operation::Content | Operation::Delete => {
            let id = remote_id.filter(|id| !id.is_empty()).ok_or(ScopeFault::NoId)?;
            if names(rest, id) {
                Ok(())
            } else {
                Err(ScopeFault::OtherId)
            }
        }
    }
}

/// Whether `rest` begins with the id, segment by segment, and little follows. An id may hold slashes
/// (`files/abc` at some vendors); each of its parts is then a segment.
fn names(rest: &str, id: &str) -> bool {
    let mut segments = rest.split('/');
    for part in id.split('/') {
        match segments.next() {
            Some(segment) if decode_segment(segment) == part.as_bytes() => {}
            _ => return false,
        }
    }
    segments.count() <= MAX_SEGMENTS_AFTER_ID
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(operation: Operation, method: Method, rest: &str) -> bool {
        check(operation, method, rest, Some("f-1"), false).is_ok()
    }

    #[test]
    fn upload_sends_and_does_nothing_else() {
        for rest in ["", "f-1", "u-1/parts"] {
            for method in Method::ALL {
                let sends = matches!(method, Method::Post | Method::Put | Method::Patch)
                    || (method == Method::Options && rest.is_empty());
                assert_eq!(ok(Operation::Upload, method, rest), sends, "{method} {rest}");
            }
        }
    }

    #[test]
    fn one_file_means_that_file() {
        for operation in [Operation::Stat, Operation::Content, Operation::Delete] {
            let method = if operation == Operation::Delete {
                Method::Delete
            } else {
                Method::Get
            };
            for (rest, allowed) in [
                ("f-1", true),
                ("f-1/", true),
                ("f-1/content", true),
                ("f-1/a/b", false),
                ("f-2", false),
                ("f-1x", false),
                ("f-2/f-1", false),
                ("f-2/content", false),
                ("", false),
            ] {
                assert_eq!(ok(operation, method, rest), allowed, "{operation} {rest}");
            }
            let none = check(operation, method, "f-1", None, false);
            assert_eq!(none, Err(ScopeFault::NoId));
            assert_eq!(check(operation, method, "", Some(""), false), Err(ScopeFault::NoId));
        }
    }

    #[test]
    fn reading_calls_read() {
        for operation in [
            Operation::Stat,
            Operation::Content,
            Operation::Listing,
            Operation::Probe,
        ] {
            for method in [Method::Post, Method::Put, Method::Patch, Method::Delete] {
                for rest in ["", "f-1"] {
                    let answer = check(operation, method, rest, Some("f-1"), true);
                    assert_eq!(answer, Err(ScopeFault::MustRead), "{operation} {method}");
                }
            }
        }
    }

    #[test]
    fn stat_lists_only_where_the_profile_lists() {
        assert!(check(Operation::Stat, Method::Get, "", Some("f-1"), true).is_ok());
        assert!(check(Operation::Stat, Method::Get, "", Some("f-1"), false).is_err());
        assert!(check(Operation::Content, Method::Get, "", Some("f-1"), true).is_err());
        assert!(check(Operation::Delete, Method::Delete, "", Some("f-1"), true).is_err());
    }

    #[test]
    fn listing_and_probe_stay_at_the_prefix() {
        for operation in [Operation::Listing, Operation::Probe] {
            assert!(ok(operation, Method::Get, ""));
            assert!(!ok(operation, Method::Get, "f-1"));
        }
    }

    #[test]
    fn ids_are_compared_as_the_server_reads_them() {
        let content = |rest, id| check(Operation::Content, Method::Get, rest, Some(id), false).is_ok();
        assert!(content("caf%C3%A9", "café"));
        assert!(content("files/abc", "files/abc"));
        assert!(content("files/abc/content", "files/abc"));
        assert!(!content("files/abd", "files/abc"));
        assert!(!content("files", "files/abc"));
        assert!(content("100%25", "100%"));
    }
}
