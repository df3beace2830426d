//! Many at once: idle connections, and uploads. Memory is judged against what the same server needed for fewer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use loadlock_served::{Served, Socket};
use loadlock_upstream::{Fault, Operation, Options, Recorded, Upstream, Vendor};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::raw::{Reply, connect, peak_kib, until_closed};
use super::{ALL, assert_clean, place, served, still_serves};

/// Descriptors for some thousand sockets here and as many in the server, which inherits the limit.
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, wanted).unwrap();
    assert!(
        maximum.is_none_or(|most| most > 5_000),
        "{maximum:?} descriptors are too few for this test"
    );
}

/// A connection that has had an answer and keeps quiet.
async fn kept_alive(served: &Served) -> TcpStream {
    let mut stream = connect(served).await;
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    stream
}

#[tokio::test]
async fn a_thousand_idle_sockets_of_each_kind_leave_it_serving() {
    const SOCKETS: usize = 1_000;
    /// Of memory for each: read and write buffers, the task, and for a WebSocket what may wait for its client.
    const EACH_KIB: u64 = 64;
    raise_descriptors();
    let place = place();
    // A tenant may have 256 WebSockets.
    let mut tokens = Vec::new();
    for tenant in ["a", "b", "c", "d", "e"] {
        tokens.push(place.token(tenant, ALL).await);
    }
    let served = place.serve().await;
    let own = served.client(&tokens[4]);
    own.upload("a.txt", b"warm", &[("purpose", "user_data")])
        .await
        .expect(200);
    let before = peak_kib(&served);

    let mut idle = Vec::new();
    let mut half = Vec::new();
    let mut sockets: Vec<Socket> = Vec::new();
    for number in 0..SOCKETS {
        idle.push(kept_alive(&served).await);
        let mut stream = connect(&served).await;
        stream.write_all(b"GET /healthz HTT").await.unwrap();
        half.push(stream);
        sockets.push(served.socket(&tokens[number / 250]).await);
    }
    let grown = peak_kib(&served) - before;
    let most = 3 * SOCKETS as u64 * EACH_KIB;
    assert!(grown < most, "{grown} KiB more, {most} are allowed");

    still_serves(&served).await;
    own.upload("b.txt", b"meanwhile", &[("purpose", "user_data")])
        .await
        .expect(200);
    let listed = join_all(
        sockets
            .iter_mut()
            .map(|socket| socket.call("files.list", serde_json::json!({}))),
    )
    .await;
    assert!(listed.iter().all(Result::is_ok));
    drop((idle, half, sockets));
    still_serves(&served).await;
}

#[tokio::test]
async fn a_thousand_clients_that_come_while_nothing_is_accepted_are_all_answered() {
    const CLIENTS: usize = 1_000;
    raise_descriptors();
    let place = place();
    let served = place.serve().await;
    served.signal(Signal::STOP);
    let mut waiting = Vec::new();
    for number in 0..CLIENTS {
        // The kernel drops what has no place in the queue; its client would try for minutes.
        let came = tokio::time::timeout(Duration::from_secs(20), connect(&served)).await;
        let mut stream = came.unwrap_or_else(|_| panic!("only {number} clients have a place in the queue"));
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        waiting.push(stream);
    }
    served.signal(Signal::CONT);
    let answers = join_all(waiting.into_iter().map(until_closed)).await;
    let answered = answers
        .iter()
        .filter(|replies| matches!(&replies[..], [one] if one.status == 200));
    assert_eq!(answered.count(), CLIENTS);
}

/// Asks for `/healthz` again and again until it is stopped.
struct Pulse {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<u64>,
}

impl Pulse {
    fn start(served: &Served) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (client, stopped) = (served.stranger(), stop.clone());
        let task = tokio::spawn(async move {
            let mut beats = 0;
            while !stopped.load(Ordering::Relaxed) {
                client.get("/healthz").await.expect(200);
                beats += 1;
            }
            beats
        });
        Self { stop, task }
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        assert!(self.task.await.unwrap() > 0);
    }
}

/// What is uploaded: `bytes` that no other upload has, without holding them.
#[derive(Clone)]
struct Load {
    address: String,
    token: String,
    block: Bytes,
    bytes: usize,
    refused: Arc<AtomicU64>,
}

impl Load {
    fn new(served: &Served, token: &str, bytes: usize) -> Self {
        Self {
            address: served.address.clone(),
            token: token.to_owned(),
            block: Bytes::from(vec![b'x'; 64 << 10]),
            bytes,
            refused: Arc::default(),
        }
    }

