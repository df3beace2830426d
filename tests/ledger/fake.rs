//! What PostgREST documents and the server of this harness does not do, or does only when PostgreSQL is ill: each code
//! from a server that answers nothing else. <https://docs.postgrest.org/en/stable/references/errors.html>

use std::sync::{Arc, Mutex};

use loadlock_policy::model::{Failure, FailureKind};
use loadlock_sandbox::CallError;
use loadlock_sandbox::tracker::Tracker;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::place::{service_key, tracker_at};

/// One answer: status line, further headers, body.
pub type Answer = (&'static str, String, String);

/// A server that gives its answers in turn, the last one for ever.
pub struct Fake {
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    pub async fn answering(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heads = asked.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                let end = loop {
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        break 0;
                    }
                    if let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
                        break end + 4;
                    }
                };
                let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let chunked = head.contains("transfer-encoding: chunked");
                let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
                while request.len() < end + length || (chunked && !request.ends_with(b"0\r\n\r\n")) {
                    if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                        break;
                    }
                }
                let number = {
                    let mut heads = heads.lock().unwrap();
                    heads.push(head);
                    heads.len() - 1
                };
                let (status, headers, body) = &answers[number.min(answers.len() - 1)];
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: \
                     {}\r\n{headers}\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { url, asked, task }
    }

    /// Heads of the requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub async fn tracker(&self) -> Tracker {
        tracker_at(&self.url, "books", &service_key()).await
    }
}

