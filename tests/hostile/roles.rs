//! Components of the other roles that deny, forget and pretend. What swapping them does to a gateway is in the suite
//! `swap`.

use loadlock_sandbox::auth::{Auth, AuthPolicy, Key, SignatureAlgorithm};
use loadlock_sandbox::tracker::{DedupKey, FileRecord, FilesQuery, Release, Tracker, TrackerGrants};
use loadlock_sandbox::validator::{FileCandidate, ValidationRules, Validator};
use loadlock_sandbox::{CallError, Exhausted, Limits};
use loadlock_tests::{Cell, source};

#[tokio::test]
pub(crate) async fn validator_denies_all() {
    let cell = Cell::new().await;
    let validator = validator(&cell, "validator_denies_all").await;
    let refusal = cell
        .beside(validator.inspect(candidate("a.txt"), &ValidationRules::default()))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(refusal.code, "denied_by_test");
}

async fn validator(cell: &Cell, guest: &str) -> Validator {
    let loaded = Validator::load(&cell.sandbox, &source(guest)).await;
    loaded.unwrap()
}

fn candidate(name: &str) -> FileCandidate {
    FileCandidate {
        name: name.as_bytes().to_vec(),
        folder: Vec::new(),
        size: 1,
        head: b"a".to_vec(),
        declared_type: None,
    }
}

/// An instance is kept as long as its calls end, and is not called again after one that did not: neither after a trap
/// or a limit, nor when the caller gave up.
#[tokio::test]
pub(crate) async fn validator_remembers() {
    let cell = Cell::new().await;
    let validator = validator(&cell, "validator_remembers").await;
    let rules = ValidationRules::default();
    let call = async |name| validator.inspect(candidate(name), &rules).await;
    let kept = async || [call("a").await, call("a").await].map(|answer| answer.unwrap().unwrap_err().code);
    assert_eq!(kept().await, ["call_1", "call_2"]);
    let died = cell.beside(call("dies")).await.unwrap_err();
    assert!(matches!(died, CallError::Trap(_)), "{died}");
    assert_eq!(kept().await, ["call_1", "call_2"]);
    let ended = cell.beside(call("never_ends")).await.unwrap_err();
    // On a machine with much else to do the wall clock may be first.
    let limit = matches!(ended, CallError::Exhausted(Exhausted::Cpu | Exhausted::Wall));
    assert!(limit, "{ended}");
    assert_eq!(kept().await, ["call_1", "call_2"]);
    {
        let given_up = std::pin::pin!(call("never_ends"));
        // The first yield of the guest.
        assert!(futures::poll!(given_up).is_pending());
    }
    assert_eq!(kept().await, ["call_1", "call_2"]);
}

#[tokio::test]
pub(crate) async fn auth_accepts_nobody() {
    let cell = Cell::new().await;
    let auth = Auth::load(&cell.sandbox, &source("auth_accepts_nobody"), AuthPolicy::default())
        .await
        .unwrap();
    let denial = cell
        .beside(auth.authenticate(Some("a token".to_owned()), 0))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(denial.code, "unknown_key");
}

fn key(tenants: &[&str]) -> AuthPolicy {
    let key = Key {
        kid: "k".to_owned(),
        algorithm: SignatureAlgorithm::Hs256,
        material: vec![7; 32],
        issuers: vec!["issuer".to_owned()],
        tenants: tenants.iter().map(|tenant| (*tenant).to_owned()).collect(),
    };
    AuthPolicy {
        keys: vec![key],
        ..AuthPolicy::default()
    }
}

