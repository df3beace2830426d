//! Parts that are sent beside each other and become one file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod tus;

use tus::*;

const PART: (&str, &str) = ("upload-concat", "partial");

#[tokio::test]
async fn parts_become_one_file_in_the_order_of_the_request() {
    let place = place();
    let (served, client) = serve(&place).await;
    let content = bytes(900_000);
    let mut paths = Vec::new();
    for piece in content.chunks(300_000) {
        let path = create(&client, &[PART, ("upload-length", "300000")]).await;
        paths.push(path.clone());
        patch(&client, &path, 0, piece).await.expect(204);
        let now = head(&client, &path).await.expect(200);
        assert_eq!(
            (now.header("upload-concat"), now.header("upload-offset")),
            ("partial", "300000")
        );
        assert_eq!(now.header("loadlock-status"), "received");
    }
    assert_eq!(stored(&place, &content[..300_000]), 0, "a part is no file");
    let urls = format!("final;http://{}{} {} {}", served.address, paths[0], paths[1], paths[2]);
    let join = [("upload-concat", urls.as_str()), TEXT];
    let whole = tus(&client, "POST", "/v1/tus", &join, "").await.expect(201);
    let path = whole.header("location").to_owned();
    assert_eq!(stored(&place, &content), 1);
    let now = head(&client, &path).await.expect(200);
    assert_eq!(
        (now.header("upload-offset"), now.header("upload-length")),
        ("900000", "900000")
    );
    assert_eq!(now.header("upload-concat"), format!("final;{}", paths.join(" ")));
    assert_eq!(now.header("loadlock-file-id"), whole.header("loadlock-file-id"));
    patch(&client, &path, 900_000, "").await.expect(403);
    assert_eq!(left(&place), (4, 0), "no bytes stay");

    // Whose answer was lost asks again, and gets the same file.
    let again = tus(&client, "POST", "/v1/tus", &join, "").await.expect(201);
    assert_eq!(again.header("location"), path);
    assert_eq!(again.header("loadlock-file-id"), whole.header("loadlock-file-id"));
    assert_eq!(offset(&client, &paths[0]).await, 300_000);
    // Its parts are used up for any other.
    let other = format!("final;{} {}", paths[1], paths[0]);
    tus(&client, "POST", "/v1/tus", &[("upload-concat", &other)], "")
        .await
        .expect(409);
}

#[tokio::test]
async fn what_cannot_be_joined() {
    let place = place();
    let (_served, client) = serve(&place).await;
    let part = create(&client, &[PART, ("upload-length", "3")]).await;
    let whole = make(&client, 3).await;
    let join = async |urls: &str, more: &[(&str, &str)]| {
        let urls = format!("final;{urls}");
        let mut headers = vec![("upload-concat", urls.as_str()), TEXT];
        headers.extend(more);
        tus(&client, "POST", "/v1/tus", &headers, "").await
    };
    join(&part, &[]).await.expect(400);
    join(&whole, &[]).await.expect(400);
    patch(&client, &part, 0, "abc").await.expect(204);
    join(&part, &[("upload-length", "3")]).await.expect(400);
    join(&format!("{part} {part}"), &[]).await.expect(400);
    join(&format!("{part} /v1/tus/00000000000000000000000000000000"), &[])
        .await
        .expect(404);
    join("/v1/files/x", &[]).await.expect(400);
    assert_eq!(left(&place), (2, 1));
    // Nothing of all this has used the part up.
    join(&part, &[]).await.expect(201);
    assert_eq!(stored(&place, b"abc"), 1);
}
