//! A body is written to the disk once, whatever door it comes by, and one that fits is stored.

use std::path::Path;

use loadlock_served::{Client, Place, Served, form};
use serde_json::{Value, json};

const ALL: &[&str] = &["read", "write", "delete"];
const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
const OCTETS: (&str, &str) = ("content-type", "application/offset+octet-stream");
const NAME: (&str, &str) = ("upload-metadata", "filename YS50eHQ=,filetype dGV4dC9wbGFpbg==");
const SPOOL: usize = 10 << 20;

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

async fn served(place: &Place) -> (Served, Client) {
    let token = place.token("acme", ALL).await;
    let served = place.serve().await;
    let client = served.client(&token);
    (served, client)
}

/// Text that no two numbers share.
fn content(number: usize, bytes: usize) -> Vec<u8> {
    let line = format!("{number} of several bodies that have nothing in common\n");
    line.bytes().cycle().take(bytes).collect()
}

/// Bytes that the process has given to the system to write.
fn written(served: &Served) -> u64 {
    let io = std::fs::read_to_string(Path::new("/proc").join(served.pid().to_string()).join("io")).unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap();
    line.trim().parse().unwrap()
}

async fn by_form(client: &Client, content: &[u8]) {
    let fields = [("purpose", "user_data")];
    client.upload("a.txt", content, &fields).await.expect(200);
}

async fn begin(client: &Client, headers: &[(&str, &str)], body: Value) -> Value {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    let begun = client.send("POST", "/v1/uploads", &all, body.to_string()).await;
    begun.expect(200).json()
}

fn wanted(bytes: usize) -> Value {
    json!({ "filename": "a.txt", "purpose": "user_data", "bytes": bytes, "mime_type": "text/plain" })
}

async fn part(client: &Client, upload: &Value, content: &[u8]) -> Value {
    let (kind, body) = form(&[], &[("data", "part", content)]);
    let path = format!("/v1/uploads/{}/parts", upload["id"].as_str().unwrap());
    let part = client.send("POST", &path, &[("content-type", &kind)], body).await;
    part.expect(200).json()["id"].clone()
}

async fn complete(client: &Client, upload: &Value, parts: &[Value]) -> Value {
    let path = format!("/v1/uploads/{}/complete", upload["id"].as_str().unwrap());
    let done = client.post_json(&path, json!({ "part_ids": parts })).await;
    done.expect(200).json()
}

async fn in_parts(client: &Client, content: &[u8]) {
    let upload = begin(client, &[], wanted(content.len())).await;
    let (one, two) = content.split_at(content.len() / 3);
    let two = part(client, &upload, two).await;
    let one = part(client, &upload, one).await;
    complete(client, &upload, &[one, two]).await;
}

async fn tus_in_one_request(client: &Client, content: &[u8]) {
    let length = content.len().to_string();
    let headers = [TUS, OCTETS, NAME, ("upload-length", length.as_str())];
    client
        .send("POST", "/v1/tus", &headers, content.to_vec())
        .await
        .expect(201);
}

async fn create(client: &Client, length: usize, more: &[(&str, &str)]) -> String {
    let length = length.to_string();
    let mut headers = vec![TUS, NAME, ("upload-length", length.as_str())];
    headers.extend(more);
    let made = client.send("POST", "/v1/tus", &headers, "").await.expect(201);
    made.header("location").to_owned()
}

async fn patch(client: &Client, path: &str, offset: usize, content: &[u8]) {
    let offset = offset.to_string();
    let headers = [TUS, OCTETS, ("upload-offset", offset.as_str())];
    client.send("PATCH", path, &headers, content.to_vec()).await.expect(204);
}

async fn tus_resumed(client: &Client, content: &[u8]) {
    let path = create(client, content.len(), &[]).await;
    let (one, two) = content.split_at(content.len() / 3);
    patch(client, &path, 0, one).await;
    patch(client, &path, one.len(), two).await;
}

