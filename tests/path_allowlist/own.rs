//! Loadlock's own state, configuration and credentials: never a file to upload, not even inside a grant.

use std::os::unix::fs::symlink;
use std::path::Path;

use bytes::Bytes;
use futures::StreamExt;
use loadlock_gateway::{Body, ErrorCode, Event, Source, UploadRequest};
use loadlock_sandbox::files::{GrantRoot, OpenError, Protected, RootError};
use loadlock_tests::{Sink, World};

use super::Gate;

/// A grant of a directory that holds everything: home, configuration, credentials, and files.
fn everything(world: World) -> World {
    let root = world.path("");
    world.config(&format!("[[grants]]\nroot = {root:?}"))
}

#[tokio::test]
async fn nothing_of_loadlocks_own_is_admitted() {
    let sink = Sink::start().await;
    let world = World::new();
    let (credential, ca) = (world.path("outside/token"), world.path("outside/ca.pem"));
    std::fs::write(&credential, "sk-secret").unwrap();
    std::fs::write(&ca, "").unwrap();
    let more = format!(
        "{}\ncredential = {{ header = \"Authorization\", value = \"Bearer ${{file:{}}}\" }}",
        sink.config(),
        credential.display()
    );
    let world = everything(world.config("[providers.local]").with_guest("far", "good_http", &more));
    let path = world.file("a.txt", "inside");
    symlink("../home/keys/local.key", world.path("files/key.txt")).unwrap();
    symlink("../home", world.path("files/folder")).unwrap();
    let gate = Gate::open(&world).await;
    gate.upload(&path).await.unwrap();
    let mut own = vec![
        "loadlock.toml".to_owned(),
        "outside/token".to_owned(),
        "files/key.txt".to_owned(),
        "files/folder/keys/local.key".to_owned(),
    ];
    // Every file that the gateway has made by now.
    let mut left = vec![world.path("home")];
    while let Some(here) = left.pop() {
        for entry in std::fs::read_dir(here).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                left.push(path);
            } else if path.is_file() && !path.is_symlink() {
                own.push(path.strip_prefix(world.path("")).unwrap().display().to_string());
            }
        }
    }
    for part in [
        "home/keys/local.key",
        "home/lock",
        "home/tracker/ledger",
        "home/journal",
        "home/providers/local",
    ] {
        assert!(
            own.iter().any(|path| path.starts_with(part)),
            "{part} is not in {own:?}"
        );
    }
    for path in own {
        let error = gate.upload(world.path(&path)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::PathNotAllowed, "{path}: {error}");
        assert!(error.message.contains("Loadlock's own"), "{path}: {error}");
    }
    // It is cut out by what it is, not by its name.
    assert_eq!(
        gate.upload(world.path("files/folder/../a.txt"))
            .await
            .map_err(|error| error.code)
            .err(),
        Some(ErrorCode::PathNotFound)
    );
    // What lies beside is a file like any other.
    std::fs::write(world.path("outside/b.txt"), "beside").unwrap();
    gate.upload(world.path("outside/b.txt")).await.unwrap();
}

/// An editor saves, and a secret store rotates, by renaming a new file over the old one.
#[tokio::test]
async fn a_credential_that_is_replaced_stays_protected() {
    let sink = Sink::start().await;
    let world = World::new();
    let credential = world.path("outside/token");
    std::fs::write(&credential, "sk-old").unwrap();
    let more = format!(
        "{}\ncredential = {{ header = \"Authorization\", value = \"Bearer ${{file:{}}}\" }}",
        sink.config(),
        credential.display()
    );
    let world = everything(world.config("[providers.local]").with_guest("far", "good_http", &more));
    let gate = Gate::open(&world).await;
    for path in [credential, world.path("loadlock.toml")] {
        let new = world.path("outside/new");
        std::fs::write(&new, "sk-new").unwrap();
        std::fs::rename(&new, &path).unwrap();
        assert_eq!(
            gate.refusal(&path).await,
            ErrorCode::PathNotAllowed,
            "{}",
            path.display()
        );
    }
}

