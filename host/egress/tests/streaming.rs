//! Bodies of any size pass in constant memory, both ways, and a receipt can be checked against what was seen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use common::{allowed, bearer, builder, serve, transport};
use futures::StreamExt as _;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use loadlock_egress::observe::{KEPT, Seen};
use loadlock_egress::{Call, Error, Limits};
use loadlock_policy::egress::Method;

const CHUNK: usize = 256 * 1024;
const GIB: u64 = 1024 * 1024 * 1024;

/// A body of `length` bytes that counts what was taken from it.
fn counted(
    length: u64,
    taken: &Arc<AtomicU64>,
) -> impl http_body::Body<Data = Bytes, Error = Error> + Send + Sync + use<> {
    let taken = Arc::clone(taken);
    let chunk = Bytes::from(vec![7; CHUNK]);
    let chunks = length / CHUNK as u64;
    StreamBody::new(futures::stream::iter(0..chunks).map(move |_| {
        taken.fetch_add(CHUNK as u64, Ordering::SeqCst);
        Ok(Frame::data(chunk.clone()))
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gib_stream_up_no_faster_than_the_upstream_reads() {
    let taken = Arc::new(AtomicU64::new(0));
    let worst = Arc::new(AtomicU64::new(0));
    let server = {
        let (taken, worst) = (Arc::clone(&taken), Arc::clone(&worst));
        serve(None, move |request| {
            let (taken, worst) = (Arc::clone(&taken), Arc::clone(&worst));
            async move {
                let mut body = request.into_body();
                let mut read = 0_u64;
                while let Some(frame) = body.frame().await {
                    read += frame.unwrap().data_ref().map_or(0, |data| data.len() as u64);
                    let ahead = taken.load(Ordering::SeqCst).saturating_sub(read);
                    worst.fetch_max(ahead, Ordering::SeqCst);
                }
                common::text(read.to_string())
            }
        })
        .await
    };
    let origin = server.origin();
    let transport = transport(&origin);
    let length = 2 * GIB;
    let mut request = Request::new(counted(length, &taken));
    request.headers_mut().insert("content-length", length.into());
    let response = transport
        .send(request, &allowed(&origin, Method::Post, "/"), &Call::default())
        .await
        .unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, length.to_string());
    assert!(transport.account().sent() >= length);
    // What is between the two: the kernel's socket buffers (a few MiB on loopback) and a chunk or two.
    let worst = worst.load(Ordering::SeqCst);
    assert!(
        worst < 32 * 1024 * 1024,
        "{worst} bytes were taken from the guest and not yet read"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_answer_streams_down_no_faster_than_the_guest_reads() {
    let taken = Arc::new(AtomicU64::new(0));
    let length = GIB / 2;
    let server = {
        let taken = Arc::clone(&taken);
        serve(None, move |_| {
            let body = counted(length, &taken);
            async move { http::Response::new(body.map_err(|_| unreachable!()).boxed()) }
        })
        .await
    };
    let origin = server.origin();
    // With a credential, so that every byte is searched.
    let transport = builder(&origin)
        .credential(bearer("sk-live-0123456789"))
        .limits(Limits {
            response_body_bytes: length,
            ..Limits::default()
        })
        .build(&common::no_env)
        .unwrap();
    let response = transport
        .send(common::empty(), &allowed(&origin, Method::Get, "/"), &Call::default())
        .await
        .unwrap();
    let mut body = response.into_body();
    let (mut read, mut worst) = (0_u64, 0);
    while let Some(frame) = body.frame().await {
        read += frame.unwrap().data_ref().map_or(0, |data| data.len() as u64);
        worst = worst.max(taken.load(Ordering::SeqCst).saturating_sub(read));
    }
    assert_eq!(read, length);
    assert!(worst < 32 * 1024 * 1024, "{worst} bytes were sent and not yet read");
}

#[tokio::test]
async fn a_remote_id_is_believed_when_it_was_in_a_successful_answer() {
    let server = serve(None, |request| async move {
        // Like a vendor, quotes the id that it does not know.
        let name = request.uri().path().trim_start_matches('/').to_owned();
        let mut answer = common::text(format!(r#"{{"id":"{name}","object":"file"}}"#));
        if name.starts_with("invented") {
            *answer.status_mut() = StatusCode::NOT_FOUND;
        }
        answer
    })
    .await;
    let origin = server.origin();
    let transport = transport(&origin);
    let call = Call {
        seen: Some(Seen::new()),
        ..Call::default()
    };
    for path in ["/file-123", "/invented-9"] {
        let response = transport
            .send(common::empty(), &allowed(&origin, Method::Get, path), &call)
            .await
            .unwrap();
        response.into_body().collect().await.unwrap();
    }
    let seen = call.seen.unwrap();
    assert!(seen.contains("file-123"));
    assert!(!seen.contains("file-12") && !seen.contains("ile-123") && !seen.contains(""));
    assert!(!seen.contains("invented-9"));
}

#[test]
fn an_id_is_found_in_the_spellings_of_json_and_urls() {
    let seen = Seen::new();
    let tap = seen.response(StatusCode::CREATED).unwrap();
    for chunk in ["{\"name\":\"files\\/a", "b\",\"u\":\"x\\ncaf\\u00e9-7\"}"] {
        tap.push(chunk.as_bytes());
    }
    assert!(seen.contains("files/ab"));
    assert!(seen.contains("ab"));
    assert!(!seen.contains("b"));
}

#[test]
fn an_id_never_spans_two_answers() {
    let seen = Seen::new();
    let (one, two) = (
        seen.response(StatusCode::OK).unwrap(),
        seen.response(StatusCode::OK).unwrap(),
    );
    one.push(b"\"file-");
    two.push(b"123\"");
    assert!(!seen.contains("file-123"));
    one.push(b"9\"");
    assert!(seen.contains("file-9"), "answers that arrive at once do not mix");
}

#[test]
fn only_the_last_part_is_kept() {
    let seen = Seen::new();
    let old = seen.response(StatusCode::OK).unwrap();
    old.push(b"\"file-old\"");
    let new = seen.response(StatusCode::OK).unwrap();
    for _ in 0..KEPT / 1024 {
        new.push(&[b' '; 1024]);
    }
    assert!(seen.dropped() && !seen.contains("file-old"));
    new.push(b"\"file-new\"");
    assert!(seen.contains("file-new"));
    new.push(&[b' '; 2 * KEPT]);
    assert!(!seen.contains("file-new"));
}

/// Guests that know no length of a body that they do not write make streams that end at once.
#[tokio::test]
async fn a_request_without_a_body_has_a_length() {
    let server = serve(None, |request| async move {
        let headers = request.headers().clone();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let chunked = headers.contains_key("transfer-encoding");
        let length = headers
            .get("content-length")
            .map_or("none", |length| length.to_str().unwrap());
        common::text(format!(
            "{length} {chunked} {}",
            String::from_utf8(body.to_vec()).unwrap()
        ))
    })
    .await;
    let origin = server.origin();
    let transport = transport(&origin);
    for (method, chunks, expected) in [
        (Method::Delete, ["", ""], "0 false "),
        (Method::Post, ["", ""], "0 false "),
        (Method::Get, ["", ""], "none false "),
        (Method::Post, ["one", " two"], "none true one two"),
    ] {
        let frames = chunks.map(|text| Ok::<_, Error>(Frame::data(Bytes::from_static(text.as_bytes()))));
        let request = Request::new(StreamBody::new(futures::stream::iter(frames)));
        let (allowed, call) = (allowed(&origin, method, "/"), Call::default());
        let response = transport.send(request, &allowed, &call).await.unwrap();
        let answer = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(answer, expected, "{method}");
    }
}
