//! Bytes that changed on the disk are noticed, said, and healed.

use std::path::{Path, PathBuf};

use loadlock_served::Place;
use serde_json::Value;

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

/// Uploads a file that must be stored; answers its id.
async fn upload(place: &Place, name: &str) -> String {
    let (status, lines) = place.run(&["upload", name]).await;
    assert_eq!(status, 0, "{lines:?}");
    lines[0]["id"].as_str().unwrap().to_owned()
}

fn code(lines: &[Value]) -> &str {
    lines
        .first()
        .and_then(|line| line["error"]["code"].as_str())
        .unwrap_or("none")
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 0x20;
    std::fs::write(path, bytes).unwrap();
}

/// Where these bytes are in a file.
fn places(path: &Path, needle: &[u8]) -> Vec<usize> {
    let bytes = std::fs::read(path).unwrap();
    let windows = bytes.windows(needle.len()).enumerate();
    windows
        .filter(|(_, window)| *window == needle)
        .map(|(at, _)| at)
        .collect()
}

#[tokio::test]
async fn a_damaged_ledger_refuses_and_its_backup_serves() {
    let place = place();
    place.file("a.txt", "the bytes");
    let id = upload(&place, "a.txt").await;
    let ledger = place.home().join("tracker/ledger/ledger.redb");
    let kept = std::fs::read(&ledger).unwrap();

    let refused = async |what: &str| {
        for command in [
            &["files", "show", &id][..],
            &["files", "ls"],
            &["upload", "a.txt"],
            &["fsck"],
        ] {
            let (status, lines) = place.run(command).await;
            assert_eq!(
                (status, code(&lines)),
                (1, "tracker_failed"),
                "{what}: {command:?}: {lines:?}"
            );
            let message = lines[0]["error"]["message"].as_str().unwrap();
            assert!(
                message.contains("damaged") && message.contains("backup"),
                "{what}: {message}"
            );
        }
    };
    // In the key of a row, which a lookup would not find any more.
    let found = places(&ledger, id.as_bytes());
    assert!(!found.is_empty());
    for at in &found {
        flip(&ledger, *at + 7);
    }
    refused("a flipped byte").await;
    std::fs::write(&ledger, b"").unwrap();
    refused("an empty file").await;
    std::fs::remove_file(&ledger).unwrap();
    refused("no file").await;
    // A gateway that serves does not begin with it.
    let served = place
        .command(&["serve", "--listen", "127.0.0.1:0"])
        .output()
        .await
        .unwrap();
    assert!(!served.status.success());

    std::fs::write(&ledger, &kept).unwrap();
    assert_eq!(place.run(&["files", "show", &id]).await.0, 0);
    assert_eq!(place.run(&["fsck"]).await.0, 0);
}

/// The object of the local store with this content.
fn object(place: &Place, content: &[u8]) -> PathBuf {
    let objects = place.home().join("providers/local/objects");
    let shards = std::fs::read_dir(objects).unwrap();
    shards
        .flat_map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap())
        .map(|entry| entry.unwrap().path())
        .find(|path| std::fs::read(path).unwrap() == content)
        .unwrap()
}

