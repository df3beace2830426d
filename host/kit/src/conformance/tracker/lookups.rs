//! Who finds what.

use super::support::*;

pub(crate) async fn a_key_matches_as_a_whole(ledger: &TestLedger) -> CaseOutcome {
    let known = file("f1", "r1");
    insert(ledger, std::slice::from_ref(&known)).await?;
    holds!(find(ledger, &known).await?.is_some());
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
        holds!(find(ledger, &with(known.clone(), change)).await?.is_none());
    }
    Ok(())
}

pub(crate) async fn each_tenant_finds_a_shared_remote_file_under_its_own_key(ledger: &TestLedger) -> CaseOutcome {
    let beta = with(of("beta", file("f2", "r1")), |file| file.key.treatment = "bin".into());
    insert(ledger, &[file("f1", "r1"), beta.clone()]).await?;
    for file in [file("f1", "r1"), beta] {
        let row = find(ledger, &file).await?.there()?;
        same!((row.key, row.references), (file.key, 2));
    }
    Ok(())
}

pub(crate) async fn of_several_remote_files_the_one_verified_last_is_found(ledger: &TestLedger) -> CaseOutcome {
    let second = with(file("f2", "r2"), |file| file.key = key("acme", "sha-r1"));
    insert(ledger, &[file("f1", "r1"), second.clone()]).await?;
    ledger.observe("main", "r1", RemoteState::Live, 1_500).await?;
    same!(find(ledger, &second).await?.there()?.remote_id, "r1");
    ledger.observe("main", "r1", RemoteState::Missing, 1_600).await?;
    same!(find(ledger, &second).await?.there()?.remote_id, "r2");
    ledger.tombstone("acme", "f2").await?;
    holds!(find(ledger, &second).await?.is_none());
    Ok(())
}

pub(crate) async fn an_expired_file_is_neither_found_nor_listed(ledger: &TestLedger) -> CaseOutcome {
    let file = with(file("f1", "r1"), |file| file.expires_at_ms = Some(1_500));
    insert(ledger, std::slice::from_ref(&file)).await?;
    for (now, there) in [(1_500, true), (1_501, false)] {
        same!(ledger.get("acme", "f1", now).await?.is_some(), there);
        same!(ledger.find(&file.key, now).await?.is_some(), there);
        let mut query = query("acme", 10);
        query.now_ms = now;
        same!(ledger.list(&query).await?.items.len(), usize::from(there));
    }
    Ok(())
}

/// Whatever way it is asked for, and for a file that comes over it later. Most remote files have none.
pub(crate) async fn the_address_of_a_remote_file_is_kept(ledger: &TestLedger) -> CaseOutcome {
    let address = RemoteAddress {
        uri: Some("https://api.example.com/v1/files/r1".into()),
        media_type: Some("video/mp4".into()),
    };
    let first = with(file("f1", "r1"), |file| file.address = address.clone());
    insert(ledger, &[first.clone(), file("f2", "r2")]).await?;
    let later = with(first.clone(), |file| {
        file.id = "f3".into();
        file.deduplicated = true;
    });
    same!(ledger.reference(&later).await?, Recorded::Inserted);
    for known in [&first, &later] {
        let got = ledger.get("acme", &known.id, 2_000).await?.there()?;
        same!(&got, known);
    }
    same!(find(ledger, &first).await?.there()?.address, address);
    same!(ledger.remote("main", "r1").await?.there()?.address, address);
    let none = RemoteAddress::default();
    same!(ledger.remote("main", "r2").await?.there()?.address, none);
    let listed = ledger.list(&query("acme", 10)).await?.items;
    let with_address = listed.iter().filter(|file| file.address == address).count();
    same!((listed.len(), with_address), (3, 2));
    ledger.tombstone("acme", "f1").await?;
    let last = ledger.tombstone("acme", "f3").await?;
    holds!(matches!(last, Release::Last(row) if row.address == address));
    Ok(())
}

