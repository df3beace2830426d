//! What is forgotten, when, and how much at a time. And the host's small state.

use std::time::Duration;

use crate::apply::{FAILED_KEPT, SWEEP_LIMIT, apply};
use crate::change::{Change, ChangeVerdict, Need};
use crate::schema::pretend;
use crate::store::{Phases, Store, StoreSource};
use crate::tests::disk::{DiskPlace, Event};
use crate::tests::support::{accepted, end, intent, keyed, on, still, wait};
use crate::types::IDEMPOTENCY_MS;
use crate::writer::Rules;
use crate::{Journal, JournalError, Swept};

#[test]
fn a_sweep_drops_what_is_a_day_old_and_keeps_what_still_matters() {
    let journal = on(&DiskPlace::default());
    for id in ["recorded", "accepted", "unknown", "open"] {
        wait(journal.begin(keyed(id, id, "print"))).unwrap();
    }
    wait(journal.begin(intent("failed"))).unwrap();
    wait(journal.failed("failed", end(1_000))).unwrap();
    for id in ["recorded", "accepted"] {
        wait(journal.accepted(id, accepted(id))).unwrap();
    }
    wait(journal.recorded(&["recorded".into()])).unwrap();
    wait(journal.unknown("unknown", String::new(), 1_000)).unwrap();
    let day = 1_000 + IDEMPOTENCY_MS;
    assert_eq!(wait(journal.sweep(day - 1)).unwrap(), Swept::default());
    assert_eq!(wait(journal.sweep(0)).unwrap(), Swept::default());
    assert_eq!(
        wait(journal.sweep(day)).unwrap(),
        Swept {
            entries: 2,
            keys: 4,
            more: false
        }
    );
    let counts = journal.counts().unwrap();
    assert_eq!(
        (counts.accepted, counts.unknown, counts.open, counts.entries),
        (1, 1, 1, 3)
    );
    wait(journal.recorded(&["accepted".into()])).unwrap();
    assert_eq!(
        journal.entry("accepted").unwrap(),
        None,
        "its key is gone, so nothing keeps it"
    );
}

/// A store with rows made wholesale.
fn store_with(changes: impl Iterator<Item = Change>) -> Store {
    let store = Store::open(StoreSource::StorePlace(Box::new(DiskPlace::default()))).unwrap();
    let write = store.write(Phases::One, |tables| {
        for change in changes {
            assert!(matches!(apply(tables, &change)?, ChangeVerdict::Applied(..)));
        }
        Ok(Need::Lazy)
    });
    write.unwrap();
    store
}

fn failures(count: u64) -> impl Iterator<Item = Change> {
    (0..count).flat_map(|number| {
        let id = format!("f{number}");
        let end = Box::new(end(number));
        [Change::Begin(Box::new(intent(&id))), Change::Failed { id, end }]
    })
}

#[test]
fn a_sweep_is_bounded_and_says_so() {
    let store = store_with(failures(SWEEP_LIMIT as u64 + 1));
    for (entries, more) in [(SWEEP_LIMIT as u64, true), (1, false)] {
        let mut answer = None;
        let sweep = store.write(Phases::One, |tables| {
            answer = Some(apply(
                tables,
                &Change::Sweep {
                    now_ms: IDEMPOTENCY_MS * 2,
                },
            )?);
            Ok(Need::Lazy)
        });
        sweep.unwrap();
        let expected = format!("Swept {{ entries: {entries}, keys: 0, more: {more} }}");
        assert!(format!("{answer:?}").contains(&expected), "{answer:?}");
    }
}

#[test]
fn a_storm_of_failures_keeps_only_the_last() {
    let store = store_with(failures(FAILED_KEPT + 5));
    let counts = store.read(crate::read::counts).unwrap();
    assert_eq!((counts.failed, counts.entries), (FAILED_KEPT, FAILED_KEPT));
    assert_eq!(store.read(|snapshot| crate::read::entry(snapshot, "f4")).unwrap(), None);
    assert!(
        store
            .read(|snapshot| crate::read::entry(snapshot, "f5"))
            .unwrap()
            .is_some()
    );
}

#[test]
fn state_is_kept_over_restarts_and_listed_by_prefix() {
    let place = DiskPlace::default();
    let journal = on(&place);
    for key in ["breaker/glm", "breaker/kimi", "digest/1", "brea"] {
        wait(journal.put_state(key, key.as_bytes().to_vec())).unwrap();
    }
    wait(journal.put_state("breaker/glm", b"open".to_vec())).unwrap();
    let long = wait(journal.put_state("long", vec![0; 70_000]));
    assert!(matches!(long, Err(JournalError::TooLarge { .. })));
    wait(journal.close()).unwrap();
    let journal = on(&place);
    assert_eq!(journal.get_state("breaker/glm").unwrap().unwrap(), b"open");
    assert_eq!(journal.get_state("none").unwrap(), None);
    assert_eq!(journal.state_keys("breaker/").unwrap(), ["breaker/glm", "breaker/kimi"]);
    assert!(wait(journal.remove_state("breaker/glm")).unwrap());
    assert!(!wait(journal.remove_state("breaker/glm")).unwrap());
}

/// What is lazy becomes durable without anybody asking: the idle journal seals itself.
#[test]
fn an_idle_journal_seals_itself() {
    let place = DiskPlace::default();
    let rules = Rules {
        flush_after: Duration::from_millis(1),
        ..still()
    };
    let journal = Journal::open_at(Box::new(place.clone()), rules).unwrap();
    wait(journal.put_state("key", b"value".to_vec())).unwrap();
    // Waiting for the event, not for a time: the seal is the only thing that can write now.
    loop {
        let durable = place.disk(|disk| {
            let names = disk.names.clone();
            let synced = disk
                .events
                .iter()
                .rposition(|event| matches!(event, Event::Sync { .. }));
            let pending = disk.events[synced.map_or(0, |at| at + 1)..]
                .iter()
                .any(|event| matches!(event, Event::Write { .. }));
            (!pending).then(|| DiskPlace::with(names, disk.files.clone()))
        });
        if let Some(left) = durable
            && Store::open(StoreSource::StorePlace(Box::new(left)))
                .unwrap()
                .read(|s| crate::read::state(s, "key"))
                .unwrap()
                .is_some()
        {
            break;
        }
        std::thread::yield_now();
    }
    assert!(journal.stats().lazy_commits >= 1);
}

#[test]
fn a_later_schema_is_left_alone() {
    let place = DiskPlace::default();
    drop(on(&place));
    let store = Store::open(StoreSource::StorePlace(Box::new(place.clone()))).unwrap();
    store.raw(|transaction| pretend(transaction, 2));
    drop(store);
    assert_eq!(
        Journal::open_at(Box::new(place), still()).unwrap_err(),
        JournalError::Newer { found: 2, supported: 1 }
    );
}
