//! References are taken and given back; a remote file lives, dies and is forgotten.

use super::support::*;

pub(crate) async fn a_recorded_file_can_be_looked_up_whole(ledger: &TestLedger) -> CaseOutcome {
    let file = with(file("f1", "r1"), |file| file.expires_at_ms = Some(9_000));
    insert(ledger, std::slice::from_ref(&file)).await?;
    same!(ledger.get("acme", "f1", 2_000).await?, Some(file.clone()));
    let row = find(ledger, &file).await?.there()?;
    same!(row.key, file.key);
    same!(row.references, 1);
    same!(row.state, RemoteState::Live);
    same!((row.account.as_str(), row.provider.as_str()), ("main", "local"));
    same!(
        (row.remote_id.as_str(), row.media_type.as_str()),
        ("r1", "application/pdf")
    );
    same!((row.bytes, row.created_at_ms, row.verified_at_ms), (100, 1_000, 1_000));
    same!(row.expires_at_ms, Some(9_000));
    Ok(())
}

pub(crate) async fn recording_again_changes_nothing_whatever_it_says(ledger: &TestLedger) -> CaseOutcome {
    insert(ledger, &[file("f1", "r1")]).await?;
    let other = of("beta", file("f1", "r2"));
    let again = ledger.record_many(&[file("f1", "r1"), other.clone()]).await?;
    holds!(again.iter().all(|one| matches!(one, Recorded::Existing)));
    holds!(matches!(ledger.reference(&other).await?, Recorded::Existing));
    same!(ledger.stats(None).await?.files, 1);
    same!(remote(ledger, "r1").await?.there()?.references, 1);
    same!(ledger.get("beta", "f1", 2_000).await?, None);
    Ok(())
}

pub(crate) async fn a_batch_is_answered_in_order_and_sees_itself(ledger: &TestLedger) -> CaseOutcome {
    insert(ledger, &[file("old", "gone")]).await?;
    ledger.tombstone("acme", "old").await?;
    let outcome = ledger
        .record_many(&[file("f1", "r1"), file("f2", "gone"), file("f1", "r1"), file("f3", "r1")])
        .await?;
    same!(
        outcome,
        [
            Recorded::Inserted,
            Recorded::RemoteNotLive,
            Recorded::Existing,
            Recorded::Inserted
        ]
    );
    same!(remote(ledger, "r1").await?.there()?.references, 2);
    same!(ledger.get("acme", "f2", 2_000).await?, None);
    Ok(())
}

pub(crate) async fn the_last_release_over_all_tenants_makes_the_remote_file_die(ledger: &TestLedger) -> CaseOutcome {
    insert(
        ledger,
        &[file("f1", "r1"), file("f2", "r1"), of("beta", file("f3", "r1"))],
    )
    .await?;
    same!(ledger.tombstone("acme", "f1").await?, Release::Released(2));
    same!(ledger.tombstone("acme", "f2").await?, Release::Released(1));
    holds!(find(ledger, &file("", "r1")).await?.is_none(), "acme claims it no more");
    holds!(find(ledger, &of("beta", file("", "r1"))).await?.is_some());
    let Release::Last(row) = ledger.tombstone("beta", "f3").await? else {
        return Err(BrokenCase(
            "the last release of a remote file is answered as another".to_owned(),
        ));
    };
    same!(
        (row.remote_id.as_str(), row.state, row.references),
        ("r1", RemoteState::Dying, 0)
    );
    same!(state(ledger, "r1").await?, Some(RemoteState::Dying));
    holds!(find(ledger, &of("beta", file("", "r1"))).await?.is_none());
    Ok(())
}

pub(crate) async fn only_its_tenant_can_release_a_file_and_only_once(ledger: &TestLedger) -> CaseOutcome {
    insert(ledger, &[file("f1", "r1")]).await?;
    same!(ledger.tombstone("beta", "f1").await?, Release::NotFound);
    same!(ledger.tombstone("acme", "f2").await?, Release::NotFound);
    holds!(matches!(ledger.tombstone("acme", "f1").await?, Release::Last(_)));
    same!(ledger.tombstone("acme", "f1").await?, Release::NotFound);
    Ok(())
}

