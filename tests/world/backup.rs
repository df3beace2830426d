//! A backup that is made while a gateway serves opens elsewhere, and what is not a whole backup changes nothing.

use std::path::{Path, PathBuf};

use loadlock_served::Place;
use serde_json::{Value, json};

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

/// Uploads a file that must be stored; answers its id.
async fn upload(place: &Place, name: &str, content: &[u8]) -> String {
    place.file(name, content);
    let (status, lines) = place.run(&["upload", name]).await;
    assert_eq!(status, 0, "{lines:?}");
    lines[0]["id"].as_str().unwrap().to_owned()
}

async fn done(place: &Place, arguments: &[&str]) -> Value {
    let (status, lines) = place.run(arguments).await;
    assert_eq!(status, 0, "{arguments:?}: {lines:?}");
    lines.into_iter().next().unwrap_or_default()
}

async fn refused(place: &Place, arguments: &[&str], code: &str) -> String {
    let (status, lines) = place.run(arguments).await;
    assert_ne!(status, 0, "{arguments:?}: {lines:?}");
    assert_eq!(lines[0]["error"]["code"], code, "{arguments:?}: {lines:?}");
    lines[0]["error"]["message"].as_str().unwrap().to_owned()
}

async fn content(place: &Place, id: &str) -> Vec<u8> {
    let read = place.command(&["files", "content", id]).output().await.unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    read.stdout
}

fn path(folder: &Path) -> &str {
    folder.to_str().unwrap()
}

/// A place with a file in it, and a backup of it.
async fn backed_up() -> (Place, String, PathBuf) {
    let place = place();
    let id = upload(&place, "a.txt", b"the bytes").await;
    let folder = place.files().join("backup");
    done(&place, &["backup", path(&folder)]).await;
    (place, id, folder)
}

#[tokio::test]
async fn a_backup_of_a_gateway_that_serves_opens_elsewhere() {
    let here = place();
    let mut ids = Vec::new();
    for number in 0..4 {
        let content = format!("before {number}").into_bytes();
        ids.push((upload(&here, &format!("{number}.txt"), &content).await, content));
    }
    let token = here.token("local", &["read", "write"]).await;
    let served = here.serve().await;
    let folder = here.files().join("backup");
    let client = served.client(&token);
    // Uploads before, during and after: those that were answered before it began are in it.
    for number in 0..8 {
        let content = format!("served {number}").into_bytes();
        let answer = client
            .upload("served.txt", &content, &[("purpose", "store")])
            .await
            .expect(200)
            .json();
        ids.push((answer["id"].as_str().unwrap().to_owned(), content));
    }
    let more = async {
        for number in 0..40 {
            let content = format!("meanwhile {number}").into_bytes();
            client
                .upload("more.txt", &content, &[("purpose", "store")])
                .await
                .expect(200);
        }
    };
    let command = ["backup", path(&folder)];
    let (summary, ()) = tokio::join!(done(&here, &command), more);
    assert_eq!(summary["ledger"], true, "{summary}");
    served.stop().await;

    let there = place();
    assert_eq!(
        done(&there, &["restore", path(&folder)]).await["files"],
        summary["files"]
    );
    for (id, bytes) in &ids {
        assert_eq!(&content(&there, id).await, bytes);
    }
    done(&there, &["fsck", "--deep"]).await;
    done(&there, &["audit", "verify"]).await;
    // What is known is recognised, and what the old home signed is good.
    there.file("again.txt", "before 0");
    assert_eq!(done(&there, &["upload", "again.txt"]).await["deduplicated"], true);
    let served = there.serve().await;
    served.client(&token).get("/v1/files").await.expect(200);
    served.stop().await;
}

#[tokio::test]
async fn nobody_makes_a_backup_over_the_network() {
    let place = place();
    let served = place.serve().await;
    let token = place.token("local", &["admin"]).await;
    let folder = place.files().join("backup");
    let asked = json!({ "folder": folder });
    served
        .client(&token)
        .post_json("/v1/loadlock/backup", asked)
        .await
        .expect(403);
    assert!(!folder.exists());
    served.stop().await;
    // Nor into the home, over something else, or without the right to.
    refused(
        &place,
        &["backup", path(&place.home().join("backup"))],
        "request_invalid",
    )
    .await;
    refused(&place, &["backup", path(&place.files().join(".."))], "request_invalid").await;
    let token = place.token("local", &["read", "write", "delete"]).await;
    let ran = place
        .command(&["backup", path(&folder), "--json"])
        .env("LOADLOCK_TOKEN", token)
        .output()
        .await
        .unwrap();
    assert!(String::from_utf8_lossy(&ran.stdout).contains("\"forbidden\""));
}

