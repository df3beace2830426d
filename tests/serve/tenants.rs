//! Two tenants at every door at once: cursors, keys, parts, paths and events of one are nothing to the other. What each
//! door does with a foreign id is in its own suite.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::{Answer, Client, Mcp, Place, Served, form, mcp_error};
use serde_json::{Value, json};

const ALL: &[&str] = &["read", "write", "delete"];
const KEY: &str = "idempotency-key";

/// `acme` may name paths in the folder of files; both may do everything else.
fn place() -> Place {
    let place = Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"));
    place.configure("[[grants]]\nroot = \"{files}\"\ntenants = [\"acme\"]\n");
    place
}

/// A server, and the two tokens.
async fn both(place: &Place) -> (Served, String, String) {
    let acme = place.token("acme", ALL).await;
    let umbrella = place.token("umbrella", ALL).await;
    (place.serve().await, acme, umbrella)
}

async fn file(client: &Client, name: &str, content: &[u8]) -> Value {
    let answer = client.upload(name, content, &[("purpose", "user_data")]).await;
    answer.expect(200).json()
}

fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

/// The ids of a page.
fn ids(files: &Value) -> Vec<String> {
    files.as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn a_foreign_cursor_shows_only_ones_own() {
    let place = place();
    let (served, acme, umbrella) = both(&place).await;
    let (owner, other) = (served.client(&acme), served.client(&umbrella));
    let own = id(&file(&other, "u.txt", b"umbrella's only file").await);
    let mut theirs = Vec::new();
    for number in 0..3_u8 {
        theirs.push(id(&file(&owner, "a.txt", &[number]).await));
    }

    // A page that ends with a file leaves a place behind that is remembered by it.
    let page = owner.get("/v1/files?limit=1").await.expect(200).json();
    let last = page["last_id"].as_str().unwrap();
    let foreign = other.get(&format!("/v1/files?after={last}")).await;
    let unknown = other.get("/v1/files?after=file-0").await;
    let message = |answer: Answer| answer.expect(404).text();
    assert_eq!(
        message(foreign).replace(last, "file-0"),
        message(unknown),
        "a foreign cursor is told from one that never was"
    );

    let mut agent = Mcp::open(served.client(&acme)).await;
    let page = agent.done("list_files", json!({ "limit": 1 })).await;
    let mut socket = served.socket(&acme).await;
    let same = socket.call("files.list", json!({ "limit": 1 })).await;
    assert_eq!(same.unwrap()["next"], page["next"]);
    let cursor = json!({ "cursor": page["next"] });
    let mut foreign_agent = Mcp::open(served.client(&umbrella)).await;
    let mut foreign_socket = served.socket(&umbrella).await;
    for seen in [
        foreign_agent.done("list_files", cursor.clone()).await,
        foreign_socket.call("files.list", cursor.clone()).await.unwrap(),
    ] {
        let seen = ids(&seen["files"]);
        assert!(seen.iter().all(|id| *id == own), "{seen:?}");
    }
    let rest = agent.done("list_files", cursor).await;
    assert_eq!(ids(&rest["files"]), [theirs[1].clone(), theirs[0].clone()]);
}

#[tokio::test]
async fn keys_and_contents_are_each_tenants_own() {
    let place = place();
    let (served, acme, umbrella) = both(&place).await;
    let (owner, other) = (served.client(&acme), served.client(&umbrella));
    let keyed = async |client: &Client, content: &[u8]| {
        let (kind, body) = form(&[("purpose", "user_data")], &[("file", "a.txt", content)]);
        let headers = [("content-type", kind.as_str()), (KEY, "monday")];
        client.send("POST", "/v1/files", &headers, body).await
    };
    let first = keyed(&owner, b"the same bytes").await.expect(200).json();
    // The same key and bytes of another tenant are another file, and nothing tells that there was one.
    let second = keyed(&other, b"the same bytes").await.expect(200).json();
    assert_ne!(first["id"], second["id"]);
    assert_eq!(second["loadlock"]["deduplicated"], false);
    assert_eq!(keyed(&owner, b"the same bytes").await.json(), first);
    // Under another tenant's key there is no conflict, under one's own there is.
    let third = place.token("third", ALL).await;
    keyed(&served.client(&third), b"other bytes").await.expect(200);
    let conflict = keyed(&owner, b"other bytes").await.expect(409);
    assert_eq!(conflict.code(), "idempotency_conflict");

    let path = |object: &Value| format!("/v1/files/{}", id(object));
    other.delete(&path(&second)).await.expect(200);
    let content = owner.get(&format!("{}/content", path(&first))).await;
    assert_eq!(content.expect(200).body, "the same bytes");
}

#[tokio::test]
async fn a_foreign_part_completes_nothing() {
    let place = place();
    let (served, acme, umbrella) = both(&place).await;
    let (owner, other) = (served.client(&acme), served.client(&umbrella));
    let begin = async |client: &Client| {
        let wish = json!({ "filename": "b", "purpose": "user_data", "bytes": 1, "mime_type": "text/plain" });
        id(&client.post_json("/v1/uploads", wish).await.expect(200).json())
    };
    let (theirs, own) = (begin(&owner).await, begin(&other).await);
    let (kind, body) = form(&[], &[("data", "upload", b"x")]);
    let parts = format!("/v1/uploads/{theirs}/parts");
    let part = owner
        .send("POST", &parts, &[("content-type", &kind)], body)
        .await
        .expect(200)
        .json();
    let complete = async |client: &Client, upload: &str, part: &str| {
        let path = format!("/v1/uploads/{upload}/complete");
        client.post_json(&path, json!({ "part_ids": [part] })).await
    };
    let foreign = complete(&other, &own, &id(&part)).await.expect(400);
    let unknown = complete(&other, &own, "part_0").await.expect(400);
    assert_eq!(foreign.text().replace(&id(&part), "part_0"), unknown.text());
    complete(&owner, &theirs, &id(&part)).await.expect(200);
}

#[tokio::test]
async fn a_path_without_a_grant_is_refused_whether_or_not_it_is_there() {
    let place = place();
    let there = place.file("report.txt", "acme's report");
    let (served, acme, umbrella) = both(&place).await;
    let ask = json!({ "path": there });
    let other = served.client(&umbrella);
    let mut socket = served.socket(&umbrella).await;
    for path in [there.clone(), place.files().join("nothing.txt")] {
        let path = json!({ "path": path });
        let refused = other.post_json("/v1/files", path.clone()).await;
        assert_eq!(refused.expect(403).code(), "path_not_allowed");
        socket.call("uploads.start", path).await.unwrap();
        let events = socket.events_until("failed").await;
        assert_eq!(events.last().unwrap()["error"]["code"], "path_not_allowed");
    }
    let owner = served.client(&acme);
    owner.post_json("/v1/files", ask).await.expect(200);
}

#[tokio::test]
async fn what_happens_at_any_door_is_told_to_ones_own_tenant_alone() {
    let place = place();
    let path = place.file("report.txt", "over the agent's door");
    let (served, acme, umbrella) = both(&place).await;
    let mut watcher = served.socket(&acme).await;
    watcher.call("uploads.subscribe", json!({})).await.unwrap();
    let mut stranger = served.socket(&umbrella).await;
    stranger.call("uploads.subscribe", json!({})).await.unwrap();
    let owner = served.client(&acme);
    let mut stored = vec![id(&file(&owner, "a.txt", b"over the files door").await)];

    let resumable = owner
        .send(
            "POST",
            "/v1/tus",
            &[
                ("tus-resumable", "1.0.0"),
                ("upload-length", "13"),
                ("upload-metadata", "filename YS50eHQ="),
                ("content-type", "application/offset+octet-stream"),
            ],
            "over this one",
        )
        .await
        .expect(201);
    stored.push(resumable.header("loadlock-file-id").to_owned());
    let mut agent = Mcp::open(served.client(&acme)).await;
    stored.push(id(&agent.done("upload_path", json!({ "path": path })).await));
    let (kind, body) = form(&[], &[("file", "b.txt", b"and later")]);
    let later = [("content-type", kind.as_str()), ("prefer", "respond-async")];
    let order = owner.send("POST", "/v1/files", &later, body).await;
    let order = order.expect(202).header("location").to_owned();

    let mut told = Vec::new();
    for _ in 0..4 {
        let events = watcher.events_until("done").await;
        told.push(id(&events.last().unwrap()["file"]));
    }
    let ended = owner.get(&order).await.expect(200).json();
    assert_ne!(ended["status"], "failed", "{ended}");
    assert!(stored.iter().all(|id| told.contains(id)), "{told:?}");

    // What was sent to the stranger would have come before the answer.
    let list = stranger.call("uploads.list", json!({})).await.unwrap();
    assert_eq!(list, json!({ "uploads": [] }));
    assert_eq!(stranger.waiting(), 0);
    let other = served.client(&umbrella);
    let mut foreign_agent = Mcp::open(served.client(&umbrella)).await;
    for id in &told {
        other.get(&format!("/v1/files/{id}")).await.expect(404);
        other.delete(&format!("/v1/files/{id}")).await.expect(404);
        let call = json!({ "id": id });
        for tool in ["get_file", "read_text", "delete_file"] {
            let error = foreign_agent.failed(tool, call.clone()).await;
            assert_eq!(error["code"], "file_not_found", "{tool}");
        }
        assert_eq!(stranger.refused("files.get", call).await, "file_not_found");
    }
    other.get(&order).await.expect(404);
}

#[tokio::test]
async fn agents_have_tools_and_nothing_that_could_be_read_beside_them() {
    let place = place();
    let (served, acme, umbrella) = both(&place).await;
    let stored = file(&served.client(&acme), "a.txt", b"acme's").await;
    let mut agent = Mcp::open(served.client(&umbrella)).await;
    let uri = format!("file://{}", id(&stored));
    for (method, params) in [
        ("resources/list", json!({})),
        ("resources/read", json!({ "uri": uri })),
        ("resources/templates/list", json!({})),
        ("prompts/list", json!({})),
    ] {
        let error = agent.refused(method, params).await;
        assert_eq!(error["code"], -32601, "{method}: {error}");
    }
    let gone = agent.call("get_file", json!({ "id": id(&stored) })).await;
    assert_eq!(mcp_error(&gone)["code"], "file_not_found");
}
