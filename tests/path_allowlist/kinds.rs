//! What lies at a path: only regular files, with one name, are taken, and finding out never hangs.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;

use loadlock_gateway::ErrorCode;
use loadlock_sandbox::files::{GrantRoot, OpenError, Protected};
use loadlock_tests::World;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::Gate;

#[tokio::test]
async fn only_regular_files_are_taken() {
    let world = World::new();
    world.file("folder/a.txt", "inside");
    // Nobody ever writes to it: an open that waits for a writer would wait for ever.
    mknodat(CWD, world.path("files/fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let _socket = UnixListener::bind(world.path("files/socket")).unwrap();
    let gate = Gate::open(&world).await;
    for (name, kind) in [
        ("fifo", "FIFO"),
        ("socket", "socket"),
        ("folder", "directory"),
        ("folder/", "directory"),
        (".", ""),
    ] {
        let error = gate.upload(name).await.unwrap_err();
        if kind.is_empty() {
            // The root itself is no file beneath it.
            assert_eq!(error.code, ErrorCode::PathNotAllowed, "{name}: {error}");
        } else {
            assert_eq!(error.code, ErrorCode::NotARegularFile, "{name}: {error}");
            assert!(error.message.ends_with(kind), "{name}: {error}");
        }
    }
    // A file is no folder, and has nothing beneath it.
    assert_eq!(gate.refusal("folder/a.txt/b").await, ErrorCode::PathNotFound);
    gate.upload("folder/a.txt").await.unwrap();
}

/// Devices: the configuration grants no directory that has any, and the sandbox would not open one either.
#[tokio::test]
async fn devices_are_refused() {
    let world = World::new();
    let gate = Gate::open(&world).await;
    for device in ["/dev/null", "/dev/zero", "/dev/stdin", "/dev/full"] {
        assert_eq!(gate.refusal(device).await, ErrorCode::PathNotAllowed, "{device}");
    }
    let root = GrantRoot::open(Path::new("/dev"), Protected::default()).unwrap();
    for device in ["null", "zero", "tty"] {
        let error = root.open_file(Path::new(device)).unwrap_err();
        // Without a terminal there is nothing behind `tty`.
        assert!(matches!(error, OpenError::NotRegular(_)), "{device}: {error}");
    }
}

#[tokio::test]
async fn hard_links_are_refused() {
    let world = World::new();
    std::fs::write(world.path("outside/secret.txt"), "outside").unwrap();
    std::fs::hard_link(world.path("outside/secret.txt"), world.path("files/innocent.txt")).unwrap();
    // Two names within the grant look the same from here: refused too, and the error says what to do.
    let path = world.file("one.txt", "inside");
    std::fs::hard_link(&path, world.path("files/two.txt")).unwrap();
    let gate = Gate::open(&world).await;
    for name in ["innocent.txt", "one.txt", "two.txt"] {
        let error = gate.upload(name).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::PathNotAllowed, "{name}: {error}");
        assert!(error.message.contains("2 names (hard links)"), "{name}: {error}");
        assert!(error.hint.contains("copy"), "{}", error.hint);
    }
    // The last name left is an ordinary file.
    std::fs::remove_file(world.path("files/two.txt")).unwrap();
    gate.upload("one.txt").await.unwrap();
}

#[tokio::test]
async fn nothing_is_nothing() {
    let world = World::new();
    let gate = Gate::open(&world).await;
    assert_eq!(gate.refusal("missing.txt").await, ErrorCode::PathNotFound);
    assert_eq!(gate.refusal("missing/a.txt").await, ErrorCode::PathNotFound);
    assert_eq!(gate.refusal("missing/../missing.txt").await, ErrorCode::PathNotFound);
    // Outside of every grant it is the same whether there is something or not.
    std::fs::write(world.path("outside/there.txt"), "outside").unwrap();
    for name in ["there.txt", "missing.txt"] {
        let path = world.path("outside").join(name);
        let error = gate.upload(&path).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::PathNotAllowed);
        assert_eq!(
            error.message.replace(name, "X"),
            format!(
                "{}: it is in no directory that is granted to this caller",
                world.path("outside/X").display()
            )
        );
    }
}

/// A path goes through handles from the root: the grant is the directory that was opened, wherever it is moved.
#[tokio::test]
async fn a_root_that_is_moved_stays_the_root() {
    let world = World::new();
    world.file("a.txt", "inside");
    let root = Arc::new(GrantRoot::open(&world.path("files"), Protected::default()).unwrap());
    std::fs::rename(world.path("files"), world.path("moved")).unwrap();
    std::fs::create_dir(world.path("files")).unwrap();
    std::fs::write(world.path("files/a.txt"), "somebody else's").unwrap();
    let opened = root.open_file(Path::new("a.txt")).unwrap();
    let file = opened.file.single().unwrap();
    assert_eq!(std::io::read_to_string(&**file).unwrap(), "inside");
}
