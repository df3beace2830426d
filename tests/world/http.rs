//! HTTP in the small: what clients, caches and download managers rely on.

use std::os::unix::fs::PermissionsExt;

use http_body_util::BodyExt;
use loadlock_served::{Client, Place, Served, form};
use serde_json::json;
use sha2::{Digest, Sha256};

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

async fn served(place: &Place) -> (Served, Client) {
    let token = place.token("acme", &["read", "write", "delete", "admin"]).await;
    let served = place.serve().await;
    let client = served.client(&token);
    (served, client)
}

/// A vendor of OpenAI's shape that takes every file; what it says about one is what was sent last.
async fn vendor() -> (std::net::SocketAddr, tokio::sync::watch::Sender<&'static str>) {
    use hyper::service::service_fn;
    let (said, status) = tokio::sync::watch::channel("processing");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let status = status.clone();
            let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let status = *status.borrow();
                async move {
                    request.into_body().collect().await?;
                    let file = json!({
                        "id": "file-1", "object": "file", "bytes": 1, "created_at": 1, "filename": "a.txt",
                        "purpose": "user_data", "status": status,
                    });
                    let body = http_body_util::Full::new(bytes::Bytes::from(file.to_string()));
                    let answer = hyper::Response::builder().header("content-type", "application/json");
                    Ok::<_, hyper::Error>(answer.body(body).unwrap())
                }
            });
            let io = hyper_util::rt::TokioIo::new(stream);
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
        }
    });
    (address, said)
}

#[tokio::test]
async fn what_the_vendor_says_about_a_file_is_its_status() {
    let (address, said) = vendor().await;
    let mut place = place();
    place.env("OPENAI_API_KEY", "sk-test").configure(&format!(
        "[providers.openai]\nsettings = {{ base_url = \"http://{address}/v1\" }}\n\
         egress = [{{ url = \"http://{address}/v1/files\", methods = [\"GET\", \"POST\"], private = true }}]\n\
         credential = {{ header = \"Authorization\", value = \"Bearer ${{env:OPENAI_API_KEY}}\" }}\n"
    ));
    let (_served, client) = served(&place).await;
    let file = client
        .upload("a.txt", b"x", &[("purpose", "user_data")])
        .await
        .expect(200)
        .json();
    assert_eq!(file["status"], "uploaded");
    let path = format!("/v1/files/{}", file["id"].as_str().unwrap());
    assert_eq!(client.get(&path).await.expect(200).json()["status"], "uploaded");
    said.send("error").unwrap();
    let file = client.get(&path).await.expect(200).json();
    assert_eq!(file["status"], "error");
    assert!(file["status_details"].is_string());
    assert_eq!(
        client.get("/v1/files").await.expect(200).json()["data"][0]["status"],
        "error"
    );
}

/// Stores a file; its path.
async fn stored(client: &Client, content: &[u8]) -> String {
    let file = client
        .upload("a.txt", content, &[("purpose", "user_data")])
        .await
        .expect(200)
        .json();
    format!("/v1/files/{}/content", file["id"].as_str().unwrap())
}

#[tokio::test]
async fn content_has_its_length_and_its_tag_before_it_is_read() {
    let place = place();
    let (_served, client) = served(&place).await;
    let content = b"0123456789".repeat(20_000);
    let path = stored(&client, &content).await;
    let tag = format!("\"{}\"", hex::encode(Sha256::digest(&content)));
    for method in ["HEAD", "GET"] {
        let answer = client.send(method, &path, &[], "").await.expect(200);
        assert_eq!(answer.header("content-length"), content.len().to_string(), "{method}");
        assert_eq!(answer.header("etag"), tag, "{method}");
        assert_eq!(answer.header("accept-ranges"), "bytes", "{method}");
        assert_eq!(answer.body, if method == "GET" { &content[..] } else { b"" });
    }
    for known in [tag.as_str(), "*", &format!("\"x\", W/{tag}")] {
        for method in ["HEAD", "GET"] {
            let answer = client
                .send(method, &path, &[("if-none-match", known)], "")
                .await
                .expect(304);
            assert_eq!((answer.header("etag"), answer.body.len()), (tag.as_str(), 0));
        }
    }
    client
        .send("GET", &path, &[("if-none-match", "\"x\"")], "")
        .await
        .expect(200);
    client
        .send("GET", &path, &[("if-match", "\"x\"")], "")
        .await
        .expect(412);
    client.send("GET", &path, &[("if-match", &tag)], "").await.expect(200);
    let missing = "/v1/files/file-none/content";
    client.send("HEAD", missing, &[], "").await.expect(404);
    client
        .send("GET", missing, &[("range", "bytes=0-1")], "")
        .await
        .expect(404);
}

