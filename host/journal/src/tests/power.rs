//! The power-loss suite. A run of the journal is recorded write by write; then the power fails at every moment of it,
//! with every kind of leftover, and the journal is opened on what is left. It must open, hold everything that was
//! acknowledged as durable, and hold it as the naive journal held it after some step: nothing torn, nothing half.

use futures::future::join_all;

use crate::change::{Change, Need};
use crate::store::{Store, StoreSource};
use crate::tests::crash::{Choice, Cutter, Image};
use crate::tests::disk::{DiskPlace, Event};
use crate::tests::dump::{Dump, dump};
use crate::tests::naive::Naive;
use crate::tests::support::{accepted, attempt, delete, end, intent, keyed, still, wait};
use crate::types::IDEMPOTENCY_MS;
use crate::writer::Rules;
use crate::{FailedEnd, Journal};

/// A recorded run.
struct Run {
    events: Vec<Event>,
    /// What the journal holds before step 0, after it, after step 1 …
    states: Vec<Dump>,
    /// Whether step n had to be durable when it was answered.
    durable: Vec<bool>,
}

/// Takes the steps; those of one group at the same time.
fn run(groups: &[Vec<Change>], rules: Rules) -> Run {
    let place = DiskPlace::default();
    let journal = Journal::open_at(Box::new(place.clone()), rules).unwrap();
    let mut naive = Naive::default();
    let mut run = Run {
        events: Vec::new(),
        states: vec![naive.dump()],
        durable: Vec::new(),
    };
    for group in groups {
        let mut waiting = Vec::new();
        for change in group {
            let number = run.durable.len();
            let expected = naive.apply(change);
            run.durable.push(matches!(expected, Ok((_, Need::Durable))));
            run.states.push(naive.dump());
            place.note(Event::Issued(number));
            let (journal, place) = (&journal, &place);
            waiting.push(async move {
                let answer = journal.change(change.clone()).await;
                place.note(Event::Acknowledged(number));
                assert_eq!(answer, expected.map(|(answer, _)| answer));
            });
        }
        wait(join_all(waiting));
    }
    wait(journal.close()).unwrap();
    run.events = place.disk(|disk| disk.events.clone());
    run
}

/// How many power losses a run survived, or the first that it did not. The syncs at `forgotten` do nothing.
fn survives(run: &Run, forgotten: &[usize], random: u64) -> Result<usize, String> {
    let mut cutter = Cutter::new(Image::default());
    let (mut issued, mut certain, mut images) = (0, 0, 0);
    // Before the first forgotten sync nothing differs from the whole run.
    let from = forgotten.first().copied().unwrap_or(0);
    for moment in 0..=run.events.len() {
        let next = run.events.get(moment);
        let mut choices = Vec::new();
        if moment >= from {
            choices.extend([Choice::Nothing, Choice::Everything]);
            choices.extend((0..random).map(|seed| Choice::Random(seed * 1_000_003 + moment as u64)));
        }
        // The most is pending just before a sync.
        if moment >= from && matches!(next, Some(Event::Sync { .. })) {
            choices.extend((0..cutter.pending()).flat_map(|one| [Choice::Without(one), Choice::Only(one)]));
        }
        for choice in choices {
            images += 1;
            let allowed = &run.states[certain..=issued];
            recovers(cutter.cut(choice), allowed, images % 16 == 0)
                .map_err(|why| format!("{choice:?} before event {moment} ({}): {why}", brief(next)))?;
        }
        match next {
            Some(Event::Issued(number)) => issued = number + 1,
            Some(Event::Acknowledged(number)) if run.durable[*number] => certain = certain.max(number + 1),
            _ => {}
        }
        if let Some(event) = next {
            cutter.step(event, !forgotten.contains(&moment));
        }
    }
    Ok(images)
}

