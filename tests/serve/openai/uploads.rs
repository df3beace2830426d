//! Uploads in parts.

use loadlock_served::{Answer, Client, form};
use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::{ALL, place, served, spool};

async fn begin(client: &Client, bytes: u64) -> String {
    let wish = json!({ "filename": "whole.txt", "purpose": "user_data", "bytes": bytes, "mime_type": "text/plain" });
    let upload = client.post_json("/v1/uploads", wish).await.expect(200).json();
    assert_eq!(
        (&upload["object"], &upload["status"]),
        (&json!("upload"), &json!("pending"))
    );
    let life = upload["expires_at"].as_u64().unwrap() - upload["created_at"].as_u64().unwrap();
    assert_eq!(life, 3_600);
    upload["id"].as_str().unwrap().to_owned()
}

async fn part(client: &Client, upload: &str, content: &[u8]) -> Answer {
    let (kind, body) = form(&[], &[("data", "upload", content)]);
    let path = format!("/v1/uploads/{upload}/parts");
    client.send("POST", &path, &[("content-type", &kind)], body).await
}

fn id(answer: Answer) -> String {
    answer.expect(200).json()["id"].as_str().unwrap().to_owned()
}

async fn complete(client: &Client, upload: &str, body: Value) -> Answer {
    client.post_json(&format!("/v1/uploads/{upload}/complete"), body).await
}

#[tokio::test]
async fn parts_that_come_at_once_are_put_together_in_the_order_of_their_ids() {
    let place = place();
    let (_served, client) = served(&place).await;
    let upload = begin(&client, 9).await;
    let (one, two, three) = tokio::join!(
        part(&client, &upload, b"abc"),
        part(&client, &upload, b"def"),
        part(&client, &upload, b"ghi"),
    );
    let (one, two, three) = (id(one), id(two), id(three));
    let unused = id(part(&client, &upload, b"never named").await);
    for (wrong, param) in [
        (json!({ "part_ids": [one, two] }), "part_ids"),
        (json!({ "part_ids": [one, two, two] }), "part_ids"),
        (json!({ "part_ids": [one, two, unused] }), "part_ids"),
        (json!({ "part_ids": [one, two, "part_x"] }), "part_ids"),
        (json!({ "part_ids": [one, two, "../session.json"] }), "part_ids"),
        (json!({ "part_ids": [three, one, two], "md5": "00" }), "md5"),
    ] {
        let refused = complete(&client, &upload, wrong).await.expect(400);
        assert_eq!(refused.json()["error"]["param"], param);
    }
    let md5 = hex::encode(Md5::digest(b"ghiabcdef"));
    let order = json!({ "part_ids": [three, one, two], "md5": md5 });
    let done = complete(&client, &upload, order.clone()).await.expect(200).json();
    assert_eq!(
        (&done["status"], &done["file"]["bytes"]),
        (&json!("completed"), &json!(9))
    );
    let content = format!("/v1/files/{}/content", done["file"]["id"].as_str().unwrap());
    assert_eq!(client.get(&content).await.expect(200).text(), "ghiabcdef");

    assert_eq!(complete(&client, &upload, order).await.expect(200).json(), done);
    complete(&client, &upload, json!({ "part_ids": [one] }))
        .await
        .expect(400);
    part(&client, &upload, b"late").await.expect(400);
    client
        .post_json(&format!("/v1/uploads/{upload}/cancel"), json!({}))
        .await
        .expect(400);
    // What is left is the memory of the answer, without a byte of data.
    let left = std::fs::read_dir(&spool(&place.home())[0]).unwrap();
    let left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["session.json"]);
}

#[tokio::test]
async fn an_unknown_provider_is_refused_before_a_part_is_sent() {
    let place = place();
    let (_served, client) = served(&place).await;
    let wish =
        json!({ "filename": "a", "purpose": "user_data", "bytes": 1, "mime_type": "text/plain", "provider": "nobody" });
    let refused = client.post_json("/v1/uploads", wish).await.expect(400);
    assert_eq!(refused.code(), "provider_unknown");
    assert_eq!(refused.json()["error"]["param"], "provider");
    assert!(spool(&place.home()).is_empty());
    // Nor is it put off.
    let (kind, body) = form(&[("provider", "nobody")], &[("file", "a.txt", b"later")]);
    let headers = [("content-type", kind.as_str()), ("prefer", "respond-async")];
    let refused = client.send("POST", "/v1/files", &headers, body).await;
    assert_eq!(refused.expect(400).code(), "provider_unknown");
}

#[tokio::test]
async fn a_cancelled_upload_leaves_nothing() {
    let place = place();
    let (_served, client) = served(&place).await;
    let upload = begin(&client, 3).await;
    let one = id(part(&client, &upload, b"abc").await);
    let path = format!("/v1/uploads/{upload}/cancel");
    let cancelled = client.post_json(&path, json!({})).await.expect(200).json();
    assert_eq!(
        (&cancelled["status"], &cancelled["id"]),
        (&json!("cancelled"), &json!(upload))
    );
    complete(&client, &upload, json!({ "part_ids": [one] }))
        .await
        .expect(404);
    part(&client, &upload, b"abc").await.expect(404);
    client.post_json(&path, json!({})).await.expect(404);
    assert!(spool(&place.home()).is_empty());
}

