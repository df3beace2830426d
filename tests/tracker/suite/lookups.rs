//! Who finds what.

use super::support::*;

pub async fn a_key_matches_as_a_whole(ledger: &Ledger) {
    let known = file("f1", "r1");
    insert(ledger, std::slice::from_ref(&known)).await;
    assert!(find(ledger, &known).await.is_some());
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
        assert!(find(ledger, &with(known.clone(), change)).await.is_none());
    }
}

pub async fn each_tenant_finds_a_shared_remote_file_under_its_own_key(ledger: &Ledger) {
    let beta = with(of("beta", file("f2", "r1")), |file| file.key.treatment = "bin".into());
    insert(ledger, &[file("f1", "r1"), beta.clone()]).await;
    for file in [file("f1", "r1"), beta] {
        let row = find(ledger, &file).await.unwrap();
        assert_eq!((row.key, row.references), (file.key, 2));
    }
}

pub async fn of_several_remote_files_the_one_verified_last_is_found(ledger: &Ledger) {
    let second = with(file("f2", "r2"), |file| file.key = key("acme", "sha-r1"));
    insert(ledger, &[file("f1", "r1"), second.clone()]).await;
    ledger.observe("main", "r1", RemoteState::Live, 1_500).await.unwrap();
    assert_eq!(find(ledger, &second).await.unwrap().remote_id, "r1");
    ledger.observe("main", "r1", RemoteState::Missing, 1_600).await.unwrap();
    assert_eq!(find(ledger, &second).await.unwrap().remote_id, "r2");
    ledger.tombstone("acme", "f2").await.unwrap();
    assert!(find(ledger, &second).await.is_none());
}

pub async fn an_expired_file_is_neither_found_nor_listed(ledger: &Ledger) {
    let file = with(file("f1", "r1"), |file| file.expires_at_ms = Some(1_500));
    insert(ledger, std::slice::from_ref(&file)).await;
    for (now, there) in [(1_500, true), (1_501, false)] {
        assert_eq!(ledger.get("acme", "f1", now).await.unwrap().is_some(), there);
        assert_eq!(ledger.find(&file.key, now).await.unwrap().is_some(), there);
        let mut query = query("acme", 10);
        query.now_ms = now;
        assert_eq!(ledger.list(&query).await.unwrap().items.len(), usize::from(there));
    }
}

pub async fn sizes_are_known_by_tenant_and_account(ledger: &Ledger) {
    insert(ledger, &[file("f1", "r1"), file("f2", "r2")]).await;
    let has = async |tenant: &str, account: &str, bytes: u64| ledger.has_size(tenant, account, bytes).await.unwrap();
    assert!(has("acme", "main", 100).await);
    assert!(!has("acme", "main", 101).await);
    assert!(!has("acme", "other", 100).await);
    assert!(!has("beta", "main", 100).await);
    ledger.tombstone("acme", "f1").await.unwrap();
    assert!(has("acme", "main", 100).await);
    ledger.tombstone("acme", "f2").await.unwrap();
    assert!(!has("acme", "main", 100).await);
}

pub async fn totals_and_usage_follow_every_change(ledger: &Ledger) {
    let totals = async |tenant: Option<&str>| {
        let s = ledger.stats(tenant).await.unwrap();
        assert!(s.schema_version > 0);
        [s.files, s.bytes, s.remotes, s.remote_bytes, s.dying, s.missing]
    };
    assert_eq!(totals(None).await, [0; 6]);
    let batch = with(of("beta", file("f3", "r2")), |file| file.key.purpose = "batch".into());
    insert(
        ledger,
        &[file("f1", "r1"), file("f2", "r1"), of("beta", file("f4", "r1")), batch],
    )
    .await;
    assert_eq!(totals(None).await, [4, 400, 2, 200, 0, 0]);
    assert_eq!(totals(Some("acme")).await, [2, 200, 1, 100, 0, 0]);
    assert_eq!(totals(Some("beta")).await, [2, 200, 2, 200, 0, 0]);
    let row = |purpose: &str| AccountUsage {
        account: "main".into(),
        purpose: purpose.into(),
        remotes: 1,
        bytes: 100,
    };
    assert_eq!(ledger.usage().await.unwrap(), [row("assistants"), row("batch")]);
    ledger.tombstone("beta", "f3").await.unwrap();
    assert_eq!(totals(Some("beta")).await, [1, 100, 1, 100, 1, 0]);
    assert_eq!(ledger.usage().await.unwrap(), [row("assistants")]);
    ledger.forget("main", "r2").await.unwrap();
    for (tenant, id) in [("acme", "f1"), ("acme", "f2"), ("beta", "f4")] {
        ledger.tombstone(tenant, id).await.unwrap();
    }
    assert_eq!(totals(None).await, [0, 0, 0, 0, 1, 0]);
    ledger.forget("main", "r1").await.unwrap();
    assert_eq!([totals(None).await, totals(Some("acme")).await], [[0; 6]; 2]);
    assert!(ledger.usage().await.unwrap().is_empty());
}

pub async fn names_may_hold_anything_but_a_nul(ledger: &Ledger) {
    let odd = with(of("a\u{1}b", file("id\u{10FFFF}", "r/\u{1}")), |file| {
        file.key.account = "\u{1}".into();
        file.filename = "\u{FFFF}".into();
    });
    insert(
        ledger,
        &[odd.clone(), of("a", file("f1", "r1")), of("a\u{1}", file("f2", "r1"))],
    )
    .await;
    assert_eq!(ledger.get("a\u{1}b", &odd.id, 0).await.unwrap(), Some(odd.clone()));
    assert_eq!(find(ledger, &odd).await.unwrap().key, odd.key);
    assert_eq!(walk(ledger, query("a", 1)).await, ["f1"]);
    assert_eq!(walk(ledger, query("a\u{1}", 1)).await, ["f2"]);
    assert_eq!(walk(ledger, query("a\u{1}b", 1)).await, [odd.id]);
}