fn problem(status: &'static str, code: &str) -> Answer {
    let body = format!(r#"{{"code":"{code}","details":null,"hint":null,"message":"it said no"}}"#);
    (status, String::new(), body)
}

fn opened(version: u32, apart_ms: i64) -> Answer {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let now = i64::try_from(now.as_millis()).unwrap() + apart_ms;
    (
        "200 OK",
        String::new(),
        format!(r#"{{"version": {version}, "now_ms": {now}}}"#),
    )
}

async fn refusal(tracker: &Tracker) -> Failure {
    match tracker.ready().await {
        Err(CallError::NotReady(failure)) => *failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_documented_code_is_said_with_what_to_do() {
    use FailureKind::{Internal, Unauthorized, Unavailable};
    let cases = [
        (
            "500 Internal Server Error",
            "PGRST300",
            Unauthorized,
            "tracker.credential",
        ),
        ("401 Unauthorized", "PGRST301", Unauthorized, "tracker.credential"),
        ("401 Unauthorized", "PGRST302", Unauthorized, "tracker.credential"),
        ("401 Unauthorized", "PGRST303", Unauthorized, "set the clock"),
        ("403 Forbidden", "42501", Unauthorized, "--role"),
        ("406 Not Acceptable", "PGRST106", Internal, "expose schema `books`"),
        ("404 Not Found", "PGRST202", Internal, "migrate --apply"),
        ("400 Bad Request", "PGRST204", Internal, "migrate --apply"),
        ("404 Not Found", "PGRST205", Internal, "migrate --apply"),
        ("404 Not Found", "42P01", Internal, "migrate --apply"),
        ("400 Bad Request", "42P10", Internal, "migrate --apply"),
        (
            "503 Service Unavailable",
            "PGRST000",
            Unavailable,
            "is PostgreSQL running",
        ),
        (
            "503 Service Unavailable",
            "PGRST001",
            Unavailable,
            "is PostgreSQL running",
        ),
        (
            "503 Service Unavailable",
            "PGRST002",
            Unavailable,
            "is PostgreSQL running",
        ),
        ("504 Gateway Timeout", "PGRST003", Unavailable, "is PostgreSQL running"),
        ("503 Service Unavailable", "53300", Unavailable, "out of connections"),
        ("500 Internal Server Error", "XX002", Internal, "loadlock fsck"),
    ];
    for (status, code, kind, words) in cases {
        let fake = Fake::answering(vec![problem(status, code)]).await;
        let failure = refusal(&fake.tracker().await).await;
        assert_eq!(failure.kind, kind, "{code}: {failure}");
        assert_eq!(failure.code.as_deref(), Some(code));
        assert!(failure.to_string().contains(words), "{code}: {failure}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_is_older_and_a_clock_that_is_wrong_are_refused() {
    let older = Fake::answering(vec![opened(1, 0)]).await;
    let failure = refusal(&older.tracker().await).await;
    assert_eq!(failure.code.as_deref(), Some("schema_older"), "{failure}");
    assert!(failure.message.contains("migrate --apply"), "{failure}");
    for apart in [-60_000, 60_000] {
        let wrong = Fake::answering(vec![opened(99, apart)]).await;
        let failure = refusal(&wrong.tracker().await).await;
        assert_eq!(failure.code.as_deref(), Some("clock_wrong"), "{failure}");
        assert!(failure.message.contains(" s apart"), "{failure}");
    }
    let well = Fake::answering(vec![opened(99, 5_000)]).await;
    well.tracker().await.ready().await.unwrap();
}

/// PostgREST says when to come back, and it is not asked before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_after_is_heard_and_kept() {
    let (status, _, body) = problem("503 Service Unavailable", "PGRST002");
    let fake = Fake::answering(vec![(status, "retry-after: 30\r\n".into(), body)]).await;
    let tracker = fake.tracker().await;
    let failure = refusal(&tracker).await;
    assert_eq!(failure.retry_after.map(|wait| wait.get()), Some(30_000));
    for _ in 0..3 {
        assert_eq!(refusal(&tracker).await, failure);
        assert!(matches!(tracker.usage().await, Err(CallError::NotReady(_))));
    }
    assert_eq!(fake.asked().len(), 1);
}

/// Two gateways at once: one is told to try again, and does so before anybody hears of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_race_is_run_again() {
    for code in ["40001", "40P01", "55P03", "23505"] {
        let lost = || problem("409 Conflict", code);
        let fake = Fake::answering(vec![
            opened(99, 0),
            lost(),
            lost(),
            ("200 OK", String::new(), "[]".into()),
        ])
        .await;
        let tracker = fake.tracker().await;
        assert!(tracker.usage().await.unwrap().unwrap().is_empty(), "{code}");
        assert_eq!(fake.asked().len(), 4);
        let fake = Fake::answering(vec![opened(99, 0), lost()]).await;
        let failure = fake.tracker().await.usage().await.unwrap().unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable, "{code}: {failure}");
        assert_eq!(fake.asked().len(), 4);
    }
}

/// PostgREST answers a function that returned nothing with 204 or with `null`; the server of this harness with `null`
/// alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_nothing_in_both_forms() {
    for nothing in [
        ("204 No Content", String::new(), String::new()),
        ("200 OK", String::new(), "null".to_owned()),
    ] {
        let fake = Fake::answering(vec![opened(99, 0), nothing]).await;
        let tracker = fake.tracker().await;
        let found = tracker.get("acme".into(), "f1".into(), 0).await.unwrap().unwrap();
        assert_eq!(found, None);
        let head = fake.asked().pop().unwrap();
        assert!(head.starts_with("post /rpc/get http/1.1"), "{head}");
        for line in ["content-profile: books", "apikey: ", "authorization: bearer "] {
            assert!(head.contains(line), "{line}\n{head}");
        }
    }
}

/// A proxy in front of it speaks HTML, and what is no ledger at all anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_postgrest_is_told_by_its_status() {
    let cases = [
        ("502 Bad Gateway", "<html>bad gateway</html>", FailureKind::Unavailable),
        ("200 OK", "<html>welcome</html>", FailureKind::Protocol),
        ("200 OK", r#"{"surprise": true}"#, FailureKind::Protocol),
        ("302 Found", "", FailureKind::Unavailable),
    ];
    for (status, body, kind) in cases {
        let fake = Fake::answering(vec![(status, String::new(), body.into())]).await;
        let failure = refusal(&fake.tracker().await).await;
        assert_eq!(failure.kind, kind, "{status} {body}: {failure}");
    }
}
