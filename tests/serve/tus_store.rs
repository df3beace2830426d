//! The last byte is acknowledged when a provider has the file, and not before.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use crate::tus;

use loadlock_served::Place;
use loadlock_upstream::{Fault, Operation, Options, Upstream, Vendor};
use tus::*;

async fn with_kimi() -> (Place, Upstream) {
    let upstream = Upstream::start(Vendor::Kimi, Options::with_key("sk-test"))
        .await
        .unwrap();
    let mut place = place();
    place.env("KEY", "sk-test");
    let base = upstream.base_url();
    place.configure(&format!(
        "[providers.kimi]\nsettings = {{ base_url = \"{base}\" }}\negress = [{{ url = \"{base}/files\", methods = \
         [\"GET\", \"POST\", \"DELETE\"], private = true }}]\n         credential = {{ header = \"Authorization\", \
         value = \"Bearer ${{env:KEY}}\" }}\nretry = {{ attempts = 1 }}\n[validator]\nskip = [\"mismatch\"]\n"
    ));
    (place, upstream)
}

#[tokio::test]
async fn a_refused_file_is_asked_for_again_by_its_last_byte() {
    let (place, upstream) = with_kimi().await;
    let (_served, client) = serve(&place).await;
    let content = bytes(5_000);
    let path = make(&client, content.len()).await;
    upstream.faults().push(Operation::Create, Fault::status(500));
    let failed = patch(&client, &path, 0, content.clone()).await;
    assert!(failed.status.is_server_error(), "{}", failed.text());
    assert!(!failed.code().is_empty());
    // A client that took this offset for the length would believe that its file is stored.
    let now = head(&client, &path).await.expect(200);
    assert_eq!(
        (now.header("upload-offset"), now.header("upload-length")),
        ("4999", "5000")
    );
    assert_eq!(
        (now.header("loadlock-status"), now.header("loadlock-error")),
        ("failed", failed.code().as_str())
    );
    assert_eq!(upstream.files().len(), 0);

    // Only the byte that was there may come again.
    patch(&client, &path, 4_999, "?").await.expect(400);
    patch(&client, &path, 4_999, "").await.expect(409);
    patch(&client, &path, 4_999, "??").await.expect(413);
    let done = patch(&client, &path, 4_999, &content[4_999..]).await.expect(204);
    assert_eq!(
        (done.header("upload-offset"), done.header("loadlock-status")),
        ("5000", "stored")
    );
    assert_eq!(upstream.files().len(), 1);
    assert_eq!(left(&place), (1, 0));
}

#[tokio::test]
async fn a_client_that_lost_the_connection_waits_for_the_same_end() {
    let (place, upstream) = with_kimi().await;
    let (_served, client) = serve(&place).await;
    let content = bytes(3_000);
    let path = make(&client, content.len()).await;
    upstream.faults().push(Operation::Create, Fault::Delay { ms: 1_500 });
    let first = patch(&client, &path, 0, content.clone());
    let begun = until("the upload", async || upstream.faults().waiting() == 0);
    // The first request is dropped in the middle: its client is gone.
    tokio::select! {
        _ = first => panic!("the upload was not delayed"),
        () = begun => {}
    }
    let now = head(&client, &path).await.expect(200);
    assert_eq!(
        (now.header("loadlock-status"), now.header("upload-offset")),
        ("storing", "2999")
    );
    let second = patch(&client, &path, 2_999, &content[2_999..]).await;
    let second = second.expect(204);
    assert_eq!(second.header("loadlock-status"), "stored");
    assert_eq!(
        (upstream.files().len(), upstream.requests().of(Operation::Create).len()),
        (1, 1)
    );
}

#[tokio::test]
async fn a_refused_join_can_be_asked_for_again() {
    let (place, upstream) = with_kimi().await;
    let (_served, client) = serve(&place).await;
    let part = create(&client, &[("upload-concat", "partial"), ("upload-length", "5")]).await;
    patch(&client, &part, 0, "parts").await.expect(204);
    let urls = format!("final;{part}");
    let join = [("upload-concat", urls.as_str()), TEXT];
    upstream.faults().push(Operation::Create, Fault::status(500));
    let failed = tus(&client, "POST", "/v1/tus", &join, "").await;
    assert!(failed.status.is_server_error());
    assert_eq!(left(&place), (2, 1), "the bytes are in the final upload alone");
    let done = tus(&client, "POST", "/v1/tus", &join, "").await.expect(201);
    assert_eq!(done.header("loadlock-status"), "stored");
    assert_eq!((upstream.files().len(), left(&place)), (1, (2, 0)));
}

/// What can never be stored leaves nothing behind where nobody knows its place.
#[tokio::test]
async fn an_empty_file_is_refused_at_once() {
    let place = place();
    let (_served, client) = serve(&place).await;
    let no = tus(&client, "POST", "/v1/tus", &[("upload-length", "0"), TEXT], "")
        .await
        .expect(422);
    assert_eq!((no.code().as_str(), left(&place)), ("file_rejected", (0, 0)));
    let path = create(&client, &[("upload-defer-length", "1"), TEXT]).await;
    let end = [OCTETS, ("upload-offset", "0"), ("upload-length", "0")];
    tus(&client, "PATCH", &path, &end, "").await.expect(422);
    head(&client, &path).await.expect(404);
}
