//! A full disk, a read-only directory, a sync that fails: what is refused, what stays, and what works again.

use crate::change::Change;
use crate::tests::disk::{DiskPlace, Faults};
use crate::tests::dump::dump;
use crate::tests::support::{accepted, intent, keyed, on, still, wait};
use crate::writer::Rules;
use crate::{Begun, Journal, JournalError};

fn space_for(place: &DiskPlace, writes: Option<usize>) {
    place.disk(|disk| disk.faults.space_for = writes);
}

/// Wherever the space ends in a step, the step is refused as `Full`, and the journal goes on by itself once there is
/// space: with everything acknowledged, and with nothing of the refused upload.
#[test]
fn a_full_disk_refuses_and_recovers_by_itself() {
    let mut refused = 0;
    for writes in 0..60 {
        let place = DiskPlace::default();
        let journal = on(&place);
        wait(journal.begin(intent("before"))).unwrap();
        wait(journal.accepted("before", accepted("r"))).unwrap();
        let mut large = keyed("large", "key", "print");
        large.filename = "x".repeat(60_000);
        space_for(&place, Some(writes));
        let answer = wait(journal.begin(large));
        space_for(&place, None);
        match &answer {
            Ok(begun) => assert_eq!(*begun, Begun::New("large".into())),
            Err(error) => {
                refused += 1;
                assert!(matches!(error, JournalError::Full { .. }), "{error:?}");
                assert!(error.to_string().contains("free some"));
            }
        }
        assert_eq!(
            wait(journal.begin(intent("after"))),
            Ok(Begun::New("after".into())),
            "after {writes} writes"
        );
        let found = journal.snapshot(dump).unwrap();
        assert_eq!(
            found.entries.contains_key("large"),
            answer.is_ok(),
            "after {writes} writes"
        );
        assert_eq!(found.keys.is_empty(), answer.is_err());
        assert!(found.entries.contains_key("before"));
        assert_eq!(journal.entry("before").unwrap().unwrap().state.name(), "accepted");
        if answer.is_err() {
            wait(journal.begin(keyed("large", "key", "other"))).unwrap();
        }
        wait(journal.close()).unwrap();
        assert!(on(&place).entry("after").unwrap().is_some());
    }
    assert!(
        refused >= 5,
        "the space must have ended in the middle of the step: {refused}"
    );
}

/// The first who comes may be one who only reads. Nothing of a refused upload is there to be read, wherever the space
/// ended.
#[test]
fn a_journal_that_has_room_again_can_be_read() {
    let mut refused = 0;
    for writes in 0..60 {
        let place = DiskPlace::default();
        let journal = on(&place);
        wait(journal.begin(intent("before"))).unwrap();
        let mut large = keyed("large", "key", "print");
        large.filename = "x".repeat(60_000);
        space_for(&place, Some(writes));
        let answer = wait(journal.begin(large));
        refused += usize::from(answer.is_err());
        space_for(&place, None);
        assert!(journal.entry("before").unwrap().is_some());
        let (found, keyed) = (
            journal.entry("large").unwrap(),
            journal.find_keyed(&intent("large").tenant, "key", 0).unwrap(),
        );
        assert_eq!(found.is_some(), answer.is_ok(), "after {writes} writes");
        assert!(answer.is_ok() || keyed.is_none(), "after {writes} writes");
    }
    assert!(refused >= 5, "{refused}");
}

/// A commit that failed after it reached the disk is taken back before anybody reads.
#[test]
fn what_a_late_failure_left_is_never_read() {
    let rules = Rules {
        fail_late: Some(|change| matches!(change, Change::Begin(intent) if intent.id == "late")),
        ..still()
    };
    let journal = Journal::open_at(Box::new(DiskPlace::default()), rules).unwrap();
    wait(journal.begin(keyed("late", "key", "print"))).unwrap_err();
    assert_eq!(journal.entry("late").unwrap(), None);
}

#[test]
fn a_journal_that_stays_full_says_so_to_readers() {
    let place = DiskPlace::default();
    let journal = on(&place);
    wait(journal.begin(intent("a"))).unwrap();
    space_for(&place, Some(0));
    wait(journal.accepted("a", accepted("r"))).unwrap_err();
    place.disk(|disk| disk.faults.free = Some(crate::store::RESERVE_BYTES - 1));
    let read = journal.counts();
    assert!(matches!(read, Err(JournalError::Full { .. })), "{read:?}");
    place.disk(|disk| disk.faults = Faults::default());
    assert_eq!(journal.counts().unwrap().open, 1);
}

#[test]
fn while_the_disk_stays_full_every_step_says_so() {
    let place = DiskPlace::default();
    let journal = on(&place);
    wait(journal.begin(intent("a"))).unwrap();
    space_for(&place, Some(0));
    for _ in 0..3 {
        let answer = wait(journal.accepted("a", accepted("r")));
        assert!(matches!(answer, Err(JournalError::Full { .. })), "{answer:?}");
    }
    space_for(&place, None);
    wait(journal.accepted("a", accepted("r"))).unwrap();
}

