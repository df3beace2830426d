//! Commits are shared: syncs do not grow with the number of uploads.

use std::task::Poll;

use futures::future::{join_all, poll_fn};

use crate::Begun;
use crate::tests::disk::DiskPlace;
use crate::tests::support::{accepted, intent, on, wait};

/// Runs the futures together, and lets the disk sync only once all of them are waiting.
fn together<T>(place: &DiskPlace, futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    place.disk(|disk| disk.hold = true);
    let mut all = Box::pin(join_all(futures));
    wait(poll_fn(|context| {
        let result = all.as_mut().poll(context);
        if result.is_pending() {
            place.disk(|disk| disk.hold = false);
        }
        match result {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => Poll::Pending,
        }
    }))
}

#[test]
fn two_hundred_uploads_at_once_share_their_syncs() {
    let place = DiskPlace::default();
    let journal = on(&place);
    let before = journal.stats();
    let begun = together(&place, (0..200).map(|n| journal.begin(intent(&format!("f{n}")))));
    assert!(begun.iter().all(|begun| matches!(begun, Ok(Begun::New(_)))));
    let middle = journal.stats();
    // The first may have been on its way alone; everyone else gathered behind its sync.
    assert!(middle.durable_commits - before.durable_commits <= 2);
    // A commit syncs once, and once more for each time that the file grows.
    assert!(
        middle.syncs - before.syncs <= 10,
        "{} syncs",
        middle.syncs - before.syncs
    );
    let ids: Vec<String> = (0..200).map(|n| format!("f{n}")).collect();
    let done = together(&place, ids.iter().map(|id| journal.accepted(id, accepted(id))));
    assert!(done.iter().all(Result::is_ok));
    let after = journal.stats();
    assert!(after.durable_commits - middle.durable_commits <= 2);
    wait(journal.recorded(&ids)).unwrap();
    assert_eq!(
        journal.stats().durable_commits,
        after.durable_commits,
        "recording costs no sync"
    );
    assert_eq!(journal.stats().syncs, after.syncs);
    assert_eq!(after.changes - before.changes, 400);
}

#[test]
fn a_lone_upload_costs_two_syncs() {
    let place = DiskPlace::default();
    let journal = on(&place);
    // Past the growth of a new file.
    for n in 0..50 {
        wait(journal.begin(intent(&format!("warm{n}")))).unwrap();
        wait(journal.failed(&format!("warm{n}"), crate::tests::support::end(n))).unwrap();
    }
    let before = journal.stats();
    for n in 0..10 {
        let id = format!("f{n}");
        wait(journal.begin(intent(&id))).unwrap();
        wait(journal.accepted(&id, accepted(&id))).unwrap();
        wait(journal.recorded(&[id])).unwrap();
    }
    let after = journal.stats();
    assert_eq!(after.durable_commits - before.durable_commits, 20);
    let syncs = after.syncs - before.syncs;
    assert!((20..24).contains(&syncs), "{syncs} syncs for 10 uploads");
}

#[test]
fn answers_that_change_nothing_cost_no_commit() {
    let journal = on(&DiskPlace::default());
    wait(journal.begin(intent("a"))).unwrap();
    let before = journal.stats();
    wait(journal.begin(intent("a"))).unwrap_err();
    wait(journal.recorded(&["never".into()])).unwrap();
    wait(journal.deleted("acc", "never")).unwrap();
    let after = journal.stats();
    assert_eq!(
        (after.durable_commits, after.lazy_commits),
        (before.durable_commits, before.lazy_commits)
    );
    assert_eq!(after.syncs, before.syncs);
}
