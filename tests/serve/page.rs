//! The page at `/`: its files, getting in and out, and what a session's cookie is good for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::{Answer, Client, Place, Served};
use serde_json::json;

const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");
const JSON: (&str, &str) = ("content-type", "application/json");
const SESSION: &str = "/v1/loadlock/session";

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

async fn enter(client: &Client, token: &str) -> Answer {
    let body = json!({ "token": token }).to_string();
    client.send("POST", SESSION, &[OWN, JSON], body).await
}

/// The cookie of a session, as a browser sends it.
async fn cookie(served: &Served, token: &str) -> String {
    let entered = enter(&served.stranger(), token).await.expect(200);
    entered.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_page_is_served_with_a_policy_that_lets_nothing_else_in() {
    let served = place().serve().await;
    let stranger = served.stranger();
    let page = stranger.get("/").await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    for policy in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "trusted-types 'none'",
    ] {
        assert!(page.header("content-security-policy").contains(policy), "{policy}");
    }
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    // Everything that it asks for is there, and nothing is inline or from elsewhere.
    let text = page.text();
    assert!(!text.contains("style=") && !text.contains("http:") && !text.contains("https:"));
    for name in text.split('"').filter(|part| part.starts_with("/page/")) {
        let file = stranger.get(name).await.expect(200);
        assert_eq!(
            file.header("content-security-policy"),
            page.header("content-security-policy")
        );
        let known = [("if-none-match", file.header("etag"))];
        stranger.send("GET", name, &known, "").await.expect(304);
    }
    for nothing in [
        "/page/",
        "/page/nothing.js",
        "/page/../Cargo.toml",
        "/page/%2e%2e/Cargo.toml",
    ] {
        assert_eq!(stranger.get(nothing).await.expect(404).code(), "no_such_endpoint");
    }
}

#[tokio::test]
async fn a_session_is_as_good_as_its_token_at_every_door_and_shows_it_nowhere() {
    let place = place();
    let token = place.token("acme", &["read", "write"]).await;
    let served = place.serve().await;
    let stranger = served.stranger();
    let entered = enter(&stranger, &token).await.expect(200);
    let set = entered.header("set-cookie").to_owned();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.split("; ").any(|part| part == attribute), "{set}");
    }
    assert_eq!(entered.json()["tenant"], "acme");
    assert!(!set.contains(&token) && !entered.text().contains(&token));
    let pair = set.split(';').next().unwrap();
    let own = [("cookie", pair), OWN];
    let who = stranger.send("GET", SESSION, &own, "").await.expect(200).json();
    assert_eq!(
        (&who["subject"], &who["scopes"]),
        (&json!("tester"), &json!(["read", "write"]))
    );
    stranger.send("GET", "/v1/files", &own, "").await.expect(200);
    let create = [own[0], own[1], ("tus-resumable", "1.0.0"), ("upload-length", "3")];
    stranger.send("POST", "/v1/tus", &create, "").await.expect(201);
    // It may no more than its token.
    let refused = stranger
        .send("GET", "/v1/loadlock/providers", &own, "")
        .await
        .expect(403);
    assert_eq!(refused.code(), "forbidden");
    assert!(!served.log.lines().concat().contains(&token));

    let left = stranger.send("DELETE", SESSION, &own, "").await.expect(204);
    assert!(left.header("set-cookie").contains("Max-Age=0"));
    stranger.send("GET", "/v1/files", &own, "").await.expect(401);
}

#[tokio::test]
async fn a_cookie_is_good_for_the_page_alone() {
    let place = place();
    let token = place.token("acme", &["read", "write"]).await;
    let served = place.serve().await;
    let (stranger, pair) = (served.stranger(), cookie(&served, &token).await);
    let cookie = ("cookie", pair.as_str());
    let host = format!("http://{}", served.address);
    stranger
        .send("GET", "/v1/files", &[cookie, ("origin", &host)], "")
        .await
        .expect(200);
    for (method, other) in [
        ("GET", ("sec-fetch-site", "same-site")),
        ("POST", ("sec-fetch-site", "cross-site")),
        ("GET", ("sec-fetch-site", "none")),
        ("POST", ("origin", "http://127.0.0.1:1")),
        ("GET", ("origin", "https://evil.example")),
        ("POST", ("origin", "null")),
    ] {
        stranger
            .send(method, "/v1/files", &[cookie, other], "")
            .await
            .expect(401);
        let body = json!({ "token": token }).to_string();
        stranger.send("POST", SESSION, &[other, JSON], body).await.expect(403);
    }
    // Nothing says that a page of the gateway's own sends this.
    stranger.send("DELETE", "/v1/files/x", &[cookie], "").await.expect(401);
    let twice = [cookie, cookie, OWN];
    stranger.send("GET", "/v1/files", &twice, "").await.expect(401);
    // A token that is sent counts alone.
    let wrong = [cookie, OWN, ("authorization", "Bearer nonsense")];
    stranger.send("GET", "/v1/files", &wrong, "").await.expect(401);
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let place = place();
    place.configure("[auth]\nleeway = \"0s\"\n");
    let token = place.token_of("tester", "acme", &["read"], "3s").await;
    let served = place.serve().await;
    let pair = cookie(&served, &token).await;
    let stranger = served.stranger();
    let own = [("cookie", pair.as_str()), OWN];
    let response = stranger.stream("GET", "/v1/loadlock/events", &own, "").await;
    assert_eq!(response.status(), 200);
    // The stream ends when the token does.
    let mut body = response.into_body();
    while http_body_util::BodyExt::frame(&mut body).await.is_some() {}
    stranger.send("GET", "/v1/files", &own, "").await.expect(401);
}

