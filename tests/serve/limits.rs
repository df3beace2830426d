//! Clients that send too much, too slowly, or in shapes that proxies disagree about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::{Place, Served};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

/// Sends bytes as they are and reads until the server closes.
async fn raw(served: &Served, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(&served.address).await.unwrap();
    // A server that has refused already may reset what still comes.
    let _ = stream.write_all(bytes.as_ref()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn still_serves(served: &Served) {
    served.stranger().get("/readyz").await.expect(200);
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let place = place();
    let served = place.serve().await;
    let long = format!(
        "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: {}\r\n\r\n",
        "a".repeat(80 << 10)
    );
    assert!(raw(&served, long).await.starts_with("HTTP/1.1 431"));
    let many: String = (0..150).map(|n| format!("X-{n}: a\r\n")).collect();
    let many = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{many}\r\n");
    assert!(raw(&served, many).await.starts_with("HTTP/1.1 431"));
    still_serves(&served).await;
}

#[tokio::test]
async fn shapes_that_smuggle_requests_do_not() {
    let place = place();
    let served = place.serve().await;
    let hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Hidden: yes\r\nConnection: close\r\n\r\n";
    for framing in [
        "Content-Length: 5\r\nContent-Length: 6\r\n".to_owned(),
        "Content-Length: +5\r\n".to_owned(),
        "Content-Length: 0x5\r\n".to_owned(),
        "Transfer-Encoding: xchunked\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".to_owned(),
        "Transfer-Encoding: identity, chunked, identity\r\n".to_owned(),
        "Transfer-Encoding : chunked\r\n".to_owned(),
    ] {
        let request =
            format!("POST /v1/files HTTP/1.1\r\nHost: x\r\n{framing}\r\n0\r\n\r\n{hidden}");
        let answer = raw(&served, request).await;
        // A message whose end is not certain is answered at most once, and nothing after it is read as a request.
        assert!(
            answer.matches("HTTP/1.1 ").count() <= 1 && !answer.contains(" 200 "),
            "{framing:?}: {answer}"
        );
    }
    still_serves(&served).await;
}

#[tokio::test]
async fn a_thousand_idle_sockets_leave_it_serving() {
    let place = place();
    let served = place.serve().await;
    let mut idle = Vec::new();
    for _ in 0..1_000 {
        let mut stream = TcpStream::connect(&served.address).await.unwrap();
        stream.write_all(b"GET /healthz HTT").await.unwrap();
        idle.push(stream);
    }
    still_serves(&served).await;
    drop(idle);
    still_serves(&served).await;
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
    assert!(
        lines[0]["error"]["message"]
            .as_str()
            .unwrap()
            .contains("plain HTTP")
    );
    place
        .serve_with(&["--listen", "0.0.0.0:0", "--plain-http"])
        .await;
}