async fn tus_joined(client: &Client, content: &[u8]) {
    let mut paths = Vec::new();
    for piece in content.chunks(content.len() / 3 + 1) {
        let path = create(client, piece.len(), &[("upload-concat", "partial")]).await;
        patch(client, &path, 0, piece).await;
        paths.push(path);
    }
    let urls = format!("final;{}", paths.join(" "));
    let headers = [TUS, NAME, ("upload-concat", urls.as_str())];
    client.send("POST", "/v1/tus", &headers, "").await.expect(201);
}

async fn later(client: &Client, content: &[u8]) {
    let (kind, body) = form(&[("purpose", "user_data")], &[("file", "a.txt", content)]);
    let headers = [("content-type", kind.as_str()), ("prefer", "respond-async")];
    let order = client.send("POST", "/v1/files", &headers, body).await.expect(202);
    let place = order.header("location").to_owned();
    for _ in 0..1_000 {
        let now = client.get(&place).await.expect(200).json();
        match now["status"].as_str().unwrap() {
            "completed" => return,
            "in_progress" => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            other => panic!("{other}: {now}"),
        }
    }
    panic!("the order has no end");
}

/// The local provider writes what it stores, so a body by path is written once; every other body one time more.
#[tokio::test]
async fn nine_tenths_of_the_spool_are_stored_by_every_door_and_written_once() {
    let place = place();
    place.configure(&format!("[limits]\nspool_size = {SPOOL}\n"));
    let (served, client) = served(&place).await;
    let can = client.send("OPTIONS", "/v1/tus", &[TUS], "").await.expect(204);
    assert_eq!(can.header("tus-max-size"), SPOOL.to_string());
    let size = SPOOL / 10 * 9;
    let number = std::cell::Cell::new(0);
    let next = || {
        number.set(number.get() + 1);
        content(number.get(), size)
    };
    let counted = async |door: &str, upload: std::pin::Pin<Box<dyn Future<Output = ()> + '_>>| {
        let before = written(&served);
        upload.await;
        let each = (written(&served) - before) as f64 / size as f64;
        assert!(
            (1.9..2.2).contains(&each),
            "{door}: {each} bytes are written for each byte"
        );
    };
    let bodies: [Vec<u8>; 6] = std::array::from_fn(|_| next());
    counted("a form", Box::pin(by_form(&client, &bodies[0]))).await;
    counted("an upload in parts", Box::pin(in_parts(&client, &bodies[1]))).await;
    counted("tus in one request", Box::pin(tus_in_one_request(&client, &bodies[2]))).await;
    counted("tus resumed", Box::pin(tus_resumed(&client, &bodies[3]))).await;
    counted("tus joined", Box::pin(tus_joined(&client, &bodies[4]))).await;
    counted("later", Box::pin(later(&client, &bodies[5]))).await;
    // What was stored is what was sent.
    let list = client.get("/v1/files").await.expect(200).json();
    let files = list["data"].as_array().unwrap();
    assert_eq!(files.len(), bodies.len());
    for (file, body) in files.iter().rev().zip(&bodies) {
        let path = format!("/v1/files/{}/content", file["id"].as_str().unwrap());
        let stored = client.get(&path).await.expect(200);
        assert!(stored.body == *body, "{file}");
    }
    // And nothing is left to take room.
    by_form(&client, &content(9, size)).await;
}