#[tokio::test]
async fn nobody_gets_in_by_anything_else() {
    let place = place();
    let served = place.serve().await;
    let stranger = served.stranger();
    assert_eq!(enter(&stranger, "nonsense").await.expect(401).code(), "unauthenticated");
    for (body, status) in [
        (json!({ "code": "0".repeat(64) }), 401),
        (json!({}), 400),
        (json!({ "token": "a", "code": "b" }), 400),
        (json!({ "password": "a" }), 400),
        (json!({ "token": "a".repeat(20_000) }), 400),
    ] {
        let refused = stranger.send("POST", SESSION, &[OWN, JSON], body.to_string()).await;
        let refused = refused.expect(status);
        assert_eq!(refused.header("set-cookie"), "");
    }
    stranger.get(SESSION).await.expect(401);
}

#[tokio::test]
async fn a_preview_names_the_route_and_to_operators_alone_why_the_others_are_out() {
    let place = place();
    place.configure("order = [\"local\"]\n[providers.local]\n[providers.spare]\ncomponent = \"builtin:local\"\n");
    let tenant = place.token("acme", &["write"]).await;
    let admin = place.token("acme", &["admin"]).await;
    let served = place.serve().await;
    let asked = json!({ "filename": "a.txt", "bytes": 5, "head": "aGVsbG8=" });
    let (tenant, admin) = (served.client(&tenant), served.client(&admin));
    let told = tenant
        .post_json("/v1/loadlock/route", asked.clone())
        .await
        .expect(200)
        .json();
    assert_eq!(told["media_type"], "text/plain");
    assert_eq!(told["eligible"][0]["provider"], "local");
    assert_eq!(
        told["refused"][0],
        json!({ "provider": "spare", "reason": "not_in_order", "detail": "" })
    );
    let all = admin
        .post_json("/v1/loadlock/route", asked.clone())
        .await
        .expect(200)
        .json();
    assert!(!all["refused"][0]["detail"].as_str().unwrap().is_empty());
    // What the gateway would refuse is refused here as well.
    let secret = json!({ "filename": ".env", "bytes": 5, "head": "aGVsbG8=" });
    let refused = tenant.post_json("/v1/loadlock/route", secret).await.expect(422);
    assert_eq!(refused.code(), "file_rejected");
    for wrong in [
        json!({}),
        json!({ "filename": "a.txt" }),
        json!({ "filename": "a.txt", "bytes": 5, "head": "!" }),
    ] {
        tenant.post_json("/v1/loadlock/route", wrong).await.expect(400);
    }
    let path = json!({ "path": "/etc/hosts" });
    tenant.post_json("/v1/loadlock/route", path).await.expect(403);
}

#[tokio::test]
async fn the_end_of_the_audit_log_is_for_operators() {
    let place = place();
    let tenant = place.token("acme", &["read"]).await;
    let admin = place.token("acme", &["admin"]).await;
    let served = place.serve().await;
    served.client(&tenant).get("/v1/loadlock/audit").await.expect(403);
    let client = served.client(&admin);
    let tail = client
        .get("/v1/loadlock/audit?lines=5&chain=true")
        .await
        .expect(200)
        .json();
    let records = tail["records"].as_array().unwrap();
    assert!(
        records.len() <= 5 && records.iter().any(|record| record["event"] == "authentication"),
        "{tail}"
    );
    assert_eq!(
        (&tail["failing"], &tail["chain"]["whole"]),
        (&json!(false), &json!(true))
    );
    client.get("/v1/loadlock/audit?lines=x").await.expect(400);
}
