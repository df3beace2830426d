//! Copies through every door: HTTP, MCP, and the command line with and without a gateway beside it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::{Mcp, Place};
use loadlock_upstream::{Options, Upstream, Vendor};
use serde_json::{Value, json};

const ALL: &[&str] = &["read", "write", "delete"];

/// `local` in front of a fake of Kimi.
async fn place() -> (Place, Upstream) {
    let vendor = Upstream::start(Vendor::Kimi, Options::with_key("sk-test"))
        .await
        .unwrap();
    let mut place = Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"));
    let base = vendor.base_url();
    place.env("KIMI_API_KEY", "sk-test").configure(&format!(
        r#"
order = ["local"]
[[grants]]
root = "{{files}}"
[providers.local]
[providers.kimi]
settings = {{ base_url = "{base}" }}
egress = [{{ url = "{base}/files", methods = ["GET", "POST", "DELETE"], private = true }}]
credential = {{ header = "Authorization", value = "Bearer ${{env:KIMI_API_KEY}}" }}
retry = {{ base = "1ms" }}
"#
    ));
    (place, vendor)
}

#[tokio::test]
async fn a_file_is_copied_over_http_and_found_where_it_is() {
    let (place, vendor) = place().await;
    let served = place.serve().await;
    let client = served.client(&place.token("acme", ALL).await);
    let file = client.upload("a.txt", b"content", &[]).await.expect(200).json();
    let id = file["id"].as_str().unwrap();
    let (path, copies) = (format!("/v1/files/{id}"), format!("/v1/loadlock/files/{id}/copies"));

    let absent = client.get(&format!("{path}?provider=kimi")).await.expect(409);
    assert_eq!(absent.code(), "not_available_there");
    assert!(absent.text().contains("/copies"), "{}", absent.text());
    let made = client
        .post_json(&copies, json!({ "provider": "kimi" }))
        .await
        .expect(201)
        .json();
    assert_eq!((&made["id"], &made["object"]), (&file["id"], &json!("file")));
    let remote = made["loadlock"]["remote_id"].as_str().unwrap();
    assert!(vendor.files().get(remote).is_some());
    let again = client
        .post_json(&copies, json!({ "provider": "kimi" }))
        .await
        .expect(200)
        .json();
    assert_eq!(again, made);
    let there = client.get(&format!("{path}?provider=kimi")).await.expect(200).json();
    assert_eq!(there, made);

    let shown = client.get(&path).await.expect(200).json();
    assert_eq!(shown["loadlock"]["provider"], "local");
    let places = |file: &Value| {
        let copies = file["loadlock"]["copies"].as_array().unwrap().clone();
        let place = |copy: &Value| (copy["provider"].clone(), copy["status"].clone());
        copies.iter().map(place).collect::<Vec<_>>()
    };
    let ready = |name: &str| (json!(name), json!("ready"));
    assert_eq!(places(&shown), [ready("local"), ready("kimi")]);
    let listed = client.get("/v1/files").await.expect(200).json();
    assert_eq!(listed["data"], json!([shown]));

    let wrong = client.post_json(&copies, json!({ "to": "kimi" })).await.expect(400);
    assert_eq!(wrong.code(), "request_invalid");
    assert_eq!(
        client.get(&format!("{path}?at=kimi")).await.expect(400).code(),
        "request_invalid"
    );
    let nobody = client
        .post_json(&copies, json!({ "provider": "nobody" }))
        .await
        .expect(400);
    assert_eq!(nobody.code(), "provider_unknown");
    let stranger = served.client(&place.token("umbrella", ALL).await);
    for answer in [
        stranger.post_json(&copies, json!({ "provider": "kimi" })).await,
        stranger.get(&format!("{path}?provider=kimi")).await,
        stranger.delete(&format!("{copies}/kimi")).await,
    ] {
        assert_eq!(answer.expect(404).code(), "file_not_found");
    }

    let deleted = client.delete(&format!("{copies}/kimi")).await.expect(200).json();
    assert_eq!(deleted["deleted"], true);
    assert!(vendor.files().is_empty());
    assert_eq!(client.get(&path).await.expect(200).json(), file);
}

#[tokio::test]
async fn an_agent_copies_a_file() {
    let (place, vendor) = place().await;
    let served = place.serve().await;
    let client = served.client(&place.token("acme", ALL).await);
    let file = client.upload("a.txt", b"content", &[]).await.expect(200).json();
    let mut mcp = Mcp::open(client).await;
    let made = mcp.done("copy_file", json!({ "id": file["id"], "to": "kimi" })).await;
    assert!(vendor.files().get(made["remote_id"].as_str().unwrap()).is_some());
    let shown = mcp.done("get_file", json!({ "id": file["id"] })).await;
    assert_eq!(shown["copies"][1]["remote_id"], made["remote_id"]);
    let refused = mcp
        .failed("copy_file", json!({ "id": "file-unknown", "to": "kimi" }))
        .await;
    assert_eq!(refused["code"], "file_not_found");
}

async fn text(place: &Place, arguments: &[&str]) -> String {
    let output = place.command(arguments).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Alone, and through a gateway that has the home.
#[tokio::test]
async fn the_command_line_copies_shows_and_deletes() {
    for beside in [false, true] {
        let (place, vendor) = place().await;
        let _served = match beside {
            true => Some(place.serve().await),
            false => None,
        };
        let path = place.file("a.txt", "content");
        let id = text(&place, &["upload", "-q", path.to_str().unwrap()]).await;
        let id = id.trim();
        let (status, lines) = place.run(&["files", "copy", id, "--to", "kimi"]).await;
        assert_eq!((status, lines.len()), (0, 1), "{lines:?}");
        let remote = lines[0]["remote_id"].as_str().unwrap();
        assert_eq!((&lines[0]["provider"], &lines[0]["id"]), (&json!("kimi"), &json!(id)));
        assert_eq!(lines[0]["copies"].as_array().unwrap().len(), 2);
        let quiet = text(&place, &["files", "copy", "-q", id, "--to", "kimi"]).await;
        assert_eq!(quiet.trim(), remote);
        let told = text(&place, &["files", "copy", id, "--to", "kimi"]).await;
        assert!(told.contains("already there") && told.contains(remote), "{told}");
        let shown = text(&place, &["files", "show", id]).await;
        assert!(shown.contains(&format!("kimi: {remote}, ready")), "{shown}");
        let listed = text(&place, &["files", "ls"]).await;
        assert!(listed.contains("\tlocal,kimi\t"), "{listed}");
        let (status, lines) = place.run(&["files", "rm", id, "--from", "kimi"]).await;
        assert_eq!((status, &lines[0]["provider"]), (0, &json!("kimi")));
        assert!(vendor.files().is_empty());
        let (status, lines) = place.run(&["files", "rm", id, "--from", "kimi"]).await;
        assert_eq!(
            (status, &lines[0]["error"]["code"]),
            (1, &json!("not_available_there")),
            "{lines:?}"
        );
        text(&place, &["files", "show", id]).await;
    }
}
