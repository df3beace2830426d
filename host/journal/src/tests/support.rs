//! Samples, and ways to open a journal.

use std::future::Future;
use std::time::Duration;

use loadlock_policy::model::RemoteAddress;

use crate::change::{Change, ChangeAnswer};
use crate::tests::disk::DiskPlace;
use crate::writer::Rules;
use crate::{
    Accepted, Attempt, ContentKey, DeleteIntent, FailedEnd, Idempotency, Intent, Journal, JournalError, SourceRef,
};

/// Waits for a future; the journal needs no runtime.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

/// Rules whose timer never comes, so that a run is the same every time.
pub(crate) fn still() -> Rules {
    Rules {
        flush_after: Duration::from_secs(3600),
        ..Rules::default()
    }
}

/// A journal on a modelled disk.
pub(crate) fn on(place: &DiskPlace) -> Journal {
    Journal::open_at(Box::new(place.clone()), still()).unwrap()
}

pub(crate) fn apply(journal: &Journal, change: Change) -> Result<ChangeAnswer, JournalError> {
    wait(journal.change(change))
}

pub(crate) fn intent(id: &str) -> Intent {
    Intent {
        id: id.into(),
        tenant: "t1".into(),
        subject: "alice".into(),
        idempotency: None,
        key: ContentKey {
            tenant: "t1".into(),
            account: "acc".into(),
            purpose: "extract".into(),
            treatment: "pdf".into(),
            sha256: None,
        },
        provider: "kimi".into(),
        mark: format!("mark-{id}"),
        remote_name: format!("{id}.pdf"),
        filename: "report.pdf".into(),
        media_type: "application/pdf".into(),
        bytes: 5,
        source: SourceRef::Path {
            root: "/srv/in".into(),
            relative: "a/report.pdf".into(),
            device: 1,
            inode: u64::MAX,
            size: 5,
            modified_ns: i128::from(i64::MAX) * 4,
            changed_ns: -1,
        },
        created_at_ms: 1_000,
        expires_at_ms: Some(9_000),
        component: Some("c1".into()),
        callback: None,
    }
}

pub(crate) fn keyed(id: &str, key: &str, fingerprint: &str) -> Intent {
    Intent {
        idempotency: Some(Idempotency {
            key: key.into(),
            fingerprint: fingerprint.into(),
        }),
        ..intent(id)
    }
}

pub(crate) fn attempt(number: u32) -> Attempt {
    Attempt {
        number,
        provider: "glm".into(),
        account: "acc2".into(),
        mark: format!("mark-{number}"),
        remote_name: format!("{number}.pdf"),
        at_ms: 1_500,
        component: Some("c2".into()),
    }
}

pub(crate) fn accepted(remote_id: &str) -> Accepted {
    Accepted {
        remote_id: remote_id.into(),
        address: RemoteAddress::default(),
        provider: "kimi".into(),
        account: "acc".into(),
        sha256: "ab".into(),
        bytes: 5,
        attempts: 1,
        accepted_at_ms: 2_000,
        expires_at_ms: None,
    }
}

pub(crate) fn end(at_ms: u64) -> FailedEnd {
    FailedEnd {
        kind: "rejected".into(),
        message: "no".into(),
        at_ms,
        delete: None,
    }
}

pub(crate) fn delete(remote_id: &str) -> DeleteIntent {
    DeleteIntent {
        account: "acc".into(),
        provider: "kimi".into(),
        remote_id: remote_id.into(),
        why: "last reference".into(),
        at_ms: 3_000,
    }
}
