//! A server that lives, and one that stops.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::Place;

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

#[tokio::test]
async fn a_server_without_configuration_is_ready_and_stops_when_told_to() {
    let place = place();
    let served = place.serve().await;
    let stranger = served.stranger();
    stranger.get("/healthz").await.expect(200);
    stranger.get("/readyz").await.expect(200);
    let nowhere = stranger.get("/v2/files").await.expect(404);
    assert_eq!(nowhere.code(), "no_such_endpoint");
    assert!(nowhere.header("x-request-id").starts_with("req_"));
    assert_eq!(served.stop().await, Some(0));
}
