//! Opening: empty, again, newer, damaged.

use super::support::*;
use crate::Component;
use crate::bindings::exports::loadlock::upload::tracker::{Failure, Guest};
use crate::bindings::loadlock::upload::types::FailureKind;
use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::place::{Check, open_in as open_checked};
use crate::schema::{META, VERSION_KEY};
use redb::{Database, ReadableDatabase};
use std::fs;

fn open_in(directory: &std::path::Path) -> Result<Ledger, LedgerError> {
    open_checked(directory, Check::Small)
}

#[test]
fn an_empty_directory_gets_a_whole_ledger_that_is_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open_in(directory.path()).unwrap();
    insert(&ledger, &[file("f1", "r1")]);
    drop(ledger);
    let ledger = open_in(directory.path()).unwrap();
    assert!(ledger.get("acme", "f1", 0).unwrap().is_some());
    let mut names: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["ledger.id", "ledger.redb"]);
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
fn a_ledger_that_went_was_emptied_or_was_exchanged_is_missed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.redb");
    insert(&open_in(directory.path()).unwrap(), &[file("f1", "r1")]);
    let kept = fs::read(&path).unwrap();
    let other = tempfile::tempdir().unwrap();
    drop(open_in(other.path()).unwrap());

    let refused = || {
        let failure: Failure = open_in(directory.path()).err().unwrap().into();
        assert_eq!(failure.code.as_deref(), Some("ledger_damaged"), "{failure:?}");
        assert!(failure.message.contains("backup"));
    };
    fs::remove_file(&path).unwrap();
    refused();
    fs::write(&path, b"").unwrap();
    refused();
    fs::copy(other.path().join("ledger.redb"), &path).unwrap();
    refused();

    // Restored it is as it was, also where a crash has lost which one it is.
    fs::write(&path, &kept).unwrap();
    for identity in ["", "cut"] {
        assert!(
            open_in(directory.path())
                .unwrap()
                .get("acme", "f1", 0)
                .unwrap()
                .is_some()
        );
        fs::write(directory.path().join("ledger.id"), identity).unwrap();
    }
    assert!(open_in(directory.path()).is_ok());
}

#[test]
fn a_byte_that_changed_is_found_or_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.redb");
    let files: Vec<_> = (0..200)
        .map(|n| file(&format!("f{n:03}"), &format!("r{n:03}")))
        .collect();
    let ledger = open_in(directory.path()).unwrap();
    insert(&ledger, &files);
    let (found, stats) = (walk(&ledger, query("acme", 100)), ledger.stats(None).unwrap());
    drop(ledger);
    let whole = fs::read(&path).unwrap();
    // Some of the places where there are bytes, all over the file.
    let used: Vec<usize> = (4096..whole.len()).filter(|at| whole[*at] != 0).collect();
    let used: Vec<usize> = used.iter().step_by(used.len() / 24).copied().collect();
    let mut refused = 0;
    for at in &used {
        let mut damaged = whole.clone();
        damaged[*at] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        match std::panic::catch_unwind(|| open_in(directory.path())) {
            Ok(Ok(ledger)) => {
                assert_eq!(walk(&ledger, query("acme", 100)), found);
                assert_eq!(ledger.stats(None).unwrap(), stats);
                assert!(
                    files
                        .iter()
                        .all(|file| ledger.get("acme", &file.id, 0).unwrap().is_some())
                );
            }
            // In the sandbox a panic is a trap, which is no answer either.
            Ok(Err(LedgerError::Damaged(_))) | Err(_) => refused += 1,
            Ok(Err(other)) => panic!("at {at}: {other}"),
        }
    }
    assert!(refused > used.len() / 4, "{refused} of {}", used.len());
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
