//! The command line beside a server on the same home.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::process::Stdio;

use loadlock_served::Place;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

/// Standard output of a command that succeeds.
async fn output(place: &Place, arguments: &[&str]) -> String {
    let output = place.command(arguments).output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The code of the error that a command ends with.
fn code((status, lines): &(i32, Vec<Value>)) -> &str {
    assert_eq!(*status, 1, "{lines:?}");
    lines[0]["error"]["code"].as_str().unwrap()
}

#[tokio::test]
async fn commands_say_the_same_with_and_without_a_server() {
    let place = place();
    let path = place.file("a.txt", "the bytes");
    let path = path.to_str().unwrap();
    let served = place.serve().await;
    let (status, stored) = place.run(&["upload", path, "--expires-in", "2h"]).await;
    assert_eq!(status, 0, "{stored:?}");
    let id = stored[0]["id"].as_str().unwrap().to_owned();
    assert_eq!((&stored[0]["path"], stored.len()), (&json!(path), 1));
    let again = place.run(&["upload", path, "--expires-in", "1h"]).await.1;
    assert_eq!(again[0]["deduplicated"], true);
    let commands: [&[&str]; 6] = [
        &["files", "ls", "--json"],
        &["files", "ls"],
        &["files", "ls", "--all", "-q"],
        &["files", "show", &id, "--json"],
        &["files", "show", &id],
        &["files", "content", &id],
    ];
    let mut beside = Vec::new();
    for command in commands {
        beside.push(output(&place, command).await);
    }
    let kept = place.files().join("kept.txt");
    let content = ["files", "content", &id, "-o", kept.to_str().unwrap()];
    let kept_beside = place.run(&content).await;
    assert_eq!(std::fs::read(&kept).unwrap(), b"the bytes");
    let none = place.run(&["files", "show", "file-none"]).await;
    assert_eq!(served.stop().await, Some(0));
    for (command, beside) in commands.iter().zip(&beside) {
        assert_eq!(&output(&place, command).await, beside, "{command:?}");
    }
    assert_eq!(place.run(&content).await, kept_beside);
    assert_eq!(place.run(&["files", "show", "file-none"]).await, none);
    assert_eq!(code(&none), "file_not_found");
    assert_eq!(beside[5], "the bytes");
}

#[tokio::test]
async fn bytes_and_many_files_go_through_the_server() {
    let place = place();
    for name in ["a.txt", "b.txt", "c.txt"] {
        place.file(name, name);
    }
    let _served = place.serve().await;
    let many = place.run(&["upload", "a.txt", "b.txt", "none.txt"]).await;
    assert_eq!(many.0, 1);
    assert_eq!(many.1[2]["error"]["code"], "path_not_found", "{many:?}");
    assert_eq!(many.1[3]["summary"]["stored"], 2);
    let mut child = place
        .command(&["upload", "-", "--name", "in.txt", "--json"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = vec![b'x'; 3 << 20];
    input.write_all(&bytes).await.unwrap();
    drop(input);
    let ended = child.wait_with_output().await.unwrap();
    let file: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(file["bytes"], 3 << 20, "{file}");
    let id = file["id"].as_str().unwrap();
    let (status, gone) = place.run(&["files", "rm", id]).await;
    assert_eq!((status, gone), (0, vec![json!({ "id": id, "deleted": true })]));
    assert_eq!(code(&place.run(&["files", "show", id]).await), "file_not_found");
}

#[tokio::test]
async fn the_socket_is_for_this_user_and_gives_no_right_to_the_network() {
    let place = place();
    place.configure("[[grants]]\nroot = \"{files}\"\n");
    let inside = place.file("a.txt", "inside");
    let outside = place.config();
    let served = place.serve().await;
    let socket = place.home().join("gateway.sock");
    let found = std::fs::symlink_metadata(&socket).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    // The grant has no tenants: the command line may name the path, the same tenant over the network may not.
    let inside = inside.to_str().unwrap();
    assert_eq!(place.run(&["upload", inside]).await.0, 0);
    let token = place.token("local", &["write", "admin"]).await;
    let wish = json!({ "path": inside });
    let refused = served.client(&token).post_json("/v1/files", wish).await;
    assert_eq!(refused.expect(403).code(), "path_not_allowed");
    let refused = place.run(&["upload", outside.to_str().unwrap()]).await;
    assert_eq!(code(&refused), "path_not_allowed");
    // A token that is not good is none here either.
    let mut stranger = place.command(&["files", "ls", "--json"]);
    let refused = stranger.env("LOADLOCK_TOKEN", "guess").output().await;
    let refused: Value = serde_json::from_slice(&refused.unwrap().stdout).unwrap();
    assert_eq!(refused["error"]["code"], "unauthenticated");
    // What needs the gateway for itself says what to do.
    let in_use = place.run(&["tracker", "import", "--tenant", "acme"]).await;
    assert_eq!(code(&in_use), "home_in_use");
    let hint = in_use.1[0]["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("stop it"), "{hint}");
    // A server that was killed leaves its socket; the next one takes its place.
    served.kill().await;
    assert!(socket.exists());
    assert_eq!(place.run(&["providers", "ls"]).await.0, 0);
    assert_eq!(place.run(&["files", "ls"]).await.0, 0);
    let served = place.serve().await;
    assert_eq!(place.run(&["upload", inside]).await.0, 0);
    served.stop().await;
    assert!(!socket.exists());
}
