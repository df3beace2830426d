//! Files: in, found, paged, read, deleted.

use loadlock_served::form;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{ALL, place, served, spool};

#[tokio::test]
async fn a_file_goes_in_is_found_read_and_deleted() {
    let place = place();
    let (_served, client) = served(&place).await;
    let file = client
        .upload("report.txt", b"hello, vacuum", &[("purpose", "user_data")])
        .await
        .expect(200)
        .json();
    assert_eq!(file["object"], "file");
    assert_eq!(file["bytes"], 13);
    assert_eq!(file["filename"], "report.txt");
    assert_eq!(file["purpose"], "user_data");
    assert_eq!(file["status"], "processed");
    assert!(file["created_at"].as_i64().unwrap() > 1_600_000_000);
    assert_eq!(file["loadlock"]["provider"], "local");
    assert_eq!(file["loadlock"]["attempts"], 1);
    let sha256 = hex::encode(Sha256::digest(b"hello, vacuum"));
    assert_eq!(file["loadlock"]["sha256"], sha256);
    let id = file["id"].as_str().unwrap();
    let found = client.get(&format!("/v1/files/{id}")).await.expect(200);
    assert_eq!(found.json(), file);
    let content = client.get(&format!("/v1/files/{id}/content")).await.expect(200);
    assert_eq!(content.text(), "hello, vacuum");
    assert_eq!(content.header("x-content-type-options"), "nosniff");
    let head = client
        .send("HEAD", &format!("/v1/files/{id}/content"), &[], "")
        .await
        .expect(200);
    assert_eq!(
        head.header("content-disposition"),
        "attachment; filename*=UTF-8''report.txt"
    );
    let list = client.get("/v1/files").await.expect(200).json();
    assert_eq!(
        list,
        json!({ "object": "list", "data": [file], "first_id": id, "last_id": id, "has_more": false,
            "loadlock": { "next": null } })
    );
    let deleted = client.delete(&format!("/v1/files/{id}")).await.expect(200).json();
    assert_eq!(deleted, json!({ "id": id, "object": "file", "deleted": true }));
    for path in [format!("/v1/files/{id}"), format!("/v1/files/{id}/content")] {
        assert_eq!(client.get(&path).await.expect(404).code(), "file_not_found");
    }
    let empty = client.get("/v1/files").await.expect(200).json();
    assert_eq!(empty["data"], json!([]));
    assert!(empty["first_id"].is_null() && empty["last_id"].is_null());
    assert!(spool(&place.home()).is_empty());
}

#[tokio::test]
async fn a_file_that_comes_before_its_fields_is_the_same() {
    let place = place();
    let (_served, client) = served(&place).await;
    let (kind, fields) = form(
        &[
            ("purpose", "assistants"),
            ("expires_after[anchor]", "created_at"),
            ("expires_after[seconds]", "3600"),
        ],
        &[],
    );
    let (_, file) = form(&[], &[("file", "n.txt", b"as node sends it")]);
    let end = file.len() - "------loadlock-form-7d1f0a--\r\n".len();
    let body = [&file[..end], &fields].concat();
    let file = client
        .send("POST", "/v1/files", &[("content-type", &kind)], body)
        .await
        .expect(200)
        .json();
    assert_eq!(file["purpose"], "assistants");
    let life = file["expires_at"].as_i64().unwrap() - file["created_at"].as_i64().unwrap();
    assert!((3_599..=3_601).contains(&life), "{life}");
}

