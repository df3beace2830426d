//! Each fault does what it says, and says truthfully whether something was stored.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::common;

use common::*;
use loadlock_upstream::{Answer, Chaos, Fault, Operation, Site, Upstream, Vendor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn put(upstream: &Upstream) -> std::io::Result<RawAnswer> {
    put_bytes(upstream, b"hello").await
}

async fn put_bytes(upstream: &Upstream, content: &[u8]) -> std::io::Result<RawAnswer> {
    send(upstream, &upload("/v1/files", "user_data", "a.txt", content)).await
}

async fn with(fault: Fault) -> (Upstream, std::io::Result<RawAnswer>) {
    let upstream = start(Vendor::Openai).await;
    upstream.faults().push(Operation::Create, fault);
    let answer = put(&upstream).await;
    assert_eq!(upstream.faults().injected().len(), 1);
    (upstream, answer)
}

#[tokio::test]
async fn faults_come_in_order_and_only_to_their_operation() {
    let upstream = start(Vendor::Openai).await;
    let faults = upstream.faults();
    faults.push(Operation::Create, Fault::status(503));
    faults.push(Operation::Create, Fault::rate_limited(7));
    faults.push(None, Fault::status(500));
    assert_eq!(put(&upstream).await.unwrap().status, 503);
    assert_eq!(get(&upstream, "/v1/files").await.status, 500);
    let limited = put(&upstream).await.unwrap();
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("7")));
    assert_eq!(limited.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(put(&upstream).await.unwrap().status, 200);
    assert_eq!((faults.waiting(), faults.injected().len()), (0, 3));
}

#[tokio::test]
async fn a_vendors_code_goes_into_its_shape() {
    let upstream = start(Vendor::Glm(Site::Bigmodel)).await;
    let answer = Answer::status(429).code("1113").message("arrears");
    upstream.faults().push(Operation::Create, Fault::Answer(answer));
    let request = upload("/api/paas/v4/files", "agent", "a.txt", b"x");
    let answer = send(&upstream, &request).await.unwrap();
    let error = &answer.json()["error"];
    assert_eq!(
        (error["code"].as_str(), error["message"].as_str()),
        (Some("1113"), Some("arrears"))
    );
}

#[tokio::test]
async fn an_error_after_storing_leaves_the_file() {
    let (upstream, answer) = with(Fault::StoredAnswer(Answer::status(502))).await;
    assert_eq!(answer.unwrap().status, 502);
    assert_eq!(upstream.files().len(), 1);
    let (upstream, answer) = with(Fault::status(502)).await;
    assert_eq!(answer.unwrap().status, 502);
    assert!(upstream.files().is_empty());
}

#[tokio::test]
async fn resets_end_the_connection_without_an_answer() {
    for (fault, stored) in [
        (Fault::ResetBefore, 0),
        (Fault::ResetMiddle { after_bytes: 20 }, 0),
        // Longer than the body: cut at its end.
        (Fault::ResetMiddle { after_bytes: 1_000_000 }, 0),
        (Fault::ResetAfter, 1),
    ] {
        let (upstream, answer) = with(fault.clone()).await;
        assert!(answer.is_err(), "{fault:?}: {answer:?}");
        assert_eq!(upstream.files().len(), stored, "{fault:?}");
        let seen = upstream.requests().all().pop().unwrap();
        assert_eq!(seen.status, None);
        assert!(seen.fault.is_some());
    }
}

#[tokio::test]
async fn a_reset_within_the_answer_shows_half_of_it() {
    let upstream = start(Vendor::Openai).await;
    upstream.faults().push(Operation::Create, Fault::ResetInAnswer);
    let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
    let request = upload("/v1/files", "user_data", "a.txt", b"hello");
    stream.write_all(&request).await.unwrap();
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await;
    assert!(end.is_err(), "no reset: {}", String::from_utf8_lossy(&bytes));
    assert_eq!(upstream.files().len(), 1);
}

#[tokio::test]
async fn an_early_answer_arrives_while_the_body_still_comes() {
    let upstream = start(Vendor::Openai).await;
    upstream.faults().push(Operation::Create, Fault::too_large_early());
    let content = vec![b'x'; 1024 * 1024];
    let request = upload("/v1/files", "user_data", "a.txt", &content);
    let (first, second) = request.split_at(200 * 1024);
    let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
    stream.write_all(first).await.unwrap();
    // The rest is not sent before the answer is there.
    let answer = read(&mut stream).await.unwrap();
    assert_eq!(answer.status, 413);
    stream.write_all(second).await.unwrap();
    upstream.requests().wait(|seen| seen[0].body_complete).await;
    assert!(upstream.files().is_empty());
}

