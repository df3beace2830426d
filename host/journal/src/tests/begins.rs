//! Beginning, and what an idempotency key answers.

use crate::tests::disk::DiskPlace;
use crate::tests::support::{accepted, attempt, end, intent, keyed, on, wait};
use crate::types::IDEMPOTENCY_MS;
use crate::{Begun, Journal, JournalError, Outcome, State};

fn journal() -> Journal {
    on(&DiskPlace::default())
}

fn begin(journal: &Journal, intent: crate::Intent) -> Begun {
    wait(journal.begin(intent)).unwrap()
}

#[test]
fn an_entry_keeps_all_that_recovery_needs() {
    let place = DiskPlace::default();
    let journal = on(&place);
    assert_eq!(begin(&journal, intent("a")), Begun::New("a".into()));
    wait(journal.sending("a", attempt(2))).unwrap();
    wait(journal.sending("a", attempt(2))).unwrap();
    wait(journal.close()).unwrap();
    let entries = on(&place).open_entries().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].intent, intent("a"));
    assert_eq!(entries[0].attempts.len(), 2, "the same attempt again is a repetition");
    assert_eq!(entries[0].attempts[0].mark, "mark-a");
    assert_eq!(entries[0].attempts[1], attempt(2));
}

#[test]
fn an_id_is_used_once() {
    let journal = journal();
    begin(&journal, intent("a"));
    assert_eq!(
        wait(journal.begin(intent("a"))),
        Err(JournalError::Duplicate { id: "a".into() })
    );
}

#[test]
fn the_same_key_and_content_joins_the_first_and_then_gets_its_receipt() {
    let journal = journal();
    begin(&journal, keyed("a", "key", "print"));
    assert_eq!(begin(&journal, keyed("b", "key", "print")), Begun::InFlight("a".into()));
    wait(journal.accepted("a", accepted("r"))).unwrap();
    for step in ["accepted", "recorded"] {
        let Begun::Replay(Outcome::Accepted(entry)) = begin(&journal, keyed("b", "key", "print")) else {
            panic!("no receipt while {step}");
        };
        assert_eq!(
            (entry.id(), entry.accepted(), entry.state.name()),
            ("a", Some(&accepted("r")), step)
        );
        wait(journal.recorded(&["a".into()])).unwrap();
    }
    assert_eq!(journal.entry("b").unwrap(), None);
}

#[test]
fn the_same_key_with_other_content_is_a_conflict() {
    let journal = journal();
    begin(&journal, keyed("a", "key", "print"));
    assert_eq!(begin(&journal, keyed("b", "key", "other")), Begun::Conflict);
    wait(journal.accepted("a", accepted("r"))).unwrap();
    assert_eq!(begin(&journal, keyed("b", "key", "other")), Begun::Conflict);
}

#[test]
fn another_tenants_key_is_another_key() {
    let journal = journal();
    begin(&journal, keyed("a", "key", "print"));
    let mut other = keyed("b", "key", "print");
    other.tenant = "t2".into();
    assert_eq!(begin(&journal, other), Begun::New("b".into()));
}

#[test]
fn a_failure_frees_the_key_and_an_unknown_outcome_does_not() {
    let journal = journal();
    begin(&journal, keyed("a", "key", "print"));
    wait(journal.failed("a", end(2))).unwrap();
    assert_eq!(begin(&journal, keyed("b", "key", "other")), Begun::New("b".into()));
    wait(journal.unknown("b", "no list".into(), 3)).unwrap();
    let Begun::Replay(Outcome::Unknown(entry)) = begin(&journal, keyed("c", "key", "other")) else {
        panic!("an unknown outcome must not be sent again");
    };
    assert_eq!(entry.id(), "b");
    assert!(matches!(&entry.state, State::Unknown { why, at_ms: 3 } if why == "no list"));
}