/// A client that begins again under the same key goes on with the upload that it began; one key is one file, by
/// whatever door and after a crash.
#[tokio::test]
async fn one_idempotency_key_is_one_file_by_every_door() {
    let place = place();
    let token = place.token("acme", ALL).await;
    let served = place.serve().await;
    let client = served.client(&token);
    let key = ("idempotency-key", "one-and-only");
    let upload = begin(&client, &[key], wanted(6)).await;
    let one = part(&client, &upload, b"abc").await;
    served.kill().await;

    let served = place.serve().await;
    let client = served.client(&token);
    assert_eq!(begin(&client, &[key], wanted(6)).await["id"], upload["id"]);
    let other = client
        .send(
            "POST",
            "/v1/uploads",
            &[key, ("content-type", "application/json")],
            wanted(7).to_string(),
        )
        .await;
    assert_eq!(other.expect(409).code(), "idempotency_conflict");
    let two = part(&client, &upload, b"def").await;
    let file = complete(&client, &upload, &[one, two]).await["file"]["id"].clone();
    served.kill().await;

    let served = place.serve().await;
    let client = served.client(&token);
    // Begun anew, as after the hour in which the upload itself is known.
    let path = format!("/v1/uploads/{}/cancel", upload["id"].as_str().unwrap());
    client.post_json(&path, json!({})).await.expect(400);
    let again = begin(&client, &[key], wanted(6)).await;
    assert_eq!((&again["status"], &again["file"]["id"]), (&json!("completed"), &file));

    // The same file by the other doors: a form, tus by header and by metadata.
    let (kind, body) = form(&[("purpose", "user_data")], &[("file", "a.txt", b"abcdef")]);
    let by_form = client
        .send("POST", "/v1/files", &[("content-type", &kind), key], body)
        .await;
    assert_eq!(by_form.expect(200).json()["id"], file);
    let purposed = ("upload-metadata", "filename YS50eHQ=,purpose dXNlcl9kYXRh");
    let keyed = (
        "upload-metadata",
        "filename YS50eHQ=,purpose dXNlcl9kYXRh,idempotency_key b25lLWFuZC1vbmx5",
    );
    for headers in [&[key, purposed][..], &[keyed]] {
        let mut all = vec![TUS, OCTETS, ("upload-length", "6")];
        all.extend(headers);
        let stored = client.send("POST", "/v1/tus", &all, "abcdef").await.expect(201);
        assert_eq!(json!(stored.header("loadlock-file-id")), file);
    }
    let mut all = vec![TUS, OCTETS, ("upload-length", "6"), keyed];
    all.push(("idempotency-key", "another"));
    client.send("POST", "/v1/tus", &all, "abcdef").await.expect(400);
    let list = client.get("/v1/files").await.expect(200).json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

/// What versions before sessions lay in the spool kept is removed, and the log says so.
#[tokio::test]
async fn uploads_of_an_earlier_version_are_removed_and_begun_again() {
    let place = place();
    let id = "00112233445566778899aabbccddeeff";
    let folder = place.home().join("sessions/tus").join(id);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("data"), "01234").unwrap();
    std::fs::write(folder.join("info.json"), "{}").unwrap();
    let (served, client) = served(&place).await;
    served.log.wait_for(0, "resumable uploads of an earlier version").await;
    assert!(!place.home().join("sessions").exists());
    client
        .send("HEAD", &format!("/v1/tus/{id}"), &[TUS], "")
        .await
        .expect(404);
    tus_resumed(&client, b"begun again").await;
}

#[tokio::test]
async fn a_key_whose_file_was_deleted_does_not_answer_with_it() {
    let place = place();
    let (_served, client) = served(&place).await;
    let (kind, body) = form(&[("purpose", "user_data")], &[("file", "a.txt", b"content")]);
    let headers = [("content-type", kind.as_str()), ("idempotency-key", "k")];
    let first = client
        .send("POST", "/v1/files", &headers, body.clone())
        .await
        .expect(200)
        .json();
    let again = client
        .send("POST", "/v1/files", &headers, body.clone())
        .await
        .expect(200)
        .json();
    assert_eq!(first["id"], again["id"]);
    client
        .delete(&format!("/v1/files/{}", first["id"].as_str().unwrap()))
        .await
        .expect(200);
    let refused = client.send("POST", "/v1/files", &headers, body).await.expect(409);
    assert_eq!(refused.code(), "idempotency_conflict");
    assert!(refused.text().contains("deleted"), "{}", refused.text());
}
