//! Pages and cursors.

use super::support::*;

/// So many files with one timestamp, their ids in the order of their numbers.
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

pub(crate) async fn a_walk_over_equal_timestamps_meets_every_file_once_in_either_order(
    ledger: &TestLedger,
) -> CaseOutcome {
    let files = many(ledger.many);
    insert(ledger, &files).await?;
    insert(
        ledger,
        &[of("acme\u{1}", file("other", "r")), of("acmf", file("another", "r"))],
    )
    .await?;
    let ids: Vec<String> = files.iter().map(|file| file.id.clone()).collect();
    let newest: Vec<String> = ids.iter().rev().cloned().collect();
    for limit in [7, 1_000, 10_000] {
        same!(walk(ledger, query("acme", limit)).await?, newest);
        let mut oldest = query("acme", limit);
        oldest.ascending = true;
        same!(walk(ledger, oldest).await?, ids);
    }
    let rare: Vec<String> = newest.iter().filter(|id| id.ends_with("00")).cloned().collect();
    for limit in [1, 33, 100, 101] {
        let mut of_purpose = query("acme", limit);
        of_purpose.purpose = Some("rare".into());
        same!(walk(ledger, of_purpose).await?, rare);
    }
    Ok(())
}

pub(crate) async fn the_newest_come_first(ledger: &TestLedger) -> CaseOutcome {
    let at = |id: &str, created: u64| with(file(id, id), |file| file.created_at_ms = created);
    insert(
        ledger,
        &[at("b", 5), at("a", 300), at("c", 70), at("d", 253_402_300_799_999)],
    )
    .await?;
    same!(walk(ledger, query("acme", 2)).await?, ["d", "a", "c", "b"]);
    Ok(())
}

pub(crate) async fn a_cursor_survives_the_removal_of_its_row_and_new_rows_in_front(ledger: &TestLedger) -> CaseOutcome {
    insert(ledger, &many(6)).await?;
    let mut query = query("acme", 2);
    let first = ledger.list(&query).await?;
    same!(first.items[1].id, "f000004");
    ledger.tombstone("acme", "f000004").await?;
    insert(ledger, &[file("f000009", "r9")]).await?;
    query.cursor = first.next;
    same!(walk(ledger, query).await?, ["f000003", "f000002", "f000001", "f000000"]);
    Ok(())
}

pub(crate) async fn a_cursor_of_another_list_opens_nothing(ledger: &TestLedger) -> CaseOutcome {
    insert(ledger, &many(3)).await?;
    insert(ledger, &[of("beta", file("b1", "r1"))]).await?;
    let cursor = ledger.list(&query("acme", 1)).await?.next.there()?;
    let mut foreign = query("beta", 1);
    foreign.cursor = Some(cursor.clone());
    holds!(walk(ledger, foreign).await?.iter().all(|id| id == "b1"));

    let remote_cursor = ledger.remotes(&remotes_query(1)).await?.next.there()?;
    for text in [remote_cursor.as_str(), "", "zz", "00", "0100", &format!("{cursor}00ff")] {
        let mut bad = query("acme", 1);
        bad.cursor = Some(text.into());
        if let Ok(page) = ledger.list(&bad).await {
            return Err(BrokenCase(format!("{text:?} is taken for a cursor: {page:?}")));
        }
    }
    let mut bad = remotes_query(1);
    bad.cursor = Some(cursor);
    let failure = refusal(ledger.remotes(&bad).await)?;
    same!(failure.code.as_deref(), Some("bad_cursor"));
    Ok(())
}

pub(crate) async fn a_limit_out_of_range_is_refused(ledger: &TestLedger) -> CaseOutcome {
    for limit in [0, 10_001, u32::MAX] {
        let files = refusal(ledger.list(&query("acme", limit)).await)?;
        let remotes = refusal(ledger.remotes(&remotes_query(limit)).await)?;
        for failure in [files, remotes] {
            same!(failure.code.as_deref(), Some("bad_limit"));
        }
    }
    Ok(())
}

pub(crate) async fn remote_files_are_paged_by_account_and_id_with_filters(ledger: &TestLedger) -> CaseOutcome {
    let at = |id: &str, account: &str, expires: Option<u64>| {
        with(file(&format!("f-{account}-{id}"), id), |file| {
            file.key.account = account.into();
            file.expires_at_ms = expires;
        })
    };
    insert(
        ledger,
        &[
            at("r2", "a", None),
            at("r1", "b", Some(1_500)),
            at("r1", "a", Some(1_800)),
            at("r3", "a", None),
            at("r9", "a\u{1}", None),
        ],
    )
    .await?;
    ledger.observe("a", "r2", RemoteState::Missing, 1).await?;
    ledger.tombstone("acme", "f-a-r3").await?;
    let ask = async |account: Option<&str>, state: Option<RemoteState>, expired: Option<u64>| {
        let mut pages = Vec::new();
        for limit in [1, 2, 100] {
            let mut query = remotes_query(limit);
            query.account = account.map(Into::into);
            query.state = state;
            query.expired_before_ms = expired;
            let rows = walk_remotes(ledger, query).await?;
            let names = rows.into_iter().map(|(account, id)| account + "/" + &id);
            pages.push(names.collect::<Vec<_>>());
        }
        holds!(pages.iter().all(|page| *page == pages[0]));
        Ok::<_, BrokenCase>(pages[0].join(" "))
    };
    same!(ask(None, None, None).await?, "a/r1 a/r2 a/r3 a\u{1}/r9 b/r1");
    same!(ask(Some("a"), None, None).await?, "a/r1 a/r2 a/r3");
    same!(ask(None, Some(RemoteState::Live), None).await?, "a/r1 a\u{1}/r9 b/r1");
    same!(ask(None, Some(RemoteState::Missing), None).await?, "a/r2");
    same!(ask(None, Some(RemoteState::Dying), None).await?, "a/r3");
    same!(ask(Some("b"), Some(RemoteState::Dying), None).await?, "");
    same!(ask(Some("a"), Some(RemoteState::Dying), None).await?, "a/r3");
    same!(ask(None, None, Some(1_800)).await?, "b/r1");
    same!(ask(None, None, Some(1_801)).await?, "a/r1 b/r1");

    // A cursor from beyond the end of another account's range.
    let mut last_of_b = remotes_query(100);
    last_of_b.account = Some("a".into());
    last_of_b.cursor = ledger.remotes(&remotes_query(4)).await?.next;
    holds!(walk_remotes(ledger, last_of_b).await?.is_empty());
    Ok(())
}
