//! Every door says what it does not take in its own words and with a code, and in the form that was asked for.

use http_body_util::BodyExt;
use loadlock_served::{Answer, Client, Place, Served};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

const JSON: (&str, &str) = ("content-type", "application/json");

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

async fn served(place: &Place) -> (Served, Client) {
    let token = place.token("acme", &["read", "write", "delete", "admin"]).await;
    let served = place.serve().await;
    let client = served.client(&token);
    (served, client)
}

fn hello() -> String {
    json!({
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": { "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } },
    })
    .to_string()
}

/// The message of an answer in one form or the other, and the session.
async fn asks_mcp(client: &Client, headers: &[(&str, &str)], body: String) -> (String, Value, String) {
    let answer = client.stream("POST", "/mcp", headers, body).await;
    assert_eq!(answer.status(), 200, "{headers:?}");
    let header = |name: &str| {
        let value = answer.headers().get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default().to_owned()
    };
    let (kind, session) = (header("content-type"), header("mcp-session-id"));
    let text = String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let message = match kind.as_str() {
        "application/json" => text.as_str(),
        _ => text
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .next_back()
            .unwrap(),
    };
    (kind, serde_json::from_str(message).unwrap(), session)
}

#[tokio::test]
async fn an_mcp_client_is_answered_in_the_type_that_it_takes() {
    let place = place();
    let (_served, client) = served(&place).await;
    for (accept, expected) in [
        ("application/json", "application/json"),
        ("application/*", "application/json"),
        ("*/*, text/event-stream;q=0", "application/json"),
        ("text/event-stream", "text/event-stream"),
        ("", "text/event-stream"),
    ] {
        let headers = [JSON, ("accept", accept)];
        let (kind, hello, session) = asks_mcp(&client, &headers, hello()).await;
        assert_eq!(kind, expected, "{accept}");
        assert_eq!(hello["result"]["serverInfo"]["name"], "loadlock");
        let headers = [&headers[..], &[("mcp-session-id", &session)]].concat();
        let opened = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        client
            .send("POST", "/mcp", &headers, opened.to_string())
            .await
            .expect(202);
        // Progress is told on the way to the answer, where it can be.
        let call = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {
                "name": "upload_bytes", "_meta": { "progressToken": "p" },
                "arguments": { "name": "a.txt", "content_base64": "aGVsbG8=" },
            },
        });
        let (kind, stored, _) = asks_mcp(&client, &headers, call.to_string()).await;
        assert_eq!(kind, expected);
        assert_eq!(
            (&stored["id"], &stored["result"]["isError"]),
            (&json!(1), &json!(false)),
            "{stored}"
        );
    }
}

#[tokio::test]
async fn what_is_no_message_is_answered_as_json_rpc_says() {
    let place = place();
    let (_served, client) = served(&place).await;
    for (message, code, id) in [
        ("{", -32_700, Value::Null),
        ("", -32_700, Value::Null),
        ("[]", -32_600, Value::Null),
        (
            "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]",
            -32_600,
            Value::Null,
        ),
        ("{\"id\":1,\"method\":\"ping\"}", -32_600, json!(1)),
        ("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", -32_600, json!(1)),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}",
            -32_600,
            Value::Null,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}",
            -32_600,
            Value::Null,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":[1]}",
            -32_602,
            json!(1),
        ),
    ] {
        let answer = client.send("POST", "/mcp", &[JSON], message).await.expect(400);
        let error = answer.json();
        assert_eq!(
            (&error["error"]["code"], &error["id"]),
            (&json!(code), &id),
            "{message}"
        );
        assert_eq!(error["error"]["data"]["code"], "request_invalid", "{message}");
    }
    // What the library of the protocol refuses in plain text has a code as well.
    let text = ("content-type", "text/plain");
    for (refused, status) in [
        (client.send("POST", "/mcp", &[text], "{}").await, 415),
        (
            client
                .send("POST", "/mcp", &[JSON, ("accept", "text/html")], hello())
                .await,
            406,
        ),
        (
            client.send("GET", "/mcp", &[("accept", "application/json")], "").await,
            406,
        ),
        (
            client
                .send(
                    "POST",
                    "/mcp",
                    &[JSON],
                    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}",
                )
                .await,
            400,
        ),
    ] {
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (status, "request_invalid")
        );
    }
}

