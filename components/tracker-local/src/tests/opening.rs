//! Opening: empty, again, newer, damaged.

use super::support::*;
use crate::Component;
use crate::bindings::exports::loadlock::upload::tracker::{Failure, Guest};
use crate::bindings::loadlock::upload::types::FailureKind;
use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::place::open_in;
use crate::schema::{META, VERSION_KEY};
use redb::{Database, ReadableDatabase};
use std::fs;

#[test]
fn an_empty_directory_gets_a_whole_ledger_that_is_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open_in(directory.path()).unwrap();
    insert(&ledger, &[file("f1", "r1")]);
    drop(ledger);
    let ledger = open_in(directory.path()).unwrap();
    assert!(ledger.get("acme", "f1", 0).unwrap().is_some());
    let names: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["ledger.redb"]);
}

#[test]
fn a_half_made_ledger_of_a_crash_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("ledger.redb.new"), b"half").unwrap();
    insert(&open_in(directory.path()).unwrap(), &[file("f1", "r1")]);
}

#[test]
fn a_newer_ledger_is_left_alone_and_said_to_be_newer() {
    let directory = tempfile::tempdir().unwrap();
    drop(open_in(directory.path()).unwrap());
    let path = directory.path().join("ledger.redb");
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert(VERSION_KEY, 7).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let failure: Failure = open_in(directory.path()).err().unwrap().into();
    assert_eq!(failure.kind, FailureKind::Internal);
    assert_eq!(failure.code.as_deref(), Some("schema_newer"));
    assert!(failure.message.contains("version 7") && failure.message.contains("up to 1"));
    let database = Database::open(&path).unwrap();
    let meta = database.begin_read().unwrap().open_table(META).unwrap();
    assert_eq!(meta.get(VERSION_KEY).unwrap().unwrap().value(), 7);
}

#[test]
fn what_is_no_ledger_is_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.redb");
    let text = b"not a ledger".repeat(1000);
    fs::write(&path, &text).unwrap();
    assert!(open_in(directory.path()).is_err());
    assert_eq!(fs::read(&path).unwrap(), text);
}

#[test]
fn a_directory_that_cannot_be_used_is_unavailable() {
    let directory = tempfile::tempdir().unwrap();
    let failure: Failure = open_in(&directory.path().join("none")).err().unwrap().into();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert_eq!(failure.code.as_deref(), Some("storage_failed"));
    assert!(!failure.outcome_unknown);
}

#[test]
fn a_damaged_row_is_an_error_and_no_panic() {
    for bytes in [&b""[..], b"\x01", b"\x02abc", b"\x01\xFF\xFF\xFF\xFF\xFF\xFF"] {
        let decoded = crate::rows::decode::<crate::rows::FileRow>(bytes);
        assert!(matches!(decoded, Err(LedgerError::Damaged(_))));
    }
}

#[test]
fn nothing_works_before_open() {
    let failure = Component::usage().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Internal);
    assert_eq!(failure.code.as_deref(), Some("not_open"));
}

#[test]
fn a_failed_change_stores_nothing() {
    let ledger: Ledger = ledger();
    let outcome: Result<(), LedgerError> = ledger.write(|tables| {
        tables.meta.insert(VERSION_KEY, 9)?;
        Err(LedgerError::Cursor)
    });
    assert!(outcome.is_err());
    let stored = ledger
        .read()
        .unwrap()
        .open_table(META)
        .unwrap()
        .get(VERSION_KEY)
        .unwrap()
        .unwrap()
        .value();
    assert_eq!(stored, 1);
}
