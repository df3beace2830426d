//! What questions cost.

use super::support::*;
use crate::bindings::exports::loadlock::upload::tracker::{FileRecord, RemoteState};
use crate::ledger::Ledger;

/// Files with one timestamp, their ids in the order of their numbers.
fn many(count: usize) -> Vec<FileRecord> {
    (0..count)
        .map(|n| {
            with(file(&format!("f{n:06}"), &format!("r{n:06}")), |file| {
                if n % 100 == 0 {
                    file.key.purpose = "rare".into();
                }
            })
        })
        .collect()
}

/// What the questions of an upload and a list cost over a ledger of that many files, in bytes read from the storage.
fn costs(count: usize) -> [u64; 8] {
    let disk = Disk::default();
    let ledger = Ledger::open_with_cache(disk.clone(), 0).unwrap();
    for chunk in many(count).chunks(10_000) {
        insert(&ledger, chunk);
    }
    let cost = |question: &dyn Fn()| {
        disk.take_read_bytes();
        question();
        disk.take_read_bytes()
    };
    // A full page in the smallest ledger, too.
    let mut rare = query("acme", 9);
    rare.purpose = Some("rare".into());
    let mut dying = remotes_query(20);
    dying.state = Some(RemoteState::Dying);
    [
        cost(&|| drop(ledger.list(&query("acme", 20)).unwrap())),
        cost(&|| drop(ledger.list(&rare).unwrap())),
        cost(&|| drop(ledger.find(&file("", "r000500").key, 0).unwrap())),
        cost(&|| drop(ledger.get("acme", "f000500", 0).unwrap())),
        cost(&|| assert!(ledger.has_size("acme", "main", 100).unwrap())),
        cost(&|| assert!(ledger.stats(Some("acme")).unwrap().files > 0)),
        cost(&|| drop(ledger.remotes(&dying).unwrap())),
        cost(&|| assert!(ledger.remote("main", "r000500").unwrap().is_some())),
    ]
}

#[test]
fn questions_do_not_cost_more_as_the_ledger_grows() {
    let small = costs(1_000);
    let large = costs(20_000);
    for (n, (small, large)) in small.into_iter().zip(large).enumerate() {
        // One more level of each tree, and no more: twenty times the rows would be twenty times the bytes.
        assert!(large <= 3 * small.max(8_192), "question {n}: {small} became {large}");
    }
}