pub(crate) async fn copies_are_found_by_the_ids_of_their_files(ledger: &TestLedger) -> CaseOutcome {
    let ids = ["f1", "f1~a", "f1~b", "f1-", "f1\u{7f}", "f10~a", "f2", "f2~a"];
    let files = ids
        .iter()
        .enumerate()
        .map(|(number, id)| file(id, &format!("r{number}")));
    let mut files: Vec<_> = files.collect();
    // Also one that has expired, and not another tenant's.
    files[2].expires_at_ms = Some(1);
    files.push(of("beta", file("f1~c", "r9")));
    insert(ledger, &files).await?;
    let found = async |ids: &[&str]| {
        let mut found = ledger.copies_of("acme", ids).await?.there()?;
        found.sort();
        Ok::<_, BrokenCase>(found)
    };
    same!(found(&["f1"]).await?, ["f1~a", "f1~b"]);
    same!(found(&["f2", "f1", "nothing"]).await?, ["f1~a", "f1~b", "f2~a"]);
    holds!(found(&[]).await?.is_empty() && found(&["f1~a", "f"]).await?.is_empty());
    ledger.tombstone("acme", "f1~a").await?;
    same!(found(&["f1"]).await?, ["f1~b"]);
    Ok(())
}

pub(crate) async fn sizes_are_known_by_tenant_and_account(ledger: &TestLedger) -> CaseOutcome {
    insert(ledger, &[file("f1", "r1"), file("f2", "r2")]).await?;
    let has = async |tenant: &str, account: &str, bytes: u64| ledger.has_size(tenant, account, bytes).await;
    holds!(has("acme", "main", 100).await?);
    holds!(!has("acme", "main", 101).await?);
    holds!(!has("acme", "other", 100).await?);
    holds!(!has("beta", "main", 100).await?);
    ledger.tombstone("acme", "f1").await?;
    holds!(has("acme", "main", 100).await?);
    ledger.tombstone("acme", "f2").await?;
    holds!(!has("acme", "main", 100).await?);
    Ok(())
}

pub(crate) async fn totals_and_usage_follow_every_change(ledger: &TestLedger) -> CaseOutcome {
    let totals = async |tenant: Option<&str>| {
        let s = ledger.stats(tenant).await?;
        holds!(s.schema_version > 0);
        Ok::<_, BrokenCase>([s.files, s.bytes, s.remotes, s.remote_bytes, s.dying, s.missing])
    };
    same!(totals(None).await?, [0; 6]);
    let batch = with(of("beta", file("f3", "r2")), |file| file.key.purpose = "batch".into());
    insert(
        ledger,
        &[file("f1", "r1"), file("f2", "r1"), of("beta", file("f4", "r1")), batch],
    )
    .await?;
    same!(totals(None).await?, [4, 400, 2, 200, 0, 0]);
    same!(totals(Some("acme")).await?, [2, 200, 1, 100, 0, 0]);
    same!(totals(Some("beta")).await?, [2, 200, 2, 200, 0, 0]);
    let row = |purpose: &str| AccountUsage {
        account: "main".into(),
        purpose: purpose.into(),
        remotes: 1,
        bytes: 100,
    };
    same!(ledger.usage().await?, [row("assistants"), row("batch")]);
    ledger.tombstone("beta", "f3").await?;
    same!(totals(Some("beta")).await?, [1, 100, 1, 100, 1, 0]);
    same!(ledger.usage().await?, [row("assistants")]);
    ledger.forget("main", "r2").await?;
    for (tenant, id) in [("acme", "f1"), ("acme", "f2"), ("beta", "f4")] {
        ledger.tombstone(tenant, id).await?;
    }
    same!(totals(None).await?, [0, 0, 0, 0, 1, 0]);
    ledger.forget("main", "r1").await?;
    same!([totals(None).await?, totals(Some("acme")).await?], [[0; 6]; 2]);
    holds!(ledger.usage().await?.is_empty());
    Ok(())
}

pub(crate) async fn names_may_hold_anything_but_a_nul(ledger: &TestLedger) -> CaseOutcome {
    let odd = with(of("a\u{1}b", file("id\u{10FFFF}", "r/\u{1}")), |file| {
        file.key.account = "\u{1}".into();
        file.filename = "\u{FFFF}".into();
    });
    insert(
        ledger,
        &[odd.clone(), of("a", file("f1", "r1")), of("a\u{1}", file("f2", "r1"))],
    )
    .await?;
    same!(ledger.get("a\u{1}b", &odd.id, 0).await?, Some(odd.clone()));
    same!(find(ledger, &odd).await?.there()?.key, odd.key);
    same!(walk(ledger, query("a", 1)).await?, ["f1"]);
    same!(walk(ledger, query("a\u{1}", 1)).await?, ["f2"]);
    same!(walk(ledger, query("a\u{1}b", 1)).await?, [odd.id]);
    Ok(())
}
