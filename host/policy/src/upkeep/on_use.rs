//! Handing a stored remote file out again.

use crate::model::{Failure, FailureKind, RemoteFile};

/// What a dedup hit needs before it is given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The vendor was seen to hold it recently, or cannot be asked about a single file.
    AsItIs,
    /// The vendor is asked first.
    AfterStat,
}

/// Whether the vendor has to be asked before a remote file that was last seen at `verified_at_ms` is given out again.
/// Instants are milliseconds since 1970; a wall clock that was set back counts as no time passed.
///
/// ```
/// use loadlock_policy::upkeep::{Use, on_use};
/// assert_eq!(on_use(1_000, 1_999, 1_000, true), Use::AsItIs);
/// assert_eq!(on_use(1_000, 2_000, 1_000, true), Use::AfterStat);
/// assert_eq!(on_use(1_000, 2_000, 1_000, false), Use::AsItIs);
/// ```
pub const fn on_use(verified_at_ms: u64, now_ms: u64, verify_after_ms: u64, can_stat: bool) -> Use {
    if can_stat && now_ms.saturating_sub(verified_at_ms) >= verify_after_ms {
        Use::AfterStat
    } else {
        Use::AsItIs
    }
}

/// What the vendor answered about one remote file.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// It described it.
    Described(&'a RemoteFile),
    /// It refused or failed.
    Failed(&'a Failure),
    /// There was no answer: out of time, the component failed, or the breaker let nobody ask.
    Silent,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterStat {
    /// It is there: give it out, and remember when.
    Confirmed,
    /// The vendor does not hold what was stored: never give it out again, upload.
    Lost,
    /// Nobody can tell. It is not given out this time, because it may be gone, and stays in the ledger, because it may
    /// not be: the upload goes on along its route.
    Undecided,
    /// The vendor cannot be asked after all: give it out as it is.
    Unasked,
}

/// Judges the vendor's answer about a remote file of `bytes` bytes.
pub fn after_stat(seen: Seen<'_>, bytes: u64, now_ms: u64) -> AfterStat {
    match seen {
        Seen::Described(remote) => {
            if remote.bytes != bytes || remote.unusable(now_ms).is_some() {
                AfterStat::Lost
            } else {
                AfterStat::Confirmed
            }
        }
        Seen::Failed(failure) => match failure.kind {
            FailureKind::NotFound => AfterStat::Lost,
            FailureKind::Unsupported => AfterStat::Unasked,
            _ => AfterStat::Undecided,
        },
        Seen::Silent => AfterStat::Undecided,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RemoteStatus;

    fn remote(bytes: u64) -> RemoteFile {
        RemoteFile {
            id: "r".into(),
            bytes,
            name: None,
            purpose: None,
            sha256: None,
            created_at: None,
            expires_at: None,
            status: RemoteStatus::Ready,
            failure: None,
            address: crate::model::RemoteAddress::default(),
        }
    }

    #[test]
    fn only_a_clear_answer_decides() {
        let described = |file: &RemoteFile| after_stat(Seen::Described(file), 7, 5_000);
        assert_eq!(described(&remote(7)), AfterStat::Confirmed);
        assert_eq!(described(&remote(8)), AfterStat::Lost);
        let expired = RemoteFile {
            expires_at: Some(5),
            ..remote(7)
        };
        assert_eq!(described(&expired), AfterStat::Lost);
        let failed = RemoteFile {
            status: RemoteStatus::Failed,
            ..remote(7)
        };
        assert_eq!(described(&failed), AfterStat::Lost);
        for kind in [
            FailureKind::Unavailable,
            FailureKind::Timeout,
            FailureKind::Transport,
            FailureKind::RateLimited,
            FailureKind::Unauthorized,
            FailureKind::Protocol,
            FailureKind::Internal,
            FailureKind::Rejected,
            FailureKind::QuotaExhausted,
        ] {
            let failure = Failure::new(kind, "no");
            assert_eq!(
                after_stat(Seen::Failed(&failure), 7, 5_000),
                AfterStat::Undecided,
                "{kind:?}"
            );
        }
        let gone = Failure::new(FailureKind::NotFound, "no");
        assert_eq!(after_stat(Seen::Failed(&gone), 7, 5_000), AfterStat::Lost);
        let cannot = Failure::new(FailureKind::Unsupported, "no");
        assert_eq!(after_stat(Seen::Failed(&cannot), 7, 5_000), AfterStat::Unasked);
        assert_eq!(after_stat(Seen::Silent, 7, 5_000), AfterStat::Undecided);
    }

    #[test]
    fn a_clock_set_back_asks_nobody() {
        assert_eq!(on_use(10_000, 5_000, 1, true), Use::AsItIs);
        assert_eq!(on_use(10_000, 5_000, 0, true), Use::AfterStat);
    }
}
