//! Connections are reused within a provider, never across providers, and bulk does not share one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use bytes::Bytes;
use common::{Authority, Fixed, allowed, builder, echo_head, get, serve, transport};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use loadlock_egress::{Call, Error, Transport};
use loadlock_policy::egress::{Method, Origin};

#[tokio::test]
async fn a_provider_reuses_its_connection() {
    let server = serve(None, echo_head).await;
    let transport = transport(&server.origin());
    for _ in 0..5 {
        get(&transport, &server.origin(), "/").await.unwrap();
    }
    assert_eq!(server.connections(), 1);
    assert_eq!(transport.account().connections(), 1);
}

#[tokio::test]
async fn providers_share_no_connection() {
    let server = serve(None, echo_head).await;
    for name in ["one", "two"] {
        let transport = Transport::builder(name, vec![server.origin()])
            .build(&common::no_env)
            .unwrap();
        get(&transport, &server.origin(), "/").await.unwrap();
        get(&transport, &server.origin(), "/").await.unwrap();
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_grant_that_is_not_private_gets_no_connection_of_one_that_is() {
    let server = serve(None, echo_head).await;
    let origin = server.origin();
    let transport = transport(&origin);
    for private in [true, false, true, false] {
        let mut decided = allowed(&origin, Method::Get, "/");
        decided.private = private;
        let answer = transport.send(common::empty(), &decided, &Call::default()).await;
        if private {
            answer.unwrap().into_body().collect().await.unwrap();
        } else {
            let refused = answer.expect_err("a connection of the private grant was used");
            assert!(matches!(refused, Error::AddressRefused { .. }), "{refused}");
        }
    }
    assert_eq!(server.connections(), 1);
}

async fn tls_pair(alpn: &[&str]) -> (common::Server, Origin, loadlock_egress::TransportBuilder) {
    let authority = Authority::new();
    let server = serve(Some(authority.acceptor("api.test", alpn)), echo_head).await;
    let origin = server.named("https", "api.test");
    let builder = builder(&origin)
        .roots(authority.roots())
        .resolver(Fixed::new(&["127.0.0.1"]));
    // The file is read when the transport is built, so it must live until then.
    std::mem::forget(authority);
    (server, origin, builder)
}

async fn version(transport: &Transport, origin: &Origin, length: usize) -> String {
    let request = Request::new(Full::new(Bytes::from(vec![b'x'; length])));
    let response = transport
        .send(request, &allowed(origin, Method::Post, "/"), &Call::default())
        .await
        .unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8_lossy(&body).split(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn http2_is_used_where_the_server_has_it_and_many_requests_share_it() {
    let (server, origin, builder) = tls_pair(&["h2", "http/1.1"]).await;
    let transport = builder.build(&common::no_env).unwrap();
    assert_eq!(version(&transport, &origin, 10).await, "HTTP/2.0");
    let more = (0..8).map(|_| version(&transport, &origin, 10));
    assert!(futures::future::join_all(more).await.iter().all(|v| v == "HTTP/2.0"));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_large_or_endless_body_gets_http1() {
    let (_server, origin, builder) = tls_pair(&["h2", "http/1.1"]).await;
    let transport = builder.build(&common::no_env).unwrap();
    let limit = 1024 * 1024;
    assert_eq!(version(&transport, &origin, limit).await, "HTTP/2.0");
    assert_eq!(version(&transport, &origin, limit + 1).await, "HTTP/1.1");

    let frames = futures::stream::iter([Ok::<_, Error>(Frame::data(Bytes::from_static(b"x")))]);
    let response = transport
        .send(
            Request::new(StreamBody::new(frames)),
            &allowed(&origin, Method::Post, "/"),
            &Call::default(),
        )
        .await
        .unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&body);
    assert!(text.starts_with("HTTP/1.1"), "{text}");
    assert!(text.contains("transfer-encoding: chunked"), "{text}");
}

#[tokio::test]
async fn http1_is_used_where_http2_is_not_wanted_or_not_there() {
    let (_server, origin, builder) = tls_pair(&["h2", "http/1.1"]).await;
    let transport = builder.http2(false).build(&common::no_env).unwrap();
    assert_eq!(version(&transport, &origin, 1).await, "HTTP/1.1");

    let (_server, origin, builder) = tls_pair(&[]).await;
    let transport = builder.build(&common::no_env).unwrap();
    assert_eq!(version(&transport, &origin, 1).await, "HTTP/1.1");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nobody_follows_it() {
    let target = serve(None, echo_head).await;
    let location = format!("http://{}/latest/meta-data/", target.address);
    let server = serve(None, move |_| {
        let location = location.clone();
        async move {
            let mut answer = common::text("moved");
            *answer.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            answer.headers_mut().insert("location", location.parse().unwrap());
            answer
        }
    })
    .await;
    let transport = transport(&server.origin());
    let response = transport
        .send(
            common::empty(),
            &allowed(&server.origin(), Method::Get, "/"),
            &Call::default(),
        )
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert!(response.headers().contains_key("location"));
    response.into_body().collect().await.unwrap();
    assert_eq!(target.connections(), 0);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn the_account_counts_both_ways_per_call_and_per_provider() {
    let server = serve(None, |request| async move {
        request.into_body().collect().await.unwrap();
        common::text(vec![b'y'; 5000])
    })
    .await;
    let origin = server.origin();
    let transport = transport(&origin);
    let call = Call::default();
    for _ in 0..2 {
        let request = Request::new(Full::new(Bytes::from(vec![b'x'; 3000])));
        let response = transport
            .send(request, &allowed(&origin, Method::Post, "/"), &call)
            .await
            .unwrap();
        response.into_body().collect().await.unwrap();
    }
    for account in [&call.account, transport.account()] {
        assert_eq!(account.requests(), 2);
        assert!(account.sent() >= 6000 && account.sent() < 7000, "{}", account.sent());
        assert!(account.received() >= 10_000 && account.received() < 11_000);
        assert!(!account.elapsed().is_zero());
    }
}
