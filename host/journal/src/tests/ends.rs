//! Ends: who may follow whom, in which order the tracker gets them, and deletes that race with references.

use crate::tests::disk::DiskPlace;
use crate::tests::support::{accepted, attempt, delete, end, intent, on, wait};
use crate::{Accepted, Backlog, ContentKey, FailedEnd, Journal, JournalError};

fn journal_with(ids: &[&str]) -> Journal {
    let journal = on(&DiskPlace::default());
    for id in ids {
        wait(journal.begin(intent(id))).unwrap();
    }
    journal
}

fn ids(entries: Vec<crate::Entry>) -> Vec<String> {
    entries.into_iter().map(|entry| entry.intent.id).collect()
}

#[test]
fn the_backlog_is_in_the_order_of_acceptance() {
    let journal = journal_with(&["a", "b", "c"]);
    for (id, at) in [("c", 30), ("a", 10), ("b", 20)] {
        let accepted = Accepted {
            accepted_at_ms: at,
            ..accepted(id)
        };
        wait(journal.accepted(id, accepted)).unwrap();
    }
    assert_eq!(ids(journal.accepted_not_recorded(10).unwrap()), ["c", "a", "b"]);
    assert_eq!(ids(journal.accepted_not_recorded(1).unwrap()), ["c"]);
    assert_eq!(
        journal.backlog().unwrap(),
        Backlog {
            entries: 3,
            oldest_ms: Some(30)
        }
    );
    wait(journal.recorded(&["c".into(), "c".into(), "never".into()])).unwrap();
    wait(journal.recorded(&["c".into()])).unwrap();
    assert_eq!(ids(journal.accepted_not_recorded(10).unwrap()), ["a", "b"]);
    assert_eq!(
        journal.entry("c").unwrap(),
        None,
        "the tracker has it, and no key needs it"
    );
    wait(journal.recorded(&["a".into(), "b".into()])).unwrap();
    assert_eq!(journal.backlog().unwrap(), Backlog::default());
}

#[test]
fn steps_that_cannot_follow_are_refused_and_change_nothing() {
    let journal = journal_with(&["a", "b", "c"]);
    let state = |id: &str, state, wanted| {
        Err(JournalError::State {
            id: id.into(),
            state,
            wanted,
        })
    };
    assert_eq!(
        wait(journal.accepted("x", accepted("r"))),
        Err(JournalError::NoEntry { id: "x".into() })
    );
    wait(journal.accepted("a", accepted("r"))).unwrap();
    assert_eq!(
        wait(journal.recorded(&["a".into(), "b".into()])),
        state("b", "sent", "recorded")
    );
    assert_eq!(journal.backlog().unwrap().entries, 1, "none of them is recorded");
    assert_eq!(
        wait(journal.accepted("a", accepted("r"))),
        Ok(()),
        "the same again is a repetition"
    );
    assert_eq!(
        wait(journal.accepted("a", accepted("other"))),
        state("a", "accepted", "accepted")
    );
    assert_eq!(wait(journal.failed("a", end(1))), state("a", "accepted", "failed"));
    assert_eq!(
        wait(journal.unknown("a", String::new(), 1)),
        state("a", "accepted", "outcome_unknown")
    );
    assert_eq!(
        wait(journal.sending("a", attempt(2))),
        state("a", "accepted", "sent again")
    );
    wait(journal.failed("b", end(1))).unwrap();
    assert_eq!(wait(journal.failed("b", end(2))), Ok(()));
    assert_eq!(
        wait(journal.accepted("b", accepted("r"))),
        state("b", "failed", "accepted")
    );
    assert_eq!(ids(journal.open_entries().unwrap()), ["c"]);
}

#[test]
fn an_unknown_outcome_is_counted_until_it_is_settled_either_way() {
    let journal = journal_with(&["a", "b"]);
    for id in ["a", "b"] {
        wait(journal.unknown(id, "no list".into(), 5)).unwrap();
    }
    let counts = journal.counts().unwrap();
    assert_eq!((counts.open, counts.unknown), (0, 2));
    assert_eq!(ids(journal.unknown_entries(9).unwrap()), ["a", "b"]);
    wait(journal.accepted("a", accepted("found"))).unwrap();
    wait(journal.failed("b", end(6))).unwrap();
    let counts = journal.counts().unwrap();
    assert_eq!((counts.unknown, counts.accepted, counts.failed), (0, 1, 1));
}

