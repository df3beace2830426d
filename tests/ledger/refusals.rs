//! What is wrong is said before the first upload, with what to do; what is only away is said to be away.

use loadlock_policy::model::{Failure, FailureKind};
use loadlock_sandbox::CallError;
use loadlock_sandbox::tracker::Tracker;

use crate::place::{key, schema, secret, service_key, tracker, tracker_at};

/// Why the ledger cannot be opened.
async fn refusal(tracker: &Tracker) -> Failure {
    match tracker.ready().await {
        Err(CallError::NotReady(failure)) => *failure,
        other => panic!("{other:?}"),
    }
}

fn assert_says(failure: &Failure, kind: FailureKind, words: &str) {
    assert_eq!(failure.kind, kind, "{failure}");
    assert!(failure.to_string().contains(words), "{failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_another_project_is_refused() {
    let other = key("service_role", &"x".repeat(64), 4_000_000_000);
    let failure = refusal(&tracker(&schema(), &other).await).await;
    assert_says(&failure, FailureKind::Unauthorized, "tracker.credential");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_key_is_refused() {
    let old = key("service_role", &secret(), 1_000_000_000);
    let failure = refusal(&tracker(&schema(), &old).await).await;
    assert_says(&failure, FailureKind::Unauthorized, "tracker.credential");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_a_role_without_rights_is_refused() {
    for role in ["anon", "authenticated"] {
        let weak = key(role, &secret(), 4_000_000_000);
        let failure = refusal(&tracker(&schema(), &weak).await).await;
        assert_says(&failure, FailureKind::Unauthorized, "service role");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_is_not_exposed_or_not_there_is_refused() {
    let failure = refusal(&tracker("nowhere", &service_key()).await).await;
    assert_eq!(failure.kind, FailureKind::Internal, "{failure}");
    assert!(failure.to_string().contains("`nowhere`"), "{failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_away_and_comes_back() {
    let failure = refusal(&tracker_at("http://127.0.0.1:1", &schema(), &service_key()).await).await;
    assert_eq!(failure.kind, FailureKind::Transport, "{failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_postgresql_cannot_hold_is_refused_alone() {
    use crate::suite::support::{file, with};
    let ledger = crate::place::open().await;
    let nul = with(file("f1", "r1"), |file| file.filename = "a\0b".into());
    let late = with(file("f2", "r1"), |file| file.created_at_ms = u64::MAX);
    let huge = with(file("f3", "r1"), |file| file.bytes = u64::MAX);
    for file in [nul, late, huge] {
        let failure = ledger.record_many(&[file]).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Rejected, "{failure}");
    }
    assert_eq!(ledger.stats(None).await.unwrap().files, 0);
}