/// And one that is moved away is still the same file.
#[tokio::test]
async fn a_home_that_is_moved_stays_protected() {
    let world = everything(World::new());
    let gate = Gate::open(&world).await;
    std::fs::rename(world.path("loadlock.toml"), world.path("files/moved.toml")).unwrap();
    assert_eq!(
        gate.refusal(world.path("files/moved.toml")).await,
        ErrorCode::PathNotAllowed
    );
    std::fs::rename(world.path("home"), world.path("files/elsewhere")).unwrap();
    assert_eq!(
        gate.refusal(world.path("files/elsewhere/keys/local.key")).await,
        ErrorCode::PathNotAllowed
    );
    std::fs::rename(world.path("files/elsewhere"), world.path("home")).unwrap();
}

/// A body on its way lies in the spool: another caller cannot name it.
#[tokio::test]
async fn the_spool_is_not_admitted() {
    let world = everything(World::new());
    let gate = Gate::open(&world).await;
    let spool = world.path("home/spool");
    // Too large to stay in memory, where nobody could name it at all.
    let content = b"somebody's body".repeat(10_000);
    let stream = futures::stream::iter([Ok(Bytes::from(content.clone()))]).boxed();
    let body = Body {
        stream,
        name: "body.txt".to_owned(),
        media_type: None,
    };
    let request = UploadRequest::from(Source::Body(body));
    let root = GrantRoot::open(&world.path(""), protected(&world.path("home"))).unwrap();
    let seen = std::sync::Mutex::new(None);
    let look = |event: Event| {
        if matches!(event, Event::Admitted { .. }) {
            let entry = std::fs::read_dir(&spool).unwrap().next().unwrap().unwrap().path();
            let body = entry.join("body");
            assert!(std::fs::read(&body).unwrap() == content);
            let relative = body.strip_prefix(world.path("")).unwrap();
            assert!(matches!(root.open_file(relative), Err(OpenError::Protected)));
            *seen.lock().unwrap() = Some(body);
        }
    };
    let opened = &gate.opened;
    opened.gateway.upload(&opened.who, request, &look).await.unwrap();
    let body = seen.lock().unwrap().take().expect("nothing was spooled");
    assert_eq!(gate.refusal(&body).await, ErrorCode::PathNotAllowed);
}

fn protected(path: &Path) -> Protected {
    let mut protected = Protected::default();
    protected.add(path).unwrap();
    protected
}

/// The sandbox's own rule, below the configuration's: no root at or below what is protected, by whatever name.
#[tokio::test]
async fn no_root_lies_within_the_state() {
    let world = World::new();
    std::fs::create_dir_all(world.path("home/spool/entry")).unwrap();
    symlink(world.path("home/spool"), world.path("innocent")).unwrap();
    let home = protected(&world.path("home"));
    for root in ["home", "home/spool", "home/spool/entry", "innocent", "files/../home"] {
        let error = GrantRoot::open(&world.path("").join(root), home.clone()).unwrap_err();
        assert!(matches!(error, RootError::Protected { .. }), "{root}: {error}");
    }
    for root in ["/", "/..", "/proc/self/root"] {
        let error = GrantRoot::open(Path::new(root), home.clone()).unwrap_err();
        assert!(matches!(error, RootError::Everything { .. }), "{root}: {error}");
    }
    let error = GrantRoot::open(&world.path("missing"), home.clone()).unwrap_err();
    assert!(matches!(error, RootError::Open { .. }), "{error}");
    std::fs::write(world.path("file"), "").unwrap();
    let error = GrantRoot::open(&world.path("file"), home).unwrap_err();
    assert!(matches!(error, RootError::Open { .. }), "{error}");
}

/// A component's own directory is opened without following a link that somebody left there.
#[tokio::test]
async fn a_components_directory_is_no_link() {
    let world = World::new().config("[providers.local]");
    std::fs::create_dir_all(world.path("home/providers")).unwrap();
    symlink(world.path("outside"), world.path("home/providers/local")).unwrap();
    let error = world.try_open().await.err().unwrap();
    assert_eq!(error.code, ErrorCode::StateUnavailable, "{error}");
}
