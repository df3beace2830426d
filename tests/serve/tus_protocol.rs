//! The protocol's verbs and headers: creation, bytes, deferred lengths, termination, and everything that is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod tus;

use tus::*;

#[tokio::test]
async fn an_upload_becomes_a_file_with_its_last_byte() {
    let place = place();
    let (_served, client) = serve(&place).await;
    let content = bytes(1_000);
    let made = tus(&client, "POST", "/v1/tus/", &[("upload-length", "1000"), TEXT], "")
        .await
        .expect(201);
    assert!(made.header("upload-expires").ends_with(" GMT"));
    let path = made.header("location").to_owned();
    assert!(path.starts_with("/v1/tus/") && path.len() == 34, "{path}");

    let first = patch(&client, &path, 0, &content[..600]).await.expect(204);
    assert_eq!(
        (first.header("upload-offset"), first.header("tus-resumable")),
        ("600", "1.0.0")
    );
    assert_eq!(first.header("loadlock-file-id"), "");
    let now = head(&client, &path).await.expect(200);
    assert_eq!(
        (now.header("upload-offset"), now.header("upload-length")),
        ("600", "1000")
    );
    assert_eq!(
        (now.header("cache-control"), now.header("upload-metadata")),
        ("no-store", TEXT.1)
    );
    assert_eq!(now.header("loadlock-status"), "receiving");

    let last = patch(&client, &path, 600, &content[600..]).await.expect(204);
    assert_eq!(last.header("upload-offset"), "1000");
    assert!(!last.header("loadlock-file-id").is_empty());
    assert_eq!(last.header("loadlock-provider"), "local");
    let now = head(&client, &path).await.expect(200);
    assert_eq!(
        (now.header("upload-offset"), now.header("loadlock-status")),
        ("1000", "stored")
    );
    assert_eq!(now.header("loadlock-file-id"), last.header("loadlock-file-id"));
    assert_eq!((stored(&place, &content), left(&place)), (1, (1, 0)));
    // Nothing more can be sent, and nothing less.
    patch(&client, &path, 1_000, "").await.expect(204);
    patch(&client, &path, 1_000, "x").await.expect(413);
    patch(&client, &path, 0, "x").await.expect(409);
}

#[tokio::test]
async fn creation_can_bring_the_bytes() {
    let place = place();
    let (_served, client) = serve(&place).await;
    let content = bytes(500);
    let all = [OCTETS, ("upload-length", "500"), TEXT];
    let whole = tus(&client, "POST", "/v1/tus", &all, content.clone()).await.expect(201);
    assert_eq!(
        (whole.header("upload-offset"), whole.header("loadlock-status")),
        ("500", "stored")
    );
    assert_eq!(stored(&place, &content), 1);
    let part = tus(&client, "POST", "/v1/tus", &all, &content[..100]).await.expect(201);
    assert_eq!(part.header("upload-offset"), "100");
    patch(&client, part.header("location"), 100, &content[100..])
        .await
        .expect(204);
    // A body of another type is not the file's.
    let json = [("content-type", "application/json"), ("upload-length", "500"), TEXT];
    let path = create(&client, &json).await;
    assert_eq!(offset(&client, &path).await, 0);
    // More than announced: nothing stays.
    let before = left(&place).0;
    tus(
        &client,
        "POST",
        "/v1/tus",
        &[OCTETS, ("upload-length", "4"), TEXT],
        "12345",
    )
    .await
    .expect(413);
    assert_eq!(left(&place).0, before);
}

#[tokio::test]
async fn the_length_can_come_later_and_only_once() {
    let place = place();
    let (_served, client) = serve(&place).await;
    let path = create(&client, &[("upload-defer-length", "1"), TEXT]).await;
    let now = head(&client, &path).await.expect(200);
    assert_eq!(
        (now.header("upload-defer-length"), now.header("upload-length")),
        ("1", "")
    );
    patch(&client, &path, 0, "hello ").await.expect(204);
    let with = |length: &'static str| [OCTETS, ("upload-offset", "6"), ("upload-length", length)];
    tus(&client, "PATCH", &path, &with("5"), "").await.expect(400);
    tus(&client, "PATCH", &path, &with("99999999999999999"), "")
        .await
        .expect(413);
    tus(&client, "PATCH", &path, &with("9"), "w").await.expect(204);
    let again = [OCTETS, ("upload-offset", "7"), ("upload-length", "11")];
    tus(&client, "PATCH", &path, &again, "orld").await.expect(400);
    let now = head(&client, &path).await.expect(200);
    assert_eq!(
        (now.header("upload-defer-length"), now.header("upload-length")),
        ("", "9")
    );
    patch(&client, &path, 7, "or").await.expect(204);
    assert_eq!(stored(&place, b"hello wor"), 1);
    // The length can be what is here already.
    let path = create(&client, &[("upload-defer-length", "1"), TEXT]).await;
    patch(&client, &path, 0, "complete").await.expect(204);
    let end = [OCTETS, ("upload-offset", "8"), ("upload-length", "8")];
    let end = tus(&client, "PATCH", &path, &end, "").await.expect(204);
    assert_eq!(end.header("loadlock-status"), "stored");
}