/// Opens what is left and compares. With `again`, the power also fails during that opening, and after it.
fn recovers(image: Image, allowed: &[Dump], again: bool) -> Result<(), String> {
    let place = DiskPlace::with(image.names.clone(), image.files.clone());
    let store = Store::open(StoreSource::StorePlace(Box::new(place.clone())))
        .map_err(|error| format!("does not open: {error}"))?;
    let found = store.read(dump).map_err(|error| format!("cannot be read: {error}"))?;
    if !allowed.contains(&found) {
        return Err(format!(
            "holds {:?} and deletes {:?}, in none of the {} allowed states",
            states(&found),
            found.deletes.len(),
            allowed.len()
        ));
    }
    if again {
        let events = place.disk(|disk| disk.events.clone());
        let mut cutter = Cutter::new(image);
        for (moment, event) in events.iter().enumerate() {
            for choice in [Choice::Nothing, Choice::Random(moment as u64)] {
                recovers(cutter.cut(choice), allowed, false).map_err(|why| format!("again, in recovery: {why}"))?;
            }
            cutter.step(event, true);
        }
        // What was seen once may have been acted upon: it must not be taken back.
        recovers(cutter.cut(Choice::Nothing), std::slice::from_ref(&found), false)
            .map_err(|why| format!("again, after recovery: {why}"))?;
    }
    Ok(())
}

fn states(dump: &Dump) -> Vec<String> {
    dump.entries
        .values()
        .map(|entry| format!("{} {}", entry.id(), entry.state.name()))
        .collect()
}

fn brief(event: Option<&Event>) -> String {
    match event {
        Some(Event::Write { offset, data, .. }) => format!("write of {} at {offset}", data.len()),
        other => format!("{other:?}"),
    }
}

fn begin(id: &str) -> Change {
    Change::Begin(Box::new(intent(id)))
}

fn accept(id: &str, remote_id: &str) -> Change {
    let accepted = Box::new(accepted(remote_id));
    Change::Accepted {
        id: id.into(),
        accepted,
    }
}

fn record(id: &str) -> Change {
    Change::Recorded { ids: vec![id.into()] }
}

/// Every step there is, lazy ones before durable ones and after them, and enough of them that the file grows.
fn script() -> Vec<Change> {
    let fail = |id: &str, delete| {
        let end = Box::new(FailedEnd { delete, ..end(4_000) });
        Change::Failed { id: id.into(), end }
    };
    let mut script = vec![
        begin("a"),
        Change::PutState {
            key: "breaker".into(),
            bytes: b"open".to_vec(),
        },
        Change::Sending {
            id: "a".into(),
            attempt: attempt(2),
        },
        accept("a", "r1"),
        record("a"),
        Change::Begin(Box::new(keyed("b", "key", "print"))),
        Change::Begin(Box::new(keyed("c", "key", "print"))),
        accept("b", "r2"),
        Change::Begin(Box::new(keyed("c", "key", "print"))),
        record("b"),
        begin("d"),
        fail("d", None),
        begin("e"),
        fail("e", Some(delete("r3"))),
        Change::DeleteFailed {
            account: "acc".into(),
            remote_id: "r3".into(),
            error: "503".into(),
            at_ms: 5_000,
        },
        begin("f"),
        Change::Unknown {
            id: "f".into(),
            why: "no list".into(),
            at_ms: 6_000,
        },
        Change::Deleting(Box::new(delete("r1"))),
        Change::Deleted {
            account: "acc".into(),
            remote_id: "r1".into(),
        },
        Change::Flush,
        Change::BeginAccepted(Box::new((keyed("dedup", "key2", "print"), accepted("r2")))),
        Change::Deleted {
            account: "acc".into(),
            remote_id: "r3".into(),
        },
        Change::RemoveState { key: "breaker".into() },
    ];
    for number in 0..12 {
        let mut large = intent(&format!("g{number}"));
        large.filename = "x".repeat(6_000);
        script.push(Change::Begin(Box::new(large)));
        script.push(accept(&format!("g{number}"), &format!("large{number}")));
    }
    let ids = (0..11).map(|number| format!("g{number}")).collect();
    script.extend([
        Change::Recorded { ids },
        Change::Sweep {
            now_ms: 6_000 + IDEMPOTENCY_MS,
        },
        accept("f", "found"),
        begin("h"),
    ]);
    script
}

fn alone(script: Vec<Change>) -> Vec<Vec<Change>> {
    script.into_iter().map(|change| vec![change]).collect()
}

#[test]
fn every_power_loss_is_survived() {
    let images = survives(&run(&alone(script()), still()), &[], 8).unwrap();
    assert!(images > 5_000, "only {images} power losses were tried");
}

#[test]
fn every_power_loss_is_survived_when_commits_are_shared() {
    let groups: Vec<_> = script().chunks(5).map(<[Change]>::to_vec).collect();
    survives(&run(&groups, still()), &[], 8).unwrap();
}