#[tokio::test]
async fn a_part_of_a_content_can_be_had() {
    let place = place();
    let (_served, client) = served(&place).await;
    let content: Vec<u8> = (0..200_000_u32).flat_map(|number| number.to_le_bytes()).collect();
    let path = stored(&client, &content).await;
    let length = content.len();
    for (range, part) in [
        ("bytes=0-0", 0..1),
        ("bytes=1-4", 1..5),
        ("bytes=65535-131073", 65_535..131_074),
        ("bytes=799000-", 799_000..length),
        ("bytes=-7", length - 7..length),
        ("bytes=0-9999999", 0..length),
    ] {
        let answer = client.send("GET", &path, &[("range", range)], "").await.expect(206);
        assert_eq!(answer.header("content-length"), part.len().to_string(), "{range}");
        let says = format!("bytes {}-{}/{length}", part.start, part.end - 1);
        assert_eq!(answer.header("content-range"), says);
        assert!(answer.body == content[part], "{range}");
    }
    let beyond = client
        .send("GET", &path, &[("range", "bytes=800000-")], "")
        .await
        .expect(416);
    assert_eq!(beyond.header("content-range"), format!("bytes */{length}"));
    for (header, value) in [("range", "bytes=0-1,4-5"), ("range", "lines=1-2"), ("range", "bytes=x")] {
        let answer = client.send("GET", &path, &[(header, value)], "").await.expect(200);
        assert_eq!(answer.body.len(), length, "{value}");
    }
    let range = ("range", "bytes=0-9");
    client
        .send("GET", &path, &[range, ("if-range", "\"other\"")], "")
        .await
        .expect(200);
    let tag = format!("\"{}\"", hex::encode(Sha256::digest(&content)));
    client
        .send("GET", &path, &[range, ("if-range", &tag)], "")
        .await
        .expect(206);
}

#[tokio::test]
async fn a_parameter_that_nobody_knows_is_named() {
    let place = place();
    let (served, client) = served(&place).await;
    let file = stored(&client, b"x").await;
    let file = file.trim_end_matches("/content");
    for (method, path) in [
        ("GET", "/v1/files".to_owned()),
        ("POST", "/v1/files".to_owned()),
        ("GET", file.to_owned()),
        ("DELETE", file.to_owned()),
        ("GET", format!("{file}/content")),
        ("POST", "/v1/uploads".to_owned()),
        ("POST", "/v1/uploads/upload_x/parts".to_owned()),
        ("POST", "/v1/uploads/upload_x/complete".to_owned()),
        ("POST", "/v1/uploads/upload_x/cancel".to_owned()),
        ("GET", "/v1/loadlock/uploads/x".to_owned()),
        ("GET", "/v1/loadlock/providers".to_owned()),
        ("POST", "/v1/loadlock/route".to_owned()),
        ("GET", "/v1/openapi.json".to_owned()),
        ("POST", "/v1/tus".to_owned()),
        ("OPTIONS", "/v1/tus".to_owned()),
        ("GET", "/v1/ws".to_owned()),
        ("POST", "/mcp".to_owned()),
        ("GET", "/metrics".to_owned()),
        ("GET", "/healthz".to_owned()),
        ("GET", "/readyz".to_owned()),
    ] {
        let answer = client
            .send(method, &format!("{path}?filename=a"), &[], "")
            .await
            .expect(400);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("`filename`"), "{method} {path}: {message}");
    }
    client.get(file).await.expect(200);
    for (query, param) in [
        ("after=", "after"),
        ("purpose=", "purpose"),
        ("limit=", "limit"),
        ("order=", "order"),
    ] {
        let answer = client.get(&format!("/v1/files?{query}")).await.expect(400);
        assert_eq!(answer.json()["error"]["param"], param, "{query}");
    }
    client
        .get("/v1/files?limit=5&order=asc&purpose=user_data")
        .await
        .expect(200);
    // Who is nobody hears that first.
    served.stranger().get("/v1/files?filename=a").await.expect(401);
}

#[tokio::test]
async fn an_encoded_body_is_refused_at_every_door() {
    let place = place();
    let (_served, client) = served(&place).await;
    let (kind, body) = form(&[("purpose", "user_data")], &[("file", "a.txt", b"x")]);
    for (method, path) in [
        ("POST", "/v1/files"),
        ("POST", "/v1/uploads"),
        ("POST", "/v1/uploads/upload_x/parts"),
        ("POST", "/v1/tus"),
        ("PATCH", "/v1/tus/x"),
        ("POST", "/mcp"),
        ("POST", "/v1/loadlock/route"),
    ] {
        for coding in ["gzip", "br", "identity, gzip", "x-nothing"] {
            let headers = [("content-encoding", coding), ("content-type", kind.as_str())];
            let answer = client.send(method, path, &headers, body.clone()).await.expect(415);
            assert_eq!(answer.code(), "encoding_unsupported", "{path}");
            assert_eq!(answer.header("accept-encoding"), "identity");
        }
    }
    let headers = [("content-encoding", "identity"), ("content-type", kind.as_str())];
    client.send("POST", "/v1/files", &headers, body).await.expect(200);
}

