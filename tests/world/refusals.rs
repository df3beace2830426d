//! A refusal can be read, however much of its request is still arriving. The client here is the worst there is: it
//! looks for an answer when it has sent everything. Node's own clients are in `tests/clients/refusals`.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use loadlock_served::{Place, Served};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

const SMALL: usize = 10_000;
const LARGE: usize = 10_000_000;
const FORM: &str = "Content-Type: multipart/form-data; boundary=b\r\n";
const TUS: &str = "Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\n";

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

/// Refused by one of the doors: the request line, headers, and the status.
struct Door {
    line: &'static str,
    headers: String,
    status: u16,
}

/// One of each door and each reason.
fn doors(good: &str, reader: &str) -> Vec<Door> {
    let good = format!("Authorization: Bearer {good}\r\n");
    let reader = format!("Authorization: Bearer {reader}\r\n");
    let bad = "Authorization: Bearer wrong\r\n";
    let json = "Content-Type: application/json\r\n";
    let mcp = "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";
    [
        ("POST /v1/files", format!("{bad}{FORM}"), 401),
        ("POST /v1/files", format!("{reader}{FORM}"), 403),
        ("POST /v1/files", format!("{good}Content-Type: text/plain\r\n"), 400),
        ("PUT /v1/files", format!("{good}{FORM}"), 405),
        ("POST /v1/nothing", format!("{good}{FORM}"), 404),
        ("POST /nothing", FORM.to_owned(), 404),
        ("POST /v1/uploads", format!("{bad}{json}"), 401),
        ("POST /v1/uploads", format!("{good}{json}"), 400),
        ("POST /v1/uploads/upload_x/parts", format!("{good}{FORM}"), 404),
        ("POST /v1/tus", format!("{bad}{TUS}Upload-Length: 99\r\n"), 401),
        ("POST /v1/tus", format!("{good}Upload-Length: 99\r\n"), 412),
        ("PATCH /v1/tus/nothing", format!("{good}{TUS}Upload-Offset: 0\r\n"), 404),
        ("PUT /v1/tus", format!("{good}{TUS}"), 405),
        ("POST /mcp", format!("{bad}{mcp}"), 401),
        (
            "POST /mcp",
            format!("{good}{json}Origin: https://evil.example\r\n"),
            403,
        ),
        (
            "GET /v1/ws",
            format!("{bad}Connection: upgrade\r\nUpgrade: websocket\r\n"),
            401,
        ),
        ("GET /metrics", good.clone(), 403),
        ("POST /healthz", String::new(), 405),
        ("POST /v1/files", "Host: again\r\n".to_owned(), 400),
        ("POST /v1/files", format!("X-Much: {}\r\n", "x".repeat(70_000)), 431),
    ]
    .into_iter()
    .map(|(line, headers, status)| Door { line, headers, status })
    .collect()
}

