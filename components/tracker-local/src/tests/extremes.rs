//! What only a store of our own can hold: the contract does not ask for it.

use super::support::*;

#[test]
fn sizes_that_do_not_fit_together_fail_nothing() {
    let ledger = ledger();
    let huge = |id: &str, remote_id: &str| with(file(id, remote_id), |file| file.bytes = u64::MAX);
    insert(&ledger, &[huge("f1", "r1"), huge("f2", "r2"), file("f3", "r3")]);
    ledger.tombstone("acme", "f1").unwrap();
    ledger.tombstone("acme", "f2").unwrap();
    assert_eq!(ledger.stats(None).unwrap().bytes, 100);
}

#[test]
fn names_may_hold_anything() {
    let ledger = ledger();
    let odd = with(of("a\0b", file("id\0\u{10FFFF}", "r/\u{1}")), |file| {
        file.key.account = "\0".into();
        file.filename = "\u{FFFF}".into();
    });
    insert(
        &ledger,
        &[odd.clone(), of("a", file("f1", "r1")), of("a\0", file("f2", "r1"))],
    );
    assert_eq!(ledger.get("a\0b", &odd.id, 0).unwrap(), Some(odd.clone()));
    assert_eq!(find(&ledger, &odd).unwrap().key, odd.key);
    assert_eq!(walk(&ledger, query("a", 1)), ["f1"]);
    assert_eq!(walk(&ledger, query("a\0", 1)), ["f2"]);
    assert_eq!(walk(&ledger, query("a\0b", 1)), [odd.id]);
}