    /// Uploads until it is stored; each refusal on the way must be an honest one.
    async fn upload(&self, name: &str) -> String {
        loop {
            let replies = self.once(name).await.unwrap();
            assert_eq!(replies.len(), 1, "{replies:?}");
            if replies[0].status == 503 {
                let retry: serde_json::Value = serde_json::from_str(&replies[0].body).unwrap();
                assert!(retry["error"]["loadlock"]["retry_after_ms"].is_u64(), "{retry}");
                self.refused.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            assert_eq!(replies[0].status, 200, "{replies:?}");
            let file: serde_json::Value = serde_json::from_str(&replies[0].body).unwrap();
            assert_eq!(
                (file["filename"].as_str(), file["bytes"].as_u64()),
                (Some(name), Some(self.bytes as u64))
            );
            return file["id"].as_str().unwrap().to_owned();
        }
    }

    async fn once(&self, name: &str) -> std::io::Result<Vec<Reply>> {
        let before = format!(
            "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n--b\r\nContent-Disposition: \
             form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        );
        let after = "\r\n--b--\r\n";
        let head = format!(
            "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\nContent-Type: \
             multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n",
            self.token,
            before.len() + self.bytes + after.len()
        );
        let mut stream = TcpStream::connect(&self.address).await?;
        stream.write_all(format!("{head}{before}{name:>64}").as_bytes()).await?;
        let mut left = self.bytes - 64;
        while left > 0 {
            let piece = &self.block[..left.min(self.block.len())];
            stream.write_all(piece).await?;
            left -= piece.len();
        }
        stream.write_all(after.as_bytes()).await?;
        Ok(until_closed(stream).await)
    }

    /// So many at once; their ids.
    async fn many(&self, count: usize, prefix: &str) -> Vec<String> {
        let all: FuturesUnordered<_> = (0..count)
            .map(|number| {
                let (load, name) = (self.clone(), format!("{prefix}-{number}.bin"));
                tokio::spawn(async move { load.upload(&name).await })
            })
            .collect();
        // The first that fails ends it, wherever it stands.
        all.try_collect().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_uploads_at_once_are_two_hundred_files_in_flat_memory() {
    /// Of memory for each further upload at once: its connection's buffers, and what waits for the disk.
    const EACH_KIB: u64 = 1 << 10;
    /// Whatever its size: 4 MiB more of a file would show.
    const SIZE_KIB: u64 = 256;
    /// Long enough for all of them to be on their way at the same moment, or the longer ones would need more for being
    /// more.
    const LONG: usize = 4 << 20;
    const FEW: usize = 50;
    const MANY: usize = 200;
    let place = place();
    // As many under way in each round, or longer ones would need more for overlapping more.
    place.configure("limits = { concurrency = 64 }\n");
    let (served, token, client) = served(&place).await;
    let pulse = Pulse::start(&served);
    let long = Load::new(&served, &token, LONG);
    long.many(FEW, "few").await;
    let few = peak_kib(&served);
    let mut ids = long.many(MANY, "long").await;
    let many = peak_kib(&served);
    let longer = Load::new(&served, &token, 2 * LONG);
    ids.extend(longer.many(MANY, "longer").await);
    let most_of_all = peak_kib(&served);
    pulse.end().await;
    let further = (MANY - FEW) as u64 * EACH_KIB;
    let figures = format!("{few} KiB for {FEW} uploads, {many} for {MANY}, {most_of_all} for {MANY} of twice the size");
    println!("{figures}");
    assert!(many - few < further, "{figures}");
    assert!(most_of_all - many < MANY as u64 * SIZE_KIB, "{figures}");

    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 2 * MANY);
    let listed = client.get("/v1/files?limit=1000").await.expect(200).json();
    let files = listed["data"].as_array().unwrap();
    assert_eq!(files.len(), FEW + 2 * MANY);
    let mut names: Vec<_> = files.iter().map(|file| file["filename"].as_str().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FEW + 2 * MANY, "a file is there twice");
    assert_clean(&place);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_uploads_wait_for_a_vendor_as_the_setting_says_and_other_calls_have_room() {
    /// More than the engine has slots for if nobody tells it.
    const WAITING: usize = 400;
    raise_descriptors();
    let vendor = Upstream::start(Vendor::Openai, Options::with_key("sk-test"))
        .await
        .unwrap();
    let base = vendor.base_url();
    let mut place = place();
    place.env("OPENAI_API_KEY", "sk-test").configure(&format!(
        r#"
limits = {{ concurrency = {WAITING} }}
[providers.openai]
settings = {{ base_url = "{base}" }}
egress = [{{ url = "{base}", methods = ["GET", "POST", "DELETE"], private = true }}]
credential = {{ header = "Authorization", value = "Bearer ${{env:OPENAI_API_KEY}}" }}
limits = {{ concurrency = {WAITING} }}
"#
    ));
    let (served, token, client) = served(&place).await;
    vendor.faults().always(Operation::Create, Fault::HoldAnswer);
    let load = Load::new(&served, &token, 2_000);
    let mut waiting = tokio::spawn(async move { load.many(WAITING, "waits").await });
    let stored = |seen: &[Recorded]| {
        let created = seen.iter().filter(|one| one.operation == Some(Operation::Create));
        created.filter(|one| one.status.is_some()).count() == WAITING
    };
    let requests = vendor.requests();
    tokio::select! {
        () = requests.wait(stored) => {}
        ended = &mut waiting => panic!("all ended before all were there: {ended:?}"),
    }
    let names = client.get("/v1/files?limit=1").await.expect(200).json();
    assert_eq!(names["data"], serde_json::json!([]), "none has been answered");
    still_serves(&served).await;
    vendor.faults().release(WAITING);
    let mut ids = waiting.await.unwrap();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), WAITING);
    assert_clean(&place);
}

#[tokio::test]
async fn more_requests_than_places_are_told_to_come_back_and_health_still_answers() {
    /// As the gateway counts them: 512 beside the uploads.
    const PLACES: usize = 520;
    raise_descriptors();
    let place = place();
    place.configure("limits = { concurrency = 8 }\n");
    let (served, token, client) = served(&place).await;
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nExpect: 100-continue\r\nContent-Type: \
         multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n\r\n"
    );
    let mut waiting = Vec::new();
    for _ in 0..PLACES {
        let mut stream = connect(&served).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        // Asked to go on: its handler reads the body, so it has a place.
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        waiting.push(stream);
    }
    let refused = client.get("/v1/files").await.expect(503);
    assert_eq!(
        (refused.code().as_str(), refused.header("retry-after")),
        ("overloaded", "1")
    );
    assert_eq!(refused.header("x-should-retry"), "true");
    still_serves(&served).await;
    // The next answer to a client that gives up is the server's end of its connection.
    for mut stream in waiting {
        stream.shutdown().await.unwrap();
        until_closed(stream).await;
    }
    client.get("/v1/files").await.expect(200);
}
