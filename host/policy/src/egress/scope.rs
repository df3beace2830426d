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
         not part of it, except where the request names this upload's own mark"
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
    /// A path that names another upload than the one that is looked for.
    #[error("`locate` may only reach paths with a segment that holds the mark of the upload")]
    OtherMark,
    /// A path beneath the one that lists.
    #[error("`listing` and `probe` may only reach the prefix itself, not a single file beneath it")]
    BeneathPrefix,
}

/// Path segments that may follow an id: one, such as `/content`. With more, an id that a vendor chose to equal a
/// folder's name would open what is in that folder.
const MAX_SEGMENTS_AFTER_ID: usize = 1;

/// The call that is running.
pub(super) struct RunningCall<'a> {
    pub(super) operation: Operation,
    /// The remote file that it is about, or the mark of the upload.
    pub(super) subject: Option<&'a str>,
    pub(super) can_list: bool,
}

/// Whether `call` may send `method` to `rest`, the canonical path after the prefix, with this query.
pub(super) fn check(call: &RunningCall<'_>, method: Method, rest: &str, query: Option<&str>) -> Result<(), ScopeFault> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let subject = call.subject.filter(|subject| !subject.is_empty());
    match call.operation {
        Operation::Upload => match method {
            Method::Post | Method::Put | Method::Patch => Ok(()),
            // What the server can do, not what it holds.
            Method::Options if rest.is_empty() => Ok(()),
            // What an earlier try of this very upload left: its mark is nobody else's, and cannot be guessed.
            Method::Get | Method::Head | Method::Delete if subject.is_some_and(|mark| holds(rest, mark)) => Ok(()),
            Method::Get | Method::Head
                if rest.is_empty() && subject.is_some_and(|mark| query.is_some_and(|query| query.contains(mark))) =>
            {
                Ok(())
            }
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
        // What is left of an upload in parts is ended by whoever finds that it did not become a file.
        Operation::Locate if !method.is_read() && method != Method::Delete => Err(ScopeFault::MustRead),
        Operation::Locate if rest.is_empty() && call.can_list && method.is_read() => Ok(()),
        Operation::Locate => {
            let mark = subject.ok_or(ScopeFault::NoId)?;
            if holds(rest, mark) {
                Ok(())
            } else {
                Err(ScopeFault::OtherMark)
            }
        }
        Operation::Stat if method.is_read() && rest.is_empty() && call.can_list => Ok(()),
        Operation::Stat | Operation::Content if !method.is_read() => Err(ScopeFault::MustRead),
        Operation::Stat | Operation::Content | Operation::Delete => {
            let id = subject.ok_or(ScopeFault::NoId)?;
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

/// Whether a segment of `rest` holds the mark.
fn holds(rest: &str, mark: &str) -> bool {
    let mark = mark.as_bytes();
    let holds = |segment: &str| decode_segment(segment).windows(mark.len()).any(|part| part == mark);
    rest.split('/').any(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(
        operation: Operation,
        method: Method,
        rest: &str,
        subject: Option<&str>,
        can_list: bool,
    ) -> Result<(), ScopeFault> {
        let call = RunningCall {
            operation,
            subject,
            can_list,
        };
        check(&call, method, rest, None)
    }

    fn ok(operation: Operation, method: Method, rest: &str) -> bool {
        judged(operation, method, rest, Some("f-1"), false).is_ok()
    }

    #[test]
    fn an_upload_reads_and_removes_only_what_carries_its_mark() {
        const MARK: &str = "01hmark0000000000000000000";
        let ask = |method, rest: &str, query: Option<&str>, subject| {
            let call = RunningCall {
                operation: Operation::Upload,
                subject,
                can_list: true,
            };
            check(&call, method, rest, query).is_ok()
        };
        let key = format!("loadlock/{MARK}.pdf");
        let (mine, other) = (format!("uploads&prefix=loadlock%2F{MARK}"), "uploads&prefix=loadlock");
        for method in [Method::Get, Method::Head, Method::Delete] {
            assert!(ask(method, &key, Some("uploadId=1"), Some(MARK)), "{method}");
            assert!(!ask(method, "loadlock/other.pdf", Some(&mine), Some(MARK)), "{method}");
            assert!(!ask(method, &key, None, None) && !ask(method, &key, None, Some("")));
        }
        assert!(ask(Method::Get, "", Some(&mine), Some(MARK)));
        assert!(!ask(Method::Get, "", Some(other), Some(MARK)));
        assert!(!ask(Method::Get, "", None, Some(MARK)));
        assert!(
            !ask(Method::Delete, "", Some(&mine), Some(MARK)),
            "a bucket is not an upload"
        );
    }

    #[test]
    fn upload_sends_and_does_nothing_else() {
        for rest in ["", "f-2", "u-1/parts"] {
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
            let none = judged(operation, method, "f-1", None, false);
            assert_eq!(none, Err(ScopeFault::NoId));
            assert_eq!(judged(operation, method, "", Some(""), false), Err(ScopeFault::NoId));
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
                    let answer = judged(operation, method, rest, Some("f-1"), true);
                    assert_eq!(answer, Err(ScopeFault::MustRead), "{operation} {method}");
                }
            }
        }
    }

    #[test]
    fn stat_lists_only_where_the_profile_lists() {
        assert!(judged(Operation::Stat, Method::Get, "", Some("f-1"), true).is_ok());
        assert!(judged(Operation::Stat, Method::Get, "", Some("f-1"), false).is_err());
        assert!(judged(Operation::Content, Method::Get, "", Some("f-1"), true).is_err());
        assert!(judged(Operation::Delete, Method::Delete, "", Some("f-1"), true).is_err());
    }

    #[test]
    fn locate_reads_where_the_mark_is_and_nowhere_else() {
        let may = |method, rest, can_list| judged(Operation::Locate, method, rest, Some("m4rk"), can_list);
        for rest in ["files/m4rk", "m4rk.pdf", "a/b-m4rk", "m%34rk"] {
            assert_eq!(may(Method::Get, rest, false), Ok(()), "{rest}");
            assert_eq!(
                may(Method::Delete, rest, false),
                Ok(()),
                "what is left of it is ended: {rest}"
            );
            assert_eq!(may(Method::Post, rest, false), Err(ScopeFault::MustRead), "{rest}");
        }
        assert!(may(Method::Delete, "", true).is_err());
        for rest in ["", "files/other", "m4/rk"] {
            assert_eq!(may(Method::Get, rest, false), Err(ScopeFault::OtherMark), "{rest}");
        }
        assert_eq!(may(Method::Get, "", true), Ok(()));
        let unnamed = judged(Operation::Locate, Method::Get, "files/a", None, false);
        assert_eq!(unnamed, Err(ScopeFault::NoId));
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
        let content = |rest, id| judged(Operation::Content, Method::Get, rest, Some(id), false).is_ok();
        assert!(content("caf%C3%A9", "café"));
        assert!(content("files/abc", "files/abc"));
        assert!(content("files/abc/content", "files/abc"));
        assert!(!content("files/abd", "files/abc"));
        assert!(!content("files", "files/abc"));
        assert!(content("100%25", "100%"));
    }
}