#[tokio::test]
async fn termination_leaves_nothing() {
    let place = place();
    let (_served, client) = serve(&place).await;
    let path = make(&client, 100).await;
    patch(&client, &path, 0, bytes(50)).await.expect(204);
    assert_eq!(left(&place), (1, 1));
    tus(&client, "DELETE", &path, &[], "").await.expect(204);
    assert_eq!(left(&place), (0, 0));
    head(&client, &path).await.expect(404);
    patch(&client, &path, 50, bytes(50)).await.expect(404);
    tus(&client, "DELETE", &path, &[], "").await.expect(404);
}

#[tokio::test]
async fn methods_can_be_overridden_and_the_server_says_what_it_can() {
    let place = place();
    let (served, client) = serve(&place).await;
    let path = make(&client, 5).await;
    let over = [OCTETS, ("x-http-method-override", "patch"), ("upload-offset", "0")];
    tus(&client, "POST", &path, &over, "123").await.expect(204);
    assert_eq!(offset(&client, &path).await, 3);
    let over = [("x-http-method-override", "DELETE")];
    tus(&client, "POST", &path, &over, "").await.expect(204);

    let can = client.send("OPTIONS", "/v1/tus", &[], "").await.expect(204);
    assert_eq!(can.header("tus-version"), "1.0.0");
    assert_eq!(can.header("tus-max-size"), (16_u64 << 30).to_string());
    assert_eq!(can.header("tus-checksum-algorithm"), "sha256,sha1,md5,crc32");
    for extension in [
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "expiration",
        "checksum",
        "checksum-trailer",
        "termination",
        "concatenation",
    ] {
        assert!(
            can.header("tus-extension").split(',').any(|one| one == extension),
            "{extension}"
        );
    }
    let no = served.stranger().send("OPTIONS", "/v1/tus", &[], "").await.expect(401);
    assert_eq!(
        (no.code().as_str(), no.header("tus-resumable")),
        ("unauthenticated", "1.0.0")
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let place = place();
    let (_served, client) = serve(&place).await;
    let path = make(&client, 10).await;
    for (status, method, on, headers) in [
        (412, "HEAD", path.as_str(), &[][..]),
        (412, "HEAD", &path, &[("tus-resumable", "0.2.2")]),
        (400, "PATCH", &path, &[VERSION, OCTETS]),
        (400, "PATCH", &path, &[VERSION, OCTETS, ("upload-offset", "-1")]),
        (
            400,
            "PATCH",
            &path,
            &[VERSION, OCTETS, ("upload-offset", "0"), ("upload-offset", "1")],
        ),
        (409, "PATCH", &path, &[VERSION, OCTETS, ("upload-offset", "1")]),
        (415, "PATCH", &path, &[VERSION, ("upload-offset", "0")]),
        (
            415,
            "PATCH",
            &path,
            &[
                VERSION,
                ("upload-offset", "0"),
                ("content-type", "application/octet-stream"),
            ],
        ),
        (405, "GET", &path, &[VERSION]),
        (405, "GET", "/v1/tus", &[VERSION]),
        (404, "HEAD", "/v1/tus/00000000000000000000000000000000", &[VERSION]),
        (404, "HEAD", "/v1/tus/../../etc/passwd", &[VERSION]),
        (400, "POST", "/v1/tus", &[VERSION]),
        (400, "POST", "/v1/tus", &[VERSION, ("upload-length", "ten")]),
        (
            400,
            "POST",
            "/v1/tus",
            &[VERSION, ("upload-length", "1"), ("upload-defer-length", "1")],
        ),
        (400, "POST", "/v1/tus", &[VERSION, ("upload-defer-length", "2")]),
        (
            400,
            "POST",
            "/v1/tus",
            &[VERSION, ("upload-length", "1"), ("upload-metadata", "a !")],
        ),
        (
            400,
            "POST",
            "/v1/tus",
            &[
                VERSION,
                ("upload-length", "1"),
                ("upload-metadata", "provider bm9ib2R5"),
            ],
        ),
        (
            400,
            "POST",
            "/v1/tus",
            &[VERSION, ("upload-length", "1"), ("upload-concat", "both")],
        ),
        (413, "POST", "/v1/tus", &[VERSION, ("upload-length", "17179869185")]),
        (
            413,
            "PATCH",
            &path,
            &[VERSION, OCTETS, ("upload-offset", "0"), ("content-length", "11")],
        ),
    ] {
        let body = if status == 413 && method == "PATCH" {
            "01234567890"
        } else {
            ""
        };
        let answer = client.send(method, on, headers, body).await.expect(status);
        assert_eq!(answer.header("tus-resumable"), "1.0.0");
        if method != "HEAD" {
            assert!(!answer.code().is_empty());
        }
        let versions = if status == 412 { "1.0.0" } else { "" };
        assert_eq!(answer.header("tus-version"), versions);
        let methods = match (status, on) {
            (405, "/v1/tus") => "OPTIONS, POST",
            (405, _) => "OPTIONS, HEAD, PATCH, DELETE",
            _ => "",
        };
        assert_eq!(answer.header("allow"), methods);
    }
    let reader = place.token("acme", &["read"]).await;
    let reader = _served.client(&reader);
    head(&reader, &path).await.expect(403);
    assert_eq!((offset(&client, &path).await, left(&place)), (0, (1, 0)));
}