#[tokio::test]
async fn a_damaged_object_is_not_served_and_an_upload_heals_it() {
    let place = place();
    // Several chunks, so that some of it has gone out before the damage is seen.
    let content = b"0123456789abcdef".repeat(80_000);
    place.file("a.txt", &content);
    place.file("b.txt", "small");
    let (large, small) = (upload(&place, "a.txt").await, upload(&place, "b.txt").await);
    let objects = [object(&place, &content), object(&place, b"small")];
    flip(&objects[0], content.len() / 2);
    flip(&objects[1], 1);

    // Only a look at everything finds what nobody has read.
    let (status, lines) = place.run(&["fsck"]).await;
    assert_eq!(status, 0, "{lines:?}");
    let (status, lines) = place.run(&["fsck", "--deep"]).await;
    assert_eq!(
        (status, lines[0]["damaged"].as_array().unwrap().len()),
        (1, 2),
        "{lines:?}"
    );

    let served = place.serve().await;
    let client = served.client(&place.token("local", &["read", "write", "admin"]).await);
    let answer = client.get(&format!("/v1/files/{small}/content")).await;
    assert!(answer.status.is_server_error(), "{}", answer.status);
    served.stop().await;
    // The whole is never written.
    let kept = place.files().join("kept");
    for id in [&large, &small] {
        let (status, lines) = place.run(&["files", "content", id, "-o", kept.to_str().unwrap()]).await;
        assert_eq!((status, code(&lines)), (1, "provider_failed"), "{lines:?}");
        assert!(!kept.exists());
    }

    for (name, id) in [("a.txt", &large), ("b.txt", &small)] {
        let (_, lines) = place.run(&["upload", name]).await;
        assert_eq!(lines[0]["deduplicated"], false, "{lines:?}");
        assert_eq!(
            place
                .run(&["files", "content", id, "-o", kept.to_str().unwrap()])
                .await
                .0,
            0
        );
        assert_eq!(
            std::fs::read(&kept).unwrap(),
            std::fs::read(place.files().join(name)).unwrap()
        );
        std::fs::remove_file(&kept).unwrap();
    }
    let (status, lines) = place.run(&["fsck", "--deep"]).await;
    assert_eq!(status, 0, "{lines:?}");
}

#[tokio::test]
async fn an_upload_is_not_given_a_broken_copy() {
    let place = place();
    place.configure("[dedup]\nverify_after = \"0s\"\n\n[[grants]]\nroot = \"{files}\"\n");
    place.file("a.txt", "the bytes");
    let id = upload(&place, "a.txt").await;
    assert_eq!(place.run(&["upload", "a.txt"]).await.1[0]["deduplicated"], true);
    flip(&object(&place, b"the bytes"), 3);
    let (status, lines) = place.run(&["upload", "a.txt"]).await;
    assert_eq!(
        (status, &lines[0]["deduplicated"]),
        (0, &Value::Bool(false)),
        "{lines:?}"
    );
    object(&place, b"the bytes");
    assert_eq!(place.run(&["files", "content", &id, "-o", "kept"]).await.0, 0);
}

/// What is done to an object and its record.
type Loss = fn(&Path, &Path);

/// Whatever was done to what the local store holds, an upload of the same content is not told that it is stored: it
/// stores it anew.
#[tokio::test]
async fn an_upload_of_what_was_lost_stores_it_again() {
    const CONTENT: &[u8] = b"precious data";
    let ways: [(&str, Loss); 8] = [
        ("the object is gone", |object, _| std::fs::remove_file(object).unwrap()),
        ("it is empty", |object, _| std::fs::write(object, b"").unwrap()),
        ("it is shorter", |object, _| {
            std::fs::write(object, &CONTENT[..5]).unwrap()
        }),
        ("it is longer", |object, _| {
            std::fs::write(object, [CONTENT, b"more"].concat()).unwrap();
        }),
        ("it is a link", |object, _| {
            std::fs::remove_file(object).unwrap();
            std::os::unix::fs::symlink("/etc/hostname", object).unwrap();
        }),
        ("its record is gone", |_, record| std::fs::remove_file(record).unwrap()),
        ("its record is empty", |_, record| std::fs::write(record, b"").unwrap()),
        ("its record is damaged", |_, record| flip(record, 3)),
    ];
    let place = place();
    place.file("a.txt", CONTENT);
    upload(&place, "a.txt").await;
    for (what, lose) in ways {
        let object = object(&place, CONTENT);
        let record = PathBuf::from(format!("{}.json", object.display()));
        lose(&object, &record);
        let (status, lines) = place.run(&["upload", "a.txt"]).await;
        assert_eq!(status, 0, "{what}: {lines:?}");
        assert_ne!(lines[0]["deduplicated"], true, "{what}: {lines:?}");
        assert_eq!(std::fs::read(&object).unwrap(), CONTENT, "{what}");
        let id = lines[0]["id"].as_str().unwrap();
        let read = place.command(&["files", "content", id]).output().await.unwrap();
        assert_eq!(read.stdout, CONTENT, "{what}");
    }
    let (status, lines) = place.run(&["upload", "a.txt"]).await;
    assert_eq!(
        (status, &lines[0]["deduplicated"]),
        (0, &Value::Bool(true)),
        "{lines:?}"
    );
}
