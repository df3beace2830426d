//! Events for others: written with the end that they tell of, and kept until their delivery is put down.

use crate::tests::disk::DiskPlace;
use crate::tests::support::{accepted, end, intent, on, wait};
use crate::{
    Accepted, Callback, Delivery, FailedEnd, Intent, Journal, MOVED_ON, OutgoingKind, PlacedEvent, Subscription,
};

use OutgoingKind::{Deleted, Failed, Stored, Unknown};

fn subscribe(journal: &Journal) {
    let subscription = |receiver: &str, kinds: &[OutgoingKind]| Subscription {
        receiver: receiver.into(),
        kinds: kinds.to_vec(),
        callbacks: receiver == "failures",
    };
    journal.subscribe(vec![
        subscription("all", &[Stored, Failed, Unknown]),
        subscription("failures", &[Failed]),
    ]);
}

fn told(events: Vec<PlacedEvent>) -> Vec<(String, OutgoingKind)> {
    events
        .into_iter()
        .map(|placed| (placed.event.file, placed.event.kind))
        .collect()
}

#[test]
fn each_end_is_told_to_those_who_want_it_and_survives_the_process() {
    let place = DiskPlace::default();
    let journal = on(&place);
    wait(journal.begin(intent("before"))).unwrap();
    wait(journal.accepted("before", accepted("r0"))).unwrap();
    subscribe(&journal);
    for id in ["a", "b", "c", "d"] {
        wait(journal.begin(intent(id))).unwrap();
    }
    wait(journal.unknown("d", "silence".into(), 1)).unwrap();
    wait(journal.accepted("a", accepted("r1"))).unwrap();
    // The same acceptance again is no other event.
    wait(journal.accepted("a", accepted("r1"))).unwrap();
    wait(journal.failed("b", end(3))).unwrap();
    let moved_on = FailedEnd {
        kind: MOVED_ON.into(),
        ..end(4)
    };
    wait(journal.failed("c", moved_on)).unwrap();
    wait(journal.begin_accepted(
        intent("e"),
        Accepted {
            attempts: 0,
            ..accepted("r1")
        },
    ))
    .unwrap();
    wait(journal.accepted("d", accepted("r2"))).unwrap();
    wait(journal.recorded(&["a".into()])).unwrap();
    wait(journal.close()).unwrap();

    let journal = on(&place);
    let events = journal.outgoing("all", 10).unwrap();
    assert!(events[3].event.deduplicated && !events[1].event.deduplicated);
    assert_eq!(events[2].event.message.as_deref(), Some("no"));
    let of = |file: &str, kind| (file.to_owned(), kind);
    assert_eq!(
        told(events),
        [
            of("d", Unknown),
            of("a", Stored),
            of("b", Failed),
            of("e", Stored),
            of("d", Stored)
        ]
    );
    assert_eq!(told(journal.outgoing("failures", 10).unwrap()), [of("b", Failed)]);
    assert_eq!(told(journal.outgoing("all", 1).unwrap()), [of("d", Unknown)]);
}

#[test]
fn an_event_waits_is_given_up_goes_back_and_is_over() {
    let journal = on(&DiskPlace::default());
    subscribe(&journal);
    for id in ["a", "b"] {
        wait(journal.begin(intent(id))).unwrap();
        wait(journal.accepted(id, accepted(id))).unwrap();
    }
    let places: Vec<u64> = journal
        .outgoing("all", 10)
        .unwrap()
        .iter()
        .map(|placed| placed.place)
        .collect();
    let [first, second] = places[..] else {
        panic!("{places:?}")
    };
    let dead = Delivery {
        attempts: 3,
        dead_at_ms: Some(50),
        ..Delivery::default()
    };
    let put = |place, delivery| wait(journal.put_delivery("all", place, delivery)).unwrap();
    for place in [first, second] {
        assert!(put(place, Some(dead.clone())));
    }
    assert_eq!(journal.count_outgoing("all").unwrap(), (0, 2));
    // What comes meanwhile takes no place of theirs.
    wait(journal.begin(intent("c"))).unwrap();
    wait(journal.accepted("c", accepted("c"))).unwrap();
    assert!(put(first, Some(Delivery::default())));
    let files = |events: Vec<PlacedEvent>| told(events).into_iter().map(|(file, _)| file).collect::<Vec<_>>();
    assert_eq!(files(journal.outgoing("all", 10).unwrap()), ["a", "c"]);
    assert_eq!(files(journal.dead_letters("all", 10).unwrap()), ["b"]);
    assert!(put(first, None));
    assert!(!put(first, None));

    assert!(!wait(journal.keep_outgoing(vec!["all".into()], 50)).unwrap());
    assert!(wait(journal.keep_outgoing(vec!["all".into()], 51)).unwrap());
    assert_eq!(journal.count_outgoing("all").unwrap(), (1, 0));
    assert!(wait(journal.keep_outgoing(Vec::new(), 0)).unwrap());
    assert_eq!(journal.count_outgoing("all").unwrap(), (0, 0));
}

/// Only the receiver that allows it has the event of a callback, beside its own.
#[test]
fn a_callback_is_told_by_the_receiver_that_allows_it() {
    let journal = on(&DiskPlace::default());
    subscribe(&journal);
    for (id, receiver) in [("a", "failures"), ("b", "all"), ("c", "nobody")] {
        let callback = Callback {
            receiver: receiver.into(),
            url: format!("{receiver}/below"),
            grant: "g".into(),
        };
        let callback = Some(Box::new(callback));
        wait(journal.begin(Intent { callback, ..intent(id) })).unwrap();
    }
    wait(journal.accepted("a", accepted("r1"))).unwrap();
    wait(journal.failed("b", end(3))).unwrap();
    wait(journal.failed("c", end(3))).unwrap();
    let of = |receiver: &str| -> Vec<(String, bool)> {
        let events = journal.outgoing(receiver, 10).unwrap().into_iter();
        let seen = events.map(|placed| (placed.event.file, placed.event.callback.is_some()));
        seen.collect()
    };
    let plain = |file: &str| (file.to_owned(), false);
    assert_eq!(of("all"), [plain("a"), plain("b"), plain("c")]);
    assert_eq!(of("failures"), [("a".to_owned(), true), plain("b"), plain("c")]);
}

/// The note that stands for an event goes with it, or neither does.
#[test]
fn an_event_takes_the_place_of_its_note() {
    let place = DiskPlace::default();
    let journal = on(&place);
    subscribe(&journal);
    assert!(journal.is_wanted(Stored) && !journal.is_wanted(Deleted));
    wait(journal.begin(intent("a"))).unwrap();
    wait(journal.accepted("a", accepted("r1"))).unwrap();
    let event = journal.outgoing("all", 1).unwrap().remove(0).event;
    wait(journal.put_state("note", vec![1])).unwrap();
    wait(journal.tell_noted(event, "note".into())).unwrap();
    wait(journal.close()).unwrap();
    let journal = on(&place);
    assert_eq!(journal.get_state("note").unwrap(), None);
    assert_eq!(journal.outgoing("all", 10).unwrap().len(), 2);
}
