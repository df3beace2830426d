//! No client, tenant or component takes what belongs to the others.

use std::time::{Duration, Instant};

use futures::future::join_all;
use loadlock_served::{Client, Place, Served};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const ALL: &[&str] = &["read", "write", "delete", "admin"];
const READERS: usize = 500;
/// Streams that the server lets one HTTP/2 connection have.
const STREAMS: usize = 64;
/// Larger than what waits for a client in the gateway and in the sockets' buffers.
const LARGE: usize = 12 << 20;
/// Of an upload and of reading it back.
const ROUNDS: usize = 15;

/// Content that no two numbers share.
fn content(number: usize, bytes: usize) -> Vec<u8> {
    let line = format!("{number} of several contents that have nothing in common\n");
    line.bytes().cycle().take(bytes).collect()
}

/// Stores a file; where its content is.
async fn stored(client: &Client, content: &[u8]) -> String {
    let fields = [("purpose", "user_data")];
    let file = client.upload("a.txt", content, &fields).await.expect(200).json();
    format!("/v1/files/{}/content", file["id"].as_str().unwrap())
}

async fn connected(address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    socket.connect(address.parse().unwrap()).await.unwrap()
}

/// Asks for the content and takes nothing of it.
async fn stalled_http1(address: &str, path: &str, token: &str) -> TcpStream {
    let mut stream = connected(address).await;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         authorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// One frame of HTTP/2 (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A literal that enters no table (RFC 7541 §6.2.2), with lengths as integers of a 7-bit prefix (§5.1).
fn header(name: &str, value: &str) -> Vec<u8> {
    let mut header = vec![0];
    for text in [name, value] {
        match text.len() {
            short @ 0..127 => header.push(short as u8),
            mut long => {
                header.push(127);
                long -= 127;
                while long >= 128 {
                    header.push((long % 128) as u8 | 128);
                    long /= 128;
                }
                header.push(long as u8);
            }
        }
        header.extend(text.as_bytes());
    }
    header
}

/// Asks for the content on many streams of one connection whose window lets nothing come.
async fn stalled_http2(address: &str, path: &str, token: &str) -> TcpStream {
    let mut stream = connected(address).await;
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // SETTINGS_INITIAL_WINDOW_SIZE = 0.
    sent.extend(frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    let authorization = format!("Bearer {token}");
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("authorization", &authorization),
    ];
    let block: Vec<u8> = fields.iter().flat_map(|(name, value)| header(name, value)).collect();
    for number in 0..STREAMS {
        // END_STREAM and END_HEADERS.
        sent.extend(frame(1, 5, u32::try_from(2 * number + 1).unwrap(), &block));
    }
    stream.write_all(&sent).await.unwrap();
    stream
}

/// The value of a metric.
async fn metric(client: &Client, name: &str) -> u64 {
    let text = client.get("/metrics").await.expect(200).text();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.map_or(0, |value| value.parse::<f64>().unwrap() as u64)
}

/// The slowest of many uploads and reads; each of them succeeds.
async fn slowest(client: &Client, round: usize) -> (Duration, Duration) {
    let (mut sent, mut read) = (Duration::ZERO, Duration::ZERO);
    for number in 0..ROUNDS {
        let content = content(1_000 * round + number, 2_000);
        let began = Instant::now();
        let path = stored(client, &content).await;
        sent = sent.max(began.elapsed());
        let began = Instant::now();
        assert_eq!(client.get(&path).await.expect(200).body, content);
        read = read.max(began.elapsed());
    }
    (sent, read)
}

/// Within twice of what it was, and what a busy machine does to one of many.
fn within(what: &str, alone: Duration, attacked: Duration) {
    let most = 2 * alone + Duration::from_millis(500);
    assert!(attacked <= most, "{what}: {attacked:?} under attack, {alone:?} alone");
}

/// A gateway with two tenants who have a large file each, and one who is to be served whatever they do.
struct Stage {
    _place: Place,
    served: Served,
    /// Tokens and paths of those who stall.
    crowd: [(String, String); 2],
    victim: Client,
    /// The victim's own large content.
    large: String,
    operator: Client,
}

impl Stage {
    async fn set() -> Self {
        let place = Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"));
        let mut tokens = Vec::new();
        for tenant in ["many", "more", "victim"] {
            tokens.push(place.token(tenant, ALL).await);
        }
        let served = place.serve().await;
        let mut paths = Vec::new();
        for (number, token) in tokens.iter().enumerate() {
            paths.push(stored(&served.client(token), &content(number, LARGE)).await);
        }
        Self {
            victim: served.client(&tokens[2]),
            large: paths[2].clone(),
            operator: served.client(&tokens[2]),
            crowd: [
                (tokens[0].clone(), paths[0].clone()),
                (tokens[1].clone(), paths[1].clone()),
            ],
            served,
            _place: place,
        }
    }

    /// The crowd holds what it may.
    async fn crowded(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while metric(&self.operator, "loadlock_content_reads_in_flight").await < 30 {
            assert!(Instant::now() < deadline, "the readers never came");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Nothing of the victim's is refused, and nothing takes much longer than it did.
    async fn victim_is_served(&self, alone: (Duration, Duration)) {
        self.crowded().await;
        let attacked = slowest(&self.victim, 1).await;
        within("uploads", alone.0, attacked.0);
        within("reads", alone.1, attacked.1);
        assert_eq!(self.victim.get(&self.large).await.expect(200).body.len(), LARGE);
        assert!(metric(&self.operator, "loadlock_content_reads_in_flight").await <= 64);
    }
}

#[tokio::test]
async fn stalled_readers_over_http_1_keep_nobody_from_uploading_or_reading() {
    let stage = Stage::set().await;
    let alone = slowest(&stage.victim, 0).await;
    let mut held = Vec::new();
    for number in 0..READERS {
        let (token, path) = &stage.crowd[number % 2];
        held.push(stalled_http1(&stage.served.address, path, token).await);
    }
    stage.victim_is_served(alone).await;
}

#[tokio::test]
async fn stalled_readers_over_http_2_keep_nobody_from_uploading_or_reading() {
    let stage = Stage::set().await;
    let alone = slowest(&stage.victim, 0).await;
    let mut held = Vec::new();
    for number in 0..READERS.div_ceil(STREAMS) {
        let (token, path) = &stage.crowd[number % 2];
        held.push(stalled_http2(&stage.served.address, path, token).await);
    }
    stage.victim_is_served(alone).await;
}

/// Bytes of the body that came, and those that its head promises.
async fn taken(mut stream: TcpStream) -> (usize, usize) {
    let (mut head, mut came) = (Vec::new(), 0);
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        came += count;
        if !head.windows(4).any(|end| end == b"\r\n\r\n") {
            head.extend(&buffer[..count]);
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    (came - head.len() - 4, length.parse().unwrap())
}

/// What is ended never looks whole: it has a length, and less comes.
#[tokio::test]
async fn a_reader_that_is_ended_for_others_sees_that_it_has_not_everything() {
    let stage = Stage::set().await;
    let (token, path) = &stage.crowd[0];
    let mut held = Vec::new();
    for _ in 0..34 {
        held.push(stalled_http1(&stage.served.address, path, token).await);
    }
    stage.crowded().await;
    // Those of its tenant who wait end the ones that have stalled longest.
    let deadline = Instant::now() + Duration::from_secs(20);
    while metric(&stage.operator, "loadlock_content_reads_gave_way_total").await == 0 {
        assert!(Instant::now() < deadline, "nobody gave way");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let taken = tokio::time::timeout(Duration::from_secs(60), join_all(held.into_iter().map(taken))).await;
    let taken = taken.expect("all of them end");
    let cut = taken.iter().filter(|(came, promised)| came < promised).count();
    assert!((1..=4).contains(&cut), "{taken:?}");
}
