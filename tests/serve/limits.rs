//! Who is served at all: callers with a credential, and over plain HTTP only at home.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::Place;

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

#[tokio::test]
async fn no_credential_no_answer_but_health() {
    let place = place();
    let served = place.serve().await;
    let stranger = served.stranger();
    for path in ["/v1/files", "/v1/files/file_x", "/v1/files/file_x/content"] {
        let refused = stranger.get(path).await.expect(401);
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        assert_eq!(refused.header("x-should-retry"), "false");
        let error = &refused.json()["error"];
        for key in ["message", "type", "param", "code"] {
            assert!(error.get(key).is_some(), "{error}");
        }
    }
}

#[tokio::test]
async fn plain_http_beyond_loopback_is_refused_unless_asked_for() {
    let place = place();
    let (status, lines) = place.run(&["serve", "--listen", "0.0.0.0:0"]).await;
    assert_eq!(status, 2, "{lines:?}");
    assert!(lines[0]["error"]["message"].as_str().unwrap().contains("plain HTTP"));
    place.serve_with(&["--listen", "0.0.0.0:0", "--plain-http"]).await;
}