#[tokio::test]
pub(crate) async fn auth_everyone_is_mallory() {
    let cell = Cell::new().await;
    // No key may speak for the tenant `victim`: what the component says does not count.
    for policy in [AuthPolicy::default(), key(&[]), key(&["acme", "Victim", "victims"])] {
        let auth = Auth::load(&cell.sandbox, &source("auth_everyone_is_mallory"), policy)
            .await
            .unwrap();
        let answer = cell.beside(auth.authenticate(None, 0)).await;
        assert!(
            matches!(&answer, Err(CallError::Answer(why)) if why.contains("victim")),
            "{answer:?}"
        );
    }
    // A key that may: then it is the operator's component that decides.
    let auth = Auth::load(&cell.sandbox, &source("auth_everyone_is_mallory"), key(&["victim"]))
        .await
        .unwrap();
    let who = auth.authenticate(None, 0).await.unwrap().unwrap();
    assert_eq!((who.subject.as_str(), who.tenant.as_str()), ("mallory", "victim"));
}

fn query() -> FilesQuery {
    FilesQuery {
        tenant: "t".to_owned(),
        cursor: None,
        limit: 10,
        purpose: None,
        ascending: false,
        now_ms: 0,
    }
}

/// A call whose caller has gone is carried out, and later ones wait for their turn: what they find is of after it.
#[tokio::test]
pub(crate) async fn tracker_answers_oddly() {
    let cell = Cell::new().await;
    let late = TrackerGrants {
        settings: vec![("late_ms".to_owned(), "300".to_owned())],
        ..TrackerGrants::default()
    };
    let tracker = Tracker::load(&cell.sandbox, &source("tracker_answers_oddly"), late)
        .await
        .unwrap();
    {
        let given_up = std::pin::pin!(tracker.reference(file("f")));
        assert!(futures::poll!(given_up).is_pending());
    }
    let released = tracker.tombstone("t".to_owned(), "f".to_owned()).await;
    assert!(matches!(released, Ok(Ok(Release::Released(1)))), "{released:?}");
    assert_eq!(tracker.list(query()).await.unwrap().unwrap().items, []);
}

fn file(id: &str) -> FileRecord {
    FileRecord {
        id: id.to_owned(),
        key: DedupKey {
            tenant: "t".to_owned(),
            account: "a".to_owned(),
            purpose: "p".to_owned(),
            treatment: String::new(),
            sha256: "0".repeat(64),
        },
        filename: "a.txt".to_owned(),
        bytes: 4,
        media_type: "text/plain".to_owned(),
        provider: "local".to_owned(),
        remote_id: "r".to_owned(),
        address: Default::default(),
        deduplicated: true,
        attempts: 0,
        created_at_ms: 0,
        expires_at_ms: None,
    }
}

#[tokio::test]
pub(crate) async fn tracker_forgets() {
    let cell = Cell::new().await;
    let tracker = Tracker::load(&cell.sandbox, &source("tracker_forgets"), TrackerGrants::default())
        .await
        .unwrap();
    assert!(
        cell.beside(tracker.list(query()))
            .await
            .unwrap()
            .unwrap()
            .items
            .is_empty()
    );
    let failing = TrackerGrants {
        settings: vec![("mode".to_owned(), "fail".to_owned())],
        ..TrackerGrants::default()
    };
    let tracker = Tracker::load(&cell.sandbox, &source("tracker_forgets"), failing)
        .await
        .unwrap();
    assert!(tracker.list(query()).await.unwrap().is_err());
}

/// The limits of a long-lived component are armed for every call, and the actor outlives each instance that meets one.
#[tokio::test]
async fn an_instance_that_runs_out_is_replaced() {
    let cell = Cell::new().await;
    // So little memory that no instance can start.
    let limits = Limits {
        memory_bytes: 64 << 10,
        ..Limits::default()
    };
    let grants = TrackerGrants {
        limits,
        ..TrackerGrants::default()
    };
    let tracker = Tracker::load(&cell.sandbox, &source("tracker_forgets"), grants)
        .await
        .unwrap();
    for _ in 0..3 {
        let answer = cell.beside(tracker.stats(None)).await;
        assert!(
            matches!(answer, Err(CallError::Exhausted(Exhausted::Memory))),
            "{answer:?}"
        );
    }
}
