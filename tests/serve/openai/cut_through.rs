//! A form's file leaves while it arrives, and nothing is stored of one that does not end well.

use std::path::PathBuf;

use loadlock_served::{Client, Place, Served, form};
use loadlock_upstream::{Answer, Fault, Operation, Recorded, Upstream};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{spool, with_vendor};
use crate::tus::until;

/// Twice as many as are worth it.
pub(super) const BYTES: usize = 2 << 20;

pub(super) fn content(seed: u8) -> Vec<u8> {
    (0..BYTES).map(|at| (at % 251) as u8 ^ seed).collect()
}

/// A request on its way: what was not sent yet.
struct Sending {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Sending {
    /// The head of a request with this form.
    async fn begin(served: &Served, token: &str, (kind, body): (String, Vec<u8>)) -> Self {
        let mut stream = TcpStream::connect(&served.address).await.unwrap();
        let head = format!(
            "POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: {kind}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        Self { stream, rest: body }
    }

    /// All but so many bytes.
    async fn all_but(&mut self, left: usize) {
        let now: Vec<u8> = self.rest.drain(..self.rest.len() - left).collect();
        self.stream.write_all(&now).await.unwrap();
    }

    /// The rest, and the answer.
    async fn end(mut self) -> (u16, Value) {
        let rest = std::mem::take(&mut self.rest);
        self.stream.write_all(&rest).await.unwrap();
        self.answer().await
    }

    async fn answer(mut self) -> (u16, Value) {
        let mut answer = Vec::new();
        self.stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

/// A server that sends bodies of this size on, its vendor, and a client of the tenant `acme`.
pub(super) struct Scene {
    pub(super) place: Place,
    pub(super) vendor: Upstream,
    pub(super) served: Served,
    pub(super) client: Client,
    pub(super) token: String,
}

impl Scene {
    pub(super) async fn new(more: &str) -> Self {
        let (place, vendor) = with_vendor().await;
        let config = std::fs::read_to_string(place.config()).unwrap();
        std::fs::write(place.config(), config + more).unwrap();
        let token = place.token("acme", &["read", "write", "delete", "admin"]).await;
        let served = place.serve().await;
        let client = served.client(&token);
        Self {
            place,
            vendor,
            served,
            client,
            token,
        }
    }

    async fn send(&self, body: (String, Vec<u8>)) -> Sending {
        Sending::begin(&self.served, &self.token, body).await
    }

    /// Waits until the vendor has so many bytes of the request with this number, counted from 0.
    pub(super) async fn vendor_has(&self, request: usize, bytes: usize) {
        let enough = |log: &[Recorded]| {
            creates(log)
                .nth(request)
                .is_some_and(|one| one.body_bytes >= bytes as u64)
        };
        self.vendor.requests().wait(enough).await;
    }

    /// Waits until the gateway has ended so many uploads.
    pub(super) async fn ended(&self, uploads: usize) {
        let mut from = 0;
        for _ in 0..uploads {
            from = self.served.log.wait_for(from, "upload ended").await + 1;
        }
    }

    async fn files(&self) -> Vec<Value> {
        let list = self.client.get("/v1/files").await.expect(200).json();
        list["data"].as_array().unwrap().clone()
    }

    /// Bodies in the spool; a session that has ended is kept for its answer.
    fn bodies(&self) -> Vec<PathBuf> {
        let mut entries = spool(&self.place.home());
        entries.retain(|entry| !entry.join("session.json").exists() || entry.join("data").exists());
        entries
    }

    /// A body goes with the last who reads it, which may be after the answer.
    async fn spool_is_empty(&self) {
        until("the spool is empty", async || self.bodies().is_empty()).await;
    }

    /// Nothing is stored, and nothing lies in the spool.
    pub(super) async fn nothing_is_left(&self) {
        assert!(self.vendor.files().is_empty());
        assert!(self.files().await.is_empty());
        self.spool_is_empty().await;
    }

    /// One file is stored, which has this content, and nothing lies in the spool.
    pub(super) async fn stored_once(&self, content: &[u8]) {
        let stored = self.vendor.files().all();
        assert_eq!(stored.len(), 1);
        assert_eq!(stored[0].sha256, hex::encode(Sha256::digest(content)));
        assert_eq!(self.files().await.len(), 1);
        self.spool_is_empty().await;
    }

    pub(super) async fn counted(&self, outcome: &str) -> bool {
        let text = self.client.get("/metrics").await.body;
        String::from_utf8_lossy(&text).contains(&format!("loadlock_cut_through_total{{outcome=\"{outcome}\"}} 1"))
    }
}

pub(super) fn creates(log: &[Recorded]) -> impl Iterator<Item = &Recorded> {
    log.iter()
        .filter(|request| request.operation == Some(Operation::Create))
}

/// The file last, as OpenAI's library for Python and `curl` send it.
fn file_last(content: &[u8]) -> (String, Vec<u8>) {
    form(&[("purpose", "user_data")], &[("file", "a.txt", content)])
}

#[tokio::test]
async fn the_bytes_are_at_the_vendor_before_the_client_has_sent_its_last_and_the_last_is_kept_back() {
    let scene = Scene::new("").await;
    let content = content(0);
    let mut sending = scene.send(file_last(&content)).await;
    sending.all_but(BYTES / 4).await;
    scene.vendor_has(0, BYTES / 2).await;
    // All of the file, but not the form's end: another file may follow.
    sending.all_but(10).await;
    scene.vendor_has(0, BYTES - 1).await;
    assert!(scene.vendor.files().is_empty());
    let (status, file) = sending.end().await;
    assert_eq!(status, 200, "{file}");
    assert_eq!(file["bytes"], BYTES);
    scene.stored_once(&content).await;
    assert_eq!(creates(&scene.vendor.requests().all()).count(), 1);
    assert!(scene.counted("sent").await);
    // Of the same size: it is asked first whether it is the same. That is seen while its end is missing; a body that
    // is whole by then is not put off.
    let mut again = scene.send(file_last(&content)).await;
    again.all_but(10).await;
    scene.served.log.wait_for(0, "stored_size").await;
    let (status, file) = again.end().await;
    assert_eq!(
        (status, file["loadlock"]["deduplicated"].as_bool()),
        (200, Some(true)),
        "{file}"
    );
    assert_eq!(creates(&scene.vendor.requests().all()).count(), 1);
    assert!(scene.counted("stored_size").await);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing() {
    let scene = Scene::new("").await;
    for (upload, left) in [BYTES / 2, 10].into_iter().enumerate() {
        let mut sending = scene.send(file_last(&content(upload as u8))).await;
        sending.all_but(left).await;
        scene.vendor_has(upload, BYTES / 2 - 100_000).await;
        drop(sending);
        scene.ended(upload + 1).await;
        scene.nothing_is_left().await;
    }
}

#[tokio::test]
async fn what_speaks_against_a_form_at_its_end_comes_before_the_last_byte_leaves() {
    let scene = Scene::new("").await;
    let content = content(0);
    let two = [("file", "a.txt", &content[..]), ("file", "b.txt", b"another")];
    let unknown = {
        let (kind, mut body) = file_last(&content);
        let (_, more) = form(&[("porpoise", "x")], &[]);
        body.truncate(body.len() - "------loadlock-form-7d1f0a--\r\n".len());
        body.extend(more);
        (kind, body)
    };
    let open = {
        let (kind, mut body) = file_last(&content);
        let end = body.len() - 4;
        body[end..].copy_from_slice(b"....");
        (kind, body)
    };
    for (upload, body) in [form(&[("purpose", "user_data")], &two), unknown, open]
        .into_iter()
        .enumerate()
    {
        let mut sending = scene.send(body).await;
        sending.all_but(300).await;
        scene.vendor_has(upload, BYTES - 1_000).await;
        let (status, error) = sending.end().await;
        assert_eq!(
            (status, &error["error"]["code"]),
            (400, &Value::from("request_invalid")),
            "{error}"
        );
        scene.ended(upload + 1).await;
        scene.nothing_is_left().await;
    }
}

#[tokio::test]
async fn a_form_that_ends_otherwise_than_its_length_says_is_stored_once() {
    let scene = Scene::new("").await;
    let content = content(0);
    // Without the line's end behind the closing boundary, as some clients send it.
    let (kind, mut body) = file_last(&content);
    body.truncate(body.len() - 2);
    let mut sending = scene.send((kind, body)).await;
    sending.all_but(300).await;
    scene.vendor_has(0, BYTES / 2).await;
    let (status, file) = sending.end().await;
    assert_eq!((status, file["bytes"].as_u64()), (200, Some(BYTES as u64)), "{file}");
    scene.stored_once(&content).await;
    assert!(scene.counted("other_size").await);
}

#[tokio::test]
async fn a_field_behind_the_file_holds_for_it() {
    let scene = Scene::new("").await;
    let content = content(0);
    let (kind, mut body) = form(&[("provider", "openai")], &[("file", "a.txt", &content)]);
    let (_, more) = form(&[("purpose", "assistants")], &[]);
    body.truncate(body.len() - "------loadlock-form-7d1f0a--\r\n".len());
    body.extend(more);
    let (status, file) = scene.send((kind, body)).await.end().await;
    assert_eq!((status, file["purpose"].as_str()), (200, Some("assistants")), "{file}");
    scene.stored_once(&content).await;
    assert!(scene.counted("late_field").await);
}

#[tokio::test]
async fn a_vendor_that_breaks_off_gets_it_again_from_the_spool() {
    let scene = Scene::new("").await;
    let content = content(0);
    let reset = Fault::ResetMiddle { after_bytes: 100_000 };
    scene.vendor.faults().push(Operation::Create, reset);
    let mut sending = scene.send(file_last(&content)).await;
    sending.all_but(BYTES / 4).await;
    // The second attempt has what the first one had, and the client has not sent the rest.
    scene.vendor_has(1, BYTES / 2).await;
    let (status, file) = sending.end().await;
    assert_eq!(
        (status, file["loadlock"]["attempts"].as_u64()),
        (200, Some(2)),
        "{file}"
    );
    scene.stored_once(&content).await;
}

#[tokio::test]
async fn the_next_provider_gets_it_from_the_spool() {
    let other = Upstream::start(
        loadlock_upstream::Vendor::Kimi,
        loadlock_upstream::Options::with_key("sk-test"),
    )
    .await
    .unwrap();
    let base = other.base_url();
    let (place, vendor) = with_vendor().await;
    let config = std::fs::read_to_string(place.config()).unwrap();
    let config = config
        .replace("order = [\"openai\"]", "order = [\"openai\", \"kimi\"]")
        .replace(
            "[providers.local]",
            &format!(
                "[providers.kimi]\nsettings = {{ base_url = \"{base}\" }}\npurposes = {{ user_data = \"file-extract\" \
             }}\negress = [{{ url = \"{base}/files\", methods = [\"GET\", \"POST\", \"DELETE\"], private = true \
             }}]\ncredential = {{ header = \"Authorization\", value = \"Bearer ${{env:OPENAI_API_KEY}}\" \
             }}\n[providers.local]"
            ),
        );
    place.configure(&config);
    let token = place.token("acme", &["read", "write", "delete", "admin"]).await;
    let served = place.serve().await;
    let content = content(0);
    // Full; the client has hardly begun.
    let full = Answer::status(429)
        .code("insufficient_quota")
        .kind("insufficient_quota");
    let early = Fault::EarlyAnswer {
        after_bytes: 100_000,
        linger: false,
        answer: full,
    };
    vendor.faults().push(Operation::Create, early);
    let mut sending = Sending::begin(&served, &token, file_last(&content)).await;
    sending.all_but(BYTES / 4).await;
    let enough = |log: &[Recorded]| creates(log).any(|one| one.body_bytes >= BYTES as u64 / 2);
    other.requests().wait(enough).await;
    let (status, file) = sending.end().await;
    assert_eq!(
        (status, file["loadlock"]["provider"].as_str()),
        (200, Some("kimi")),
        "{file}"
    );
    assert!(vendor.files().is_empty());
    assert_eq!(other.files().all()[0].sha256, hex::encode(Sha256::digest(&content)));
}

#[tokio::test]
async fn a_client_that_is_too_slow_for_a_vendor_is_waited_for() {
    let scene = Scene::new("[limits]\ncut_through_idle = \"300ms\"\n").await;
    let content = content(0);
    let mut sending = scene.send(file_last(&content)).await;
    sending.all_but(BYTES / 4).await;
    scene.served.log.wait_for(0, "slow_client").await;
    assert!(scene.vendor.files().is_empty());
    let (status, file) = sending.end().await;
    assert_eq!(
        (status, file["loadlock"]["attempts"].as_u64()),
        (200, Some(1)),
        "{file}"
    );
    scene.stored_once(&content).await;
    let requests = scene.vendor.requests().all();
    let whole: Vec<bool> = creates(&requests).map(|request| request.body_complete).collect();
    assert_eq!(whole, [false, true]);
    assert!(scene.counted("slow_client").await);
}

#[tokio::test]
async fn a_refusal_is_told_before_the_client_has_sent_everything() {
    let scene = Scene::new("").await;
    scene.vendor.faults().push(Operation::Create, Fault::too_large_early());
    let mut sending = scene.send(file_last(&content(0))).await;
    sending.all_but(BYTES / 4).await;
    let (status, error) = sending.answer().await;
    assert_eq!(
        (status, error["error"]["code"].as_str()),
        (422, Some("provider_rejected")),
        "{error}"
    );
    scene.nothing_is_left().await;
}

#[tokio::test]
async fn equal_files_that_come_at_the_same_time_are_stored_once_and_others_do_not_wait() {
    let scene = Scene::new("").await;
    let same = content(0);
    let mut first = scene.send(file_last(&same)).await;
    first.all_but(BYTES / 4).await;
    scene.vendor_has(0, BYTES / 2).await;
    // Another of its size, which differs in its first byte, is stored while the first one still comes.
    let (status, file) = scene.send(file_last(&content(1))).await.end().await;
    assert_eq!(status, 200, "{file}");
    assert_eq!(scene.vendor.files().all().len(), 1);
    let second = scene.send(file_last(&same)).await;
    let (first, second) = tokio::join!(first.end(), second.end());
    assert_eq!((first.0, second.0), (200, 200), "{first:?} {second:?}");
    assert_eq!(first.1["loadlock"]["remote_id"], second.1["loadlock"]["remote_id"]);
    assert_eq!(scene.vendor.files().all().len(), 2);
}

#[tokio::test]
async fn small_bodies_and_keys_and_containers_wait_until_they_are_whole() {
    let scene = Scene::new("").await;
    let zip = [b"PK\x03\x04", &content(0)[..]].concat();
    let mut sending = scene
        .send(form(&[("purpose", "user_data")], &[("file", "a.zip", &zip)]))
        .await;
    sending.all_but(BYTES / 4).await;
    scene.served.log.wait_for(0, "container").await;
    assert!(scene.vendor.requests().of(Operation::Create).is_empty());
    let (_, _) = sending.end().await;
    assert!(scene.counted("container").await);

    let scene = Scene::new("[limits]\ncut_through = \"3 MiB\"\n").await;
    let (status, _) = scene.send(file_last(&content(0))).await.end().await;
    assert_eq!(status, 200);
    scene.stored_once(&content(0)).await;
    assert!(!scene.counted("sent").await);
}
