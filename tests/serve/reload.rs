//! Who may come in changes while the server serves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::{Place, Served, claims};
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
    claims(token)["jti"].as_str().unwrap().to_owned()
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
    place.configure(&format!("[auth]\nrevoked = [\"{}\"]\nrevokd = 1\n", id_of(&token)));
    let line = served.log.wait_for(0, "the old one stays").await;
    assert!(served.log.lines()[line].contains("revokd"), "the mistake is named");
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

/// Stores a file; answers the status.
async fn store(served: &Served, token: &str, name: &str) -> u16 {
    let fields = [("purpose", "user_data")];
    let answer = served.client(token).upload(name, b"some", &fields).await;
    answer.status.as_u16()
}

#[tokio::test]
async fn limits_of_tenants_change_with_no_restart() {
    let place = place();
    let served = place.serve().await;
    let token = place.token("acme", &["read", "write"]).await;
    assert_eq!(store(&served, &token, "a.txt").await, 200);
    for (limits, status) in [
        ("name = \"acme\"\nmax_files = 1", 429),
        ("name = \"acme\"\nmax_files = 2", 200),
        ("name = \"*\"\nmax_files = 2", 429),
        ("name = \"other\"\nmax_files = 1", 200),
    ] {
        place.configure(&format!("[[tenants]]\n{limits}\n"));
        hangup(&served).await;
        assert_eq!(store(&served, &token, "b.txt").await, status, "{limits}");
    }
    place.configure("[[tenants]]\nname = \"acme\"\nrequests_per_minute = 1\n");
    hangup(&served).await;
    let client = served.client(&token);
    client.get(FILES).await.expect(200);
    client.get(FILES).await.expect(429);
    // A reload that leaves the rate as it is gives no second minute's worth.
    hangup(&served).await;
    client.get(FILES).await.expect(429);
    place.configure("");
    hangup(&served).await;
    client.get(FILES).await.expect(200);
}

#[tokio::test]
async fn folders_are_granted_and_taken_away_with_no_restart() {
    let place = place();
    let other = place.home().parent().unwrap().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("b.txt"), "elsewhere").unwrap();
    let path = place.file("a.txt", "here");
    let grants = |tenants: &str| {
        place.configure(&format!("[[grants]]\nroot = \"{{files}}\"\ntenants = [{tenants}]\n"));
    };
    grants("");
    let served = place.serve().await;
    let token = place.token("acme", &["write"]).await;
    let client = served.client(&token);
    let send = async |path: &std::path::Path| {
        let wish = serde_json::json!({ "path": path, "purpose": "user_data" });
        let answer = client.post_json(FILES, wish).await;
        (answer.status.as_u16(), answer.code().to_owned())
    };
    let refused = (403, "path_not_allowed".to_owned());
    assert_eq!(send(&path).await, refused);
    grants("\"acme\"");
    hangup(&served).await;
    assert_eq!(send(&path).await.0, 200);
    assert_eq!(send(&other.join("b.txt")).await, refused);
    place.configure(&format!("[[grants]]\nroot = {other:?}\ntenants = [\"acme\"]\n"));
    hangup(&served).await;
    assert_eq!(send(&path).await, refused);
    assert_eq!(send(&other.join("b.txt")).await.0, 200);
}
