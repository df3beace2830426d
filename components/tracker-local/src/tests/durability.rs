//! What has been answered is on the disk, and opening after a crash is cheap.

use super::support::*;
use crate::bindings::exports::loadlock::upload::tracker::{Recorded, Release, RemoteState};
use crate::gather::Gathered;
use crate::ledger::Ledger;

#[test]
fn every_answered_change_survives_a_power_failure() {
    let disk = Disk::default();
    let ledger = Ledger::open(Gathered::over(disk.clone())).unwrap();
    let reopened = || Ledger::open(disk.after_power_failure()).unwrap();

    insert(
        &ledger,
        &[
            file("f1", "r1"),
            with(file("f2", "r2"), |file| file.expires_at_ms = Some(5)),
        ],
    );
    assert!(reopened().get("acme", "f1", 0).unwrap().is_some());
    assert_eq!(ledger.reference(&file("f3", "r1")).unwrap(), Recorded::Inserted);
    assert_eq!(remote(&reopened(), "r1").unwrap().references, 2);
    ledger.observe("main", "r1", RemoteState::Missing, 1).unwrap();
    assert_eq!(state(&reopened(), "r1"), Some(RemoteState::Missing));
    assert_eq!(ledger.expire(10, 10).unwrap().len(), 1);
    assert_eq!(state(&reopened(), "r2"), Some(RemoteState::Dying));
    ledger.forget("main", "r2").unwrap();
    assert_eq!(state(&reopened(), "r2"), None);
    assert_eq!(ledger.tombstone("acme", "f1").unwrap(), Release::Released(1));
    assert!(reopened().get("acme", "f1", 0).unwrap().is_none());
    assert_eq!(reopened().stats(None).unwrap(), ledger.stats(None).unwrap());
}

#[test]
fn opening_after_a_kill_repairs_without_reading_the_whole_ledger() {
    let disk = Disk::default();
    let ledger = Ledger::open(Gathered::over(disk.clone())).unwrap();
    insert(&ledger, &[file("f1", "r1")]);
    let killed = [disk.after_kill(), disk.after_power_failure()];
    drop(ledger);
    for killed in killed {
        // A full repair asks first, and is told not to.
        let opened = redb::Builder::new()
            .set_repair_callback(redb::RepairSession::abort)
            .create_with_backend(killed);
        assert!(opened.is_ok());
    }
}