#[tokio::test]
async fn a_whole_number_may_have_a_point() {
    let place = place();
    let (_served, client) = served(&place).await;
    let wish = |bytes: serde_json::Value, seconds: serde_json::Value| {
        json!({
            "filename": "a.txt", "purpose": "user_data", "mime_type": "text/plain", "bytes": bytes,
            "expires_after": { "anchor": "created_at", "seconds": seconds },
        })
    };
    let upload = client
        .post_json("/v1/uploads", wish(json!(5.0), json!(3600.0)))
        .await
        .expect(200);
    assert_eq!(upload.json()["bytes"], 5);
    for (bytes, seconds) in [
        (json!(5.5), json!(3600)),
        (json!("5"), json!(3600)),
        (json!(5), json!(-3600.0)),
    ] {
        client.post_json("/v1/uploads", wish(bytes, seconds)).await.expect(400);
    }
}

#[tokio::test]
async fn an_mcp_client_may_take_anything() {
    let place = place();
    let (_served, client) = served(&place).await;
    let hello = json!({
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": { "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } },
    });
    let json = ("content-type", "application/json");
    for accept in [
        &[json][..],
        &[json, ("accept", "*/*")],
        &[json, ("accept", "application/json, */*;q=0.1")],
    ] {
        let answer = client.stream("POST", "/mcp", accept, hello.to_string()).await;
        assert_eq!(answer.status(), 200, "{accept:?}");
    }
    let answer = client
        .send("POST", "/mcp", &[json, ("accept", "text/html")], hello.to_string())
        .await;
    assert_eq!(answer.status, 406);
}

#[tokio::test]
async fn content_that_is_saved_is_its_owners() {
    let place = place();
    place.configure("[[grants]]\nroot = \"{files}\"\n");
    place.file("a.txt", "new");
    let (_, lines) = place.run(&["upload", "a.txt"]).await;
    let id = lines[0]["id"].as_str().unwrap().to_owned();
    let mode = |name: &str| {
        std::fs::metadata(place.files().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    let (status, lines) = place.run(&["files", "content", &id, "-o", "fresh.txt"]).await;
    assert_eq!((status, mode("fresh.txt")), (0, 0o600), "{lines:?}");
    for kept in [0o600, 0o640, 0o644] {
        let path = place.file("kept.txt", "old");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(kept)).unwrap();
        let (status, lines) = place.run(&["files", "content", &id, "-o", "kept.txt"]).await;
        assert_eq!((status, mode("kept.txt")), (0, kept), "{lines:?}");
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }
}

#[tokio::test]
async fn advice_is_for_whoever_asks() {
    let place = place();
    let reader = place.token("acme", &["read"]).await;
    let (served, client) = served(&place).await;
    let (kind, body) = form(&[("purpose", "nonsense")], &[("file", "a.txt", b"x")]);
    let kind = ("content-type", kind.as_str());
    let refusals = [
        served.stranger().get("/v1/files").await,
        served.client("wrong").get("/v1/files").await,
        served.client(&reader).upload("a.txt", b"x", &[]).await,
        client.get("/v1/files?limit=0").await,
        client.get("/v1/files/file-none").await,
        client.get("/v1/nothing").await,
        client.delete("/v1/files").await,
        client.send("POST", "/v1/files", &[kind], body).await,
        client.upload("a.txt", b"x", &[("provider", "nobody")]).await,
        client.upload(".env", b"KEY=1", &[]).await,
        client.upload("a.txt", b"", &[]).await,
        client.post_json("/v1/files", json!({ "path": "/etc/passwd" })).await,
        client.post_json("/v1/uploads", json!({ "bytes": 1 })).await,
        client
            .post_json("/v1/loadlock/route", json!({ "path": "/nothing" }))
            .await,
        client
            .send("POST", "/mcp", &[("origin", "https://evil.example")], "")
            .await,
        client.send("POST", "/v1/tus", &[], "").await,
    ];
    for refusal in refusals {
        assert!(refusal.status.is_client_error(), "{}", refusal.text());
        let text = refusal.text();
        for word in ["`loadlock ", "`--", "Read the message"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
        assert!(
            !refusal.json()["error"]["loadlock"]["hint"].as_str().unwrap().is_empty(),
            "{text}"
        );
    }
}