/// Lines to `loadlock mcp`, and as many answers.
async fn tells(place: &Place, lines: &[&str], answers: usize) -> Vec<Value> {
    let mut child = place
        .command(&["mcp"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines.join("\n").as_bytes()).await.unwrap();
    input.write_all(b"\n").await.unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    for _ in 0..answers {
        let line = tokio::time::timeout(std::time::Duration::from_secs(60), output.next_line()).await;
        told.push(serde_json::from_str(&line.unwrap().unwrap().unwrap()).unwrap());
    }
    drop(input);
    assert!(child.wait().await.unwrap().success());
    told
}

#[tokio::test]
async fn nobody_waits_for_ever_on_standard_input() {
    let place = place();
    let hello = hello();
    let lines = [
        "{bad",
        hello.as_str(),
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}",
    ];
    let codes = |told: Vec<Value>| {
        let mut codes: Vec<_> = told
            .iter()
            .map(|one| one["error"]["code"].as_i64().unwrap_or(0))
            .collect();
        codes.sort_unstable();
        codes
    };
    let expected = [-32_700, -32_600, 0];
    assert_eq!(codes(tells(&place, &lines, 3).await), expected);
    // The same through the bridge to a gateway that runs.
    let _served = place.serve().await;
    assert_eq!(codes(tells(&place, &lines, 3).await), expected);
}

/// The code of a refusal, wherever the answer has it.
fn code(answer: &Answer, what: &str) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{what}: {:?}", answer.text()));
    body["error"]["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_path_says_which_methods_it_has() {
    let place = place();
    let (_served, client) = served(&place).await;
    let tus = ("tus-resumable", "1.0.0");
    let mut seen = 0;
    for path in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/mcp",
        "/v1/files",
        "/v1/files/file-x",
        "/v1/files/file-x/content",
        "/v1/uploads",
        "/v1/uploads/upload_x/parts",
        "/v1/uploads/upload_x/complete",
        "/v1/uploads/upload_x/cancel",
        "/v1/loadlock/uploads/x",
        "/v1/loadlock/providers",
        "/v1/loadlock/route",
        "/v1/openapi.json",
        "/v1/tus",
        "/v1/ws",
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
            let answer = client.send(method, path, &[tus], "").await;
            let what = format!("{method} {path}: {}", answer.status);
            if !answer.status.is_success() {
                assert!(!code(&answer, &what).is_empty(), "{what}");
            }
            if answer.status == 405 {
                assert_eq!(code(&answer, &what), "method_not_allowed", "{what}");
                let allowed = answer.header("allow");
                assert!(!allowed.is_empty() && !allowed.contains(method), "{what}: {allowed}");
                seen += 1;
            }
        }
    }
    assert!(seen > 60, "{seen}");
}

#[tokio::test]
async fn what_is_no_handshake_is_told_which_version_there_is() {
    let place = place();
    let (_served, client) = served(&place).await;
    let upgrade = [("connection", "Upgrade"), ("upgrade", "websocket")];
    let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let old = [&upgrade[..], &[("sec-websocket-version", "8"), key]].concat();
    for headers in [&[][..], &old] {
        let answer = client.send("GET", "/v1/ws", headers, "").await.expect(426);
        assert_eq!(answer.code(), "request_invalid");
        assert_eq!(answer.header("sec-websocket-version"), "13");
        assert_eq!(answer.header("upgrade"), "websocket");
    }
    let without_key = [&upgrade[..], &[("sec-websocket-version", "13")]].concat();
    let answer = client.send("GET", "/v1/ws", &without_key, "").await.expect(400);
    assert_eq!(answer.code(), "request_invalid");
}