#[test]
fn a_key_lives_24_hours_swept_or_not() {
    let journal = journal();
    begin(&journal, keyed("a", "key", "print"));
    wait(journal.accepted("a", accepted("r"))).unwrap();
    wait(journal.recorded(&["a".into()])).unwrap();
    let mut later = keyed("b", "key", "other");
    later.created_at_ms += IDEMPOTENCY_MS - 1;
    assert_eq!(begin(&journal, later.clone()), Begun::Conflict);
    later.created_at_ms += 1;
    assert_eq!(begin(&journal, later), Begun::New("b".into()));
    assert_eq!(journal.entry("a").unwrap(), None, "nothing refers to it any more");
    assert_eq!(journal.counts().unwrap().keys, 1);
}

#[test]
fn a_begin_that_nobody_waits_for_is_not_made_or_is_taken_back() {
    let place = DiskPlace::default();
    let journal = on(&place);
    place.disk(|disk| disk.hold = true);
    wait(async {
        let busy = journal.begin(intent("busy"));
        let gone = journal.begin(keyed("gone", "key", "print"));
        futures::pin_mut!(busy);
        {
            futures::pin_mut!(gone);
            assert!(futures::poll!(&mut busy).is_pending());
            assert!(futures::poll!(&mut gone).is_pending());
        }
        place.disk(|disk| disk.hold = false);
        busy.await.unwrap();
        // Whichever batch it was in, its entry is gone when the next change is answered.
        journal.flush().await.unwrap();
        journal.flush().await.unwrap();
        assert_eq!(journal.entry("gone").unwrap(), None);
        assert_eq!(
            journal.begin(keyed("again", "key", "other")).await,
            Ok(Begun::New("again".into()))
        );
    });
}

/// The answer is there, and its caller goes away without looking.
#[test]
fn a_begin_whose_answer_nobody_takes_is_taken_back() {
    let place = DiskPlace::default();
    let journal = on(&place);
    place.disk(|disk| disk.hold = true);
    wait(async {
        let gone = journal.begin(keyed("gone", "key", "print"));
        {
            futures::pin_mut!(gone);
            assert!(futures::poll!(&mut gone).is_pending());
            place.disk(|disk| disk.hold = false);
            // Changes are answered in order.
            journal.flush().await.unwrap();
            assert!(journal.entry("gone").unwrap().is_some());
        }
        assert_eq!(
            journal.begin(keyed("again", "key", "other")).await,
            Ok(Begun::New("again".into()))
        );
        assert_eq!(journal.entry("gone").unwrap(), None);
    });
}

#[test]
fn a_dedup_hit_is_one_step_and_answers_its_key() {
    let journal = journal();
    let hit = |id: &str| journal.begin_accepted(keyed(id, "key", "print"), accepted("r"));
    assert_eq!(wait(hit("a")), Ok(Begun::New("a".into())));
    assert_eq!(journal.backlog().unwrap().entries, 1);
    assert!(matches!(wait(hit("b")), Ok(Begun::Replay(Outcome::Accepted(entry))) if entry.id() == "a"));
    wait(journal.recorded(&["a".into()])).unwrap();
    wait(journal.deleting(crate::tests::support::delete("r"))).unwrap();
    assert!(matches!(wait(hit("b")), Ok(Begun::Replay(_))), "the receipt was given");
    let dying = wait(journal.begin_accepted(intent("c"), accepted("r")));
    assert_eq!(dying, Err(JournalError::RemoteDying { remote_id: "r".into() }));
    assert_eq!(journal.entry("c").unwrap(), None);
}

#[test]
fn a_row_that_is_too_large_is_refused_alone() {
    let journal = journal();
    let mut large = intent("large");
    large.filename = "x".repeat(100_000);
    wait(async {
        let (large, small) = futures::join!(journal.begin(large), journal.begin(intent("small")));
        assert!(matches!(large, Err(JournalError::TooLarge { .. })));
        assert_eq!(small, Ok(Begun::New("small".into())));
    });
    assert_eq!(journal.counts().unwrap().entries, 1);
}
