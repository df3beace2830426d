//! Many beginnings and ends in one call: each item has its own answer, and has it again when it is asked again.

use loadlock_policy::model::FailureKind;
use loadlock_sandbox::batches::{
    Batches, Beginning, Begun, BegunItem, Ended, Ending, FileTerms, HeldUsage, StoredPlace,
};
use loadlock_sandbox::coordination::{Attempt, Leased, TenantLimits};
use loadlock_sandbox::tracker::{DedupKey, FileRecord, Recorded};

use crate::place::{batches, schema};
use crate::sql::Sql;

/// Longer than any test.
pub const LEASE_MS: u64 = 3_600_000;

pub fn key(sha256: &str) -> DedupKey {
    DedupKey {
        tenant: "acme".into(),
        account: "main".into(),
        purpose: "p".into(),
        treatment: String::new(),
        sha256: sha256.into(),
    }
}

pub fn beginning(id: &str, key: DedupKey) -> Beginning {
    let place = StoredPlace {
        key: key.clone(),
        verified_since_ms: 500,
        kept_ms: None,
    };
    Beginning {
        attempt: Attempt {
            id: id.into(),
            key,
            bytes: 5,
            entry: "entry".into(),
        },
        limits: None,
        instead: None,
        places: vec![place],
        terms: Some(FileTerms {
            filename: "a.txt".into(),
            media_type: "text/plain".into(),
            expires_at_ms: None,
        }),
        now_ms: 1_000,
    }
}

pub fn record(id: &str, key: DedupKey, remote_id: &str) -> FileRecord {
    FileRecord {
        id: id.into(),
        key,
        filename: "a.txt".into(),
        bytes: 5,
        media_type: "text/plain".into(),
        provider: "kimi".into(),
        remote_id: remote_id.into(),
        address: Default::default(),
        deduplicated: false,
        attempts: 1,
        created_at_ms: 1_000,
        expires_at_ms: None,
    }
}

pub fn ending(file: FileRecord) -> Ending {
    Ending::Record(Box::new(file))
}

type Each<T> = Vec<Result<T, loadlock_policy::model::Failure>>;

async fn begin(ledger: &Batches, gateway: &str, items: Vec<Beginning>) -> Each<BegunItem> {
    ledger
        .begin_many(gateway.into(), LEASE_MS, items)
        .await
        .unwrap()
        .unwrap()
}

async fn end(ledger: &Batches, gateway: &str, items: Vec<Ending>) -> Each<Ended> {
    ledger.end_many(gateway.into(), items).await.unwrap().unwrap()
}

fn leads(item: &Result<BegunItem, loadlock_policy::model::Failure>) -> bool {
    let item = item.as_ref().unwrap();
    matches!(item.begun, Begun::Granted { stored: false, .. })
}