#[test]
fn dedup_finds_what_the_tracker_lacks_by_where_it_went_and_what_was_sent() {
    let journal = journal_with(&["a", "b"]);
    let key = |tenant: &str, account: &str, sha256: Option<&str>| ContentKey {
        tenant: tenant.into(),
        account: account.into(),
        sha256: sha256.map(Into::into),
        ..intent("a").key
    };
    let sent = key("t1", "acc2", Some("ab"));
    assert_eq!(journal.find_accepted(&sent).unwrap(), None);
    // It was meant for another account, and fell back.
    for (id, remote) in [("a", "r1"), ("b", "r2")] {
        let accepted = Accepted {
            account: "acc2".into(),
            ..accepted(remote)
        };
        wait(journal.accepted(id, accepted)).unwrap();
    }
    assert_eq!(journal.find_accepted(&sent).unwrap().unwrap().id(), "b", "the newest");
    for other in [
        key("t2", "acc2", Some("ab")),
        key("t1", "acc", Some("ab")),
        key("t1", "acc2", Some("cd")),
    ] {
        assert_eq!(journal.find_accepted(&other).unwrap(), None);
    }
    assert_eq!(journal.find_accepted(&key("t1", "acc2", None)).unwrap(), None);
    assert_eq!(ids(journal.entries_of_remote("acc2", "r1").unwrap()), ["a"]);
    wait(journal.recorded(&["a".into(), "b".into()])).unwrap();
    assert_eq!(journal.find_accepted(&sent).unwrap(), None);
    assert!(journal.entries_of_remote("acc2", "r1").unwrap().is_empty());
}

#[test]
fn a_delete_and_a_reference_exclude_each_other_whoever_comes_first() {
    let journal = journal_with(&["a", "b"]);
    wait(journal.accepted("a", accepted("r"))).unwrap();
    let held = Err(JournalError::RemoteHeld {
        remote_id: "r".into(),
        id: "a".into(),
    });
    assert_eq!(wait(journal.deleting(delete("r"))), held);
    let refused = FailedEnd {
        delete: Some(delete("r")),
        ..end(1)
    };
    assert_eq!(wait(journal.failed("b", refused)), held);
    assert_eq!(journal.counts().unwrap().pending_deletes, 0);
    wait(journal.recorded(&["a".into()])).unwrap();
    wait(journal.deleting(delete("r"))).unwrap();
    let dying = Err(JournalError::RemoteDying { remote_id: "r".into() });
    assert_eq!(wait(journal.accepted("b", accepted("r"))), dying);
    assert!(wait(journal.deleted("acc", "r")).unwrap());
    wait(journal.accepted("b", accepted("r"))).unwrap();
}

#[test]
fn deletes_stay_until_the_vendor_confirms_and_take_turns() {
    let place = DiskPlace::default();
    let journal = on(&place);
    for id in ["r1", "r2"] {
        wait(journal.deleting(delete(id))).unwrap();
    }
    wait(journal.delete_failed("acc", "r1", "503".into(), 9_000)).unwrap();
    wait(journal.deleting(delete("r1"))).unwrap();
    wait(journal.close()).unwrap();
    let journal = on(&place);
    let pending = journal.pending_deletes(9).unwrap();
    assert_eq!(
        pending
            .iter()
            .map(|one| one.intent.remote_id.as_str())
            .collect::<Vec<_>>(),
        ["r2", "r1"]
    );
    assert_eq!((pending[1].tries, pending[1].last_error.as_deref()), (1, Some("503")));
    assert_eq!(journal.pending_deletes(1).unwrap(), pending[..1]);
    assert!(journal.is_deleting("acc", "r1").unwrap());
    assert!(wait(journal.deleted("acc", "r1")).unwrap());
    assert!(!wait(journal.deleted("acc", "r1")).unwrap());
    assert!(!journal.is_deleting("acc", "r1").unwrap());
}

#[test]
fn a_failure_and_its_delete_are_one() {
    let journal = journal_with(&["a"]);
    let end = FailedEnd {
        delete: Some(delete("r")),
        ..end(1)
    };
    wait(journal.failed("a", end)).unwrap();
    let counts = journal.counts().unwrap();
    assert_eq!((counts.open, counts.failed, counts.pending_deletes), (0, 1, 1));
}
