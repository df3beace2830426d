//! Each vendor's files: what is stored, listed, given back and refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::common;

use common::*;
use loadlock_upstream::{Site, Vendor};
use sha2::{Digest, Sha256};

const BIGMODEL: Vendor = Vendor::Glm(Site::Bigmodel);
const ZAI: Vendor = Vendor::Glm(Site::Zai);

#[tokio::test]
async fn openai_stores_a_file_and_gives_it_back() {
    let upstream = start(Vendor::Openai).await;
    let content = b"hello\r\nworld";
    let request = upload("/v1/files", "user_data", "a.txt", content);
    let stored = send(&upstream, &request).await.unwrap();
    assert_eq!(stored.status, 200);
    let stored = stored.json();
    let id = stored["id"].as_str().unwrap();
    assert_eq!(stored["bytes"], 12);
    assert_eq!(stored["status"], "processed");
    let file = upstream.files().get(id).unwrap();
    assert_eq!(file.sha256, hex::encode(Sha256::digest(content)));

    let got = get(&upstream, &format!("/v1/files/{id}/content")).await;
    assert_eq!(got.body, content);
    assert_eq!(get(&upstream, &format!("/v1/files/{id}")).await.json(), stored);

    let gone = delete(&upstream, &format!("/v1/files/{id}")).await;
    assert_eq!(gone.json()["deleted"], true);
    let again = delete(&upstream, &format!("/v1/files/{id}")).await;
    assert_eq!(again.status, 404);
    let error = &again.json()["error"];
    for key in ["message", "type", "param", "code"] {
        assert!(error.get(key).is_some(), "{key} is missing");
    }
    assert_eq!(upstream.files().deleted().len(), 1);
    assert!(upstream.files().is_empty());
}

#[tokio::test]
async fn openai_pages_newest_first() {
    let upstream = start(Vendor::Openai).await;
    for at in 0..5 {
        upstream.files().put(&format!("{at}.txt"), "batch", b"x");
    }
    let names = |page: &serde_json::Value| -> Vec<String> {
        let data = page["data"].as_array().unwrap();
        data.iter()
            .map(|file| file["filename"].as_str().unwrap().to_owned())
            .collect()
    };
    let first = get(&upstream, "/v1/files?limit=3").await.json();
    assert_eq!(names(&first), ["4.txt", "3.txt", "2.txt"]);
    assert_eq!(first["has_more"], true);
    let after = first["last_id"].as_str().unwrap();
    let second = get(&upstream, &format!("/v1/files?limit=3&after={after}")).await.json();
    assert_eq!(names(&second), ["1.txt", "0.txt"]);
    assert_eq!(second["has_more"], false);
    let ascending = get(&upstream, "/v1/files?order=asc&purpose=batch").await.json();
    assert_eq!(names(&ascending)[0], "0.txt");
    assert_eq!(
        get(&upstream, "/v1/files?purpose=evals").await.json()["last_id"],
        serde_json::Value::Null
    );
    assert_eq!(get(&upstream, "/v1/files?limit=0").await.status, 400);
}

#[tokio::test]
async fn a_wrong_or_missing_key_is_401_in_every_shape() {
    for (vendor, path) in [
        (Vendor::Openai, "/v1/files"),
        (Vendor::Kimi, "/v1/files"),
        (BIGMODEL, "/api/paas/v4/files"),
        (ZAI, "/api/paas/v4/files"),
    ] {
        let upstream = start(vendor).await;
        let right = String::from_utf8(upload(path, "agent", "a.pdf", b"x")).unwrap();
        let wrong = right.replace("Bearer id.secret", "Bearer id.wrong");
        let missing = right.replace("Authorization", "X-Nothing");
        for request in [wrong, missing] {
            let answer = send(&upstream, request.as_bytes()).await.unwrap();
            assert_eq!(answer.status, 401, "{vendor:?}");
            assert!(answer.json()["error"]["message"].is_string());
        }
        assert!(upstream.files().is_empty());
    }
}