/// New uploads leave room for the ends of those already on their way.
#[test]
fn the_last_space_is_for_ends() {
    let place = DiskPlace::default();
    let journal = on(&place);
    wait(journal.begin(intent("a"))).unwrap();
    place.disk(|disk| disk.faults.free = Some(crate::store::RESERVE_BYTES - 1));
    assert!(matches!(
        wait(journal.begin(intent("b"))),
        Err(JournalError::Full { .. })
    ));
    wait(journal.accepted("a", accepted("r"))).unwrap();
    place.disk(|disk| disk.faults.free = Some(crate::store::RESERVE_BYTES));
    wait(journal.begin(intent("b"))).unwrap();
}

/// After a failed sync the system may have dropped the pages: a later sync that succeeds proves nothing, so the journal
/// stays down until the next start, which finds everything acknowledged before.
#[test]
fn a_failed_sync_ends_the_journal() {
    for syncs in 0..2 {
        let place = DiskPlace::default();
        let journal = on(&place);
        wait(journal.begin(intent("a"))).unwrap();
        place.disk(|disk| disk.faults.syncs_for = Some(syncs));
        let mut failed = None;
        for n in 0..20 {
            let mut large = intent(&format!("large{n}"));
            large.filename = "x".repeat(30_000);
            if let Err(error) = wait(journal.begin(large)) {
                failed = Some(error);
                break;
            }
        }
        assert!(matches!(failed, Some(JournalError::SyncFailed { .. })), "{failed:?}");
        place.disk(|disk| disk.faults = Faults::default());
        let later = wait(journal.begin(intent("b")));
        assert!(matches!(later, Err(JournalError::SyncFailed { .. })), "{later:?}");
        assert!(matches!(journal.counts(), Err(JournalError::SyncFailed { .. })));
        drop(journal);
        let journal = on(&place);
        assert!(journal.entry("a").unwrap().is_some());
        wait(journal.begin(intent("b"))).unwrap();
    }
}

#[test]
fn a_read_only_directory_is_refused_at_opening_and_later() {
    let place = DiskPlace::default();
    place.disk(|disk| disk.faults.read_only = true);
    let error = Journal::open_at(Box::new(place.clone()), still()).unwrap_err();
    assert!(matches!(error, JournalError::ReadOnly { .. }), "{error:?}");
    place.disk(|disk| disk.faults.read_only = false);
    let journal = on(&place);
    place.disk(|disk| disk.faults.read_only = true);
    let error = wait(journal.begin(intent("a"))).unwrap_err();
    assert!(matches!(error, JournalError::ReadOnly { .. }), "{error:?}");
    place.disk(|disk| disk.faults.read_only = false);
    assert_eq!(wait(journal.begin(intent("a"))), Ok(Begun::New("a".into())));
}

#[test]
fn a_full_disk_at_the_first_start_leaves_nothing_in_the_way() {
    let place = DiskPlace::default();
    for writes in 0..200 {
        space_for(&place, Some(writes));
        match Journal::open_at(Box::new(place.clone()), still()) {
            Ok(journal) => {
                assert!(writes > 3);
                space_for(&place, None);
                wait(journal.begin(intent("a"))).unwrap();
                return;
            }
            Err(error) => assert!(
                matches!(error, JournalError::Full { .. }),
                "{error:?} after {writes} writes"
            ),
        }
    }
    panic!("200 writes are not enough to make a journal");
}

#[test]
fn a_closed_journal_says_so() {
    let journal = on(&DiskPlace::default());
    wait(journal.clone().close()).unwrap();
    assert_eq!(wait(journal.change(Change::Flush)), Err(JournalError::Closed));
    assert_eq!(journal.counts(), Err(JournalError::Closed));
    assert_eq!(wait(journal.close()), Err(JournalError::Closed));
}

/// A commit may fail after it reached the disk. Its uploads were refused, so nothing of them may stay.
#[test]
fn a_commit_that_fails_late_leaves_no_upload_behind() {
    let place = DiskPlace::default();
    let rules = Rules {
        fail_late: Some(|change| matches!(change, Change::Begin(intent) if intent.id == "late")),
        ..still()
    };
    let journal = Journal::open_at(Box::new(place.clone()), rules).unwrap();
    wait(journal.begin(intent("before"))).unwrap();
    let late = wait(journal.begin(keyed("late", "key", "print")));
    assert!(matches!(late, Err(JournalError::Io { .. })), "{late:?}");
    assert_eq!(
        wait(journal.begin(keyed("next", "key", "other"))),
        Ok(Begun::New("next".into()))
    );
    assert_eq!(journal.entry("late").unwrap(), None);
    assert!(journal.entry("before").unwrap().is_some());
}