#[tokio::test]
async fn pages_go_on_after_the_last_file_also_after_a_restart() {
    let place = place();
    let token = place.token("acme", ALL).await;
    let served = place.serve().await;
    let client = served.client(&token);
    let mut newest_first = Vec::new();
    for number in 0..5 {
        let purpose = if number % 2 == 0 { "user_data" } else { "batch" };
        let name = format!("{number}.txt");
        let file = client
            .upload(&name, name.as_bytes(), &[("purpose", purpose)])
            .await
            .expect(200)
            .json();
        newest_first.insert(0, file["id"].as_str().unwrap().to_owned());
    }
    let first = client.get("/v1/files?limit=2").await.expect(200).json();
    assert_eq!(
        (&first["has_more"], &first["last_id"]),
        (&json!(true), &json!(newest_first[1]))
    );
    assert_eq!(served.stop().await, Some(0));

    let served = place.serve().await;
    let client = served.client(&token);
    // Nobody remembers where the page ended: the place is looked for, in both directions.
    for (order, expected) in [
        ("desc", newest_first.clone()),
        ("asc", newest_first.iter().rev().cloned().collect()),
    ] {
        let mut found: Vec<String> = vec![expected[0].clone(), expected[1].clone()];
        loop {
            let after = found.last().unwrap();
            let page = client
                .get(&format!("/v1/files?limit=2&order={order}&after={after}"))
                .await
                .expect(200)
                .json();
            let ids = page["data"].as_array().unwrap().iter();
            found.extend(ids.map(|file| file["id"].as_str().unwrap().to_owned()));
            if page["has_more"] == json!(false) {
                break;
            }
        }
        assert_eq!(found, expected, "{order}");
    }
    let last = newest_first.last().unwrap();
    let none = client.get(&format!("/v1/files?after={last}")).await.expect(200).json();
    assert_eq!((&none["data"], &none["has_more"]), (&json!([]), &json!(false)));
    let batch = client.get("/v1/files?purpose=batch").await.expect(200).json();
    assert_eq!(batch["data"].as_array().unwrap().len(), 2);
    for (query, param) in [
        ("limit=0", "limit"),
        ("limit=10001", "limit"),
        ("limit=x", "limit"),
        ("order=up", "order"),
    ] {
        let wrong = client.get(&format!("/v1/files?{query}")).await.expect(400);
        assert_eq!(wrong.json()["error"]["param"], param, "{query}");
    }
    let unknown = client.get("/v1/files?after=file-x").await.expect(404);
    assert_eq!(unknown.json()["error"]["param"], "after");
}

#[tokio::test]
async fn a_path_is_for_tenants_that_a_grant_names() {
    let place = place();
    place.configure("grants = [{ root = \"{files}\", tenants = [\"acme\"] }]");
    let path = place.file("shared.txt", "on the same disk");
    let umbrella = place.token("umbrella", ALL).await;
    let (served, client) = served(&place).await;
    let wish = json!({ "path": path, "purpose": "user_data", "filename": "other.txt" });
    let file = client.post_json("/v1/files", wish.clone()).await.expect(200).json();
    assert_eq!((&file["filename"], &file["bytes"]), (&json!("other.txt"), &json!(16)));
    let umbrella = served.client(&umbrella);
    for path in [path, place.files().join("missing")] {
        let refused = umbrella
            .post_json("/v1/files", json!({ "path": path }))
            .await
            .expect(403);
        assert_eq!(refused.code(), "path_not_allowed");
        assert_eq!(refused.json()["error"]["param"], "path");
    }
    let relative = client.post_json("/v1/files", json!({ "path": "shared.txt" })).await;
    relative.expect(403);
    for body in ["", "{", "[]", "{\"path\":1}", "{\"path\":\"/x\",\"porpose\":\"y\"}"] {
        let headers = [("content-type", "application/json; charset=utf-8")];
        let refused = client.send("POST", "/v1/files", &headers, body).await.expect(400);
        assert_eq!(refused.code(), "request_invalid", "{body}");
    }
}

#[tokio::test]
async fn the_same_key_and_content_answer_the_same_file() {
    let place = place();
    let (_served, client) = served(&place).await;
    let send = async |content: &[u8]| {
        let (kind, body) = form(&[("purpose", "user_data")], &[("file", "a.txt", content)]);
        let headers = [("content-type", kind.as_str()), ("idempotency-key", "k1")];
        client.send("POST", "/v1/files", &headers, body).await
    };
    let first = send(b"one").await.expect(200).json();
    assert_eq!(send(b"one").await.expect(200).json()["id"], first["id"]);
    let conflict = send(b"two").await.expect(409);
    assert_eq!(conflict.code(), "idempotency_conflict");
    // The SDKs would try a 409 again.
    assert_eq!(conflict.header("x-should-retry"), "false");
}

#[tokio::test]
async fn the_document_is_served() {
    let place = place();
    let (served, _) = served(&place).await;
    let document = served.stranger().get("/v1/openapi.json").await.expect(200).json();
    assert!(document["paths"]["/files"]["post"].is_object());
}
