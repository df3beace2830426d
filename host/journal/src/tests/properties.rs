//! Any sequence of changes, with the store closed, dropped or reopened in between, does what the naive journal does.

use proptest::prelude::*;

use crate::change::Change;
use crate::tests::disk::DiskPlace;
use crate::tests::dump::dump;
use crate::tests::naive::Naive;
use crate::tests::support::{apply, on, wait};
use crate::{Accepted, Attempt, ContentKey, DeleteIntent, FailedEnd, Idempotency, Intent, Journal, SourceRef};

/// One step of a run.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Change(Change),
    Reopen,
}

fn name(prefix: &'static str, count: u8) -> impl Strategy<Value = String> {
    (0..count).prop_map(move |n| format!("{prefix}{n}"))
}

/// Instants around two days, so that keys expire in the middle of runs.
fn instant() -> impl Strategy<Value = u64> {
    (0..12u64).prop_map(|n| n * 5 * 60 * 60 * 1000)
}

fn intent() -> impl Strategy<Value = Intent> {
    let idempotency = prop::option::of((name("key", 3), name("print", 2)));
    let source = prop_oneof![
        Just(SourceRef::Spool { dir: "spool/x".into() }),
        Just(SourceRef::Path {
            root: "/in".into(),
            relative: <std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(vec![b'a', 0xff]).into(),
            device: u64::MAX,
            inode: 1,
            size: 0,
            modified_ns: i128::MIN,
            changed_ns: i128::MAX,
        }),
    ];
    (
        name("f", 8),
        name("t", 2),
        idempotency,
        name("acc", 2),
        source,
        instant(),
    )
        .prop_map(|(id, tenant, idempotency, account, source, created_at_ms)| Intent {
            mark: format!("mark-{id}"),
            remote_name: format!("{id}.bin"),
            id,
            subject: "s".into(),
            idempotency: idempotency.map(|(key, fingerprint)| Idempotency { key, fingerprint }),
            key: ContentKey {
                tenant: tenant.clone(),
                account,
                purpose: "p".into(),
                treatment: String::new(),
                sha256: None,
            },
            tenant,
            provider: "p".into(),
            filename: "a".into(),
            media_type: "b".into(),
            bytes: 1,
            source,
            created_at_ms,
            expires_at_ms: None,
            component: None,
            callback: None,
        })
}

fn delete() -> impl Strategy<Value = DeleteIntent> {
    (name("acc", 2), name("r", 3), instant()).prop_map(|(account, remote_id, at_ms)| DeleteIntent {
        account,
        provider: "p".into(),
        remote_id,
        why: "w".into(),
        at_ms,
    })
}

fn accepted() -> impl Strategy<Value = Accepted> {
    (name("r", 3), name("acc", 2), name("sha", 2), instant()).prop_map(
        |(remote_id, account, sha256, accepted_at_ms)| Accepted {
            remote_id,
            address: Default::default(),
            provider: "p".into(),
            account,
            sha256,
            bytes: 1,
            attempts: 1,
            accepted_at_ms,
            expires_at_ms: None,
        },
    )
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    let accept = (name("f", 8), accepted()).prop_map(|(id, accepted)| {
        let accepted = Box::new(accepted);
        Change::Accepted { id, accepted }
    });
    let sending = (name("f", 8), 2..4u32).prop_map(|(id, number)| Change::Sending {
        attempt: Attempt {
            number,
            provider: "q".into(),
            account: "acc1".into(),
            mark: String::new(),
            remote_name: "n".into(),
            at_ms: 5,
            component: None,
        },
        id,
    });
    let failed = (name("f", 8), instant(), prop::option::weighted(0.2, delete())).prop_map(|(id, at_ms, delete)| {
        let end = FailedEnd {
            kind: "k".into(),
            message: "m".into(),
            at_ms,
            delete,
        };
        Change::Failed { id, end: Box::new(end) }
    });
    prop_oneof![
        8 => intent().prop_map(|intent| Change::Begin(Box::new(intent))),
        2 => sending,
        6 => accept,
        2 => (intent(), accepted()).prop_map(|both| Change::BeginAccepted(Box::new(both))),
        4 => prop::collection::vec(name("f", 8), 0..3).prop_map(|ids| Change::Recorded { ids }),
        2 => failed,
        1 => (name("f", 8), instant())
            .prop_map(|(id, at_ms)| Change::Unknown { id, why: "lost".into(), at_ms }),
        2 => delete().prop_map(|intent| Change::Deleting(Box::new(intent))),
        1 => (name("acc", 2), name("r", 3), instant()).prop_map(|(account, remote_id, at_ms)| {
            Change::DeleteFailed { account, remote_id, error: "e".into(), at_ms }
        }),
        1 => (name("acc", 2), name("r", 3)).prop_map(|(account, remote_id)| Change::Deleted { account, remote_id }),
        1 => instant().prop_map(|now_ms| Change::Sweep { now_ms }),
        1 => (name("s", 3), any::<Vec<u8>>()).prop_map(|(key, bytes)| Change::PutState { key, bytes }),
        1 => name("s", 3).prop_map(|key| Change::RemoveState { key }),
        1 => Just(Change::Flush),
    ]
}

