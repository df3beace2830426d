//! References are taken and given back; a remote file lives, dies and is forgotten.

use super::support::*;

pub async fn a_recorded_file_can_be_looked_up_whole(ledger: &Ledger) {
    let file = with(file("f1", "r1"), |file| file.expires_at_ms = Some(9_000));
    insert(ledger, std::slice::from_ref(&file)).await;
    assert_eq!(ledger.get("acme", "f1", 2_000).await.unwrap(), Some(file.clone()));
    let row = find(ledger, &file).await.unwrap();
    assert_eq!(row.key, file.key);
    assert_eq!(row.references, 1);
    assert_eq!(row.state, RemoteState::Live);
    assert_eq!((row.account.as_str(), row.provider.as_str()), ("main", "local"));
    assert_eq!(
        (row.remote_id.as_str(), row.media_type.as_str()),
        ("r1", "application/pdf")
    );
    assert_eq!((row.bytes, row.created_at_ms, row.verified_at_ms), (100, 1_000, 1_000));
    assert_eq!(row.expires_at_ms, Some(9_000));
}

pub async fn recording_again_changes_nothing_whatever_it_says(ledger: &Ledger) {
    insert(ledger, &[file("f1", "r1")]).await;
    let other = of("beta", file("f1", "r2"));
    let again = ledger.record_many(&[file("f1", "r1"), other.clone()]).await.unwrap();
    assert!(again.iter().all(|one| matches!(one, Recorded::Existing)));
    assert!(matches!(ledger.reference(&other).await.unwrap(), Recorded::Existing));
    assert_eq!(ledger.stats(None).await.unwrap().files, 1);
    assert_eq!(remote(ledger, "r1").await.unwrap().references, 1);
    assert_eq!(ledger.get("beta", "f1", 2_000).await.unwrap(), None);
}

pub async fn a_batch_is_answered_in_order_and_sees_itself(ledger: &Ledger) {
    insert(ledger, &[file("old", "gone")]).await;
    ledger.tombstone("acme", "old").await.unwrap();
    let outcome = ledger
        .record_many(&[file("f1", "r1"), file("f2", "gone"), file("f1", "r1"), file("f3", "r1")])
        .await
        .unwrap();
    assert_eq!(
        outcome,
        [
            Recorded::Inserted,
            Recorded::RemoteNotLive,
            Recorded::Existing,
            Recorded::Inserted
        ]
    );
    assert_eq!(remote(ledger, "r1").await.unwrap().references, 2);
    assert_eq!(ledger.get("acme", "f2", 2_000).await.unwrap(), None);
}

pub async fn the_last_release_over_all_tenants_makes_the_remote_file_die(ledger: &Ledger) {
    insert(
        ledger,
        &[file("f1", "r1"), file("f2", "r1"), of("beta", file("f3", "r1"))],
    )
    .await;
    assert_eq!(ledger.tombstone("acme", "f1").await.unwrap(), Release::Released(2));
    assert_eq!(ledger.tombstone("acme", "f2").await.unwrap(), Release::Released(1));
    assert!(find(ledger, &file("", "r1")).await.is_none(), "acme claims it no more");
    assert!(find(ledger, &of("beta", file("", "r1"))).await.is_some());
    let Release::Last(row) = ledger.tombstone("beta", "f3").await.unwrap() else {
        panic!("it was the last");
    };
    assert_eq!(
        (row.remote_id.as_str(), row.state, row.references),
        ("r1", RemoteState::Dying, 0)
    );
    assert_eq!(state(ledger, "r1").await, Some(RemoteState::Dying));
    assert!(find(ledger, &of("beta", file("", "r1"))).await.is_none());
}

