//! OpenAI's uploads in parts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::common;

use common::*;
use loadlock_upstream::{Upstream, Vendor};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

async fn create(upstream: &Upstream, bytes: u64) -> String {
    let wish = json!({ "filename": "a.bin", "purpose": "user_data", "bytes": bytes, "mime_type": "text/plain" });
    let answer = post_json(upstream, "/v1/uploads", &wish).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["status"], "pending");
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn part(upstream: &Upstream, id: &str, data: &[u8]) -> RawAnswer {
    let body = form(&[("data", Some("upload"), data)]);
    let request = post_form(&format!("/v1/uploads/{id}/parts"), &body);
    send(upstream, &request).await.unwrap()
}

fn id(answer: &RawAnswer) -> Value {
    answer.json()["id"].clone()
}

#[tokio::test]
async fn parts_become_a_file_in_the_order_that_complete_names() {
    let upstream = start(Vendor::Openai).await;
    let upload = create(&upstream, 10).await;
    let world = id(&part(&upstream, &upload, b"world").await);
    let hello = id(&part(&upstream, &upload, b"hello").await);
    let path = format!("/v1/uploads/{upload}/complete");
    let md5 = hex::encode(<md5::Md5 as md5::Digest>::digest(b"helloworld"));
    let wrong = json!({ "part_ids": [world, hello], "md5": md5 });
    assert_eq!(post_json(&upstream, &path, &wrong).await.status, 400);
    let right = json!({ "part_ids": [hello, world], "md5": md5 });
    let done = post_json(&upstream, &path, &right).await.json();
    assert_eq!(done["status"], "completed");
    let file = done["file"]["id"].as_str().unwrap();
    let stored = upstream.files().get(file).unwrap();
    assert_eq!(stored.sha256, hex::encode(Sha256::digest(b"helloworld")));
    let content = get(&upstream, &format!("/v1/files/{file}/content")).await;
    assert_eq!(content.body, b"helloworld");
    assert_eq!(post_json(&upstream, &path, &right).await.status, 400);
}

#[tokio::test]
async fn sizes_must_agree_and_a_cancelled_upload_is_over() {
    let upstream = start(Vendor::Openai).await;
    let upload = create(&upstream, 6).await;
    let hello = id(&part(&upstream, &upload, b"hello").await);
    let path = format!("/v1/uploads/{upload}");
    let short = json!({ "part_ids": [hello] });
    assert_eq!(
        post_json(&upstream, &format!("{path}/complete"), &short).await.status,
        400
    );
    assert_eq!(part(&upstream, &upload, b"too much").await.status, 400);
    let cancelled = post_json(&upstream, &format!("{path}/cancel"), &json!({})).await;
    assert_eq!(cancelled.json()["status"], "cancelled");
    assert_eq!(part(&upstream, &upload, b"x").await.status, 400);
    assert_eq!(part(&upstream, "upload_nowhere", b"x").await.status, 404);
    assert!(upstream.files().is_empty());
}
