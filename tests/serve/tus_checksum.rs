//! Checksums: in the header and in the trailers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod tus;

use loadlock_served::feed;
use sha2::Digest;
use tus::*;

const HELLO: [&str; 4] = [
    "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    "md5 XrY7u+Ae7tCTyyK7j1rNww==",
    "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
    "crc32 DUoRhQ==",
];

#[tokio::test]
async fn bytes_with_the_wrong_digest_are_discarded() {
    let place = place();
    let (_served, client) = serve(&place).await;
    for (index, checksum) in HELLO.iter().enumerate() {
        let path = make(&client, 100).await;
        patch(&client, &path, 0, "before ").await.expect(204);
        let headers = [OCTETS, ("upload-offset", "7"), ("upload-checksum", checksum)];
        let no = tus(&client, "PATCH", &path, &headers, "hello worms").await.expect(460);
        assert_eq!(no.code(), "checksum_mismatch");
        assert_eq!(offset(&client, &path).await, 7);
        tus(&client, "PATCH", &path, &headers, "hello world").await.expect(204);
        assert_eq!(offset(&client, &path).await, 18, "{index}");
    }
    let path = make(&client, 100).await;
    for no in ["sha512 YQ==", "sha1", "sha1 YQ=="] {
        let headers = [OCTETS, ("upload-offset", "0"), ("upload-checksum", no)];
        tus(&client, "PATCH", &path, &headers, "hello world").await.expect(400);
    }
    let made = [OCTETS, ("upload-length", "11"), TEXT, ("upload-checksum", HELLO[0])];
    let before = left(&place).0;
    tus(&client, "POST", "/v1/tus", &made, "hello worms").await.expect(460);
    assert_eq!(left(&place).0, before);
    tus(&client, "POST", "/v1/tus", &made, "hello world").await.expect(201);
}

/// Their digest cannot be known, so none of them may stay.
#[tokio::test]
async fn bytes_that_break_off_under_a_digest_are_discarded() {
    let place = place();
    let (_served, client) = serve(&place).await;
    let path = make(&client, 100).await;
    let (mut feed, body) = feed();
    let headers = [VERSION, OCTETS, ("upload-offset", "0"), ("upload-checksum", HELLO[0])];
    let request = client.send_body("PATCH", &path, &headers, body);
    let broken = async {
        feed.send("hello ").await;
        until("the first bytes", async || {
            std::fs::read_dir(spool(&place)).unwrap().count() == 1
        })
        .await;
        feed.abort().await;
    };
    let (answer, ()) = tokio::join!(request, broken);
    assert!(answer.is_err());
    assert_eq!(offset(&client, &path).await, 0);
}

#[tokio::test]
async fn a_digest_can_come_after_the_bytes() {
    let place = place();
    let (_served, client) = serve(&place).await;
    let content = bytes(700_000);
    let digest = sha2::Sha256::digest(&content);
    let right = format!("sha256 {}", base64(&digest));
    let path = make(&client, content.len()).await;
    for (status, trailer) in [(460, HELLO[2]), (400, "sha256 nonsense"), (204, right.as_str())] {
        let (mut feed, body) = feed();
        let headers = [VERSION, OCTETS, ("upload-offset", "0"), ("trailer", "Upload-Checksum")];
        let request = client.send_body("PATCH", &path, &headers, body);
        let send = async {
            for piece in content.chunks(100_000) {
                feed.send(piece.to_vec()).await;
            }
            feed.trailer("upload-checksum", trailer).await;
        };
        let (answer, ()) = tokio::join!(request, send);
        answer.unwrap().expect(status);
        let expected = if status == 204 { content.len() as u64 } else { 0 };
        assert_eq!(offset(&client, &path).await, expected);
    }
    assert_eq!(stored(&place, &content), 1);
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        (0..4)
            .map(move |index| {
                if index > three.len() {
                    '='
                } else {
                    ALPHABET[(bits >> (18 - 6 * index)) as usize & 63] as char
                }
            })
            .collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}