#[tokio::test]
async fn what_is_not_a_whole_backup_changes_nothing() {
    let (_here, _, folder) = backed_up().await;
    let there = place();
    let manifest = folder.join("manifest.jsonl");
    let whole = std::fs::read_to_string(&manifest).unwrap();
    let key = folder.join("keys/local.key");
    let kept = std::fs::read(&key).unwrap();

    let outside = whole.replacen("keys/local.key", "keys/../../outside", 1);
    let cut = whole.rsplit_once("{\"files\"").unwrap().0.to_owned();
    for broken in [
        String::new(),
        cut,
        outside,
        whole.replacen("\"format\":1", "\"format\":2", 1),
    ] {
        std::fs::write(&manifest, broken).unwrap();
        refused(&there, &["restore", path(&folder)], "state_unavailable").await;
    }
    std::fs::write(&manifest, &whole).unwrap();
    std::fs::write(&key, [7; 32]).unwrap();
    assert!(
        refused(&there, &["restore", path(&folder)], "state_unavailable")
            .await
            .contains("local.key")
    );
    std::fs::remove_file(&key).unwrap();
    refused(&there, &["restore", path(&folder)], "state_unavailable").await;
    assert!(!there.home().join("keys/local.key").exists());

    std::fs::write(&key, kept).unwrap();
    done(&there, &["restore", path(&folder)]).await;
    // A home with state is not overwritten.
    refused(&there, &["restore", path(&folder)], "request_invalid").await;
}

#[tokio::test]
async fn a_restore_that_was_interrupted_is_made_again_before_anything_starts() {
    let (_here, id, folder) = backed_up().await;
    let there = place();
    std::fs::create_dir_all(there.home().join("restoring/keys")).unwrap();
    std::fs::create_dir_all(there.home().join("keys")).unwrap();
    std::fs::write(there.home().join("keys/local.key"), [7; 32]).unwrap();
    for command in [&["files", "ls"][..], &["backup", "elsewhere"]] {
        assert!(
            refused(&there, command, "state_unavailable")
                .await
                .contains("not finished")
        );
    }
    done(&there, &["restore", path(&folder)]).await;
    assert_eq!(content(&there, &id).await, b"the bytes");
    assert!(!there.home().join("restoring").exists());
}

#[tokio::test]
async fn a_damaged_ledger_is_replaced_from_the_backup_and_never_backed_up() {
    let (place, id, folder) = backed_up().await;
    let later = upload(&place, "later.txt", b"after the backup").await;
    let ledger = place.home().join("tracker/ledger/ledger.redb");
    let mut bytes = std::fs::read(&ledger).unwrap();
    let found: Vec<usize> = bytes
        .windows(id.len())
        .enumerate()
        .filter(|(_, window)| *window == id.as_bytes())
        .map(|(at, _)| at)
        .collect();
    found.iter().for_each(|at| bytes[at + 7] ^= 0x20);
    std::fs::write(&ledger, bytes).unwrap();
    assert!(
        refused(&place, &["files", "show", &id], "tracker_failed")
            .await
            .contains("loadlock restore")
    );
    let another = place.files().join("another");
    refused(&place, &["backup", path(&another)], "tracker_failed").await;

    done(&place, &["restore", path(&folder), "--ledger"]).await;
    assert_eq!(content(&place, &id).await, b"the bytes");
    assert!(place.home().join("tracker/ledger.damaged-1/ledger.redb").exists());
    // What came after the backup is not in its ledger: the books say so, and an upload of it is stored as before.
    refused(&place, &["files", "show", &later], "file_not_found").await;
    assert_eq!(place.run(&["fsck"]).await.0, 1);
    upload(&place, "later.txt", b"after the backup").await;
    assert_eq!(place.run(&["fsck"]).await.0, 0);
}
