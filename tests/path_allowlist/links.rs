//! Symbolic and magic links: out of the grant they lead nowhere, inside they are what they lead to.

use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::Path;

use loadlock_gateway::ErrorCode;
use loadlock_sandbox::files::{GrantRoot, OpenError, Protected};
use loadlock_tests::World;

use super::Gate;

fn scene() -> World {
    let world = World::new();
    world.file("sub/a.txt", "inside");
    std::fs::write(world.path("outside/secret.txt"), "outside").unwrap();
    let files = world.path("files");
    symlink(world.path("outside/secret.txt"), files.join("out-file")).unwrap();
    symlink("../outside/secret.txt", files.join("out-relative")).unwrap();
    symlink(world.path("outside"), files.join("out-folder")).unwrap();
    symlink("../outside", files.join("out-folder-relative")).unwrap();
    symlink("/", files.join("out-root")).unwrap();
    symlink("out-file", files.join("out-twice")).unwrap();
    symlink("sub", files.join("in-folder")).unwrap();
    symlink("sub/a.txt", files.join("in-file")).unwrap();
    symlink(world.path("files/sub/a.txt"), files.join("in-absolute")).unwrap();
    symlink("../out-file", files.join("sub/out-of-sub")).unwrap();
    symlink("nowhere", files.join("dangling")).unwrap();
    symlink(world.path("outside/nowhere"), files.join("dangling-out")).unwrap();
    symlink("loop-b", files.join("loop-a")).unwrap();
    symlink("loop-a", files.join("loop-b")).unwrap();
    world
}

#[tokio::test]
async fn links_out_of_the_grant_are_refused() {
    let world = scene();
    let outside = world.path("outside").strip_prefix("/").unwrap().to_owned();
    let gate = Gate::open(&world).await;
    let through_root = Path::new("out-root").join(outside).join("secret.txt");
    for path in [
        "out-file",
        "out-relative",
        "out-folder/secret.txt",
        "out-folder-relative/secret.txt",
        "out-twice",
        "sub/out-of-sub",
        "in-folder/out-of-sub",
        "out-folder/../outside/secret.txt",
        through_root.to_str().unwrap(),
    ] {
        assert_eq!(gate.refusal(path).await, ErrorCode::PathNotAllowed, "{path}");
        assert_eq!(
            gate.refusal(world.path("files").join(path)).await,
            ErrorCode::PathNotAllowed,
            "{path}"
        );
    }
}

#[tokio::test]
async fn links_within_the_grant_are_what_they_lead_to() {
    let world = scene();
    let gate = Gate::open(&world).await;
    for path in [
        "in-file",
        "in-absolute",
        "in-folder/a.txt",
        "in-folder/../in-folder/a.txt",
    ] {
        let file = gate.upload(path).await.unwrap();
        // It is called what was typed; a link must not rename what the rules would refuse all the same.
        assert_eq!(Some(&*file.filename), path.rsplit('/').next(), "{path}");
        assert_eq!(gate.content(&file).await, b"inside");
    }
    world.file("sub/.env", "KEY=value");
    symlink("sub/.env", world.path("files/harmless.txt")).unwrap();
    assert_eq!(
        gate.upload("harmless.txt").await.unwrap_err().code,
        ErrorCode::FileRejected
    );
}

#[tokio::test]
async fn links_to_nothing_are_nothing() {
    let world = scene();
    let gate = Gate::open(&world).await;
    assert_eq!(gate.refusal("dangling").await, ErrorCode::PathNotFound);
    for path in ["loop-a", "loop-b", "loop-a/x"] {
        assert_eq!(gate.refusal(path).await, ErrorCode::PathNotAllowed, "{path}");
    }
}

/// Whether there is something outside is not told: what is missing there is refused as what is there.
#[tokio::test]
async fn a_link_does_not_tell_what_is_outside() {
    let world = scene();
    symlink("../outside/./nowhere/deeper", world.path("files/out-deep")).unwrap();
    symlink("sub/nowhere", world.path("files/in-nowhere")).unwrap();
    let gate = Gate::open(&world).await;
    for (there, nowhere) in [
        ("out-file", "dangling-out"),
        ("out-file", "out-deep"),
        ("out-folder/secret.txt", "out-folder/nowhere.txt"),
        (
            "out-folder-relative/secret.txt",
            "out-folder-relative/nowhere/deeper.txt",
        ),
    ] {
        let refused = async |path: &str| {
            let error = gate.upload(path).await.unwrap_err();
            (error.code, error.message.replace(path, "PATH"), error.hint)
        };
        let (there, nowhere) = (refused(there).await, refused(nowhere).await);
        assert_eq!(there, nowhere);
        assert_eq!(nowhere.0, ErrorCode::PathNotAllowed);
    }
    for inside in ["in-nowhere", "in-folder/nowhere", "in-folder/nowhere/deeper"] {
        assert_eq!(gate.refusal(inside).await, ErrorCode::PathNotFound, "{inside}");
    }
}