pub(crate) async fn no_reference_is_taken_to_what_is_not_live(ledger: &TestLedger) -> CaseOutcome {
    let claim = |id: &str, remote_id: &str| with(file(id, remote_id), |file| file.deduplicated = true);
    same!(ledger.reference(&claim("f0", "none")).await?, Recorded::RemoteNotLive);
    insert(
        ledger,
        &[file("f1", "dying"), file("f2", "missing"), file("f3", "live")],
    )
    .await?;
    ledger.tombstone("acme", "f1").await?;
    ledger.observe("main", "missing", RemoteState::Missing, 2_000).await?;
    for remote_id in ["dying", "missing"] {
        let file = claim("f4", remote_id);
        same!(ledger.reference(&file).await?, Recorded::RemoteNotLive);
        same!(ledger.record_many(&[file]).await?, [Recorded::RemoteNotLive]);
    }
    same!(ledger.reference(&claim("f4", "live")).await?, Recorded::Inserted);
    same!(remote(ledger, "live").await?.there()?.references, 2);
    Ok(())
}

pub(crate) async fn an_expired_remote_file_is_claimed_by_nobody_but_may_be_recorded_anew(
    ledger: &TestLedger,
) -> CaseOutcome {
    insert(
        ledger,
        &[with(file("f1", "r1"), |file| file.expires_at_ms = Some(1_500))],
    )
    .await?;
    let at = |id: &str, now: u64| with(file(id, "r1"), |file| file.created_at_ms = now);
    same!(ledger.reference(&at("f2", 1_501)).await?, Recorded::RemoteNotLive);
    same!(
        ledger
            .reference(&with(at("f2", 1_500), |f| f.expires_at_ms = Some(1_400)))
            .await?,
        Recorded::Inserted
    );
    same!(
        remote(ledger, "r1").await?.there()?.expires_at_ms,
        Some(1_500),
        "the latest counts"
    );
    insert(ledger, &[at("f3", 1_600)]).await?;
    let row = remote(ledger, "r1").await?.there()?;
    same!(
        (row.expires_at_ms, row.verified_at_ms, row.references),
        (None, 1_600, 3)
    );
    Ok(())
}

pub(crate) async fn observing_moves_between_live_and_missing_but_never_out_of_dying(
    ledger: &TestLedger,
) -> CaseOutcome {
    let observe = async |id: &str, state, now| ledger.observe("main", id, state, now).await;
    insert(ledger, &[file("f1", "r1"), of("beta", file("f2", "r1"))]).await?;
    holds!(observe("r1", RemoteState::Live, 5_000).await?);
    holds!(observe("r1", RemoteState::Live, 4_000).await?, "an older sighting");
    same!(remote(ledger, "r1").await?.there()?.verified_at_ms, 5_000);
    holds!(observe("r1", RemoteState::Missing, 6_000).await?);
    same!(remote(ledger, "r1").await?.there()?.verified_at_ms, 5_000);
    same!(state(ledger, "r1").await?, Some(RemoteState::Missing));
    holds!(find(ledger, &file("", "r1")).await?.is_none());
    holds!(!ledger.has_size("acme", "main", 100).await?);
    same!(ledger.stats(Some("beta")).await?.missing, 1);
    holds!(observe("r1", RemoteState::Live, 7_000).await?);
    holds!(find(ledger, &of("beta", file("", "r1"))).await?.is_some());
    holds!(ledger.has_size("acme", "main", 100).await?);

    ledger.tombstone("acme", "f1").await?;
    ledger.tombstone("beta", "f2").await?;
    for seen in [RemoteState::Live, RemoteState::Missing] {
        holds!(observe("r1", seen, 8_000).await?);
        same!(state(ledger, "r1").await?, Some(RemoteState::Dying));
    }
    holds!(!observe("r2", RemoteState::Live, 1).await?);
    let error = refusal(ledger.observe("main", "r1", RemoteState::Dying, 1).await)?;
    same!(error.code.as_deref(), Some("bad_state"));
    Ok(())
}

