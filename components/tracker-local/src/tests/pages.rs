//! Pages, cursors, and what they cost.

use super::support::*;
use crate::bindings::exports::loadlock::upload::tracker::{FileRecord, RemoteState};
use crate::error::LedgerError;
use crate::ledger::Ledger;

/// Ten thousand files with one timestamp, their ids in the order of their numbers.
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

#[test]
fn a_walk_over_equal_timestamps_meets_every_file_once_in_either_order() {
    let ledger = ledger();
    let files = many(10_000);
    insert(&ledger, &files);
    insert(
        &ledger,
        &[
            of("acme\0", file("other", "r")),
            of("acmf", file("another", "r")),
        ],
    );
    let ids: Vec<String> = files.iter().map(|file| file.id.clone()).collect();
    let newest: Vec<String> = ids.iter().rev().cloned().collect();
    for limit in [7, 1_000, 10_000] {
        assert_eq!(walk(&ledger, query("acme", limit)), newest);
        let mut oldest = query("acme", limit);
        oldest.ascending = true;
        assert_eq!(walk(&ledger, oldest), ids);
    }
    let rare: Vec<String> = newest
        .iter()
        .filter(|id| id.ends_with("00"))
        .cloned()
        .collect();
    for limit in [1, 33, 100, 101] {
        let mut of_purpose = query("acme", limit);
        of_purpose.purpose = Some("rare".into());
        assert_eq!(walk(&ledger, of_purpose), rare);
    }
}

#[test]
fn the_newest_come_first() {
    let ledger = ledger();
    let at = |id: &str, created: u64| with(file(id, id), |file| file.created_at_ms = created);
    insert(
        &ledger,
        &[at("b", 5), at("a", 300), at("c", 70), at("d", u64::MAX)],
    );
    assert_eq!(walk(&ledger, query("acme", 2)), ["d", "a", "c", "b"]);
}

#[test]
fn a_cursor_survives_the_removal_of_its_row_and_new_rows_in_front() {
    let ledger = ledger();
    insert(&ledger, &many(6));
    let mut query = query("acme", 2);
    let first = ledger.list(&query).unwrap();
    assert_eq!(first.files[1].id, "f000004");
    ledger.tombstone("acme", "f000004").unwrap();
    insert(&ledger, &[file("f000009", "r9")]);
    query.cursor = first.next;
    assert_eq!(
        walk(&ledger, query),
        ["f000003", "f000002", "f000001", "f000000"]
    );
}

#[test]
fn a_cursor_of_another_list_opens_nothing() {
    let ledger = ledger();
    insert(&ledger, &many(3));
    insert(&ledger, &[of("beta", file("b1", "r1"))]);
    let cursor = ledger.list(&query("acme", 1)).unwrap().next.unwrap();
    let mut foreign = query("beta", 1);
    foreign.cursor = Some(cursor.clone());
    assert!(walk(&ledger, foreign).iter().all(|id| id == "b1"));

    let remote_cursor = ledger.remotes(&remotes_query(1)).unwrap().next.unwrap();
    for text in [
        remote_cursor.as_str(),
        "",
        "zz",
        "00",
        "0100",
        &format!("{cursor}00ff"),
    ] {
        let mut bad = query("acme", 1);
        bad.cursor = Some(text.into());
        if let Ok(page) = ledger.list(&bad) {
            panic!("{text:?} was taken for a cursor: {page:?}");
        }
    }
    let mut bad = remotes_query(1);
    bad.cursor = Some(cursor);
    assert!(matches!(
        ledger.remotes(&bad).unwrap_err(),
        LedgerError::Cursor
    ));
}

#[test]
fn a_limit_out_of_range_is_refused() {
    let ledger = ledger();
    for limit in [0, 10_001, u32::MAX] {
        assert!(matches!(
            ledger.list(&query("acme", limit)),
            Err(LedgerError::Limit(_))
        ));
        assert!(matches!(
            ledger.remotes(&remotes_query(limit)),
            Err(LedgerError::Limit(_))
        ));
    }
}

#[test]
fn remote_files_are_paged_by_account_and_id_with_filters() {
    let ledger = ledger();
    let at = |id: &str, account: &str, expires: Option<u64>| {
        with(file(&format!("f-{account}-{id}"), id), |file| {
            file.key.account = account.into();
            file.expires_at_ms = expires;
        })
    };
    insert(
        &ledger,
        &[
            at("r2", "a", None),
            at("r1", "b", Some(1_500)),
            at("r1", "a", Some(1_800)),
            at("r3", "a", None),
            at("r9", "a\0", None),
        ],
    );
    ledger.observe("a", "r2", RemoteState::Missing, 1).unwrap();
    ledger.tombstone("acme", "f-a-r3").unwrap();
    let ask = |account: Option<&str>, state: Option<RemoteState>, expired: Option<u64>| {
        let pages = [1, 2, 100].map(|limit| {
            let mut query = remotes_query(limit);
            query.account = account.map(Into::into);
            query.state = state;
            query.expired_before_ms = expired;
            let rows = walk_remotes(&ledger, query);
            rows.into_iter()
                .map(|(account, id)| account + "/" + &id)
                .collect::<Vec<_>>()
        });
        assert!(pages.iter().all(|page| *page == pages[0]));
        pages[0].join(" ")
    };
    assert_eq!(ask(None, None, None), "a/r1 a/r2 a/r3 a\0/r9 b/r1");
    assert_eq!(ask(Some("a"), None, None), "a/r1 a/r2 a/r3");
    assert_eq!(ask(None, Some(RemoteState::Live), None), "a/r1 a\0/r9 b/r1");
    assert_eq!(ask(None, Some(RemoteState::Missing), None), "a/r2");
    assert_eq!(ask(None, Some(RemoteState::Dying), None), "a/r3");
    assert_eq!(ask(Some("b"), Some(RemoteState::Dying), None), "");
    assert_eq!(ask(Some("a"), Some(RemoteState::Dying), None), "a/r3");
    assert_eq!(ask(None, None, Some(1_800)), "b/r1");
    assert_eq!(ask(None, None, Some(1_801)), "a/r1 b/r1");

    // A cursor from beyond the end of another account's range.
    let mut last_of_b = remotes_query(100);
    last_of_b.account = Some("a".into());
    last_of_b.cursor = ledger.remotes(&remotes_query(4)).unwrap().next;
    assert!(walk_remotes(&ledger, last_of_b).is_empty());
}

/// What the questions of an upload and a list cost over a ledger of that many files, in bytes read from the storage.
fn costs(count: usize) -> [u64; 7] {
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
    ]
}

#[test]
fn questions_do_not_cost_more_as_the_ledger_grows() {
    let small = costs(1_000);
    let large = costs(20_000);
    for (n, (small, large)) in small.into_iter().zip(large).enumerate() {
        // One more level of each tree, and no more: twenty times the rows would be twenty times the bytes.
        assert!(
            large <= 3 * small.max(8_192),
            "question {n}: {small} became {large}"
        );
    }
}
