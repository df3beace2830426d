//! What is promised to clients of tus.

use loadlock_durable::power::Names;
use loadlock_gateway::CancellationToken;
use loadlock_server::{Options, Server, Stop};
use loadlock_tests::{Opened, Shop, World, token};
use loadlock_upstream::{Fault, Operation, Recorded};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::disk::{fail, world};
use crate::promises::Check;

pub(crate) fn all() -> Vec<(&'static str, Check)> {
    vec![
        ("a tus upload is there", |names| Box::pin(made(names))),
        ("bytes that tus acknowledged are there", |names| {
            Box::pin(patched(names))
        }),
        ("an offset that tus tells while it stores is there", |names| {
            Box::pin(told_while_storing(names))
        }),
        ("bytes that came with a creation are there", |names| {
            Box::pin(created_with_bytes(names))
        }),
        ("parts that tus joined are there", |names| Box::pin(joined(names))),
        ("a tus upload that was ended stays ended", |names| {
            Box::pin(ended(names))
        }),
    ]
}

/// A server, and the way to it.
struct Door {
    address: String,
    token: String,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

struct Reply {
    status: u16,
    head: String,
}

impl Door {
    async fn open(world: &World) -> Self {
        let Opened { gateway, .. } = world.open().await;
        let options = Options {
            listen: "127.0.0.1:0".parse().unwrap(),
            drain: std::time::Duration::ZERO,
            ..Options::default()
        };
        let server = Server::bind(gateway, options).await.unwrap();
        let address = server.address().to_string();
        let stop = CancellationToken::new();
        let running = tokio::spawn(server.run(Stop {
            leave: CancellationToken::new(),
            now: stop.clone(),
        }));
        Self {
            address,
            token: token(&world.path("home"), "acme", "tester", "read write delete"),
            stop,
            running,
        }
    }

    async fn close(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }

    async fn send(&self, method: &str, path: &str, more: &str, body: &str) -> Reply {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nTus-Resumable: 1.0.0\r\n\
             Content-Length: {}\r\nConnection: close\r\n{more}\r\n{body}",
            self.address,
            self.token,
            body.len(),
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        Reply {
            status: reply[9..12].parse().unwrap(),
            head: reply,
        }
    }

    async fn make(&self, more: &str) -> String {
        let more = format!("Upload-Length: 10\r\n{more}");
        let made = self.send("POST", "/v1/tus", &more, "").await;
        assert_eq!(made.status, 201, "{}", made.head);
        made.header("location").unwrap()
    }

    async fn patch(&self, path: &str, offset: usize, body: &str) -> u16 {
        let more = format!("Upload-Offset: {offset}\r\nContent-Type: application/offset+octet-stream\r\n");
        self.send("PATCH", path, &more, body).await.status
    }
}

impl Reply {
    fn header(&self, name: &str) -> Option<String> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

async fn again(world: &World, door: Door, names: Names) -> Door {
    fail(world, names, async move || door.close().await).await;
    Door::open(world).await
}

async fn at(door: &Door, path: &str, offset: &str) -> Result<(), String> {
    let head = door.send("HEAD", path, "", "").await;
    match (head.status, head.header("upload-offset")) {
        (200, Some(found)) if found == offset => Ok(()),
        (status, found) => Err(format!("{status}, at {found:?}")),
    }
}

async fn made(names: Names) -> Result<(), String> {
    let world = world();
    let door = Door::open(&world).await;
    let path = door.make("").await;
    let door = again(&world, door, names).await;
    at(&door, &path, "0").await
}

async fn patched(names: Names) -> Result<(), String> {
    let world = world();
    let door = Door::open(&world).await;
    let path = door.make("").await;
    assert_eq!(door.patch(&path, 0, "01234").await, 204);
    let door = again(&world, door, names).await;
    at(&door, &path, "5").await?;
    let data = crate::disk::files(&world.path("home/spool"));
    let held = |path: &std::path::PathBuf| std::fs::read(path).unwrap() == b"01234";
    data.iter().any(held).then_some(()).ok_or_else(|| "other bytes".into())
}

/// The last bytes of a file are not synced before it is stored, unless somebody is told that they are there.
async fn told_while_storing(names: Names) -> Result<(), String> {
    let shop = Shop::kimi().await;
    let world = shop.join(world());
    let door = Door::open(&world).await;
    let path = door.make("Upload-Metadata: filename YS50eHQ=\r\n").await;
    shop.upstream.faults().push(Operation::Create, Fault::Hang);
    let requests = shop.upstream.requests();
    let asked = |request: &Recorded| request.operation == Some(Operation::Create);
    tokio::select! {
        status = door.patch(&path, 0, "0123456789") => panic!("{status}"),
        _ = requests.wait(|all| all.iter().any(asked)) => {}
    }
    at(&door, &path, "9").await?;
    let door = again(&world, door, names).await;
    at(&door, &path, "9").await
}

async fn created_with_bytes(names: Names) -> Result<(), String> {
    let world = world();
    let door = Door::open(&world).await;
    let with_bytes = "Upload-Length: 10\r\nContent-Type: application/offset+octet-stream\r\n";
    let made = door.send("POST", "/v1/tus", with_bytes, "01234").await;
    assert_eq!(made.status, 201, "{}", made.head);
    let path = made.header("location").unwrap();
    let door = again(&world, door, names).await;
    at(&door, &path, "5").await
}

/// The parts' own bytes are gone when the vendor is asked to store the whole.
async fn joined(names: Names) -> Result<(), String> {
    let shop = Shop::kimi().await;
    let world = shop.join(world());
    let door = Door::open(&world).await;
    let mut parts = Vec::new();
    for piece in ["0123456789", "abcdefghij"] {
        let path = door.make("Upload-Concat: partial\r\n").await;
        assert_eq!(door.patch(&path, 0, piece).await, 204);
        parts.push(path);
    }
    let join = format!(
        "Upload-Concat: final;{}\r\nUpload-Metadata: filename YS50eHQ=\r\n",
        parts.join(" ")
    );
    let faults = shop.upstream.faults();
    faults.push(Operation::Create, Fault::Hang);
    let requests = shop.upstream.requests();
    let asked = |request: &Recorded| request.operation == Some(Operation::Create);
    tokio::select! {
        reply = door.send("POST", "/v1/tus", &join, "") => panic!("{}", reply.head),
        _ = requests.wait(|all| all.iter().any(asked)) => {}
    }
    let door = again(&world, door, names).await;
    let reply = door.send("POST", "/v1/tus", &join, "").await;
    let stored = shop.upstream.files().all();
    let whole = loadlock_tests::sha256(b"0123456789abcdefghij");
    match stored.as_slice() {
        [one] if one.sha256 == whole && reply.status == 201 => Ok(()),
        _ => Err(format!("{stored:?} is stored: {}", reply.head)),
    }
}

async fn ended(names: Names) -> Result<(), String> {
    let world = world();
    let door = Door::open(&world).await;
    let path = door.make("").await;
    assert_eq!(door.send("DELETE", &path, "", "").await.status, 204);
    let door = again(&world, door, names).await;
    match door.send("HEAD", &path, "", "").await.status {
        200 => Err("it is there again".into()),
        _ => Ok(()),
    }
}
