//! What the tus suites share.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use loadlock_served::{Answer, Client, Place, Served};

pub const OCTETS: (&str, &str) = ("content-type", "application/offset+octet-stream");
pub const VERSION: (&str, &str) = ("tus-resumable", "1.0.0");

pub fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

/// A running server and a client that may write.
pub async fn serve(place: &Place) -> (Served, Client) {
    let served = place.serve().await;
    let token = place.token("acme", &["read", "write"]).await;
    let client = served.client(&token);
    (served, client)
}

pub async fn tus(
    client: &Client,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Vec<u8>>,
) -> Answer {
    let mut all = vec![VERSION];
    all.extend(headers);
    client.send(method, path, &all, body.into()).await
}

/// Makes an upload and answers its path.
pub async fn create(client: &Client, headers: &[(&str, &str)]) -> String {
    let made = tus(client, "POST", "/v1/tus", headers, "").await.expect(201);
    made.header("location").to_owned()
}

/// `filename a.txt`, `filetype text/plain`.
pub const TEXT: (&str, &str) = ("upload-metadata", "filename YS50eHQ=,filetype dGV4dC9wbGFpbg==");

pub async fn make(client: &Client, length: usize) -> String {
    create(client, &[("upload-length", &length.to_string()), TEXT]).await
}

pub async fn patch(client: &Client, path: &str, offset: usize, body: impl Into<Vec<u8>>) -> Answer {
    tus(
        client,
        "PATCH",
        path,
        &[OCTETS, ("upload-offset", &offset.to_string())],
        body,
    )
    .await
}

pub async fn head(client: &Client, path: &str) -> Answer {
    tus(client, "HEAD", path, &[], "").await
}

pub async fn offset(client: &Client, path: &str) -> u64 {
    head(client, path)
        .await
        .expect(200)
        .header("upload-offset")
        .parse()
        .unwrap()
}

/// Bytes that no two places share.
pub fn bytes(len: usize) -> Vec<u8> {
    (0..len)
        .map(|index| b"abcdefghijklmnopqrstuvwxyz\n"[(index * 31 + index / 27) % 27])
        .collect()
}

/// What providers were given: every file of the local provider that holds these bytes.
pub fn stored(place: &Place, content: &[u8]) -> usize {
    count(&place.home().join("providers"), &|path| {
        std::fs::read(path).unwrap() == content
    })
}

/// Folders of uploads, and files of bytes in them.
pub fn left(place: &Place) -> (usize, usize) {
    let root = spool(place);
    let folders = std::fs::read_dir(&root).unwrap().count();
    (folders, count(&root, &|path| path.extension().is_none()))
}

/// Where bodies lie, those of uploads included.
pub fn spool(place: &Place) -> PathBuf {
    place.home().join("spool")
}

/// The file of an upload's bytes.
pub fn data(place: &Place, path: &str) -> PathBuf {
    let id = path.rsplit('/').next().unwrap();
    spool(place).join(id).join("data")
}

fn count(folder: &Path, which: &dyn Fn(&Path) -> bool) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |path: std::path::PathBuf| {
        if path.is_dir() {
            count(&path, which)
        } else {
            usize::from(which(&path))
        }
    };
    entries.map(|entry| of(entry.path())).sum()
}

/// Waits until it is so; the test fails if it never is.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} does not happen");
}
