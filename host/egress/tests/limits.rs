//! What an upstream or a guest may not do, and how it ends when one tries.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::common;

use std::time::Duration;

use bytes::Bytes;
use common::{Server, allowed, builder, get, raw, read_head, serve, transport};
use futures::StreamExt as _;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use loadlock_egress::{Call, Error, Limits};
use loadlock_policy::egress::{Method, Origin};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Sends these bytes to whoever asks, then closes.
async fn canned(answer: String) -> Server {
    raw(move |mut stream| {
        let answer = answer.clone();
        async move {
            let _ = read_head(&mut stream).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    })
    .await
}

async fn ask(answer: String, limits: Limits) -> Result<String, Error> {
    let server = canned(answer).await;
    let transport = builder(&server.origin()).limits(limits).build(&common::no_env).unwrap();
    get(&transport, &server.origin(), "/").await
}

fn head(headers: usize, value: usize) -> String {
    let mut text = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n".to_owned();
    for index in 1..headers {
        text.push_str(&format!("x-{index}: {}\r\n", "v".repeat(value)));
    }
    text + "\r\nok"
}

#[tokio::test]
async fn response_headers_are_counted_and_measured() {
    let limits = Limits {
        response_headers: 20,
        response_header_bytes: 16 * 1024,
        ..Limits::default()
    };
    assert_eq!(ask(head(20, 1), limits).await.unwrap(), "ok");
    for answer in [head(21, 1), head(5, 5 * 1024), head(2, 64 * 1024), head(5000, 1)] {
        let error = ask(answer, limits).await.unwrap_err();
        assert!(matches!(error, Error::ResponseHeadersTooLarge { .. }), "{error}");
    }
}

#[tokio::test]
async fn http2_headers_are_measured_too() {
    let authority = common::Authority::new();
    let server = serve(Some(authority.acceptor("127.0.0.1", &["h2"])), |_| async {
        let mut answer = common::text("ok");
        for index in 0..8 {
            let name: http::HeaderName = format!("x-{index}").parse().unwrap();
            answer.headers_mut().insert(name, "v".repeat(4 * 1024).parse().unwrap());
        }
        answer
    })
    .await;
    let origin = server.named("https", "127.0.0.1");
    let with = |bytes| {
        builder(&origin)
            .roots(authority.roots())
            .limits(Limits {
                response_header_bytes: bytes,
                ..Limits::default()
            })
            .build(&common::no_env)
            .unwrap()
    };
    assert_eq!(get(&with(64 * 1024), &origin, "/").await.unwrap(), "ok");
    let error = get(&with(16 * 1024), &origin, "/").await.unwrap_err();
    assert!(matches!(error, Error::ResponseHeadersTooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_response_body_has_an_end() {
    let limits = Limits {
        response_body_bytes: 4,
        ..Limits::default()
    };
    let sized = |n: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {n}\r\n\r\n{}", "x".repeat(n));
    let chunked = |n: usize| {
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
            "1\r\nx\r\n".repeat(n)
        )
    };
    for answer in [sized(4), chunked(4)] {
        assert_eq!(ask(answer, limits).await.unwrap(), "xxxx");
    }
    for answer in [
        sized(5),
        chunked(5),
        "HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(5)),
    ] {
        let error = ask(answer, limits).await.unwrap_err();
        assert!(matches!(error, Error::ResponseBodyTooLarge { limit: 4, .. }), "{error}");
    }
}

#[tokio::test]
async fn a_broken_answer_has_a_name() {
    for (answer, closed) in [
        ("", true),
        ("HTTP/1.1 200 OK\r\ncontent-le", true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", true),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", true),
        ("nonsense\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", false),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na",
            false,
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
            false,
        ),
    ] {
        let error = ask(answer.to_owned(), Limits::default()).await.unwrap_err();
        let as_expected = match error {
            Error::ConnectionClosed { .. } => closed,
            Error::Protocol { .. } => !closed,
            _ => false,
        };
        assert!(as_expected, "{answer:?}: {error:?}");
        assert!(error.reached_upstream());
    }
}

#[tokio::test]
async fn a_compressed_answer_is_refused() {
    let answer = |coding: &str| format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: 2\r\n\r\nok");
    assert_eq!(ask(answer("Identity"), Limits::default()).await.unwrap(), "ok");
    let error = ask(answer("gzip"), Limits::default()).await.unwrap_err();
    assert!(matches!(error, Error::ResponseEncoded { .. }), "{error}");
}

async fn send<B>(server: &Server, request: Request<B>) -> Result<StatusCode, Error>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let origin = server.origin();
    let transport = transport(&origin);
    let decided = allowed(&origin, Method::Post, "/");
    Ok(transport.send(request, &decided, &Call::default()).await?.status())
}

#[tokio::test]
async fn a_request_is_held_to_what_it_says() {
    let server = serve(None, |request| async move {
        let _ = request.into_body().collect().await;
        common::text("ok")
    })
    .await;
    let with = |name: &'static str, value: &str| {
        let mut request = Request::new(Full::new(Bytes::from_static(b"abc")));
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    assert_eq!(
        send(&server, with("content-length", "3")).await.unwrap(),
        StatusCode::OK
    );

    let error = send(&server, with("x-large", &"v".repeat(40_000))).await.unwrap_err();
    assert!(
        matches!(error, Error::RequestHeadersTooLarge { limit: 32_768, .. }),
        "{error}"
    );
    assert!(!error.reached_upstream());

    for value in ["+3", "3, 3", "-1", "", "99999999999999999999"] {
        let error = send(&server, with("content-length", value)).await.unwrap_err();
        assert!(matches!(error, Error::RequestInvalid { .. }), "{value:?}: {error}");
    }
    for value in ["2", "4"] {
        let error = send(&server, with("content-length", value)).await.unwrap_err();
        assert!(matches!(error, Error::RequestBodyLength { actual: 3, .. }), "{error}");
    }
    // The length of a stream shows only on the way.
    for declared in [2, 4] {
        let frames = [Ok::<_, Error>(Frame::data(Bytes::from_static(b"abc")))];
        let mut request = Request::new(StreamBody::new(futures::stream::iter(frames)));
        request.headers_mut().insert("content-length", declared.into());
        let error = send(&server, request).await.unwrap_err();
        assert!(
            matches!(error, Error::RequestBodyLength { actual: 3, .. }),
            "{declared}: {error}"
        );
    }
}

#[tokio::test]
async fn a_guest_whose_body_fails_is_told_so() {
    let server = serve(None, |request| async move {
        let _ = request.into_body().collect().await;
        common::text("ok")
    })
    .await;
    let frames = [Ok(Frame::data(Bytes::from_static(b"abc"))), Err("guest gave up")];
    let error = send(&server, Request::new(StreamBody::new(futures::stream::iter(frames))))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::RequestBody { reason } if reason.contains("guest gave up")),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_refusal_is_read_although_the_upload_breaks() {
    // The server answers in the middle of the body and closes with the rest unread, which resets the connection. A
    // thread of its own and many attempts, because answer and reset may meet the client at any point of its work.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = Origin::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let mut some = vec![0; 512 * 1024];
        for stream in listener.incoming().take(ATTEMPTS) {
            let mut stream = stream.unwrap();
            stream.read_exact(&mut some).unwrap();
            let answer = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig";
            stream.write_all(answer).unwrap();
        }
    });
    const ATTEMPTS: usize = 300;
    let transport = transport(&origin);
    for attempt in 0..ATTEMPTS {
        let chunk = Bytes::from(vec![0; 64 * 1024]);
        let frames = futures::stream::repeat(chunk)
            .take(1024)
            .map(|chunk| Ok::<_, Error>(Frame::data(chunk)));
        let response = transport
            .send(
                Request::new(StreamBody::new(frames)),
                &allowed(&origin, Method::Post, "/"),
                &Call::default(),
            )
            .await
            .unwrap_or_else(|error| panic!("attempt {attempt}: {error}"));
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let body = response.into_body().collect().await;
        assert_eq!(
            body.unwrap_or_else(|error| panic!("attempt {attempt}: {error}"))
                .to_bytes(),
            "big"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_whose_connection_is_reset_lets_go_of_it() {
    // Resets the connection in the middle of the body, without an answer. The connection owns the body: when that is
    // dropped, the descriptor is closed, and whoever fills the body learns that nobody reads it.
    let server = raw(|mut stream| async move {
        let mut some = vec![0; 64];
        stream.read_exact(&mut some).await.unwrap();
        stream.set_zero_linger().unwrap();
    })
    .await;
    let origin = server.origin();
    let transport = transport(&origin);
    for attempt in 0..100 {
        let (held, dropped) = tokio::sync::oneshot::channel::<()>();
        let chunk = Bytes::from(vec![0; 64 * 1024]);
        let frames = futures::stream::unfold((held, chunk), |state| async {
            let frame = Frame::data(state.1.clone());
            Some((Ok::<_, Error>(frame), state))
        });
        let (allowed, call) = (allowed(&origin, Method::Post, "/"), Call::default());
        let sent = transport.send(Request::new(StreamBody::new(frames)), &allowed, &call);
        let sent = tokio::time::timeout(Duration::from_secs(60), sent).await;
        let sent = sent.unwrap_or_else(|_| panic!("attempt {attempt} hangs"));
        assert!(sent.is_err(), "attempt {attempt}");
        let dropped = tokio::time::timeout(Duration::from_secs(60), dropped).await;
        let dropped = dropped.unwrap_or_else(|_| panic!("attempt {attempt}: the connection stays"));
        assert!(dropped.is_err());
    }
}

#[tokio::test]
async fn a_connection_that_died_while_idle_is_not_a_lost_upload() {
    // Closes each connection after one answer without announcing it.
    let server = raw(|mut stream| async move {
        let _ = read_head(&mut stream).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .await;
    })
    .await;
    let origin = server.origin();
    let transport = transport(&origin);
    for _ in 0..200 {
        match get(&transport, &origin, "/").await {
            Ok(text) => assert_eq!(text, "ok"),
            // The close may be met at any moment; before a byte is written it is known to be harmless.
            Err(Error::NotSent { .. } | Error::ConnectionClosed { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
