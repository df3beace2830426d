//! What is changed is found; what a crash or another process leaves is continued.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use loadlock_audit::{Appender, AuditLog, Check, Entry, Event, Options, Outcome, Position, Report, last, verify};
use proptest::prelude::*;

const SMALL: Options = Options { rotate_at: 1_500 };

fn entry(number: u64) -> Entry {
    let mut entry = Entry::new(1_700_000_000_000 + number, Event::Upload, Outcome::Ok);
    entry.who.tenant = Some("acme".into());
    entry.what.name = Some(format!("file {number}\n.txt"));
    entry.what.bytes = Some(number);
    entry
}

fn write(dir: &Path, count: u64) {
    let mut log = Appender::open(dir, SMALL).unwrap();
    for number in 0..count {
        log.append(&mut vec![entry(number)]).unwrap();
    }
    log.anchor().unwrap();
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    files
}

fn check(dir: &Path) -> Report {
    verify(dir, &Check::default()).unwrap()
}

#[test]
fn a_log_over_several_files_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 20);
    let report = check(dir.path());
    assert_eq!((report.records, &report.broken), (20, &None));
    assert!(report.files > 2 && report.notes.is_empty(), "{report:?}");
    for file in files(dir.path()) {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let newest = last(dir.path(), 7).unwrap();
    let names: Vec<_> = newest
        .iter()
        .map(|(_, record)| record.as_ref().unwrap().what.bytes.unwrap())
        .collect();
    assert_eq!(names, (13..20).collect::<Vec<_>>());
    assert_eq!(last(dir.path(), 100).unwrap().len(), 20);
}

/// One change that somebody makes to the records.
#[derive(Debug, Clone)]
enum Change {
    Flip { byte: prop::sample::Index, bit: u8 },
    Remove(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Repeat(prop::sample::Index),
    Truncate(prop::sample::Index),
    RemoveFile(prop::sample::Index),
    Anchor(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (index(), 0..8u8).prop_map(|(byte, bit)| Change::Flip { byte, bit }),
        2 => index().prop_map(Change::Remove),
        2 => (index(), index()).prop_map(|(a, b)| Change::Swap(a, b)),
        1 => index().prop_map(Change::Repeat),
        2 => index().prop_map(Change::Truncate),
        1 => index().prop_map(Change::RemoveFile),
        1 => index().prop_map(Change::Anchor),
    ]
}

/// Every line with the file that it is in.
fn lines(files: &[PathBuf]) -> Vec<(PathBuf, Vec<u8>)> {
    files
        .iter()
        .flat_map(|file| {
            let bytes = std::fs::read(file).unwrap();
            let lines: Vec<_> = bytes
                .split_inclusive(|byte| *byte == b'\n')
                .map(|line| (file.clone(), line.to_vec()))
                .collect();
            lines
        })
        .collect()
}

fn put(files: &[PathBuf], lines: &[(PathBuf, Vec<u8>)]) {
    for file in files {
        let bytes: Vec<u8> = lines
            .iter()
            .filter(|(of, _)| of == file)
            .flat_map(|(_, line)| line.clone())
            .collect();
        std::fs::write(file, bytes).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_change_is_found(change in change()) {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 12);
        let files = files(dir.path());
        let mut all = lines(&files);
        let count = all.len();
        match change {
            Change::Flip { byte, bit } => {
                let total: usize = all.iter().map(|(_, line)| line.len()).sum();
                let mut at = byte.index(total);
                let line = all.iter_mut().find_map(|(_, line)| {
                    if at < line.len() { return Some(line); }
                    at -= line.len();
                    None
                }).unwrap();
                line[at] ^= 1 << bit;
                put(&files, &all);
            }
            Change::Remove(index) => {
                all.remove(index.index(count));
                put(&files, &all);
            }
            Change::Swap(a, b) => {
                let (a, b) = (a.index(count), b.index(count));
                prop_assume!(a != b);
                let line = all[a].1.clone();
                all[a].1 = std::mem::replace(&mut all[b].1, line);
                put(&files, &all);
            }
            Change::Repeat(index) => {
                let line = all[index.index(count)].clone();
                all.insert(index.index(count), line);
                put(&files, &all);
            }
            Change::Truncate(at) => {
                let bytes = std::fs::read(files.last().unwrap()).unwrap();
                std::fs::write(files.last().unwrap(), &bytes[..at.index(bytes.len())]).unwrap();
            }
            Change::RemoveFile(index) => {
                std::fs::remove_file(index.get(&files)).unwrap();
            }
            Change::Anchor(at) => {
                let path = dir.path().join("head.json");
                let mut bytes = std::fs::read(&path).unwrap();
                // What is around the two values is not covered, and need not be.
                let inside = String::from_utf8(bytes.clone()).unwrap().find("hash\":\"").unwrap() + 7;
                bytes[inside + at.index(64)] ^= 1;
                std::fs::write(&path, bytes).unwrap();
            }
        }
        let report = check(dir.path());
        prop_assert!(report.broken.is_some(), "{report:?}");
    }
}

#[test]
fn a_torn_line_is_cut_off_and_said() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 2);
    let file = files(dir.path()).pop().unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend_from_slice(b"{\"seq\":3,\"ti");
    std::fs::write(&file, bytes).unwrap();
    let before = check(dir.path());
    assert_eq!(before.broken, None);
    assert!(before.notes[0].contains("torn line"), "{before:?}");

    write(dir.path(), 1);
    let report = check(dir.path());
    assert_eq!((report.records, &report.broken), (4, &None));
    assert!(report.notes[0].contains("record 3"), "{report:?}");
}