#[tokio::test]
async fn a_list_goes_on_at_its_cursor() {
    let place = place();
    let (_served, client) = served(&place).await;
    for number in 0..5 {
        let name = format!("{number}.txt");
        client
            .upload(&name, name.as_bytes(), &[("purpose", "user_data")])
            .await
            .expect(200);
    }
    let (mut seen, mut query) = (Vec::new(), "limit=2&order=asc".to_owned());
    loop {
        let page = client.get(&format!("/v1/files?{query}")).await.expect(200).json();
        let names = page["data"].as_array().unwrap().iter();
        seen.extend(names.map(|file| file["filename"].as_str().unwrap().to_owned()));
        let Some(next) = page["loadlock"]["next"].as_str() else {
            break;
        };
        query = format!("limit=2&order=asc&cursor={next}");
    }
    assert_eq!(seen, ["0.txt", "1.txt", "2.txt", "3.txt", "4.txt"]);
    for wrong in ["cursor=", "cursor=nonsense", "cursor=x&after=y"] {
        let answer = client.get(&format!("/v1/files?{wrong}")).await.expect(400);
        assert_eq!(answer.code(), "request_invalid");
        let said = &answer.json()["error"]["loadlock"];
        let (message, hint) = (said["message"].as_str().unwrap(), said["hint"].as_str().unwrap());
        assert!(
            message.contains("cursor") && !message.contains(hint),
            "{message} {hint}"
        );
    }
}

#[tokio::test]
async fn what_is_empty_was_sent() {
    let place = place();
    let (_served, client) = served(&place).await;
    // `a.txt` is the name, or nothing at all.
    for metadata in [
        "filename YS50eHQ=,purpose ",
        "filename YS50eHQ=,purpose",
        "filename ,purpose dXNlcl9kYXRh",
        "filename YS50eHQ=,provider ",
        "filename YS50eHQ=,idempotency_key ",
        "filename YS50eHQ=,expires_in ",
    ] {
        let headers = [
            ("tus-resumable", "1.0.0"),
            ("upload-length", "1"),
            ("upload-metadata", metadata),
        ];
        let answer = client.send("POST", "/v1/tus", &headers, "").await;
        assert_eq!(
            (answer.status.is_client_error(), answer.code().is_empty()),
            (true, false),
            "{metadata}"
        );
    }
    // Browsers do not know every type.
    let headers = [
        ("tus-resumable", "1.0.0"),
        ("upload-length", "1"),
        ("upload-metadata", "filename YS50eHQ=,filetype "),
    ];
    client.send("POST", "/v1/tus", &headers, "").await.expect(201);
    let (_, _, session) = asks_mcp(&client, &[JSON], hello()).await;
    let headers = [
        JSON,
        ("accept", "application/json"),
        ("mcp-session-id", session.as_str()),
    ];
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "list_files", "arguments": { "purpose": "" } },
    });
    let (_, listed, _) = asks_mcp(&client, &headers, call.to_string()).await;
    assert_eq!(listed["result"]["isError"], true, "{listed}");
    let (status, told) = place.run(&["files", "ls", "--purpose", ""]).await;
    assert_eq!(
        (status, &told[0]["error"]["code"]),
        (2, &json!("request_invalid")),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_head_says_what_a_get_would() {
    let place = place();
    let (_served, client) = served(&place).await;
    let file = client
        .upload("a.txt", b"content", &[("purpose", "user_data")])
        .await
        .expect(200)
        .json();
    let path = format!("/v1/files/{}/content", file["id"].as_str().unwrap());
    client.send("HEAD", &path, &[], "").await.expect(200);
    for object in walk(&place.home()) {
        if std::fs::read(&object).is_ok_and(|content| content == b"content") {
            std::fs::remove_file(object).unwrap();
        }
    }
    client.get(&path).await.expect(409);
    client.send("HEAD", &path, &[], "").await.expect(409);
}

/// Files beneath a folder.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] })
        .collect()
}
