//! What a path says: `..`, tricks with slashes, prefixes, other spellings.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use loadlock_gateway::ErrorCode;
use loadlock_tests::World;

use crate::Gate;

#[tokio::test]
async fn dots_lead_nowhere_that_is_not_granted() {
    let world = World::new();
    world.file("sub/a.txt", "inside");
    std::fs::write(world.path("outside/secret.txt"), "outside").unwrap();
    let gate = Gate::open(&world).await;
    for path in [
        "../outside/secret.txt",
        "sub/../../outside/secret.txt",
        "./../outside/secret.txt",
        "sub/../sub/../../outside/secret.txt",
    ] {
        assert_eq!(gate.refusal(path).await, ErrorCode::PathNotAllowed, "{path}");
        let absolute = world.path("files").join(path);
        assert_eq!(gate.refusal(absolute).await, ErrorCode::PathNotAllowed, "{path}");
    }
    // `..` that stays within the grant is what it leads to.
    let file = gate.upload("sub/../sub/./a.txt").await.unwrap();
    assert_eq!(gate.content(&file).await, b"inside");
    // Out and in again: the path that counts is the one it leads to.
    gate.upload("../files/sub/a.txt").await.unwrap();
}

#[tokio::test]
async fn slashes_and_dots_are_only_another_spelling() {
    let world = World::new();
    let path = world.file("sub/a.txt", "inside");
    let gate = Gate::open(&world).await;
    let plain = path.display().to_string();
    for spelling in [
        plain.replace('/', "//"),
        plain.replace('/', "/./"),
        plain.replacen('/', "///", 1),
    ] {
        let file = gate.upload(&spelling).await.unwrap();
        assert_eq!(gate.content(&file).await, b"inside", "{spelling}");
    }
    // A slash at the end asks for a directory.
    assert_eq!(gate.refusal(format!("{plain}/")).await, ErrorCode::PathNotFound);
}

#[tokio::test]
async fn a_longer_name_is_another_directory() {
    let world = World::new();
    for evil in ["files-evil", "filesx", "files.bak", "Files", "FILES", "file"] {
        std::fs::create_dir(world.path(evil)).unwrap();
        std::fs::write(world.path(evil).join("a.txt"), "evil").unwrap();
    }
    let gate = Gate::open(&world).await;
    for evil in ["files-evil", "filesx", "files.bak", "Files", "FILES", "file"] {
        assert_eq!(
            gate.refusal(world.path(evil).join("a.txt")).await,
            ErrorCode::PathNotAllowed,
            "{evil}"
        );
        assert_eq!(
            gate.refusal(format!("../{evil}/a.txt")).await,
            ErrorCode::PathNotAllowed,
            "{evil}"
        );
    }
}

/// Letters that look or fold alike are other bytes: they name another file or none, never one outside.
#[tokio::test]
async fn other_spellings_of_a_name_are_other_names() {
    let world = World::new();
    // Composed and decomposed.
    let (composed, decomposed) = ("caf\u{e9}.txt", "cafe\u{301}.txt");
    world.file(composed, "composed");
    std::fs::write(world.path("outside/a.txt"), "outside").unwrap();
    let gate = Gate::open(&world).await;
    assert_eq!(gate.content(&gate.upload(composed).await.unwrap()).await, b"composed");
    for name in [
        decomposed,
        "CAF\u{c9}.TXT",
        "caf\u{e9}.TXT",
        "caf\u{e9}.txt ",
        "caf\u{e9}.txt.",
    ] {
        let outcome = gate.upload(name).await;
        // A file system that folds them opens the same file beneath the same root.
        assert!(
            outcome.is_err_and(|error| error.code == ErrorCode::PathNotFound),
            "{name}"
        );
    }
    // Dots and slashes of other scripts are no dots and slashes.
    for name in [
        "\u{2024}\u{2024}/outside/a.txt",
        "\u{ff0e}\u{ff0e}/outside/a.txt",
        "..\u{2215}outside\u{2215}a.txt",
        "..\u{ff0f}outside\u{ff0f}a.txt",
        "..\\outside\\a.txt",
    ] {
        assert_eq!(gate.refusal(name).await, ErrorCode::PathNotFound, "{name}");
    }
}

#[tokio::test]
async fn what_is_no_path_is_refused() {
    let world = World::new();
    world.file("a.txt", "inside");
    let gate = Gate::open(&world).await;
    for path in [
        "",
        "a.txt\0",
        "a.txt\0../outside",
        "a\r.txt",
        "\u{1b}[2Ja.txt",
        "a\u{85}.txt",
    ] {
        assert_eq!(gate.refusal(path).await, ErrorCode::PathNotAllowed, "{path:?}");
    }
    assert_eq!(
        gate.refusal(OsStr::from_bytes(b"a\xff.txt")).await,
        ErrorCode::PathNotAllowed
    );
    assert_eq!(gate.refusal("a/".repeat(3_000)).await, ErrorCode::PathNotAllowed);
    assert_eq!(gate.refusal("a".repeat(300)).await, ErrorCode::PathNotReadable);
}

/// A decision is one line, whatever the path says.
#[tokio::test]
async fn a_path_cannot_forge_a_line_of_the_log() {
    let world = World::new();
    let gate = Gate::open(&world).await;
    let path = "a\n INFO loadlock::path: [PATH] allowed /etc/passwd";
    assert_eq!(gate.refusal(path).await, ErrorCode::PathNotAllowed);
}

/// A list of traversals that scanners try, as they are and beneath the grant. Nothing of it reaches the secret.
#[tokio::test]
async fn known_traversals_reach_nothing() {
    const SECRET: &str = "outside.secret";
    let world = World::new();
    world.file("a.txt", "inside");
    std::fs::write(world.path("outside/secret.txt"), SECRET).unwrap();
    let gate = Gate::open(&world).await;
    let target = world.path("outside/secret.txt").display().to_string();
    let lines: Vec<_> = include_str!("traversals.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert!(lines.len() >= 60, "{}", lines.len());
    for line in lines {
        let path = line
            .replace("{target}", &target)
            .replace("{root}", target.trim_start_matches('/'));
        for path in [path.clone(), format!("{}/{path}", world.path("files").display())] {
            match gate.upload(&path).await {
                Ok(file) => panic!("{path} was uploaded as {}", file.filename),
                Err(error) => assert!(
                    matches!(
                        error.code,
                        ErrorCode::PathNotAllowed
                            | ErrorCode::PathNotFound
                            | ErrorCode::PathNotReadable
                            | ErrorCode::NotARegularFile
                    ),
                    "{path}: {error}"
                ),
            }
        }
    }
    // The one that is meant is still there.
    gate.upload("a.txt").await.unwrap();
}
