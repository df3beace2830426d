//! A tenant's limits at this door: known as early as can be, and no reason to refuse what was answered before.

use loadlock_served::{Answer, Client, Place, Served, form};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{ALL, place, spool};

/// A server whose tenant `acme` may have two files and 4 MiB.
async fn limited() -> (Place, Served, String) {
    let place = place();
    place.configure("[[tenants]]\nname = \"acme\"\nmax_files = 2\nmax_bytes = \"4 MiB\"\n");
    let token = place.token("acme", ALL).await;
    let served = place.serve().await;
    (place, served, token)
}

async fn keyed(client: &Client, key: &str, content: &[u8]) -> Answer {
    let (kind, body) = form(&[("purpose", "user_data")], &[("file", "a.txt", content)]);
    let headers = [("content-type", kind.as_str()), ("idempotency-key", key)];
    client.send("POST", "/v1/files", &headers, body).await
}

#[tokio::test]
async fn the_same_upload_again_is_answered_again_when_no_room_is_left() {
    let (_place, served, token) = limited().await;
    let client = served.client(&token);
    let first = keyed(&client, "one", b"once").await.expect(200).json();
    keyed(&client, "two", b"twice").await.expect(200);
    let again = keyed(&client, "one", b"once").await.expect(200).json();
    assert_eq!(again, first);
    let full = keyed(&client, "three", b"once").await.expect(429);
    assert_eq!(full.code(), "quota_exceeded");
    let other = keyed(&client, "one", b"other").await;
    assert_ne!(other.status, 200);
}

#[tokio::test]
async fn an_equal_file_counts_in_full() {
    let (_place, served, token) = limited().await;
    let client = served.client(&token);
    let fields = [("purpose", "user_data")];
    for name in ["a.txt", "b.txt"] {
        client.upload(name, b"equal", &fields).await.expect(200);
    }
    let full = client.upload("c.txt", b"equal", &fields).await.expect(429);
    assert_eq!(full.code(), "quota_exceeded");
}

/// Sends the head of a request alone and answers the first response's head.
async fn head_alone(served: &Served, token: &str, length: u64) -> String {
    let mut stream = TcpStream::connect(&served.address).await.unwrap();
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: multipart/form-data; \
         boundary=b\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(4).any(|four| four == b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_body_that_has_no_room_is_refused_before_it_is_sent() {
    let (place, served, token) = limited().await;
    let small = head_alone(&served, &token, 4 << 20).await;
    assert!(small.starts_with("HTTP/1.1 100"), "{small}");
    let large = head_alone(&served, &token, 6 << 20).await;
    assert!(large.starts_with("HTTP/1.1 429"), "{large}");
    let client = served.client(&token);
    let fields = [("purpose", "user_data")];
    for name in ["a.txt", "b.txt"] {
        client.upload(name, name.as_bytes(), &fields).await.expect(200);
    }
    let full = head_alone(&served, &token, 500).await;
    assert!(full.starts_with("HTTP/1.1 429"), "{full}");
    let sent = client.upload("c.txt", &vec![b'c'; 2 << 20], &fields).await.expect(429);
    assert_eq!(sent.code(), "quota_exceeded");
    assert!(spool(&place.home()).is_empty());
}

#[tokio::test]
async fn uploads_in_pieces_are_refused_at_their_beginning() {
    let (_place, served, token) = limited().await;
    let client = served.client(&token);
    let wish =
        |bytes: u64| json!({ "filename": "b", "purpose": "user_data", "bytes": bytes, "mime_type": "text/plain" });
    client.post_json("/v1/uploads", wish(4 << 20)).await.expect(200);
    let full = client.post_json("/v1/uploads", wish(5 << 20)).await;
    assert_eq!(full.expect(429).code(), "quota_exceeded");
    let tus = async |bytes: &str| {
        let headers = [("tus-resumable", "1.0.0"), ("upload-length", bytes)];
        client.send("POST", "/v1/tus", &headers, "").await
    };
    tus("4194304").await.expect(201);
    let full = tus("5242880").await.expect(429);
    assert_eq!(full.code(), "quota_exceeded");
}
