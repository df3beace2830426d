//! Each stage has a clock of its own, and slowness is charged to whoever is slow.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{Server, allowed, builder, raw, read_head};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use http::Request;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::Frame;
use loadlock_egress::connect::Resolver;
use loadlock_egress::{Call, Direction, Error, Limits, Stage, Timeouts};
use loadlock_policy::egress::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Short enough to wait for; every other clock in a test is long.
const SHORT: Duration = Duration::from_millis(50);
const LONG: Timeouts = Timeouts {
    connect: Duration::from_secs(600),
    first_byte: Duration::from_secs(600),
    between_bytes: Duration::from_secs(600),
    total: Duration::from_secs(600),
};

/// Keeps connections open without a word after `greeting`.
async fn silent_after(greeting: &'static str) -> Server {
    raw(move |mut stream| async move {
        if read_head(&mut stream).await.is_ok() {
            stream.write_all(greeting.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        }
    })
    .await
}

async fn get(server: &Server, timeouts: Timeouts) -> Result<Bytes, Error> {
    let origin = server.origin();
    let transport = builder(&origin).timeouts(timeouts).build(&common::no_env).unwrap();
    let response = transport
        .send(
            Request::new(Empty::<Bytes>::new()),
            &allowed(&origin, Method::Get, "/"),
            &Call::default(),
        )
        .await?;
    Ok(response.into_body().collect().await?.to_bytes())
}

struct Never;

impl Resolver for Never {
    fn resolve(&self, _: &str) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn connecting_includes_the_name() {
    let origin = loadlock_policy::egress::Origin::parse("http://api.test").unwrap();
    let transport = builder(&origin)
        .resolver(Arc::new(Never))
        .timeouts(Timeouts::default())
        .build(&common::no_env)
        .unwrap();
    let error = common::get(&transport, &origin, "/").await.unwrap_err();
    assert!(
        matches!(error, Error::ConnectTimeout { after, stage: Stage::Name, .. } if after == Duration::from_secs(10)),
        "{error}"
    );
    assert!(!error.reached_upstream());
}

#[tokio::test]
async fn connecting_includes_tls() {
    let server = raw(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let authority = common::Authority::new();
    let origin = server.named("https", "127.0.0.1");
    let transport = builder(&origin)
        .roots(authority.roots())
        .timeouts(Timeouts { connect: SHORT, ..LONG })
        .build(&common::no_env)
        .unwrap();
    let error = common::get(&transport, &origin, "/").await.unwrap_err();
    assert!(
        matches!(error, Error::ConnectTimeout { stage: Stage::Tls, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn no_answer_is_a_first_byte_timeout() {
    let server = silent_after("").await;
    let error = get(
        &server,
        Timeouts {
            first_byte: SHORT,
            ..LONG
        },
    )
    .await
    .unwrap_err();
    assert!(matches!(error, Error::FirstByteTimeout { .. }), "{error}");
    assert!(error.reached_upstream());
}

#[tokio::test]
async fn half_a_head_is_a_first_byte_timeout() {
    let server = silent_after("HTTP/1.1 200 OK\r\nx: y\r\n").await;
    let error = get(
        &server,
        Timeouts {
            first_byte: SHORT,
            ..LONG
        },
    )
    .await
    .unwrap_err();
    assert!(matches!(error, Error::FirstByteTimeout { .. }), "{error}");
}

#[tokio::test]
async fn a_body_that_stops_is_a_between_bytes_timeout() {
    let server = silent_after("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await;
    let error = get(
        &server,
        Timeouts {
            between_bytes: SHORT,
            ..LONG
        },
    )
    .await
    .unwrap_err();
    assert!(
        matches!(
            error,
            Error::BetweenBytesTimeout {
                direction: Direction::Response,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn the_total_covers_head_and_body() {
    let short = Timeouts { total: SHORT, ..LONG };
    for greeting in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"] {
        let error = get(&silent_after(greeting).await, short).await.unwrap_err();
        assert!(matches!(error, Error::TotalTimeout { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_call_may_shorten_but_not_lengthen() {
    let server = silent_after("").await;
    let origin = server.origin();
    let ask = |operator: Timeouts, guest: Timeouts| {
        let transport = builder(&origin).timeouts(operator).build(&common::no_env).unwrap();
        let decided = allowed(&origin, Method::Get, "/");
        async move {
            let call = Call {
                timeouts: Some(guest),
                ..Call::default()
            };
            transport.send(common::empty(), &decided, &call).await.unwrap_err()
        }
    };
    let short = Timeouts {
        first_byte: SHORT,
        ..LONG
    };
    assert!(matches!(ask(LONG, short).await, Error::FirstByteTimeout { .. }));
    assert!(matches!(ask(short, LONG).await, Error::FirstByteTimeout { .. }));
}

#[tokio::test]
async fn an_upstream_that_stops_reading_is_noticed() {
    let server = raw(|mut stream| async move {
        let _ = read_head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let origin = server.origin();
    let transport = builder(&origin)
        .timeouts(Timeouts {
            between_bytes: SHORT,
            ..LONG
        })
        .build(&common::no_env)
        .unwrap();
    let chunk = Bytes::from(vec![0; 256 * 1024]);
    let body = StreamBody::new(
        futures::stream::repeat(chunk)
            .take(1024)
            .map(|chunk| Ok::<_, Error>(Frame::data(chunk))),
    );
    let error = transport
        .send(
            Request::new(body),
            &allowed(&origin, Method::Post, "/"),
            &Call::default(),
        )
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::BetweenBytesTimeout {
                direction: Direction::Request,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_slow_guest_is_not_a_slow_upstream() {
    let server = raw(|mut stream| async move {
        read_head(&mut stream).await.unwrap();
        let mut body = [0; 2];
        stream.read_exact(&mut body).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .await
            .unwrap();
    })
    .await;
    let origin = server.origin();
    let transport = builder(&origin)
        .timeouts(Timeouts {
            connect: Duration::from_secs(600),
            total: Duration::from_secs(600),
            first_byte: SHORT,
            between_bytes: SHORT,
        })
        .build(&common::no_env)
        .unwrap();
    // The guest itself takes longer for its second byte than the upstream may take for anything.
    let body = StreamBody::new(futures::stream::unfold(0, |sent| async move {
        match sent {
            0 => Some((Ok::<_, Error>(Frame::data(Bytes::from_static(b"a"))), 1)),
            1 => {
                tokio::time::sleep(SHORT * 4).await;
                Some((Ok(Frame::data(Bytes::from_static(b"b"))), 2))
            }
            _ => None,
        }
    }));
    let mut request = Request::new(body);
    request.headers_mut().insert("content-length", 2.into());
    let response = transport
        .send(request, &allowed(&origin, Method::Post, "/"), &Call::default())
        .await
        .unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
}

#[tokio::test]
async fn too_many_requests_at_once_wait_and_then_say_so() {
    let server = silent_after("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await;
    let origin = server.origin();
    let transport = builder(&origin)
        .limits(Limits {
            in_flight: 1,
            ..Limits::default()
        })
        .timeouts(Timeouts { connect: SHORT, ..LONG })
        .build(&common::no_env)
        .unwrap();
    let decided = allowed(&origin, Method::Get, "/");
    let call = Call::default();
    let ask = || transport.send(Request::new(Full::new(Bytes::new())), &decided, &call);
    let first = ask().await.unwrap();
    let error = ask().await.unwrap_err();
    assert!(matches!(error, Error::ConnectionLimit { limit: 1, .. }), "{error}");
    drop(first);
    ask().await.unwrap();
}

/// A forwarder without a server behind it: it takes the connection and closes it. How soon is up to the scheduler, so
/// one of many counts; what is never allowed is that the host claims to know what it does not.
#[tokio::test]
async fn a_connection_that_is_closed_at_once_was_sent_nothing() {
    let server = raw(|stream| async move { drop(stream) }).await;
    let origin = server.origin();
    let mut known = 0;
    for _ in 0..50 {
        let transport = builder(&origin).build(&common::no_env).unwrap();
        let call = Call::default();
        let request = Request::new(Full::new(Bytes::from_static(b"a small file")));
        let decided = allowed(&origin, Method::Post, "/");
        let sent = transport.send(request, &decided, &call);
        let error = sent.await.unwrap_err();
        assert_eq!(
            error.reached_upstream(),
            call.account.storing_requests() == 1,
            "{error}"
        );
        known += usize::from(!error.reached_upstream());
    }
    assert!(known > 0);
}

/// Whatever becomes of the request afterwards, also if nobody waits for its end any more.
#[tokio::test]
async fn a_request_that_a_connection_took_counts_as_sent() {
    let silent = silent_after("").await;
    let origin = silent.origin();
    let transport = builder(&origin).timeouts(LONG).build(&common::no_env).unwrap();
    for (method, counted) in [
        (Method::Post, 1),
        (Method::Put, 1),
        (Method::Delete, 1),
        (Method::Get, 0),
    ] {
        let call = Call::default();
        let request = Request::new(Full::new(Bytes::from_static(b"a small file")));
        let decided = allowed(&origin, method, "/");
        let sent = transport.send(request, &decided, &call);
        assert!(tokio::time::timeout(Duration::from_millis(500), sent).await.is_err());
        assert_eq!(call.account.storing_requests(), counted, "{method:?}");
    }
}

#[tokio::test]
async fn a_request_that_waits_for_a_connection_does_not() {
    let origin = loadlock_policy::egress::Origin::parse("http://api.test").unwrap();
    let resolver = Arc::new(Never);
    let transport = builder(&origin).resolver(resolver).build(&common::no_env).unwrap();
    let call = Call::default();
    let request = Request::new(Full::new(Bytes::from_static(b"a small file")));
    let decided = allowed(&origin, Method::Post, "/");
    let sent = transport.send(request, &decided, &call);
    assert!(tokio::time::timeout(SHORT, sent).await.is_err());
    assert_eq!(call.account.storing_requests(), 0);
}
