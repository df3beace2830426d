//! Who finds what.

use super::support::*;
use crate::bindings::exports::loadlock::upload::tracker::{FileRecord, RemoteState, UsageRow};

#[test]
fn a_key_matches_as_a_whole() {
    let ledger = ledger();
    let known = file("f1", "r1");
    insert(&ledger, std::slice::from_ref(&known));
    assert!(find(&ledger, &known).is_some());
    let changes: [fn(&mut FileRecord); 7] = [
        |file| file.key.tenant = "acm".into(),
        |file| file.key.account = "main2".into(),
        |file| file.key.purpose.clear(),
        |file| file.key.treatment = "PDF".into(),
        |file| file.key.sha256.push('0'),
        |file| file.key.sha256.truncate(3),
        // The parts run together give the same text.
        |file| {
            file.key.tenant = "acmem".into();
            file.key.account = "ain".into();
        },
    ];
    for change in changes {
        assert!(find(&ledger, &with(known.clone(), change)).is_none());
    }
}

#[test]
fn each_tenant_finds_a_shared_remote_file_under_its_own_key() {
    let ledger = ledger();
    let beta = with(of("beta", file("f2", "r1")), |file| {
        file.key.treatment = "bin".into()
    });
    insert(&ledger, &[file("f1", "r1"), beta.clone()]);
    for file in [file("f1", "r1"), beta] {
        let row = find(&ledger, &file).unwrap();
        assert_eq!((row.key, row.references), (file.key, 2));
    }
}

#[test]
fn of_several_remote_files_the_one_verified_last_is_found() {
    let ledger = ledger();
    let second = with(file("f2", "r2"), |file| file.key = key("acme", "sha-r1"));
    insert(&ledger, &[file("f1", "r1"), second.clone()]);
    ledger
        .observe("main", "r1", RemoteState::Live, 1_500)
        .unwrap();
    assert_eq!(find(&ledger, &second).unwrap().remote_id, "r1");
    ledger
        .observe("main", "r1", RemoteState::Missing, 1_600)
        .unwrap();
    assert_eq!(find(&ledger, &second).unwrap().remote_id, "r2");
    ledger.tombstone("acme", "f2").unwrap();
    assert!(find(&ledger, &second).is_none());
}

#[test]
fn an_expired_file_is_neither_found_nor_listed() {
    let ledger = ledger();
    let file = with(file("f1", "r1"), |file| file.expires_at_ms = Some(1_500));
    insert(&ledger, std::slice::from_ref(&file));
    for (now, there) in [(1_500, true), (1_501, false)] {
        assert_eq!(ledger.get("acme", "f1", now).unwrap().is_some(), there);
        assert_eq!(ledger.find(&file.key, now).unwrap().is_some(), there);
        let mut query = query("acme", 10);
        query.now_ms = now;
        assert_eq!(ledger.list(&query).unwrap().files.len(), usize::from(there));
    }
}

#[test]
fn sizes_are_known_by_tenant_and_account() {
    let ledger = ledger();
    insert(&ledger, &[file("f1", "r1"), file("f2", "r2")]);
    let has =
        |tenant: &str, account: &str, bytes: u64| ledger.has_size(tenant, account, bytes).unwrap();
    assert!(has("acme", "main", 100));
    assert!(!has("acme", "main", 101));
    assert!(!has("acme", "other", 100));
    assert!(!has("beta", "main", 100));
    ledger.tombstone("acme", "f1").unwrap();
    assert!(has("acme", "main", 100));
    ledger.tombstone("acme", "f2").unwrap();
    assert!(!has("acme", "main", 100));
}

#[test]
fn totals_and_usage_follow_every_change() {
    let ledger = ledger();
    let totals = |tenant: Option<&str>| {
        let s = ledger.stats(tenant).unwrap();
        assert_eq!(s.schema_version, 1);
        [
            s.files,
            s.bytes,
            s.remotes,
            s.remote_bytes,
            s.dying,
            s.missing,
        ]
    };
    assert_eq!(totals(None), [0; 6]);
    let batch = with(of("beta", file("f3", "r2")), |file| {
        file.key.purpose = "batch".into()
    });
    insert(
        &ledger,
        &[
            file("f1", "r1"),
            file("f2", "r1"),
            of("beta", file("f4", "r1")),
            batch,
        ],
    );
    assert_eq!(totals(None), [4, 400, 2, 200, 0, 0]);
    assert_eq!(totals(Some("acme")), [2, 200, 1, 100, 0, 0]);
    assert_eq!(totals(Some("beta")), [2, 200, 2, 200, 0, 0]);
    let row = |purpose: &str| UsageRow {
        account: "main".into(),
        purpose: purpose.into(),
        remotes: 1,
        bytes: 100,
    };
    assert_eq!(ledger.usage().unwrap(), [row("assistants"), row("batch")]);
    ledger.tombstone("beta", "f3").unwrap();
    assert_eq!(totals(Some("beta")), [1, 100, 1, 100, 1, 0]);
    assert_eq!(ledger.usage().unwrap(), [row("assistants")]);
    ledger.forget("main", "r2").unwrap();
    for (tenant, id) in [("acme", "f1"), ("acme", "f2"), ("beta", "f4")] {
        ledger.tombstone(tenant, id).unwrap();
    }
    assert_eq!(totals(None), [0, 0, 0, 0, 1, 0]);
    ledger.forget("main", "r1").unwrap();
    assert_eq!([totals(None), totals(Some("acme"))], [[0; 6]; 2]);
    assert!(ledger.usage().unwrap().is_empty());
}

#[test]
fn sizes_that_do_not_fit_together_fail_nothing() {
    let ledger = ledger();
    let huge = |id: &str, remote_id: &str| with(file(id, remote_id), |file| file.bytes = u64::MAX);
    insert(
        &ledger,
        &[huge("f1", "r1"), huge("f2", "r2"), file("f3", "r3")],
    );
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
        &[
            odd.clone(),
            of("a", file("f1", "r1")),
            of("a\0", file("f2", "r1")),
        ],
    );
    assert_eq!(ledger.get("a\0b", &odd.id, 0).unwrap(), Some(odd.clone()));
    assert_eq!(find(&ledger, &odd).unwrap().key, odd.key);
    assert_eq!(walk(&ledger, query("a", 1)), ["f1"]);
    assert_eq!(walk(&ledger, query("a\0", 1)), ["f2"]);
    assert_eq!(walk(&ledger, query("a\0b", 1)), [odd.id]);
}