fn check_views(journal: &Journal, naive: &Naive) {
    let dump = naive.dump();
    let ids = |entries: Vec<crate::Entry>| entries.into_iter().map(|entry| entry.intent.id).collect::<Vec<_>>();
    assert_eq!(
        ids(journal.open_entries().unwrap()),
        dump.open.into_values().collect::<Vec<_>>()
    );
    let accepted = dump.accepted.into_values().collect::<Vec<_>>();
    assert_eq!(
        ids(journal.accepted_not_recorded(2).unwrap()),
        accepted[..accepted.len().min(2)]
    );
    let backlog = journal.backlog().unwrap();
    let oldest = accepted
        .first()
        .map(|id| dump.entries[id].accepted().unwrap().accepted_at_ms);
    assert_eq!((backlog.entries, backlog.oldest_ms), (accepted.len() as u64, oldest));
    let counts = journal.counts().unwrap();
    assert_eq!(counts.unknown as usize, dump.unknown.len());
    assert_eq!(counts.pending_deletes as usize, dump.deletes.len());
    assert_eq!(counts.keys as usize, dump.keys.len());
    for (tenant, account, sha) in [("t0", "acc0", "sha0"), ("t1", "acc0", "sha0"), ("t0", "acc1", "sha1")] {
        let key = ContentKey {
            tenant: tenant.into(),
            account: account.into(),
            purpose: "p".into(),
            treatment: String::new(),
            sha256: Some(sha.into()),
        };
        let expected = accepted.iter().rev().find(|id| {
            let entry = &dump.entries[*id];
            let accepted = entry.accepted().unwrap();
            let remote = crate::row::key(&[&accepted.account, &accepted.remote_id]);
            (
                entry.intent.tenant.as_str(),
                accepted.account.as_str(),
                accepted.sha256.as_str(),
            ) == (tenant, account, sha)
                && !dump.deletes.contains_key(&remote)
        });
        let found = journal.find_accepted(&key).unwrap();
        assert_eq!(found.map(|entry| entry.intent.id).as_ref(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_journal_does_what_the_naive_one_does(
        steps in prop::collection::vec(
            prop_oneof![30 => change().prop_map(Step::Change), 1 => Just(Step::Reopen)],
            1..80,
        )
    ) {
        let place = DiskPlace::default();
        let mut journal = on(&place);
        let mut naive = Naive::default();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Change(change) => {
                    let answer = apply(&journal, change.clone());
                    prop_assert_eq!(answer, naive.apply(&change).map(|(answer, _)| answer));
                }
                Step::Reopen => {
                    if number % 2 == 0 {
                        wait(journal.close()).unwrap();
                    } else {
                        drop(journal);
                    }
                    journal = on(&place);
                }
            }
            prop_assert_eq!(journal.snapshot(dump).unwrap(), naive.dump());
        }
        check_views(&journal, &naive);
    }
}
