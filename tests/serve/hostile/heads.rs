//! Floods of headers.

use loadlock_served::Served;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::raw::{connect, exchange, peak_kib};
use super::{place, still_serves};

const CLOSE: &str = "Host: x\r\nConnection: close\r\n";

async fn status(served: &Served, request: &str) -> Option<u16> {
    let replies = exchange(served, request).await;
    assert!(replies.len() <= 1, "{replies:?}");
    replies.first().map(|reply| reply.status)
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let place = place();
    let served = place.serve().await;
    let long = "a".repeat(80 << 10);
    let many: String = (0..150).map(|n| format!("X-{n}: a\r\n")).collect();
    let fits: String = (0..90).map(|n| format!("X-{n}: a\r\n")).collect();
    for (what, request, wanted) in [
        (
            "a long value",
            format!("GET /healthz HTTP/1.1\r\n{CLOSE}X: {long}\r\n\r\n"),
            431,
        ),
        (
            "a long name",
            format!("GET /healthz HTTP/1.1\r\n{CLOSE}{long}: x\r\n\r\n"),
            431,
        ),
        (
            "many headers",
            format!("GET /healthz HTTP/1.1\r\n{CLOSE}{many}\r\n"),
            431,
        ),
        (
            "a long target",
            format!("GET /healthz?{long} HTTP/1.1\r\n{CLOSE}\r\n"),
            431,
        ),
        ("a long method", format!("{long} /healthz HTTP/1.1\r\n{CLOSE}\r\n"), 431),
        ("what fits", format!("GET /healthz HTTP/1.1\r\n{CLOSE}{fits}\r\n"), 200),
    ] {
        assert_eq!(status(&served, &request).await, Some(wanted), "{what}");
    }
    still_serves(&served).await;
}

/// Sends `piece` until the server has had enough; the test ends because the server ends it.
async fn flood(served: &Served, start: &[u8], piece: &[u8]) -> String {
    const MUCH: usize = 64 << 20;
    let mut stream = connect(served).await;
    stream.write_all(start).await.unwrap();
    let mut sent = 0;
    while stream.write_all(piece).await.is_ok() {
        sent += piece.len();
        assert!(sent < MUCH, "the server takes headers without an end");
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn heads_without_an_end_are_cut_off_in_bounded_memory() {
    let place = place();
    let served = place.serve().await;
    still_serves(&served).await;
    let before = peak_kib(&served);
    let piece = "x".repeat(16 << 10);
    let lines = "X-Flood: y\r\n".repeat(1_000);
    let floods = [
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nX: ", piece.as_str()),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\n", &lines),
        ("GET /", &piece),
        ("", &piece),
    ];
    let all = floods.map(|(start, piece)| flood(&served, start.as_bytes(), piece.as_bytes()));
    for answer in futures::future::join_all(all).await {
        // The reset that follows a refusal may overtake it.
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let grown = peak_kib(&served) - before;
    assert!(grown < 8 << 10, "{grown} KiB more");
    still_serves(&served).await;
}

/// One frame of HTTP/2 on the first stream, or of the connection (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn continuations_without_an_end_are_cut_off_in_bounded_memory() {
    const SETTINGS: u8 = 4;
    const HEADERS: u8 = 1;
    const CONTINUATION: u8 = 9;
    let place = place();
    let served = place.serve().await;
    still_serves(&served).await;
    let before = peak_kib(&served);
    // `:method: GET`, `:scheme: http`, `:path: /` from the static table, and no end of headers.
    let mut start = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    start.extend(frame(SETTINGS, 0, 0, &[]));
    start.extend(frame(HEADERS, 0, 1, &[0x82, 0x86, 0x84]));
    // Literal fields without indexing, `a: b`.
    let field: &[u8] = &[0, 1, b'a', 1, b'b'];
    let piece = frame(CONTINUATION, 0, 1, &field.repeat(2_000));
    flood(&served, &start, &piece).await;
    let grown = peak_kib(&served) - before;
    assert!(grown < 8 << 10, "{grown} KiB more");
    still_serves(&served).await;
}
