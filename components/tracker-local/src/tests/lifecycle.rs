//! References are taken and given back; a remote file lives, dies and is forgotten.

use super::support::*;
use crate::bindings::exports::loadlock::upload::tracker::{Recorded, Release, RemoteState};
use crate::error::LedgerError;

#[test]
fn a_recorded_file_can_be_looked_up_whole() {
    let ledger = ledger();
    let file = with(file("f1", "r1"), |file| file.expires_at_ms = Some(9_000));
    insert(&ledger, std::slice::from_ref(&file));
    assert_eq!(ledger.get("acme", "f1", 2_000).unwrap(), Some(file.clone()));
    let row = find(&ledger, &file).unwrap();
    assert_eq!(row.key, file.key);
    assert_eq!(row.references, 1);
    assert_eq!(row.state, RemoteState::Live);
    assert_eq!(
        (row.account.as_str(), row.provider.as_str()),
        ("main", "local")
    );
    assert_eq!(
        (row.remote_id.as_str(), row.media_type.as_str()),
        ("r1", "application/pdf")
    );
    assert_eq!(
        (row.bytes, row.created_at_ms, row.verified_at_ms),
        (100, 1_000, 1_000)
    );
    assert_eq!(row.expires_at_ms, Some(9_000));
}

#[test]
fn recording_again_changes_nothing_whatever_it_says() {
    let ledger = ledger();
    insert(&ledger, &[file("f1", "r1")]);
    let other = of("beta", file("f1", "r2"));
    let again = ledger
        .record_many(&[file("f1", "r1"), other.clone()])
        .unwrap();
    assert!(again.iter().all(|one| matches!(one, Recorded::Existing)));
    assert!(matches!(
        ledger.reference(&other).unwrap(),
        Recorded::Existing
    ));
    assert_eq!(ledger.stats(None).unwrap().files, 1);
    assert_eq!(remote(&ledger, "r1").unwrap().references, 1);
    assert_eq!(ledger.get("beta", "f1", 2_000).unwrap(), None);
}

#[test]
fn a_batch_is_answered_in_order_and_sees_itself() {
    let ledger = ledger();
    insert(&ledger, &[file("old", "gone")]);
    ledger.tombstone("acme", "old").unwrap();
    let outcome = ledger
        .record_many(&[
            file("f1", "r1"),
            file("f2", "gone"),
            file("f1", "r1"),
            file("f3", "r1"),
        ])
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
    assert_eq!(remote(&ledger, "r1").unwrap().references, 2);
    assert_eq!(ledger.get("acme", "f2", 2_000).unwrap(), None);
}

#[test]
fn the_last_release_over_all_tenants_makes_the_remote_file_die() {
    let ledger = ledger();
    insert(
        &ledger,
        &[
            file("f1", "r1"),
            file("f2", "r1"),
            of("beta", file("f3", "r1")),
        ],
    );
    assert_eq!(
        ledger.tombstone("acme", "f1").unwrap(),
        Release::Released(2)
    );
    assert_eq!(
        ledger.tombstone("acme", "f2").unwrap(),
        Release::Released(1)
    );
    assert!(
        find(&ledger, &file("", "r1")).is_none(),
        "acme claims it no more"
    );
    assert!(find(&ledger, &of("beta", file("", "r1"))).is_some());
    let Release::Last(row) = ledger.tombstone("beta", "f3").unwrap() else {
        panic!("it was the last");
    };
    assert_eq!(
        (row.remote_id.as_str(), row.state, row.references),
        ("r1", RemoteState::Dying, 0)
    );
    assert_eq!(state(&ledger, "r1"), Some(RemoteState::Dying));
    assert!(find(&ledger, &of("beta", file("", "r1"))).is_none());
}

