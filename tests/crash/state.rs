//! A state directory that cannot be written, or does not hold what was written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use loadlock_crash::{End, Order, Said, Step, Upload, Victim, open};
use loadlock_gateway::ErrorCode;
use loadlock_tests::{Shop, World};

struct Stage {
    world: World,
    shop: Shop,
}

impl Stage {
    /// A vendor, and a home in which a gateway has been.
    async fn build() -> Self {
        let shop = Shop::kimi().await;
        let world = shop.join(World::new());
        drop(world.open().await);
        Self { world, shop }
    }

    fn order(&self, upload: Upload) -> Order {
        Order {
            config: self.world.path("loadlock.toml"),
            steps: vec![Step::Upload(upload)],
        }
    }

    fn upload(&self, bytes: usize, body: bool) -> Upload {
        Upload {
            provider: Some("kimi".to_owned()),
            path: self.world.file("a.txt", vec![b'a'; bytes]),
            body,
            arriving: false,
            key: None,
            given_up: false,
        }
    }

    /// Nothing was sent, and a process that is not in this plight takes the same file.
    async fn nothing_was_sent(&self, upload: &Upload) {
        assert_eq!(
            self.shop.upstream.requests().of(loadlock_upstream::Operation::Create),
            []
        );
        let (gateway, who) = open(&self.world.path("loadlock.toml")).await.unwrap();
        loadlock_crash::upload(&gateway, &who, upload).await.unwrap();
        assert_eq!(self.shop.upstream.files().len(), 1);
    }
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_crash-victim"))
}

fn refusal(end: &End) -> (&str, &str) {
    match end.said.last() {
        Some(Said::Refused { code, message }) => (code, message),
        other => panic!("it was not refused: {other:?}"),
    }
}

/// No file may grow beyond 2 MiB, which is enough to start: the body does not fit.
#[tokio::test]
async fn a_body_that_does_not_fit_on_the_disk_is_refused() {
    let stage = Stage::build().await;
    let upload = stage.upload(3_000_000, true);
    let end = Victim::start_cramped(program(), &stage.order(upload.clone()), 2_048)
        .end()
        .await;
    assert_eq!(end.said.first(), Some(&Said::Open), "{end:?}");
    assert_eq!(refusal(&end).0, ErrorCode::SpoolFull.as_str(), "{end:?}");
    stage.nothing_was_sent(&upload).await;
}

/// The journal cannot grow: it is asked before anything is sent.
#[tokio::test]
async fn a_journal_that_cannot_grow_refuses_before_anything_is_sent() {
    let stage = Stage::build().await;
    let upload = stage.upload(1_000, false);
    // A journal of its first size has no room for the first intents, and makes none.
    std::fs::remove_dir_all(stage.world.path("home/journal")).unwrap();
    let end = Victim::start_cramped(program(), &stage.order(upload.clone()), 16)
        .end()
        .await;
    let (code, message) = refusal(&end);
    assert_eq!(code, ErrorCode::StateUnavailable.as_str(), "{end:?}");
    assert!(message.contains("no space is left for the journal"), "{message}");
    stage.nothing_was_sent(&upload).await;
}

/// Root may write where permission bits forbid it, so the process runs as nobody.
#[tokio::test]
async fn a_read_only_state_directory_is_refused() {
    let stage = Stage::build().await;
    let upload = stage.upload(1_000, false);
    let home = stage.world.path("home");
    let readable = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    readable(stage.world.path("home").parent().unwrap(), 0o755);
    for entry in walk(&home) {
        let mode = if entry.is_dir() { 0o555 } else { 0o444 };
        readable(&entry, mode);
    }
    let end = Victim::start_powerless(program(), &stage.order(upload.clone()))
        .end()
        .await;
    for entry in walk(&home) {
        let mode = if entry.is_dir() { 0o700 } else { 0o600 };
        readable(&entry, mode);
    }
    let (code, message) = refusal(&end);
    assert_eq!(code, ErrorCode::StateUnavailable.as_str(), "{end:?}");
    assert!(message.contains("home"), "{message}");
    stage.nothing_was_sent(&upload).await;
}

#[tokio::test]
async fn a_part_of_the_home_that_is_a_file_is_refused() {
    for part in ["spool", "journal", "keys", "tracker"] {
        let world = World::new();
        std::fs::write(world.path("home").join(part), "").unwrap();
        let error = world.try_open().await.err().unwrap();
        assert_eq!(error.code, ErrorCode::StateUnavailable);
        assert!(error.message.contains(part), "{error}");
    }
}

/// A damaged journal says what to do; a start with an empty one in its place would forget what is open.
#[tokio::test]
async fn a_damaged_journal_is_refused_and_kept() {
    let stage = Stage::build().await;
    let upload = stage.upload(1_000, false);
    let journal = stage.world.path("home/journal/journal.redb");
    let whole = std::fs::read(&journal).unwrap();
    let mut flipped = whole.clone();
    // Both commit slots, or the older one would be taken.
    for byte in flipped.iter_mut().skip(64).take(256) {
        *byte ^= 0x5a;
    }
    for damaged in [
        Vec::new(),
        whole[..whole.len() / 2].to_vec(),
        flipped,
        vec![0; whole.len()],
    ] {
        std::fs::write(&journal, &damaged).unwrap();
        let error = stage.world.try_open().await.err().unwrap();
        assert_eq!(error.code, ErrorCode::StateUnavailable, "{error}");
        assert!(error.message.contains("move journal.redb aside"), "{error}");
        assert_eq!(std::fs::read(&journal).unwrap().len(), damaged.len());
        assert!(stage.shop.upstream.requests().is_empty());
    }
    std::fs::rename(&journal, journal.with_extension("aside")).unwrap();
    stage.nothing_was_sent(&upload).await;
}

/// A directory and everything beneath it, links not followed.
fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = vec![directory.to_owned()];
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}
