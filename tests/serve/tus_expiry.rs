//! Uploads that are not finished in time go, bytes and all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use crate::tus;

use tus::*;

#[tokio::test]
async fn expired_uploads_are_removed_by_themselves() {
    let place = place();
    place.configure("[limits]\ntus_expiry = \"2s\"\n");
    let (served, client) = serve(&place).await;
    let path = make(&client, 10).await;
    patch(&client, &path, 0, "0123").await.expect(204);
    let done = make(&client, 5).await;
    patch(&client, &done, 0, "hello").await.expect(204);
    until("the sweep", async || left(&place) == (0, 0)).await;
    // Its own tenant learns why; for another it never was.
    head(&client, &path).await.expect(410);
    let gone = patch(&client, &path, 4, "456789").await.expect(410);
    assert_eq!(gone.code(), "upload_expired");
    let other = served.client(&place.token("bolt", &["write"]).await);
    head(&other, &path).await.expect(404);
    assert_eq!(stored(&place, b"hello"), 1, "what is stored stays stored");

    // What expired while no server ran goes at start.
    make(&client, 10).await;
    served.kill().await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let _served = place.serve().await;
    until("the sweep at start", async || left(&place) == (0, 0)).await;
}