#[test]
fn only_its_tenant_can_release_a_file_and_only_once() {
    let ledger = ledger();
    insert(&ledger, &[file("f1", "r1")]);
    assert_eq!(ledger.tombstone("beta", "f1").unwrap(), Release::NotFound);
    assert_eq!(ledger.tombstone("acme", "f2").unwrap(), Release::NotFound);
    assert!(matches!(
        ledger.tombstone("acme", "f1").unwrap(),
        Release::Last(_)
    ));
    assert_eq!(ledger.tombstone("acme", "f1").unwrap(), Release::NotFound);
}

#[test]
fn no_reference_is_taken_to_what_is_not_live() {
    let ledger = ledger();
    let claim =
        |id: &str, remote_id: &str| with(file(id, remote_id), |file| file.deduplicated = true);
    assert_eq!(
        ledger.reference(&claim("f0", "none")).unwrap(),
        Recorded::RemoteNotLive
    );
    insert(
        &ledger,
        &[
            file("f1", "dying"),
            file("f2", "missing"),
            file("f3", "live"),
        ],
    );
    ledger.tombstone("acme", "f1").unwrap();
    ledger
        .observe("main", "missing", RemoteState::Missing, 2_000)
        .unwrap();
    for remote_id in ["dying", "missing"] {
        let file = claim("f4", remote_id);
        assert_eq!(ledger.reference(&file).unwrap(), Recorded::RemoteNotLive);
        assert_eq!(
            ledger.record_many(&[file]).unwrap(),
            [Recorded::RemoteNotLive]
        );
    }
    assert_eq!(
        ledger.reference(&claim("f4", "live")).unwrap(),
        Recorded::Inserted
    );
    assert_eq!(remote(&ledger, "live").unwrap().references, 2);
}

#[test]
fn an_expired_remote_file_is_claimed_by_nobody_but_may_be_recorded_anew() {
    let ledger = ledger();
    insert(
        &ledger,
        &[with(file("f1", "r1"), |file| {
            file.expires_at_ms = Some(1_500)
        })],
    );
    let at = |id: &str, now: u64| with(file(id, "r1"), |file| file.created_at_ms = now);
    assert_eq!(
        ledger.reference(&at("f2", 1_501)).unwrap(),
        Recorded::RemoteNotLive
    );
    assert_eq!(
        ledger
            .reference(&with(at("f2", 1_500), |f| f.expires_at_ms = Some(1_400)))
            .unwrap(),
        Recorded::Inserted
    );
    assert_eq!(
        remote(&ledger, "r1").unwrap().expires_at_ms,
        Some(1_500),
        "the latest counts"
    );
    insert(&ledger, &[at("f3", 1_600)]);
    let row = remote(&ledger, "r1").unwrap();
    assert_eq!(
        (row.expires_at_ms, row.verified_at_ms, row.references),
        (None, 1_600, 3)
    );
}

#[test]
fn observing_moves_between_live_and_missing_but_never_out_of_dying() {
    let ledger = ledger();
    let observe = |id: &str, state, now| ledger.observe("main", id, state, now).unwrap();
    insert(&ledger, &[file("f1", "r1"), of("beta", file("f2", "r1"))]);
    assert!(observe("r1", RemoteState::Live, 5_000));
    assert!(observe("r1", RemoteState::Live, 4_000), "an older sighting");
    assert_eq!(remote(&ledger, "r1").unwrap().verified_at_ms, 5_000);
    assert!(observe("r1", RemoteState::Missing, 6_000));
    assert_eq!(remote(&ledger, "r1").unwrap().verified_at_ms, 5_000);
    assert_eq!(state(&ledger, "r1"), Some(RemoteState::Missing));
    assert!(find(&ledger, &file("", "r1")).is_none());
    assert!(!ledger.has_size("acme", "main", 100).unwrap());
    assert_eq!(ledger.stats(Some("beta")).unwrap().missing, 1);
    assert!(observe("r1", RemoteState::Live, 7_000));
    assert!(find(&ledger, &of("beta", file("", "r1"))).is_some());
    assert!(ledger.has_size("acme", "main", 100).unwrap());

    ledger.tombstone("acme", "f1").unwrap();
    ledger.tombstone("beta", "f2").unwrap();
    for seen in [RemoteState::Live, RemoteState::Missing] {
        assert!(observe("r1", seen, 8_000));
        assert_eq!(state(&ledger, "r1"), Some(RemoteState::Dying));
    }
    assert!(!observe("r2", RemoteState::Live, 1));
    let error = ledger
        .observe("main", "r1", RemoteState::Dying, 1)
        .unwrap_err();
    assert!(matches!(error, LedgerError::ObservedDying));
}