const INSERTED: Ended = Ended::Recorded(Leased::Done(Recorded::Inserted));
const EXISTING: Ended = Ended::Recorded(Leased::Done(Recorded::Existing));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_that_is_refused_fails_alone() {
    let ledger = batches(&schema()).await;
    let huge = Beginning {
        attempt: Attempt {
            bytes: u64::MAX,
            ..beginning("f3", key("s3")).attempt
        },
        ..beginning("f3", key("s3"))
    };
    let items = vec![
        beginning("f1", key("s1")),
        beginning("a\0b", key("s2")),
        huge,
        beginning("f4", key("s4")),
    ];
    let begun = begin(&ledger, "one", items).await;
    assert!(leads(&begun[0]) && leads(&begun[3]), "{begun:?}");
    for refused in [&begun[1], &begun[2]] {
        assert_eq!(refused.as_ref().unwrap_err().kind, FailureKind::Rejected);
    }
    let late = FileRecord {
        expires_at_ms: Some(u64::MAX),
        ..record("f5", key("s5"), "r5")
    };
    let nul = FileRecord {
        filename: "a\0b".into(),
        ..record("f6", key("s6"), "r6")
    };
    let items = vec![
        ending(record("f1", key("s1"), "r1")),
        ending(late),
        ending(nul),
        ending(record("f4", key("s4"), "r4")),
        Ending::Over("nobody's".into()),
    ];
    let ended = end(&ledger, "one", items).await;
    assert_eq!((&ended[0], &ended[3]), (&Ok(INSERTED), &Ok(INSERTED)));
    for refused in [&ended[1], &ended[2]] {
        assert_eq!(refused.as_ref().unwrap_err().kind, FailureKind::Rejected);
    }
    assert_eq!(ended[4], Ok(Ended::Done(false)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_again_is_answered_as_before() {
    let schema = schema();
    let (ledger, sql) = (batches(&schema).await, Sql::connect().await);
    let items = || vec![beginning("f1", key("s1")), beginning("f2", key("s2"))];
    let begun = begin(&ledger, "one", items()).await;
    assert_eq!(begin(&ledger, "one", items()).await, begun);
    let ends = || {
        vec![
            ending(record("f1", key("s1"), "r1")),
            ending(record("f2", key("s2"), "r2")),
        ]
    };
    assert_eq!(end(&ledger, "one", ends()).await, [Ok(INSERTED), Ok(INSERTED)]);
    assert_eq!(end(&ledger, "one", ends()).await, [Ok(EXISTING), Ok(EXISTING)]);
    // Found, by another gateway, twice.
    let hit = || vec![beginning("f3", key("s1"))];
    let found = begin(&ledger, "two", hit()).await;
    let Ok(BegunItem {
        begun: Begun::Found(file),
        ..
    }) = &found[0]
    else {
        panic!("{found:?}");
    };
    assert_eq!(
        (file.id.as_str(), file.remote_id.as_str(), file.deduplicated),
        ("f3", "r1", true)
    );
    assert_eq!(begin(&ledger, "two", hit()).await, found);
    let rows = format!("select remote_id || reference_count from {schema}.remote_files order by 1");
    assert_eq!(sql.column(&rows).await, ["r12", "r21"]);
    let open = format!("select id from {schema}.attempts");
    assert_eq!(sql.column(&open).await, Vec::<String>::new());
    // The sums are those of the rows.
    let sums = format!(
        "select sum(files) || ' ' || sum(bytes) || ' ' || sum(remotes) from {schema}.totals where scope = 'all'"
    );
    assert_eq!(sql.column(&sums).await, ["3 15 2"]);
}

/// A remote file is given out unseen only if it was seen lately and lives long enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_be_looked_at_first_is_not_taken() {
    let ledger = batches(&schema()).await;
    begin(&ledger, "one", vec![beginning("f1", key("s1"))]).await;
    let stored = FileRecord {
        expires_at_ms: Some(10_000),
        ..record("f1", key("s1"), "r1")
    };
    assert_eq!(end(&ledger, "one", vec![ending(stored)]).await, [Ok(INSERTED)]);
    let asked = |id: &str, verified_since_ms, kept_ms, expires_at_ms, now_ms| {
        let mut item = beginning(id, key("s1"));
        item.places[0].verified_since_ms = verified_since_ms;
        item.places[0].kept_ms = kept_ms;
        item.terms.as_mut().unwrap().expires_at_ms = expires_at_ms;
        Beginning { now_ms, ..item }
    };
    // Not seen since; gone before the file; and over.
    let cases = [
        (asked("f2", 1_000, None, Some(5_000), 2_000), true),
        (asked("f3", 500, None, Some(20_000), 2_000), true),
        (asked("f4", 500, Some(9_001), None, 2_000), true),
        (asked("f5", 500, None, Some(5_000), 10_001), false),
    ];
    for (item, is_stored) in cases {
        let id = item.attempt.id.clone();
        let begun = begin(&ledger, "one", vec![item]).await;
        let item = begun[0].as_ref().unwrap();
        assert!(
            matches!(item.begun, Begun::Granted { stored, .. } if stored == is_stored),
            "{item:?}"
        );
        end(&ledger, "one", vec![Ending::Over(id)]).await;
    }
    for item in [
        asked("f6", 500, None, Some(10_000), 2_000),
        asked("f7", 500, Some(9_000), None, 2_000),
    ] {
        let begun = begin(&ledger, "one", vec![item]).await;
        let item = begun[0].as_ref().unwrap();
        assert!(
            matches!(&item.begun, Begun::Found(file) if file.expires_at_ms == Some(10_000)),
            "{item:?}"
        );
    }
    // Without terms it is only looked for.
    let item = Beginning {
        terms: None,
        ..asked("f8", 500, None, Some(5_000), 2_000)
    };
    let begun = begin(&ledger, "one", vec![item]).await;
    let item = begun[0].as_ref().unwrap();
    assert!(matches!(item.begun, Begun::Granted { stored: true, .. }), "{item:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_held_within_a_call() {
    let ledger = batches(&schema()).await;
    let limited = |id: &str, sha256: &str| Beginning {
        limits: Some(TenantLimits {
            max_files: Some(3),
            max_bytes: Some(1_000),
        }),
        ..beginning(id, key(sha256))
    };
    let items: Vec<_> = (0..5).map(|n| limited(&format!("f{n}"), &format!("s{n}"))).collect();
    let begun = begin(&ledger, "one", items).await;
    let led: Vec<_> = begun.iter().map(leads).collect();
    assert_eq!(led, [true, true, true, false, false], "{begun:?}");
    let full = Begun::OverQuota(HeldUsage { files: 3, bytes: 15 });
    assert_eq!(begun[4].as_ref().unwrap().begun, full);
    assert_eq!(
        begun[4].as_ref().unwrap().recorded,
        Some(HeldUsage { files: 0, bytes: 0 })
    );
    // One that ends without a file makes room.
    end(&ledger, "one", vec![Ending::Over("f0".into())]).await;
    assert!(leads(&begin(&ledger, "one", vec![limited("f5", "s5")]).await[0]));
}

/// The same keys in every order, from several gateways at once: nobody waits for somebody who waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_over_the_same_keys_never_block_each_other() {
    let schema = schema();
    let mut tasks = Vec::new();
    for gateway in 0..4_usize {
        let schema = schema.clone();
        tasks.push(tokio::spawn(async move {
            let sql = Sql::connect().await;
            for round in 0..30 {
                let items = (0..16).map(|n| {
                    let n = (n * (2 * gateway + 1) + round) % 16;
                    let key = format!(r#"{{"tenant": "t", "account": "a", "purpose": "p", "treatment": "", "sha256": "s{n}"}}"#);
                    let begin = format!(
                        r#"{{"attempt": {{"id": "f{gateway}-{round}-{n}", "key": {key}, "bytes": 1, "entry": "e"}}, "max_files": 100000,
                        "places": [{{"key": {key}, "verified_since_ms": 0}}], "now_ms": 1000,
                        "terms": {{"filename": "n", "media_type": "m", "expires_at_ms": null}}}}"#
                    );
                    let end = format!(
                        r#"{{"record": {{"id": "f{gateway}-{round}-{n}", "key": {key}, "filename": "n", "bytes": 1, "media_type": "",
                        "provider": "p", "remote_id": "r{n}", "deduplicated": false, "attempts": 1, "created_at_ms": 1000}}}}"#
                    );
                    let remove = format!(r#"{{"tenant": "t", "id": "f{gateway}-{round}-{n}", "attempt": "d{gateway}-{round}-{n}"}}"#);
                    (begin, end, remove)
                });
                let (begins, rest): (Vec<_>, Vec<_>) = items.map(|(begin, end, remove)| (begin, (end, remove))).unzip();
                let (ends, removes): (Vec<_>, Vec<_>) = rest.into_iter().unzip();
                for call in [
                    format!("begin_many('g{gateway}', 10000, '[{}]')", begins.join(",")),
                    format!("end_many('g{gateway}', '[{}]')", ends.join(",")),
                    format!("remove_many('g{gateway}', '[{}]')", removes[..8].join(",")),
                    format!("end_many('g{gateway}', '[{{\"gone\": {{\"account\": \"a\", \"remote_id\": \"r{round}\", \"attempt\": \"x\"}}}}]')"),
                ] {
                    let said = sql.try_column(&format!("select {schema}.{call}")).await;
                    assert!(said.is_ok(), "{said:?}");
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    // Sums and counts are those of the rows.
    let sql = Sql::connect().await;
    let wrong = format!(
        "select 1 from {schema}.remote_files as r where reference_count <> (
            select coalesce(sum(files), 0) from {schema}.claims as c where c.account = r.account and c.remote_id = r.remote_id)
        union all select 1 where (select count(*) from {schema}.files)
            <> (select sum(files) from {schema}.totals where scope = 'all')"
    );
    assert_eq!(sql.column(&wrong).await, Vec::<String>::new());
}