#[tokio::test]
async fn kimi_extracts_text_and_knows_its_limits() {
    let upstream = start_with(Vendor::Kimi, |options| {
        options.max_bytes = Some(10);
        options.max_files = Some(2);
    })
    .await;
    let put = async |purpose: &str, content: &[u8]| {
        let request = upload("/v1/files", purpose, "a.txt", content);
        send(&upstream, &request).await.unwrap()
    };
    assert_eq!(put("file-extract", b"").await.status, 400);
    assert_eq!(put("file-extract", &[b'x'; 11]).await.status, 400);
    assert_eq!(put("assistants", b"x").await.status, 400);
    let stored = put("file-extract", &[b'x'; 10]).await.json();
    assert_eq!(stored["status"], "ok");
    assert_eq!(stored["id"].as_str().unwrap().len(), 20);
    let image = put("image", b"x").await.json();
    assert_eq!(put("image", b"x").await.status, 400);

    let path = |file: &serde_json::Value| format!("/v1/files/{}/content", file["id"].as_str().unwrap());
    assert_eq!(get(&upstream, &path(&stored)).await.body, [b'x'; 10]);
    assert_eq!(get(&upstream, &path(&image)).await.status, 400);
    let list = get(&upstream, "/v1/files").await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    assert!(list.get("has_more").is_none());
}

#[tokio::test]
async fn zai_takes_uploads_for_agents_and_nothing_else() {
    let upstream = start(ZAI).await;
    let path = "/api/paas/v4/files";
    let stored = send(&upstream, &upload(path, "agent", "a.pdf", b"x")).await.unwrap();
    assert_eq!(stored.status, 200);
    assert!(stored.json().get("status").is_none());
    let refused = send(&upstream, &upload(path, "file", "a.pdf", b"x")).await.unwrap();
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error"]["code"], "1214");
    let default = post_form(path, &form(&[("file", Some("a.pdf"), b"x")]));
    assert_eq!(send(&upstream, &default).await.unwrap().json()["purpose"], "agent");
    assert_eq!(get(&upstream, path).await.status, 404);
    let id = stored.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(delete(&upstream, &format!("{path}/{id}")).await.status, 404);
}

#[tokio::test]
async fn bigmodel_wants_a_purpose_to_list_and_gives_text_as_json() {
    let upstream = start_with(BIGMODEL, |options| options.max_bytes = Some(10)).await;
    let path = "/api/paas/v4/files";
    let stored = send(&upstream, &upload(path, "file-extract", "a.csv", b"a,b"))
        .await
        .unwrap();
    let id = stored.json()["id"].as_str().unwrap().to_owned();
    let content = get(&upstream, &format!("{path}/{id}/content")).await.json();
    assert_eq!(content["content"], "a,b");
    assert_eq!(content["file_type"], "csv");
    let large = send(&upstream, &upload(path, "agent", "a.csv", &[b'x'; 11]))
        .await
        .unwrap();
    assert_eq!(large.status, 435);
    let wrong = send(&upstream, &upload(path, "batch", "a.csv", b"x")).await.unwrap();
    assert_eq!(wrong.status, 400);
    assert_eq!(get(&upstream, path).await.status, 400);
    let list = get(&upstream, &format!("{path}?purpose=file-extract&limit=1"))
        .await
        .json();
    assert_eq!(list["data"][0]["id"], id.as_str());
    assert_eq!(list["has_more"], false);
    assert_eq!(get(&upstream, &format!("{path}/{id}")).await.status, 404);
}

#[tokio::test]
async fn a_file_that_was_not_kept_is_an_error_and_no_empty_success() {
    let upstream = start_with(Vendor::Openai, |options| options.keep_bytes = 4).await;
    let request = upload("/v1/files", "user_data", "a.txt", b"hello");
    let id = send(&upstream, &request).await.unwrap().json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let got = get(&upstream, &format!("/v1/files/{id}/content")).await;
    assert_eq!(got.status, 501);

    let spilling = start_with(Vendor::Openai, |options| {
        options.keep_bytes = 4;
        options.spill = true;
    })
    .await;
    let id = send(&spilling, &request).await.unwrap().json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let got = get(&spilling, &format!("/v1/files/{id}/content")).await;
    assert_eq!(got.body, b"hello");
}