#[test]
fn records_that_are_missing_at_the_start_stay_a_finding() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 3);
    let file = files(dir.path()).pop().unwrap();
    let mut all = lines(std::slice::from_ref(&file));
    all.pop();
    put(std::slice::from_ref(&file), &all);
    write(dir.path(), 5);
    let broken = check(dir.path()).broken.unwrap();
    assert_eq!(broken.seq, 3);
    assert!(broken.reason.contains("records were missing"), "{broken:?}");
}

#[test]
fn a_damaged_end_is_not_continued() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 3);
    let file = files(dir.path()).pop().unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.len() - 90;
    bytes[at] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let error = AuditLog::open(dir.path(), SMALL).unwrap_err();
    assert!(error.to_string().contains("cannot be continued"), "{error}");
}

#[test]
fn archived_files_and_noted_positions() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 20);
    let end = check(dir.path()).last.unwrap();
    std::fs::remove_file(&files(dir.path())[0]).unwrap();
    assert!(check(dir.path()).broken.is_some());
    let archived = |contains| {
        let check = Check {
            archived: true,
            contains,
        };
        verify(dir.path(), &check).unwrap().broken
    };
    assert_eq!(archived(None), None);
    assert_eq!(archived(Some(end.clone())), None);
    let other = Position {
        hash: end.hash.replace(['0', '1', '2'], "f"),
        ..end
    };
    assert!(archived(Some(other)).is_some());
}

#[tokio::test]
async fn several_writers_make_one_chain() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::open(dir.path(), SMALL).unwrap();
    let beside = std::thread::spawn({
        let dir = dir.path().to_owned();
        move || (0..5).for_each(|_| write(&dir, 10))
    });
    for number in 0..100 {
        let slot = log.slot().await.unwrap();
        slot.record(entry(number)).wait().await.unwrap();
    }
    beside.join().unwrap();
    drop(log);
    let report = check(dir.path());
    assert_eq!((report.records, report.broken), (150, None));
}

#[tokio::test]
async fn nothing_is_given_out_while_nothing_can_be_written_and_nothing_is_lost() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("audit");
    let log = AuditLog::open(&dir, SMALL).unwrap();
    let (before, late) = (log.slot().await.unwrap(), log.slot().await.unwrap());
    // The file cannot be read as a chain any more: another process has damaged its end.
    let file = files(&dir).pop().unwrap();
    std::fs::write(&file, b"not a record\n").unwrap();
    assert!(before.record(entry(1)).wait().await.is_err());
    assert!(log.slot().await.is_err() && log.is_failing());
    let late = late.record(entry(2));
    std::fs::write(&file, b"").unwrap();
    late.wait().await.unwrap();
    assert!(log.slot().await.is_ok());
    drop(log);
    assert_eq!(check(&dir).records, 2);
}

#[tokio::test]
async fn a_log_that_is_gone_does_not_hold_the_process_up() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("audit");
    let log = AuditLog::open(&dir, SMALL).unwrap();
    let mut slots = Vec::new();
    for _ in 0..600 {
        slots.push(log.slot().await.unwrap());
    }
    std::fs::remove_dir_all(&dir).unwrap();
    for slot in slots {
        drop(slot.record(entry(1)));
    }
    drop(log);
}

#[tokio::test]
async fn a_slot_outlives_the_log() {
    let place = tempfile::tempdir().unwrap();
    let log = AuditLog::open(place.path(), SMALL).unwrap();
    let slot = log.slot().await.unwrap();
    drop(log);
    drop(slot.record(entry(1)));
    assert_eq!(check(place.path()).records, 1);
}

/// A record that is rewritten with a hash that fits it breaks the chain at the one after it.
#[test]
fn a_rewritten_record_with_a_good_hash_is_found() {
    use sha2::{Digest, Sha256};
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 12);
    let files = files(dir.path());
    let mut all = lines(&files);
    let line = String::from_utf8(all[4].1.clone()).unwrap();
    let body = line.split(",\"hash\":").next().unwrap();
    let body = body.replace("\"bytes\":4", "\"bytes\":9");
    let hash = hex::encode(Sha256::digest(&body));
    all[4].1 = format!("{body},\"hash\":\"{hash}\"}}\n").into_bytes();
    put(&files, &all);
    let broken = check(dir.path()).broken.unwrap();
    assert_eq!(broken.seq, 6);
    assert!(broken.reason.contains("record before"), "{broken:?}");
}
