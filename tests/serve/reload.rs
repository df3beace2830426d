//! Who may come in changes while the server serves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::{Place, Served};
use rustix::process::Signal;

const FILES: &str = "/v1/files";

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

/// Asks for a reload and waits until it happened.
async fn hangup(served: &Served) {
    let before = served.log.lines().len();
    served.signal(Signal::HUP);
    served.log.wait_for(before, "configuration reloaded").await;
}

fn id_of(token: &str) -> String {
    use base64::Engine;
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    claims["jti"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_revoked_token_is_refused_from_then_on_and_others_are_not() {
    let place = place();
    let served = place.serve().await;
    let (lost, kept) = (
        place.token("acme", &["read"]).await,
        place.token("acme", &["read"]).await,
    );
    served.client(&lost).get(FILES).await.expect(200);
    place.configure(&format!("[auth]\nrevoked = [\"{}\"]\n", id_of(&lost)));
    hangup(&served).await;
    let refused = served.client(&lost).get(FILES).await.expect(401);
    assert_eq!(refused.code(), "unauthenticated");
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    served.client(&kept).get(FILES).await.expect(200);
}

#[tokio::test]
async fn a_changed_file_is_noticed_without_a_signal() {
    let place = place();
    let served = place.serve().await;
    let token = place.token("acme", &["read"]).await;
    place.configure(&format!("[auth]\nrevoked = [\"{}\"]\n", id_of(&token)));
    served.log.wait_for(0, "configuration reloaded").await;
    served.client(&token).get(FILES).await.expect(401);
}

#[tokio::test]
async fn a_configuration_with_a_mistake_changes_nothing() {
    let place = place();
    let served = place.serve().await;
    let token = place.token("acme", &["read"]).await;
    place.configure(&format!(
        "[auth]\nrevoked = [\"{}\"]\nrevokd = 1\n",
        id_of(&token)
    ));
    let line = served.log.wait_for(0, "the old one stays").await;
    assert!(
        served.log.lines()[line].contains("revokd"),
        "the mistake is named"
    );
    served.client(&token).get(FILES).await.expect(200);
}

#[tokio::test]
async fn requests_during_reloads_are_not_dropped() {
    let place = place();
    let served = place.serve().await;
    let token = place.token("acme", &["read"]).await;
    let client = served.client(&token);
    let requests = async {
        for _ in 0..100 {
            client.get(FILES).await.expect(200);
        }
    };
    let reloads = async {
        for _ in 0..5 {
            hangup(&served).await;
        }
    };
    tokio::join!(requests, reloads);
}
