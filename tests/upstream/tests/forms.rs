//! Forms that a vendor refuses must not pass.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::common;

use common::*;
use loadlock_upstream::{Operation, Vendor};

const PURPOSE: Part<'static> = ("purpose", None, b"user_data");
const FILE: Part<'static> = ("file", Some("a.txt"), b"hello");

async fn status(body: &[u8]) -> u16 {
    let upstream = start(Vendor::Openai).await;
    let answer = send(&upstream, &post_form("/v1/files", body)).await.unwrap();
    assert_eq!(upstream.files().len(), usize::from(answer.status == 200));
    answer.status
}

#[tokio::test]
async fn the_order_of_fields_is_free() {
    assert_eq!(status(&form(&[PURPOSE, FILE])).await, 200);
    assert_eq!(status(&form(&[FILE, PURPOSE])).await, 200);
}

#[tokio::test]
async fn fields_that_are_missing_doubled_or_unknown_are_refused() {
    assert_eq!(status(&form(&[PURPOSE])).await, 400);
    assert_eq!(status(&form(&[FILE])).await, 400);
    assert_eq!(status(&form(&[PURPOSE, PURPOSE, FILE])).await, 400);
    assert_eq!(status(&form(&[PURPOSE, FILE, FILE])).await, 400);
    assert_eq!(status(&form(&[PURPOSE, FILE, ("mark", None, b"x")])).await, 400);
    assert_eq!(status(&form(&[PURPOSE, ("file", None, b"hello")])).await, 400);
    assert_eq!(status(&form(&[("purpose", Some("p"), b"user_data"), FILE])).await, 400);
}

#[tokio::test]
async fn framing_must_be_exact() {
    let good = form(&[PURPOSE, FILE]);
    let text = String::from_utf8(good.clone()).unwrap();
    assert_eq!(status(text.strip_suffix("\r\n").unwrap().as_bytes()).await, 200);
    assert_eq!(status(text.strip_suffix("--\r\n").unwrap().as_bytes()).await, 400);
    assert_eq!(status(format!("preamble\r\n{text}").as_bytes()).await, 400);
    assert_eq!(status(format!("{text}epilogue").as_bytes()).await, 400);
    assert_eq!(status(text.replace("\r\n", "\n").as_bytes()).await, 400);
    assert_eq!(status(b"").await, 400);
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let upstream = start(Vendor::Openai).await;
    for content_type in [
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
    ] {
        let bytes = request("POST", "/v1/files", content_type, &form(&[PURPOSE, FILE]));
        let answer = send(&upstream, &bytes).await.unwrap();
        assert_eq!(answer.status, 400, "{content_type}");
    }
}

#[tokio::test]
async fn an_expiry_is_checked_and_answered() {
    let upstream = start(Vendor::Openai).await;
    let put = async |anchor: &[u8], seconds: &[u8]| {
        let anchor = ("expires_after[anchor]", None, anchor);
        let seconds = ("expires_after[seconds]", None, seconds);
        let body = form(&[PURPOSE, anchor, seconds, FILE]);
        send(&upstream, &post_form("/v1/files", &body)).await.unwrap()
    };
    assert_eq!(put(b"created_at", b"3599").await.status, 400);
    assert_eq!(put(b"uploaded_at", b"3600").await.status, 400);
    let stored = put(b"created_at", b"3600").await.json();
    let lives = stored["expires_at"].as_u64().unwrap() - stored["created_at"].as_u64().unwrap();
    assert_eq!(lives, 3600);
}

#[tokio::test]
async fn a_chunked_body_is_recorded_field_by_field() {
    let upstream = start(Vendor::Openai).await;
    let body = form(&[FILE, PURPOSE]);
    let mut bytes = format!(
        "POST /v1/files HTTP/1.1\r\nHost: fake\r\nAuthorization: Bearer {KEY}\r\nContent-Type: multipart/form-data; \
         boundary={BOUNDARY}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    .into_bytes();
    // Every delimiter is split somewhere.
    for piece in body.chunks(7) {
        bytes.extend(format!("{:x}\r\n", piece.len()).bytes());
        bytes.extend(piece);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    assert_eq!(send(&upstream, &bytes).await.unwrap().status, 200);

    let seen = upstream.requests().of(Operation::Create).pop().unwrap();
    let names: Vec<_> = seen.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["file", "purpose"]);
    assert_eq!(seen.field("purpose").unwrap().text.as_deref(), Some("user_data"));
    assert_eq!(seen.field("file").unwrap().bytes, 5);
    assert_eq!(seen.header("transfer-encoding"), Some("chunked"));
    assert_eq!(seen.header("authorization"), Some("Bearer id.secret"));
    assert_eq!(seen.version, "HTTP/1.1");
    assert_eq!((seen.body_bytes, seen.body_complete), (body.len() as u64, true));
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&body);
    assert_eq!(seen.body_sha256, Some(hex::encode(digest)));
    assert_eq!((seen.number, seen.connection, seen.status), (1, 1, Some(200)));
}