pub(crate) async fn the_last_release_of_a_missing_remote_file_makes_it_die_too(ledger: &TestLedger) -> CaseOutcome {
    insert(ledger, &[file("f1", "r1")]).await?;
    ledger.observe("main", "r1", RemoteState::Missing, 2_000).await?;
    holds!(matches!(ledger.tombstone("acme", "f1").await?, Release::Last(_)));
    let stats = ledger.stats(None).await?;
    same!((stats.dying, stats.missing, stats.remotes), (1, 0, 0));
    Ok(())
}

pub(crate) async fn only_what_is_not_live_can_be_forgotten(ledger: &TestLedger) -> CaseOutcome {
    insert(ledger, &[file("f1", "r1")]).await?;
    holds!(!ledger.forget("main", "r1").await?);
    holds!(!ledger.forget("main", "r2").await?);
    ledger.tombstone("acme", "f1").await?;
    holds!(!ledger.forget("other", "r1").await?);
    holds!(ledger.forget("main", "r1").await?);
    holds!(!ledger.forget("main", "r1").await?);
    same!(state(ledger, "r1").await?, None);
    same!(ledger.stats(None).await?.dying, 0);
    Ok(())
}

pub(crate) async fn files_of_a_forgotten_remote_file_count_again_if_its_id_comes_back(
    ledger: &TestLedger,
) -> CaseOutcome {
    insert(ledger, &[file("f1", "r1"), file("f2", "r1")]).await?;
    ledger.observe("main", "r1", RemoteState::Missing, 2_000).await?;
    holds!(ledger.forget("main", "r1").await?);
    same!(ledger.tombstone("acme", "f2").await?, Release::Released(1));
    insert(ledger, &[of("beta", file("f3", "r1"))]).await?;
    same!(remote(ledger, "r1").await?.there()?.references, 2);
    same!(ledger.tombstone("acme", "f1").await?, Release::Released(1));
    same!(
        state(ledger, "r1").await?,
        Some(RemoteState::Live),
        "beta still needs it"
    );
    holds!(matches!(ledger.tombstone("beta", "f3").await?, Release::Last(_)));
    Ok(())
}

pub(crate) async fn expiring_releases_what_expired_in_portions(ledger: &TestLedger) -> CaseOutcome {
    let expiring = |id: &str, remote_id: &str, at: u64| with(file(id, remote_id), |file| file.expires_at_ms = Some(at));
    insert(
        ledger,
        &[
            expiring("f1", "r1", 3_000),
            expiring("f2", "r2", 2_000),
            expiring("f3", "r2", 4_000),
            expiring("f4", "r4", 5_000),
            file("f5", "r5"),
        ],
    )
    .await?;
    let expire = async |now: u64, limit: u32| -> CaseOutcome<Vec<String>> {
        let rows = ledger.expire(now, limit).await?;
        Ok(rows.into_iter().map(|row| row.remote_id).collect())
    };
    holds!(expire(2_000, 10).await?.is_empty(), "at its instant it is still good");
    holds!(expire(9_000, 0).await?.is_empty());
    holds!(expire(5_000, 1).await?.is_empty(), "f2 shares r2");
    same!(expire(5_000, 1).await?, ["r1"]);
    same!(expire(5_000, 10).await?, ["r2"]);
    holds!(expire(5_000, 10).await?.is_empty());
    same!(state(ledger, "r4").await?, Some(RemoteState::Live));
    same!(expire(u64::MAX, 10).await?, ["r4"]);
    same!(ledger.stats(None).await?.files, 1);
    Ok(())
}
