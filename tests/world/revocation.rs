//! A token that was revoked is refused at every door from then on, also after a restart, and no other one is.

use loadlock_served::{Place, Served};
use serde_json::{Value, json};

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

/// A token and its id.
async fn issued(place: &Place, subject: &str) -> (String, String) {
    let arguments = ["token", "issue", "--subject", subject, "--tenant", "acme"];
    let (status, lines) = place.run(&arguments).await;
    assert_eq!(status, 0, "{lines:?}");
    let text = |key: &str| lines[0][key].as_str().unwrap().to_owned();
    (text("token"), text("id"))
}

async fn listed(place: &Place, id: &str) -> Value {
    let (_, lines) = place.run(&["token", "ls"]).await;
    lines.into_iter().find(|line| line["id"] == id).unwrap_or_default()
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;

/// What each door answers to the token: whether it lets it in.
async fn let_in(place: &Place, served: &Served, token: &str) -> Vec<(&'static str, bool)> {
    let client = served.client(token);
    let http = client.get("/v1/files").await.status;
    let created = [("tus-resumable", "1.0.0"), ("upload-length", "5")];
    let tus = client.send("POST", "/v1/tus", &created, "").await.status;
    let accept = [
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
    ];
    let mcp = client.send("POST", "/mcp", &accept, INITIALIZE).await.status;
    let bearer = format!("Bearer {token}");
    let socket = served.upgrade("/v1/ws", &[("authorization", &bearer)]).await.is_ok();
    let command = place
        .command(&["files", "ls", "--json"])
        .env("LOADLOCK_TOKEN", token)
        .output()
        .await
        .unwrap();
    let doors = [("http", http), ("tus", tus), ("mcp", mcp)].map(|(door, status)| {
        assert!(status.as_u16() < 300 || status.as_u16() == 401, "{door}: {status}");
        (door, status.as_u16() < 300)
    });
    [
        &doors[..],
        &[("websocket", socket), ("command line", command.status.success())],
    ]
    .concat()
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_every_door_and_after_a_restart() {
    let place = place();
    let (token, id) = issued(&place, "ci").await;
    let (other, other_id) = issued(&place, "nightly").await;
    assert_eq!(
        (
            &listed(&place, &id).await["state"],
            &listed(&place, &id).await["tenant"]
        ),
        (&json!("good"), &json!("acme"))
    );
    let served = place.serve().await;
    let before = let_in(&place, &served, &token).await;
    assert!(before.iter().all(|(_, let_in)| *let_in), "{before:?}");

    let (status, lines) = place.run(&["token", "revoke", &id]).await;
    assert_eq!((status, &lines[0]["before"]), (0, &json!(false)), "{lines:?}");
    let after = let_in(&place, &served, &token).await;
    assert!(after.iter().all(|(_, let_in)| !*let_in), "{after:?}");
    let others = let_in(&place, &served, &other).await;
    assert!(others.iter().all(|(_, let_in)| *let_in), "{others:?}");
    served.stop().await;

    let served = place.serve().await;
    let after = let_in(&place, &served, &token).await;
    assert!(after.iter().all(|(_, let_in)| !*let_in), "{after:?}");
    assert_eq!(listed(&place, &id).await["state"], "revoked");
    assert_eq!(listed(&place, &other_id).await["state"], "good");
    assert_eq!(place.run(&["token", "inspect", &token]).await.1[0]["revoked"], true);
    // By the token itself, and once more.
    assert_eq!(place.run(&["token", "revoke", &other]).await.1[0]["id"], other_id);
    assert_eq!(place.run(&["token", "revoke", &other_id]).await.1[0]["before"], true);
    served.client(&other).get("/v1/files").await.expect(401);
    served.stop().await;
    // Without a gateway beside it as well; and the audit log has who revoked what.
    let ran = place
        .command(&["files", "ls", "--json"])
        .env("LOADLOCK_TOKEN", &token)
        .output()
        .await
        .unwrap();
    assert!(String::from_utf8_lossy(&ran.stdout).contains("unauthenticated"));
    let (_, records) = place.run(&["audit", "tail", "-n", "200"]).await;
    assert!(
        records
            .iter()
            .any(|one| one["event"] == "token" && one["what"]["detail"] == "revoked" && one["who"]["token_id"] == id),
        "{records:?}"
    );
    assert_eq!(place.run(&["audit", "verify"]).await.0, 0);
}

#[tokio::test]
async fn nobody_is_let_in_while_the_list_cannot_be_read() {
    let place = place();
    let (token, _) = issued(&place, "ci").await;
    let served = place.serve().await;
    served.client(&token).get("/v1/files").await.expect(200);
    std::fs::create_dir(place.home().join("keys/revoked")).unwrap();
    served.client(&token).get("/v1/files").await.expect(503);
    std::fs::remove_dir(place.home().join("keys/revoked")).unwrap();
    served.client(&token).get("/v1/files").await.expect(200);
    served.stop().await;
}