pub async fn only_its_tenant_can_release_a_file_and_only_once(ledger: &Ledger) {
    insert(ledger, &[file("f1", "r1")]).await;
    assert_eq!(ledger.tombstone("beta", "f1").await.unwrap(), Release::NotFound);
    assert_eq!(ledger.tombstone("acme", "f2").await.unwrap(), Release::NotFound);
    assert!(matches!(
        ledger.tombstone("acme", "f1").await.unwrap(),
        Release::Last(_)
    ));
    assert_eq!(ledger.tombstone("acme", "f1").await.unwrap(), Release::NotFound);
}

pub async fn no_reference_is_taken_to_what_is_not_live(ledger: &Ledger) {
    let claim = |id: &str, remote_id: &str| with(file(id, remote_id), |file| file.deduplicated = true);
    assert_eq!(
        ledger.reference(&claim("f0", "none")).await.unwrap(),
        Recorded::RemoteNotLive
    );
    insert(
        ledger,
        &[file("f1", "dying"), file("f2", "missing"), file("f3", "live")],
    )
    .await;
    ledger.tombstone("acme", "f1").await.unwrap();
    ledger
        .observe("main", "missing", RemoteState::Missing, 2_000)
        .await
        .unwrap();
    for remote_id in ["dying", "missing"] {
        let file = claim("f4", remote_id);
        assert_eq!(ledger.reference(&file).await.unwrap(), Recorded::RemoteNotLive);
        assert_eq!(ledger.record_many(&[file]).await.unwrap(), [Recorded::RemoteNotLive]);
    }
    assert_eq!(
        ledger.reference(&claim("f4", "live")).await.unwrap(),
        Recorded::Inserted
    );
    assert_eq!(remote(ledger, "live").await.unwrap().references, 2);
}

pub async fn an_expired_remote_file_is_claimed_by_nobody_but_may_be_recorded_anew(ledger: &Ledger) {
    insert(
        ledger,
        &[with(file("f1", "r1"), |file| file.expires_at_ms = Some(1_500))],
    )
    .await;
    let at = |id: &str, now: u64| with(file(id, "r1"), |file| file.created_at_ms = now);
    assert_eq!(
        ledger.reference(&at("f2", 1_501)).await.unwrap(),
        Recorded::RemoteNotLive
    );
    assert_eq!(
        ledger
            .reference(&with(at("f2", 1_500), |f| f.expires_at_ms = Some(1_400)))
            .await
            .unwrap(),
        Recorded::Inserted
    );
    assert_eq!(
        remote(ledger, "r1").await.unwrap().expires_at_ms,
        Some(1_500),
        "the latest counts"
    );
    insert(ledger, &[at("f3", 1_600)]).await;
    let row = remote(ledger, "r1").await.unwrap();
    assert_eq!(
        (row.expires_at_ms, row.verified_at_ms, row.references),
        (None, 1_600, 3)
    );
}

pub async fn observing_moves_between_live_and_missing_but_never_out_of_dying(ledger: &Ledger) {
    let observe = async |id: &str, state, now| ledger.observe("main", id, state, now).await.unwrap();
    insert(ledger, &[file("f1", "r1"), of("beta", file("f2", "r1"))]).await;
    assert!(observe("r1", RemoteState::Live, 5_000).await);
    assert!(observe("r1", RemoteState::Live, 4_000).await, "an older sighting");
    assert_eq!(remote(ledger, "r1").await.unwrap().verified_at_ms, 5_000);
    assert!(observe("r1", RemoteState::Missing, 6_000).await);
    assert_eq!(remote(ledger, "r1").await.unwrap().verified_at_ms, 5_000);
    assert_eq!(state(ledger, "r1").await, Some(RemoteState::Missing));
    assert!(find(ledger, &file("", "r1")).await.is_none());
    assert!(!ledger.has_size("acme", "main", 100).await.unwrap());
    assert_eq!(ledger.stats(Some("beta")).await.unwrap().missing, 1);
    assert!(observe("r1", RemoteState::Live, 7_000).await);
    assert!(find(ledger, &of("beta", file("", "r1"))).await.is_some());
    assert!(ledger.has_size("acme", "main", 100).await.unwrap());

    ledger.tombstone("acme", "f1").await.unwrap();
    ledger.tombstone("beta", "f2").await.unwrap();
    for seen in [RemoteState::Live, RemoteState::Missing] {
        assert!(observe("r1", seen, 8_000).await);
        assert_eq!(state(ledger, "r1").await, Some(RemoteState::Dying));
    }
    assert!(!observe("r2", RemoteState::Live, 1).await);
    let error = ledger.observe("main", "r1", RemoteState::Dying, 1).await.unwrap_err();
    assert_eq!(error.code.as_deref(), Some("bad_state"));
}

