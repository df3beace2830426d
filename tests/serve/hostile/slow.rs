//! Slow-loris: clients that hold a connection by saying little or nothing. Each waits for the server to close it, which
//! is the only clock here.

use futures::future::join_all;
use loadlock_served::{Served, form};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::raw::{connect, until_closed};
use super::{assert_clean, place, served, still_serves};

/// What the server said until it closed; the test hangs if it never does.
async fn silence_after(served: &Served, start: &[u8]) -> Vec<u8> {
    let mut stream = connect(served).await;
    stream.write_all(start).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

#[tokio::test]
async fn whoever_does_not_finish_a_head_is_let_go() {
    let place = place();
    let served = place.serve().await;
    let starts: [&[u8]; 9] = [
        b"",
        b"P",
        b"PRI * HTTP/2.0\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n\r\n",
        b"GET /healthz HTT",
        b"GET /healthz HTTP/1.1\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /hea",
    ];
    let all = starts.iter().map(|start| silence_after(&served, start));
    let answers = join_all(all).await;
    let last = String::from_utf8(answers[8].clone()).unwrap();
    assert!(last.starts_with("HTTP/1.1 200"), "{last}");
    for (start, answer) in starts.iter().zip(&answers).take(8) {
        let (start, answer) = (String::from_utf8_lossy(start), answer.as_slice());
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{start:?}: {answer:?}");
    }
    still_serves(&served).await;
}

/// A piece a moment, for ever: the attack is made of time. The server ends it.
async fn drip(mut stream: TcpStream, piece: &[u8]) -> Vec<u8> {
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(500));
    let dripping = async {
        loop {
            ticks.tick().await;
            if writer.write_all(piece).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = reader.read_to_end(&mut answer) => {}
        () = dripping => {}
    }
    answer
}

#[tokio::test]
async fn whoever_drips_a_head_is_let_go() {
    let place = place();
    let served = place.serve().await;
    let drips: [(&[u8], &[u8]); 3] = [
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"X: y\r\n"),
        (b"GET /", b"x"),
        // Empty lines before a request are allowed, but not for ever.
        (b"", b"\r\n"),
    ];
    let all = drips.map(|(start, piece)| async {
        let mut stream = connect(&served).await;
        stream.write_all(start).await.unwrap();
        drip(stream, piece).await
    });
    for answer in join_all(all).await {
        assert!(
            !answer.starts_with(b"HTTP/1.1 2"),
            "{:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    still_serves(&served).await;
}

/// The beginning of a request of `acme`'s whose body is still to come.
fn head(token: &str, line: &str, headers: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{headers}\r\n")
}

#[tokio::test]
async fn whoever_does_not_finish_a_body_is_let_go_and_leaves_nothing() {
    let place = place();
    let (served, token, client) = served(&place).await;
    let created = client
        .send(
            "POST",
            "/v1/tus",
            &[("tus-resumable", "1.0.0"), ("upload-length", "1000")],
            "",
        )
        .await
        .expect(201);
    let tus = created.header("location").to_owned();
    let (kind, whole) = form(&[("purpose", "user_data")], &[("file", "a.txt", &[7; 500])]);
    let form_head = |length: &str| {
        let headers = format!("Content-Type: {kind}\r\n{length}\r\n");
        head(&token, "POST /v1/files", &headers).into_bytes()
    };
    let json = "Content-Type: application/json\r\nContent-Length: 100\r\n";
    let octets = "Content-Type: application/offset+octet-stream\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
         Content-Length: 1000\r\n";
    let mcp = format!("{json}Accept: application/json, text/event-stream\r\n");
    let starts = [
        // Nothing of the body; the file's beginning; everything but the form's end.
        form_head("Content-Length: 900"),
        [form_head("Content-Length: 900"), whole[..300].to_vec()].concat(),
        [
            form_head(&format!("Content-Length: {}", whole.len())),
            whole[..whole.len() - 4].to_vec(),
        ]
        .concat(),
        // In chunks: before one, in its size, in its data.
        form_head("Transfer-Encoding: chunked"),
        [form_head("Transfer-Encoding: chunked"), b"1".to_vec()].concat(),
        [form_head("Transfer-Encoding: chunked"), b"100\r\n--x".to_vec()].concat(),
        head(&token, "POST /v1/files", json).into_bytes(),
        [
            head(&token, "POST /v1/uploads", json).into_bytes(),
            b"{\"filename\":".to_vec(),
        ]
        .concat(),
        head(&token, &format!("PATCH {tus}"), octets).into_bytes(),
        [
            head(&token, "POST /mcp", &mcp)
                .replace("Host: x", "Host: localhost")
                .into_bytes(),
            b"{".to_vec(),
        ]
        .concat(),
        // Nobody waits for the body of a request that is refused anyway.
        b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nabc".to_vec(),
    ];
    let all = starts.iter().map(|start| silence_after(&served, start));
    for (start, answer) in starts.iter().zip(join_all(all).await) {
        let (start, answer) = (
            String::from_utf8_lossy(start),
            String::from_utf8_lossy(&answer).into_owned(),
        );
        // PATCH keeps what came: that is what resuming is for.
        let kept = start.starts_with("PATCH") && answer.starts_with("HTTP/1.1 204");
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4") || kept,
            "{start}\n\n{answer}"
        );
    }
    let listed = client.get("/v1/files").await.expect(200).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 0);
    // What is kept to be resumed is in the spool, until its client takes it back.
    client
        .send("DELETE", &tus, &[("tus-resumable", "1.0.0")], "")
        .await
        .expect(204);
    assert_clean(&place);
    still_serves(&served).await;
}

#[tokio::test]
async fn a_body_that_drips_is_given_up() {
    let place = place();
    let (served, token, _) = served(&place).await;
    let (kind, whole) = form(&[("purpose", "user_data")], &[("file", "a.txt", &[7; 500])]);
    let headers = format!("Content-Type: {kind}\r\nContent-Length: 900000\r\n");
    let mut stream = connect(&served).await;
    stream
        .write_all(head(&token, "POST /v1/files", &headers).as_bytes())
        .await
        .unwrap();
    stream.write_all(&whole[..200]).await.unwrap();
    let answer = String::from_utf8(drip(stream, b"x").await).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_clean(&place);
    still_serves(&served).await;
}

#[tokio::test]
async fn whoever_keeps_a_connection_without_a_request_is_let_go() {
    let place = place();
    let served = place.serve().await;
    let mut stream = connect(&served).await;
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let replies = until_closed(stream).await;
    assert_eq!((replies.len(), replies[0].status), (1, 200));
}
