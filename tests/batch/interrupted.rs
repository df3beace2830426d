//! Ctrl-C: once stops cleanly, twice stops at once.

use std::process::Child;

use loadlock_upstream::Operation::{Create, List};
use loadlock_upstream::{Fault, Recorded};
use rustix::process::{Pid, Signal, kill_process};

use super::shop::{Shop, answered, end};
use crate::place::{Place, code};

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Interrupted when four uploads are under way, which the fault leaves without an answer.
async fn interrupted(fault: Fault, until: fn(&[&Recorded]) -> bool, with: Signal) {
    let shop = Shop::start().await;
    shop.files(12);
    shop.upstream.faults().always(Create, fault);
    let child = shop.spawn(&["upload", "--json", "batch", "missing.txt"]);
    shop.uploads(until).await;
    signal(&child, with);
    let mut results = end(child).await.expect(130).objects();
    let summary = results.pop().unwrap()["summary"].clone();
    assert_eq!(summary["cancelled"], 13, "{summary}");
    assert_eq!(results.len(), 13);
    for (number, result) in results.iter().take(12).enumerate() {
        assert_eq!(code(result), "cancelled");
        assert_eq!(result["path"], format!("batch/{number:03}.txt"));
    }
    assert!(shop.upstream.files().is_empty());

    // Nothing is open, and the same command does it all.
    shop.upstream.faults().clear();
    let listed = shop.run(&["files", "ls", "-v", "--json"]).await.expect(0);
    assert_eq!(listed.out, "");
    assert!(!listed.err.contains("left open"), "{}", listed.err);
    let again = shop.run(&["upload", "--json", "batch"]).await.expect(0);
    assert_eq!(again.objects()[12]["summary"]["stored"], 12);
    assert_eq!(shop.upstream.files().len(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_vendor_stored_meanwhile_is_deleted() {
    let four = |uploads: &[&Recorded]| answered(uploads) == 4;
    interrupted(Fault::HangAfter, four, Signal::INT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_vendor_was_receiving_is_given_up() {
    let four = |uploads: &[&Recorded]| uploads.iter().filter(|one| one.body_complete).count() == 4;
    interrupted(Fault::Hang, four, Signal::TERM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_one_stops_at_once() {
    let shop = Shop::start().await;
    shop.files(12);
    shop.upstream.faults().always(Create, Fault::HangAfter);
    shop.upstream.faults().always(List, Fault::Hang);
    let child = shop.spawn(&["upload", "--json", "batch"]);
    shop.uploads(|uploads| answered(uploads) == 4).await;
    signal(&child, Signal::INT);
    // It is asking for what has arrived, and gets no answer.
    let asked = |all: &[Recorded]| all.iter().any(|one| one.operation == Some(List));
    shop.upstream.requests().wait(asked).await;
    signal(&child, Signal::INT);
    let ran = end(child).await.expect(130);
    assert_eq!(ran.out, "");

    // What it left open is settled by the next start.
    shop.upstream.faults().clear();
    let mut results = shop.run(&["upload", "--json", "batch"]).await.expect(0).objects();
    let summary = results.pop().unwrap()["summary"].clone();
    assert_eq!((&summary["stored"], &summary["deduplicated"]), (&8.into(), &4.into()));
    assert_eq!(shop.upstream.files().len(), 12);
}

#[test]
fn the_embedded_provider_keeps_no_part_of_a_file() {
    let place = Place::new();
    std::fs::create_dir(place.files().join("d")).unwrap();
    for name in ["d/1.bin", "d/2.bin"] {
        // Large enough that the signal comes in the middle.
        let file = std::fs::File::create(place.files().join(name)).unwrap();
        file.set_len(if name == "d/1.bin" { 3 << 30 } else { 4 << 30 }).unwrap();
    }
    let incoming = place.0.path().join("home/providers/local/incoming");
    let parts = || {
        std::fs::read_dir(&incoming)
            .map(|entries| entries.count())
            .unwrap_or_default()
    };
    let child = place.command(&["upload", "--json", "d"]).spawn().unwrap();
    while parts() == 0 {
        std::thread::yield_now();
    }
    signal(&child, Signal::INT);
    let ran = crate::place::Ran::of(child.wait_with_output().unwrap()).expect(130);
    assert_eq!(ran.objects()[2]["summary"]["cancelled"], 2);
    let listed = place.run(&["files", "ls", "-v", "--json"]).expect(0);
    assert_eq!(listed.out, "");
    assert!(!listed.err.contains("left open"), "{}", listed.err);
    assert_eq!(parts(), 0);
    let objects = place.0.path().join("home/providers/local/objects");
    assert_eq!(std::fs::read_dir(objects).map(Iterator::count).unwrap_or(0), 0);
}