/// Sends everything, then reads to the end; neither may fail. The head of the answer.
async fn told(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), head: &str, chunked: bool, body: &[u8]) -> String {
    let framing = match chunked {
        true => "Transfer-Encoding: chunked".to_owned(),
        false => format!("Content-Length: {}", body.len()),
    };
    let head = format!("{head}{framing}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for piece in body.chunks(64 << 10) {
        if chunked {
            stream
                .write_all(format!("{:x}\r\n", piece.len()).as_bytes())
                .await
                .unwrap();
        }
        stream.write_all(piece).await.unwrap();
        if chunked {
            stream.write_all(b"\r\n").await.unwrap();
        }
    }
    if chunked {
        stream.write_all(b"0\r\n\r\n").await.unwrap();
    }
    let mut answer = Vec::new();
    loop {
        let read = stream.read_buf(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let head = end.map(|end| String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase());
        // A connection that stays open has no end to wait for.
        if let Some(head) = head
            && (read == 0 || !head.contains("\r\nconnection: close"))
        {
            return head;
        }
        assert_ne!(read, 0, "no answer: {:?}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn every_door_is_heard_while_a_body_arrives() {
    let place = place();
    place.configure("server.trusted_proxies = [\"127.0.0.1\"]\n");
    let good = place.token("acme", &["read", "write"]).await;
    let reader = place.token("acme", &["read"]).await;
    let served = place.serve().await;
    let mut client = 0_u32;
    for Door { line, headers, status } in doors(&good, &reader) {
        for (bytes, tries) in [(SMALL, 20), (LARGE, 4)] {
            for attempt in 0..tries {
                // Wrong tokens of one client would be too many.
                client += 1;
                let [_, a, b, c] = client.to_be_bytes();
                let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 9.{a}.{b}.{c}\r\n{headers}");
                let mut stream = TcpStream::connect(&served.address).await.unwrap();
                let answer = told(&mut stream, &head, attempt % 2 == 1, &vec![b'x'; bytes]).await;
                let expected = format!("http/1.1 {status} ");
                assert!(
                    answer.starts_with(&expected),
                    "{line} {status}, {bytes} bytes: {answer}"
                );
                let closes = answer.contains("\r\nconnection: close");
                assert!(closes || bytes == SMALL, "{line} {status}: {answer}");
            }
        }
    }
    served.stranger().get("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_and_heard() {
    let place = place();
    place.configure("limits.max_upload_size = \"1 MB\"\n");
    let token = place.token("acme", &["write"]).await;
    let served = place.serve().await;
    let bearer = format!("Host: x\r\nAuthorization: Bearer {token}\r\n");
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n".to_vec();
    body.resize(LARGE, b'x');
    for (line, headers) in [
        ("POST /v1/files", FORM),
        (
            "POST /v1/tus",
            &format!("{TUS}Upload-Length: 10000000\r\nUpload-Offset: 0\r\n"),
        ),
    ] {
        for _ in 0..5 {
            let mut stream = TcpStream::connect(&served.address).await.unwrap();
            let head = format!("{line} HTTP/1.1\r\n{bearer}{headers}");
            let answer = told(&mut stream, &head, false, &body).await;
            assert!(answer.starts_with("http/1.1 413"), "{line}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_client_that_waits_to_be_told_is_told_and_let_go() {
    let place = place();
    let served = place.serve().await;
    let mut stream = TcpStream::connect(&served.address).await.unwrap();
    let head = "POST /v1/files HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn it_is_heard_through_tls_and_over_http_2() {
    let place = place();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(place.home().join("../server.pem"), certified.cert.pem()).unwrap();
    std::fs::write(
        place.home().join("../server.key"),
        certified.signing_key.serialize_pem(),
    )
    .unwrap();
    place.configure("server.tls = { certificate = \"server.pem\", key = \"server.key\" }\n");
    let served = place.serve().await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certified.cert.der().clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    for bytes in [SMALL, LARGE] {
        let stream = TcpStream::connect(&served.address).await.unwrap();
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        let answer = told(
            &mut stream,
            "POST /v1/files HTTP/1.1\r\nHost: x\r\n",
            false,
            &vec![b'x'; bytes],
        )
        .await;
        assert!(answer.starts_with("http/1.1 401"), "{answer}");
    }

    // The stream alone ends, with no error (RFC 9113 §8.1); the connection goes on.
    let plain = self::place();
    let served = plain.serve().await;
    let stream = TcpStream::connect(&served.address).await.unwrap();
    let (mut requests, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    for bytes in [SMALL, LARGE, LARGE] {
        let request = hyper::Request::post(format!("http://{}/v1/files", served.address));
        let body = Full::new(bytes::Bytes::from(vec![b'x'; bytes]));
        let answer = requests.send_request(request.body(body).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 401);
        assert!(!answer.headers().contains_key("connection"));
        answer.into_body().collect().await.unwrap();
    }
}

#[tokio::test]
async fn a_client_over_http_2_may_send_to_the_end_of_what_is_refused() {
    let place = place();
    let served = place.serve().await;
    let stream = TcpStream::connect(&served.address).await.unwrap();
    let (mut requests, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let (ends, end) = tokio::sync::oneshot::channel();
    // More than any window holds. It tells when it was sent to its end; a stream that is reset drops it before.
    let chunks = futures::stream::unfold((160, Some(ends)), |(left, mut ends)| async move {
        if left == 0 {
            let _ = ends.take()?.send(());
            return None;
        }
        let chunk = hyper::body::Frame::data(bytes::Bytes::from_static(&[b'x'; 64 << 10]));
        Some((Ok::<_, std::convert::Infallible>(chunk), (left - 1, ends)))
    });
    let request = hyper::Request::post(format!("http://{}/v1/files", served.address));
    let body = http_body_util::StreamBody::new(Box::pin(chunks));
    let answer = requests.send_request(request.body(body).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 401);
    answer.into_body().collect().await.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(60), end)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn an_upload_keeps_its_connection() {
    let place = place();
    let token = place.token("acme", &["read", "write"]).await;
    let served = place.serve().await;
    let mut stream = TcpStream::connect(&served.address).await.unwrap();
    let (kind, body) = loadlock_served::form(&[("purpose", "user_data")], &[("file", "a.txt", b"hello")]);
    for chunked in [false, true, false] {
        let head =
            format!("POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: {kind}\r\n");
        let request = match chunked {
            false => [
                format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(),
                &body,
            ]
            .concat(),
            true => {
                let head = format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len());
                [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat()
            }
        };
        stream.write_all(&request).await.unwrap();
        let mut answer = vec![0; 64 << 10];
        let count = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..count]).to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
        assert!(!answer.contains("connection: close"), "{answer}");
    }
}

/// Refused, and still owing nearly everything.
async fn lingering(served: &Served) -> TcpStream {
    let mut stream = TcpStream::connect(&served.address).await.unwrap();
    let head = "POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\nabc";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 4"));
    stream
}

#[tokio::test]
async fn a_thousand_clients_that_never_go_are_let_go_and_are_in_nobodys_way() {
    let place = place();
    let token = place.token("acme", &["read", "write"]).await;
    let served = place.serve().await;
    let client = served.client(&token);
    client
        .upload("a.txt", b"before", &[("purpose", "user_data")])
        .await
        .expect(200);
    let mut crowd = Vec::new();
    for _ in 0..1_100 {
        crowd.push(lingering(&served).await);
    }
    client
        .upload("b.txt", b"beside", &[("purpose", "user_data")])
        .await
        .expect(200);
    served.stranger().get("/readyz").await.expect(200);
    // Each is closed by the server, within its time.
    let gone = crowd.into_iter().map(|mut stream| async move {
        let mut dripping = tokio::time::interval(Duration::from_secs(1));
        loop {
            dripping.tick().await;
            if stream.write_all(b"x").await.is_err() {
                return;
            }
        }
    });
    let gone = futures::future::join_all(gone);
    tokio::time::timeout(Duration::from_secs(120), gone)
        .await
        .expect("a client lingers for ever");
}