#[tokio::test]
async fn answers_that_are_no_answers() {
    let (upstream, answer) = with(Fault::TruncatedJson).await;
    let body = answer.unwrap().body;
    assert!(serde_json::from_slice::<serde_json::Value>(&body).is_err());
    assert!(body.starts_with(b"{"));
    assert_eq!(upstream.files().len(), 1);

    let (upstream, answer) = with(Fault::InvalidJson).await;
    assert!(answer.unwrap().body.starts_with(b"<html>"));
    assert_eq!(upstream.files().len(), 1);

    let (_, answer) = with(Fault::Endless { bytes: 1_000_000 }).await;
    assert!(answer.unwrap().body.len() > 1_000_000);

    let (upstream, answer) = with(Fault::metadata_redirect()).await;
    let answer = answer.unwrap();
    assert_eq!(
        (answer.status, answer.header("location")),
        (302, Some("http://169.254.169.254/latest/meta-data/"))
    );
    assert!(upstream.files().is_empty());
}

#[tokio::test]
async fn ten_gigabytes_are_begun_and_may_be_left() {
    let upstream = start(Vendor::Openai).await;
    upstream.faults().push(Operation::List, Fault::endless());
    let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
    stream
        .write_all(&request("GET", "/v1/files", "text/plain", b""))
        .await
        .unwrap();
    let mut some = vec![0; 300_000];
    stream.read_exact(&mut some).await.unwrap();
    drop(stream);
    upstream.stop().await;
}

#[tokio::test]
async fn the_secret_is_echoed_in_body_and_header() {
    let (_, answer) = with(Fault::EchoSecret { status: 400 }).await;
    let answer = answer.unwrap();
    assert_eq!(answer.header("x-echo"), Some("Bearer id.secret"));
    assert!(
        answer.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("id.secret")
    );
}

#[tokio::test]
async fn a_hanging_request_ends_with_the_server() {
    let upstream = start(Vendor::Openai).await;
    upstream.faults().push(Operation::Create, Fault::Hang);
    let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
    let request = upload("/v1/files", "user_data", "a.txt", b"hello");
    stream.write_all(&request).await.unwrap();
    upstream
        .requests()
        .wait(|seen| seen.iter().any(|request| request.body_complete))
        .await;
    assert!(upstream.files().is_empty());
    upstream.stop().await;
    assert!(read(&mut stream).await.is_err());
}

#[tokio::test]
async fn slow_and_late_uploads_still_succeed() {
    for fault in [Fault::SlowRead { rate: 1_000_000 }, Fault::Delay { ms: 1 }] {
        let (upstream, answer) = with(fault).await;
        assert_eq!(answer.unwrap().status, 200);
        assert_eq!(upstream.files().len(), 1);
    }
}

#[tokio::test]
async fn chaos_repeats_itself_for_the_same_seed() {
    let run = async |seed| {
        let upstream = start(Vendor::Openai).await;
        upstream.faults().chaos(Chaos {
            seed,
            probability: 0.5,
            operations: vec![Operation::Create],
            faults: vec![Fault::status(503), Fault::status(500)],
        });
        let mut seen = Vec::new();
        for _ in 0..32 {
            seen.push(put(&upstream).await.unwrap().status);
            assert_eq!(get(&upstream, "/v1/files").await.status, 200);
        }
        let good = seen.iter().filter(|status| **status == 200).count();
        assert_eq!(upstream.files().len(), good);
        seen
    };
    let first = run(7).await;
    assert_eq!(first, run(7).await);
    assert_ne!(first, run(8).await);
    for status in [200, 500, 503] {
        assert!(first.contains(&status));
    }
}

#[tokio::test]
async fn a_client_that_leaves_within_its_body_stores_nothing() {
    let upstream = start(Vendor::Openai).await;
    let request = upload("/v1/files", "user_data", "a.txt", &[b'x'; 10_000]);
    let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
    stream.write_all(&request[..5000]).await.unwrap();
    upstream
        .requests()
        .wait(|seen| seen.iter().any(|request| request.body_bytes > 0))
        .await;
    drop(stream);
    let tried = put(&upstream).await.unwrap();
    assert_eq!(tried.status, 200);
    assert_eq!(upstream.files().len(), 1);
    let first = upstream.requests().all().remove(0);
    assert_eq!((first.body_complete, first.status), (false, None));
}