#[tokio::test]
async fn an_upload_goes_on_after_the_server_was_killed() {
    let place = place();
    let token = place.token("acme", ALL).await;
    let served = place.serve().await;
    let client = served.client(&token);
    let upload = begin(&client, 6).await;
    let one = id(part(&client, &upload, b"abc").await);
    served.kill().await;
    // A crash also leaves bodies that no session knows.
    std::fs::create_dir(place.home().join("spool/stranger")).unwrap();

    let served = place.serve().await;
    let client = served.client(&token);
    let two = id(part(&client, &upload, b"def").await);
    assert_eq!(spool(&place.home()).len(), 1);
    let order = json!({ "part_ids": [one, two] });
    let done = complete(&client, &upload, order.clone()).await.expect(200).json();
    served.kill().await;

    let served = place.serve().await;
    let client = served.client(&token);
    assert_eq!(complete(&client, &upload, order).await.expect(200).json(), done);
}

/// Versions before this one put the parts together, and called the options of an upload otherwise.
#[tokio::test]
async fn an_upload_that_an_earlier_version_put_together_is_taken_over() {
    let place = place();
    let token = place.token("acme", ALL).await;
    let served = place.serve().await;
    let client = served.client(&token);
    let upload = begin(&client, 6).await;
    let one = id(part(&client, &upload, b"abc").await);
    let two = id(part(&client, &upload, b"def").await);
    served.kill().await;
    let folder = spool(&place.home()).remove(0);
    let record = folder.join("session.json");
    let mut session: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    let state = session["state"].as_object_mut().unwrap();
    let mut options = state.remove("options").unwrap();
    for new in ["name", "media_type"] {
        options.as_object_mut().unwrap().remove(new);
    }
    state.insert("wish".into(), options);
    let sha256 = hex::encode(sha2::Sha256::digest(b"abcdef"));
    state["stage"] = json!({ "assembled": { "part_ids": [one, two], "sha256": sha256 } });
    for new in ["lengths", "ended"] {
        session.as_object_mut().unwrap().remove(new);
    }
    std::fs::write(&record, session.to_string()).unwrap();
    std::fs::write(folder.join("whole"), "abcdef").unwrap();
    for part in [&one, &two] {
        std::fs::remove_file(folder.join(part)).unwrap();
    }

    let served = place.serve().await;
    let client = served.client(&token);
    let order = json!({ "part_ids": [one, two] });
    let done = complete(&client, &upload, order).await.expect(200).json();
    let content = format!("/v1/files/{}/content", done["file"]["id"].as_str().unwrap());
    assert_eq!(client.get(&content).await.expect(200).text(), "abcdef");
}

#[tokio::test]
async fn an_expired_upload_is_gone_with_its_parts() {
    let place = place();
    let token = place.token("acme", ALL).await;
    let served = place.serve().await;
    let client = served.client(&token);
    let upload = begin(&client, 3).await;
    id(part(&client, &upload, b"abc").await);
    served.kill().await;
    // An hour later.
    let record = spool(&place.home())[0].join("session.json");
    let mut session: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    session["expires_at_ms"] = json!(1);
    std::fs::write(&record, session.to_string()).unwrap();

    let served = place.serve().await;
    part(&served.client(&token), &upload, b"abc").await.expect(404);
    assert!(spool(&place.home()).is_empty());
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_takes_no_room() {
    let place = place();
    place.configure("[limits]\nmax_upload_size = \"1 MiB\"\nspool_size = \"2 MiB\"\n");
    let (_served, client) = served(&place).await;
    let wish = json!({ "filename": "w", "purpose": "user_data", "bytes": (1 << 20) + 1, "mime_type": "text/plain" });
    let refused = client.post_json("/v1/uploads", wish).await.expect(413);
    assert_eq!(refused.json()["error"]["param"], "bytes");
    let big = vec![b'x'; (1 << 20) + 1];
    client
        .upload("big.txt", &big, &[("purpose", "user_data")])
        .await
        .expect(413);
    assert!(spool(&place.home()).is_empty());

    let upload = begin(&client, 1 << 20).await;
    let half = vec![b'x'; 900 << 10];
    id(part(&client, &upload, &half).await);
    id(part(&client, &upload, &half).await);
    let full = part(&client, &upload, &half).await.expect(507);
    assert_eq!(full.code(), "spool_full");
    client
        .post_json(&format!("/v1/uploads/{upload}/cancel"), json!({}))
        .await
        .expect(200);
    client
        .upload("fits.txt", &half, &[("purpose", "user_data")])
        .await
        .expect(200);
}
