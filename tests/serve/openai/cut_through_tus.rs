//! A resumable upload leaves while its requests come.

use loadlock_served::Answer;
use loadlock_upstream::Recorded;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::cut_through::{BYTES, Scene, content, creates};
use super::spool;
use crate::tus::until;

const VERSION: (&str, &str) = ("tus-resumable", "1.0.0");
const OCTETS: (&str, &str) = ("content-type", "application/offset+octet-stream");

impl Scene {
    /// Where a new upload of the size is: `a.txt`, for `user_data`.
    async fn created(&self) -> String {
        let length = BYTES.to_string();
        let metadata = "filename YS50eHQ=,purpose dXNlcl9kYXRh";
        let headers = [
            VERSION,
            ("upload-length", length.as_str()),
            ("upload-metadata", metadata),
        ];
        let created = self.client.send("POST", "/v1/tus", &headers, "").await.expect(201);
        created.header("location").to_owned()
    }

    async fn patch(&self, path: &str, offset: usize, bytes: &[u8]) -> Answer {
        let offset = offset.to_string();
        let headers = [VERSION, OCTETS, ("upload-offset", offset.as_str())];
        self.client.send("PATCH", path, &headers, bytes.to_vec()).await
    }

    async fn offset(&self, path: &str) -> usize {
        let head = self.client.send("HEAD", path, &[VERSION], "").await;
        head.header("upload-offset").parse().unwrap()
    }
}

#[tokio::test]
async fn requests_go_on_with_what_the_vendor_has_and_the_last_byte_is_stored() {
    let scene = Scene::new("").await;
    let content = content(0);
    let path = scene.created().await;
    let (mut at, step) = (0, BYTES / 4);
    while at + step < BYTES {
        scene.patch(&path, at, &content[at..at + step]).await.expect(204);
        at += step;
        scene.vendor_has(0, at).await;
        assert!(scene.vendor.files().is_empty());
    }
    scene.patch(&path, at, &content[at..]).await.expect(204);
    assert_eq!(scene.offset(&path).await, BYTES);
    scene.stored_once(&content).await;
    assert_eq!(creates(&scene.vendor.requests().all()).count(), 1);
    assert!(scene.counted("sent").await);
}

#[tokio::test]
async fn a_request_that_breaks_off_is_resumed_and_so_is_what_the_vendor_has() {
    let scene = Scene::new("").await;
    let content = content(0);
    let path = scene.created().await;
    let mut stream = TcpStream::connect(&scene.served.address).await.unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ntus-resumable: 1.0.0\r\nupload-offset: \
         0\r\ncontent-type: application/offset+octet-stream\r\ncontent-length: {BYTES}\r\n\r\n",
        scene.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&content[..BYTES / 2]).await.unwrap();
    // All but what waits to be written with the next bytes.
    scene.vendor_has(0, BYTES / 2 - (300 << 10)).await;
    drop(stream);
    // Asking for the offset waits for the request before.
    let at = scene.offset(&path).await;
    let tail = scene.patch(&path, at, &content[at..]).await;
    let tail = if tail.status.as_u16() == 409 {
        let at = scene.offset(&path).await;
        scene.patch(&path, at, &content[at..]).await
    } else {
        tail
    };
    tail.expect(204);
    scene.stored_once(&content).await;
    assert_eq!(creates(&scene.vendor.requests().all()).count(), 1);
}

#[tokio::test]
async fn what_is_deleted_on_its_way_is_stored_nowhere() {
    let scene = Scene::new("").await;
    let path = scene.created().await;
    scene.patch(&path, 0, &content(0)[..BYTES / 2]).await.expect(204);
    scene.vendor_has(0, BYTES / 2).await;
    scene.client.send("DELETE", &path, &[VERSION], "").await.expect(204);
    scene.ended(1).await;
    scene.nothing_is_left().await;
}

#[tokio::test]
async fn more_than_was_announced_is_refused_and_the_rest_is_stored() {
    let scene = Scene::new("").await;
    let content = content(0);
    let path = scene.created().await;
    scene.patch(&path, 0, &content[..BYTES / 2]).await.expect(204);
    scene.vendor_has(0, BYTES / 2).await;
    let more = [&content[BYTES / 2..], b"more"].concat();
    scene.patch(&path, BYTES / 2, &more).await.expect(413);
    assert!(scene.vendor.files().is_empty());
    scene.patch(&path, BYTES / 2, &content[BYTES / 2..]).await.expect(204);
    scene.stored_once(&content).await;
}

#[tokio::test]
async fn what_nobody_comes_back_for_expires() {
    let scene = Scene::new("[limits]\ncut_through_idle = \"100ms\"\ntus_expiry = \"1s\"\n").await;
    let path = scene.created().await;
    scene.patch(&path, 0, &content(0)[..BYTES / 2]).await.expect(204);
    scene.served.log.wait_for(0, "slow_client").await;
    let home = scene.place.home();
    until("its bytes are removed", async || spool(&home).is_empty()).await;
    scene.nothing_is_left().await;
}

#[tokio::test]
async fn a_client_that_pauses_for_longer_than_a_vendor_waits_is_stored_when_it_comes_back() {
    let scene = Scene::new("[limits]\ncut_through_idle = \"300ms\"\n").await;
    let content = content(0);
    let path = scene.created().await;
    scene.patch(&path, 0, &content[..BYTES / 2]).await.expect(204);
    scene.served.log.wait_for(0, "slow_client").await;
    scene.patch(&path, BYTES / 2, &content[BYTES / 2..]).await.expect(204);
    scene.stored_once(&content).await;
    let requests: Vec<Recorded> = scene.vendor.requests().all();
    let whole: Vec<bool> = creates(&requests).map(|request| request.body_complete).collect();
    assert_eq!(whole, [false, true]);
}