#[test]
fn the_last_release_of_a_missing_remote_file_makes_it_die_too() {
    let ledger = ledger();
    insert(&ledger, &[file("f1", "r1")]);
    ledger
        .observe("main", "r1", RemoteState::Missing, 2_000)
        .unwrap();
    assert!(matches!(
        ledger.tombstone("acme", "f1").unwrap(),
        Release::Last(_)
    ));
    let stats = ledger.stats(None).unwrap();
    assert_eq!((stats.dying, stats.missing, stats.remotes), (1, 0, 0));
}

#[test]
fn only_what_is_not_live_can_be_forgotten() {
    let ledger = ledger();
    insert(&ledger, &[file("f1", "r1")]);
    assert!(!ledger.forget("main", "r1").unwrap());
    assert!(!ledger.forget("main", "r2").unwrap());
    ledger.tombstone("acme", "f1").unwrap();
    assert!(!ledger.forget("other", "r1").unwrap());
    assert!(ledger.forget("main", "r1").unwrap());
    assert!(!ledger.forget("main", "r1").unwrap());
    assert_eq!(state(&ledger, "r1"), None);
    assert_eq!(ledger.stats(None).unwrap().dying, 0);
}

#[test]
fn files_of_a_forgotten_remote_file_count_again_if_its_id_comes_back() {
    let ledger = ledger();
    insert(&ledger, &[file("f1", "r1"), file("f2", "r1")]);
    ledger
        .observe("main", "r1", RemoteState::Missing, 2_000)
        .unwrap();
    assert!(ledger.forget("main", "r1").unwrap());
    assert_eq!(
        ledger.tombstone("acme", "f2").unwrap(),
        Release::Released(1)
    );
    insert(&ledger, &[of("beta", file("f3", "r1"))]);
    assert_eq!(remote(&ledger, "r1").unwrap().references, 2);
    assert_eq!(
        ledger.tombstone("acme", "f1").unwrap(),
        Release::Released(1)
    );
    assert_eq!(
        state(&ledger, "r1"),
        Some(RemoteState::Live),
        "beta still needs it"
    );
    assert!(matches!(
        ledger.tombstone("beta", "f3").unwrap(),
        Release::Last(_)
    ));
}

#[test]
fn expiring_releases_what_expired_in_portions() {
    let ledger = ledger();
    let expiring = |id: &str, remote_id: &str, at: u64| {
        with(file(id, remote_id), |file| file.expires_at_ms = Some(at))
    };
    insert(
        &ledger,
        &[
            expiring("f1", "r1", 3_000),
            expiring("f2", "r2", 2_000),
            expiring("f3", "r2", 4_000),
            expiring("f4", "r4", 5_000),
            file("f5", "r5"),
        ],
    );
    let expire = |now: u64, limit: u32| -> Vec<String> {
        let rows = ledger.expire(now, limit).unwrap();
        rows.into_iter().map(|row| row.remote_id).collect()
    };
    assert!(
        expire(2_000, 10).is_empty(),
        "at its instant it is still good"
    );
    assert!(expire(9_000, 0).is_empty());
    assert!(expire(5_000, 1).is_empty(), "f2 shares r2");
    assert_eq!(expire(5_000, 1), ["r1"]);
    assert_eq!(expire(5_000, 10), ["r2"]);
    assert!(expire(5_000, 10).is_empty());
    assert_eq!(state(&ledger, "r4"), Some(RemoteState::Live));
    assert_eq!(expire(u64::MAX, 10), ["r4"]);
    assert_eq!(ledger.stats(None).unwrap().files, 1);
}