#[test]
fn every_power_loss_is_survived_around_seals() {
    let rules = Rules {
        flush_after: std::time::Duration::ZERO,
        ..still()
    };
    survives(&run(&alone(script()), rules), &[], 2).unwrap();
}

/// The suite notices each durable step that is made lazy: it can fail.
#[test]
fn making_any_one_durable_step_lazy_is_noticed() {
    type Which = fn(&Change) -> bool;
    let steps: [(&str, Which); 9] = [
        ("begin", |change| matches!(change, Change::Begin(_))),
        ("begin accepted", |change| matches!(change, Change::BeginAccepted(_))),
        (
            "begin with a key",
            |change| matches!(change, Change::Begin(intent) if intent.idempotency.is_some()),
        ),
        ("sending", |change| matches!(change, Change::Sending { .. })),
        ("accepted", |change| matches!(change, Change::Accepted { .. })),
        ("failed with a delete", |change| matches!(change, Change::Failed { .. })),
        ("unknown", |change| matches!(change, Change::Unknown { .. })),
        ("deleting", |change| matches!(change, Change::Deleting(_))),
        ("flush", |change| matches!(change, Change::Flush)),
    ];
    for (name, downgrade) in steps {
        let rules = Rules {
            downgrade: Some(downgrade),
            ..still()
        };
        let noticed = survives(&run(&alone(script()), rules), &[], 0);
        assert!(noticed.is_err(), "{name} was made lazy and nobody noticed");
    }
}

fn is_sync(event: &Event) -> bool {
    matches!(event, Event::Sync { .. } | Event::SyncDirectory)
}

/// The suite notices each sync that is left out: of the directory, and of the file from the first step on.
#[test]
fn removing_any_one_sync_is_noticed() {
    let run = run(&alone(script()), still());
    let first = run
        .events
        .iter()
        .position(|event| matches!(event, Event::Issued(_)))
        .unwrap();
    let last = run
        .events
        .iter()
        .rposition(|event| matches!(event, Event::Acknowledged(_)))
        .unwrap();
    let mut syncs = 0;
    for (moment, event) in run.events[..last].iter().enumerate() {
        if *event == Event::SyncDirectory || (moment > first && is_sync(event)) {
            syncs += 1;
            let noticed = survives(&run, &[moment], 2);
            assert!(
                noticed.is_err(),
                "the sync at {moment}, before {}, is not missed",
                brief(run.events.get(moment + 1))
            );
        }
    }
    assert!(syncs > run.durable.iter().filter(|durable| **durable).count());
    // While the store is made redb syncs more often than it must, so one of those is not missed. All of them are.
    let named = run
        .events
        .iter()
        .position(|event| matches!(event, Event::Rename { .. }))
        .unwrap();
    let making: Vec<_> = (0..named).filter(|moment| is_sync(&run.events[*moment])).collect();
    assert!(
        survives(&run, &making, 2).is_err(),
        "the syncs before the rename are not missed"
    );
}

/// Killed between the rename and the directory's sync, started again, then the power fails: the second start must have
/// synced the directory, or the journal is gone with all that it acknowledged since.
#[test]
fn a_kill_while_the_store_is_made_leaves_no_debt() {
    let place = DiskPlace::default();
    place.disk(|disk| disk.faults.directory_syncs_for = Some(0));
    Journal::open_at(Box::new(place.clone()), still()).unwrap_err();
    place.disk(|disk| disk.faults.directory_syncs_for = None);
    assert!(place.disk(|disk| disk.names.contains_key(crate::place::NAME)));
    let journal = Journal::open_at(Box::new(place.clone()), still()).unwrap();
    let mut naive = Naive::default();
    let mut run = Run {
        events: Vec::new(),
        states: vec![naive.dump()],
        durable: vec![true],
    };
    naive.apply(&begin("a")).unwrap();
    run.states.push(naive.dump());
    place.note(Event::Issued(0));
    wait(journal.change(begin("a"))).unwrap();
    place.note(Event::Acknowledged(0));
    run.events = place.disk(|disk| disk.events.clone());
    survives(&run, &[], 3).unwrap();
    let synced = run
        .events
        .iter()
        .position(|event| *event == Event::SyncDirectory)
        .unwrap();
    assert!(survives(&run, &[synced], 3).is_err());
}