pub async fn the_last_release_of_a_missing_remote_file_makes_it_die_too(ledger: &Ledger) {
    insert(ledger, &[file("f1", "r1")]).await;
    ledger.observe("main", "r1", RemoteState::Missing, 2_000).await.unwrap();
    assert!(matches!(
        ledger.tombstone("acme", "f1").await.unwrap(),
        Release::Last(_)
    ));
    let stats = ledger.stats(None).await.unwrap();
    assert_eq!((stats.dying, stats.missing, stats.remotes), (1, 0, 0));
}

pub async fn only_what_is_not_live_can_be_forgotten(ledger: &Ledger) {
    insert(ledger, &[file("f1", "r1")]).await;
    assert!(!ledger.forget("main", "r1").await.unwrap());
    assert!(!ledger.forget("main", "r2").await.unwrap());
    ledger.tombstone("acme", "f1").await.unwrap();
    assert!(!ledger.forget("other", "r1").await.unwrap());
    assert!(ledger.forget("main", "r1").await.unwrap());
    assert!(!ledger.forget("main", "r1").await.unwrap());
    assert_eq!(state(ledger, "r1").await, None);
    assert_eq!(ledger.stats(None).await.unwrap().dying, 0);
}

pub async fn files_of_a_forgotten_remote_file_count_again_if_its_id_comes_back(ledger: &Ledger) {
    insert(ledger, &[file("f1", "r1"), file("f2", "r1")]).await;
    ledger.observe("main", "r1", RemoteState::Missing, 2_000).await.unwrap();
    assert!(ledger.forget("main", "r1").await.unwrap());
    assert_eq!(ledger.tombstone("acme", "f2").await.unwrap(), Release::Released(1));
    insert(ledger, &[of("beta", file("f3", "r1"))]).await;
    assert_eq!(remote(ledger, "r1").await.unwrap().references, 2);
    assert_eq!(ledger.tombstone("acme", "f1").await.unwrap(), Release::Released(1));
    assert_eq!(
        state(ledger, "r1").await,
        Some(RemoteState::Live),
        "beta still needs it"
    );
    assert!(matches!(
        ledger.tombstone("beta", "f3").await.unwrap(),
        Release::Last(_)
    ));
}

pub async fn expiring_releases_what_expired_in_portions(ledger: &Ledger) {
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
    .await;
    let expire = async |now: u64, limit: u32| -> Vec<String> {
        let rows = ledger.expire(now, limit).await.unwrap();
        rows.into_iter().map(|row| row.remote_id).collect()
    };
    assert!(expire(2_000, 10).await.is_empty(), "at its instant it is still good");
    assert!(expire(9_000, 0).await.is_empty());
    assert!(expire(5_000, 1).await.is_empty(), "f2 shares r2");
    assert_eq!(expire(5_000, 1).await, ["r1"]);
    assert_eq!(expire(5_000, 10).await, ["r2"]);
    assert!(expire(5_000, 10).await.is_empty());
    assert_eq!(state(ledger, "r4").await, Some(RemoteState::Live));
    assert_eq!(expire(u64::MAX, 10).await, ["r4"]);
    assert_eq!(ledger.stats(None).await.unwrap().files, 1);
}