/// A name with a `/` at its end is a folder's.
#[tokio::test]
async fn a_file_is_not_opened_as_a_folder() {
    let world = scene();
    let gate = Gate::open(&world).await;
    for path in ["sub/a.txt/", "sub/a.txt/.", "sub/a.txt//", "in-file/"] {
        assert_eq!(gate.refusal(path).await, ErrorCode::PathNotFound, "{path}");
    }
    assert!(gate.upload("sub/./a.txt").await.is_ok());
}

/// `/proc` gives every open file a name that no directory has.
#[tokio::test]
async fn magic_links_are_refused() {
    let world = scene();
    let secret = std::fs::File::open(world.path("outside/secret.txt")).unwrap();
    let folder = std::fs::File::open(world.path("outside")).unwrap();
    let (pid, file_fd, folder_fd) = (std::process::id(), secret.as_raw_fd(), folder.as_raw_fd());
    let plain = world.path("files/sub/a.txt").display().to_string();
    let secret_path = world.path("outside/secret.txt").display().to_string();
    for (name, target) in [
        ("magic-fd", format!("/proc/self/fd/{file_fd}")),
        ("magic-folder", format!("/proc/self/fd/{folder_fd}")),
        ("magic-root", "/proc/self/root".to_owned()),
        ("magic-cwd", "/proc/self/cwd".to_owned()),
        ("magic-exe", "/proc/self/exe".to_owned()),
    ] {
        symlink(target, world.path("files").join(name)).unwrap();
    }
    let gate = Gate::open(&world).await;
    for path in [
        format!("/proc/self/fd/{file_fd}"),
        format!("/proc/{pid}/fd/{file_fd}"),
        format!("/proc/self/fd/{folder_fd}/secret.txt"),
        format!("/dev/fd/{file_fd}"),
        format!("/proc/self/root{secret_path}"),
        format!("/proc/{pid}/root{secret_path}"),
        "magic-fd".to_owned(),
        "magic-folder/secret.txt".to_owned(),
        format!("magic-root{secret_path}"),
        "magic-exe".to_owned(),
        "magic-cwd/Cargo.toml".to_owned(),
    ] {
        assert_eq!(gate.refusal(&path).await, ErrorCode::PathNotAllowed, "{path}");
    }
    // The long way round to a granted file leads to that file, or nowhere.
    for path in [format!("/proc/self/root{plain}"), format!("magic-root{plain}")] {
        match gate.upload(&path).await {
            Ok(file) => assert_eq!(gate.content(&file).await, b"inside"),
            Err(error) => assert_eq!(error.code, ErrorCode::PathNotAllowed),
        }
    }
}

/// A link as the root is followed once, when the gateway starts; pointing it elsewhere later changes nothing.
#[tokio::test]
async fn a_root_that_is_a_link_is_resolved_once() {
    let world = World::new();
    world.file("a.txt", "inside");
    std::fs::write(world.path("outside/a.txt"), "outside").unwrap();
    let link = world.path("link");
    symlink(world.path("files"), &link).unwrap();
    let world = world.config(&format!("[[grants]]\nroot = {link:?}"));
    let gate = Gate::open(&world).await;
    let by_name = gate.upload(world.path("files/a.txt")).await.unwrap();
    assert_eq!(gate.content(&by_name).await, b"inside");
    // Naming the file through the link works as long as it leads there.
    assert_eq!(
        gate.content(&gate.upload(link.join("a.txt")).await.unwrap()).await,
        b"inside"
    );
    std::fs::remove_file(&link).unwrap();
    symlink(world.path("outside"), &link).unwrap();
    assert_eq!(gate.refusal(link.join("a.txt")).await, ErrorCode::PathNotAllowed);
    gate.upload(world.path("files/a.txt")).await.unwrap();
}

/// Beneath the handle no component may be a link, whoever put it there since the words were looked at.
#[tokio::test]
async fn the_walk_follows_no_link_at_all() {
    let world = scene();
    let root = GrantRoot::open(&world.path("files"), Protected::default()).unwrap();
    for path in [
        "in-file",
        "in-folder/a.txt",
        "out-file",
        "out-folder/secret.txt",
        "dangling",
        "loop-a",
        "sub/out-of-sub",
    ] {
        let error = root.open_file(Path::new(path)).unwrap_err();
        assert!(matches!(error, OpenError::Link(_)), "{path}: {error}");
    }
    for path in ["..", "../outside/secret.txt", "/etc/passwd", "sub/../sub/a.txt"] {
        let error = root.open_file(Path::new(path)).unwrap_err();
        assert!(matches!(error, OpenError::NotBeneath), "{path}: {error}");
    }
    assert!(root.open_file(Path::new("sub/a.txt")).is_ok());
}
