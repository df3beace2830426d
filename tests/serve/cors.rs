//! Pages of other origins: which may ask, what they may read, and what none of them gets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::{Answer, Client, Place};

const APP: &str = "https://app.example";

fn place() -> Place {
    let place = Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"));
    place.configure("[server]\norigins = [\"https://app.example\", \"https://*.pages.example\"]\n");
    place
}

async fn preflight(client: &Client, path: &str, origin: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "PATCH"),
        (
            "access-control-request-headers",
            "authorization, tus-resumable, upload-offset",
        ),
    ];
    client.send("OPTIONS", path, &headers, "").await
}

#[tokio::test]
async fn a_preflight_of_a_known_origin_is_answered_at_every_door_before_anybody_is_known() {
    let served = place().serve().await;
    let stranger = served.stranger();
    for origin in [APP, "https://a.b.pages.example"] {
        for path in ["/v1/files", "/v1/tus", "/v1/tus/x", "/v1/loadlock/route", "/v2"] {
            let answer = preflight(&stranger, path, origin).await.expect(204);
            assert_eq!(answer.header("access-control-allow-origin"), origin, "{path}");
            assert!(answer.header("access-control-allow-methods").contains("PATCH"));
            let headers = answer.header("access-control-allow-headers");
            assert_eq!(headers, "authorization, tus-resumable, upload-offset");
            assert!(answer.header("vary").contains("Origin"));
        }
    }
    for origin in [
        "https://evil.example",
        "http://app.example",
        "https://pages.example",
        "null",
    ] {
        let answer = preflight(&stranger, "/v1/files", origin).await.expect(403);
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        assert_eq!(answer.header("vary"), "Origin");
    }
}

#[tokio::test]
async fn a_page_reads_answers_and_refusals_and_the_headers_that_tus_needs() {
    let place = place();
    let token = place.token("acme", &["read", "write"]).await;
    let served = place.serve().await;
    let (client, stranger) = (served.client(&token), served.stranger());
    let refused = stranger.send("GET", "/v1/files", &[("origin", APP)], "").await;
    let refused = refused.expect(401);
    assert_eq!(refused.header("access-control-allow-origin"), APP);
    let create = [("origin", APP), ("tus-resumable", "1.0.0"), ("upload-length", "3")];
    let created = client.send("POST", "/v1/tus", &create, "").await.expect(201);
    assert_eq!(created.header("access-control-allow-origin"), APP);
    let exposed = created.header("access-control-expose-headers").to_ascii_lowercase();
    let exposed: Vec<_> = exposed.split(", ").collect();
    for name in [
        "location",
        "upload-offset",
        "tus-resumable",
        "loadlock-file-id",
        "retry-after",
    ] {
        assert!(exposed.contains(&name), "{name}");
    }
    // Whatever a door says of an upload, a page can read.
    for name in created.headers.keys().map(|name| name.as_str()) {
        let door = ["upload-", "tus-", "loadlock-"]
            .iter()
            .any(|door| name.starts_with(door));
        assert!(!door || exposed.contains(&name), "{name}");
    }
    for answer in [&refused, &created] {
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
    let other = [("origin", "https://evil.example")];
    let other = client.send("GET", "/v1/files", &other, "").await.expect(200);
    assert_eq!(other.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn without_the_setting_nothing_is_said_to_any_page() {
    let place = Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"));
    let served = place.serve().await;
    let answer = preflight(&served.stranger(), "/v1/files", APP).await.expect(403);
    assert_eq!(
        (answer.header("access-control-allow-origin"), answer.header("vary")),
        ("", "")
    );
}
