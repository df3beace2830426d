//! What the gateway refuses is refused when an upload is created, by every door, and not after its last byte.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use loadlock_served::{Client, Mcp, Place, Served, form};
use serde_json::{Value, json};

const ALL: &[&str] = &["read", "write", "delete"];
/// One second more than a century.
const TOO_LONG: u64 = 36_525 * 86_400 + 1;

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

async fn served(place: &Place) -> (Served, Client, String) {
    let token = place.token("acme", ALL).await;
    let served = place.serve().await;
    let client = served.client(&token);
    (served, client, token)
}

fn nothing_is_kept(place: &Place) {
    assert_eq!(std::fs::read_dir(place.home().join("spool")).unwrap().count(), 0);
}

async fn begin(client: &Client, headers: &[(&str, &str)], change: Value) -> (u16, String, Value) {
    let mut wanted = json!({ "filename": "a.txt", "purpose": "user_data", "bytes": 5, "mime_type": "text/plain" });
    for (name, value) in change.as_object().unwrap() {
        wanted[name] = value.clone();
    }
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    let refused = client.send("POST", "/v1/uploads", &all, wanted.to_string()).await;
    let param = if refused.status == 200 {
        Value::Null
    } else {
        refused.json()["error"]["param"].clone()
    };
    let code = if refused.status == 200 {
        String::new()
    } else {
        refused.code()
    };
    (refused.status.as_u16(), code, param)
}

#[tokio::test]
async fn an_upload_in_parts_is_refused_when_it_is_begun() {
    let place = place();
    place.configure("[limits]\nmax_upload_size = \"1 MiB\"\n");
    let (_served, client, _) = served(&place).await;
    let after = |seconds: u64| json!({ "anchor": "created_at", "seconds": seconds });
    let long = "x".repeat(300);
    for (change, code, param) in [
        (json!({ "filename": "" }), "file_rejected", json!("filename")),
        (json!({ "filename": "a/b.txt" }), "file_rejected", json!("filename")),
        (json!({ "filename": "id_rsa" }), "file_rejected", json!("filename")),
        (json!({ "filename": long }), "file_rejected", json!("filename")),
        (json!({ "purpose": "" }), "request_invalid", json!("purpose")),
        (
            json!({ "purpose": "x".repeat(65) }),
            "request_invalid",
            json!("purpose"),
        ),
        (json!({ "bytes": (1 << 20) + 1 }), "file_too_large", json!("bytes")),
        (json!({ "mime_type": long }), "request_invalid", json!("mime_type")),
        (json!({ "provider": "nobody" }), "provider_unknown", json!("provider")),
        (
            json!({ "expires_after": after(0) }),
            "request_invalid",
            json!("expires_after[seconds]"),
        ),
        (
            json!({ "expires_after": after(TOO_LONG) }),
            "request_invalid",
            json!("expires_after[seconds]"),
        ),
    ] {
        let (status, found, which) = begin(&client, &[], change.clone()).await;
        assert!((400..500).contains(&status), "{change}: {status}");
        assert_eq!((found.as_str(), which), (code, param), "{change}");
    }
    for key in ["", &long] {
        let (status, code, _) = begin(&client, &[("idempotency-key", key)], json!({})).await;
        assert_eq!((status, code.as_str()), (400, "request_invalid"));
    }
    nothing_is_kept(&place);
    // A century, and what other doors take, is taken.
    let (status, ..) = begin(&client, &[], json!({ "expires_after": after(TOO_LONG - 1) })).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_purpose_that_no_provider_has_is_refused_before_a_byte_is_sent() {
    let upstream = loadlock_upstream::Upstream::start(
        loadlock_upstream::Vendor::Kimi,
        loadlock_upstream::Options::with_key("sk-test"),
    )
    .await
    .unwrap();
    let mut place = place();
    place.env("KEY", "sk-test");
    let base = upstream.base_url();
    place.configure(&format!(
        "order = [\"kimi\"]\n[providers.kimi]\nsettings = {{ base_url = \"{base}\" }}\negress = [{{ url = \
         \"{base}/files\", methods = [\"GET\", \"POST\", \"DELETE\"], private = true }}]\ncredential = {{ header = \
         \"Authorization\", value = \"Bearer ${{env:KEY}}\" }}\n"
    ));
    let (_served, client, _) = served(&place).await;
    let (status, code, param) = begin(&client, &[], json!({ "purpose": "nonsense" })).await;
    assert_eq!(
        (status, code.as_str(), param),
        (400, "purpose_unsupported", json!("purpose"))
    );
    let metadata = format!("filename YS50eHQ=,purpose {}", STANDARD.encode("nonsense"));
    let headers = [
        ("tus-resumable", "1.0.0"),
        ("upload-length", "5"),
        ("upload-metadata", metadata.as_str()),
    ];
    let refused = client.send("POST", "/v1/tus", &headers, "").await.expect(400);
    assert_eq!(refused.code(), "purpose_unsupported");
    nothing_is_kept(&place);
}

#[tokio::test]
async fn a_tus_upload_is_refused_when_it_is_created() {
    let place = place();
    place.configure("[limits]\nmax_upload_size = \"1 MiB\"\n");
    let (_served, client, _) = served(&place).await;
    let create = async |pairs: &[(&str, &str)], length: &str, more: &[(&str, &str)]| {
        let metadata: Vec<_> = pairs
            .iter()
            .map(|(key, value)| format!("{key} {}", STANDARD.encode(value)))
            .collect();
        let metadata = metadata.join(",");
        let mut headers = vec![
            ("tus-resumable", "1.0.0"),
            ("upload-length", length),
            ("upload-metadata", metadata.as_str()),
        ];
        headers.extend(more);
        client.send("POST", "/v1/tus", &headers, "").await
    };
    let long = "x".repeat(300);
    let (most, too_long) = ((TOO_LONG - 1).to_string(), TOO_LONG.to_string());
    for (pairs, length, code) in [
        (&[("filename", "a/b.txt")][..], "5", "file_rejected"),
        (&[("filename", "id_rsa")], "5", "file_rejected"),
        (&[("name", &long)], "5", "file_rejected"),
        (&[("purpose", &long)], "5", "request_invalid"),
        (&[("provider", "nobody")], "5", "provider_unknown"),
        (&[("expires_in", "0")], "5", "request_invalid"),
        (&[("expires_in", "soon")], "5", "request_invalid"),
        (&[("expires_in", &too_long)], "5", "request_invalid"),
        (&[("idempotency_key", &long)], "5", "request_invalid"),
        (&[("filetype", &long)], "5", "request_invalid"),
        (&[("filename", "a.txt")], "1048577", "file_too_large"),
    ] {
        let refused = create(pairs, length, &[]).await;
        assert!(refused.status.is_client_error(), "{pairs:?}");
        assert_eq!(refused.code(), code, "{pairs:?}");
    }
    create(&[], "5", &[("idempotency-key", &long)]).await.expect(400);
    nothing_is_kept(&place);
    create(&[("expires_in", &most), ("provider", "auto")], "5", &[])
        .await
        .expect(201);
}

#[tokio::test]
async fn the_other_doors_have_the_same_bounds() {
    let place = place();
    place.configure("[[grants]]\nroot = \"{files}\"\ntenants = [\"acme\"]\n");
    let path = place.file("a.txt", "hello");
    let (served, client, token) = served(&place).await;
    let long = "x".repeat(300);
    let bad = [
        json!({ "expires_in_s": 0 }),
        json!({ "expires_in_s": TOO_LONG }),
        json!({ "purpose": "x".repeat(65) }),
        json!({ "idempotency_key": long }),
        json!({ "idempotency_key": "" }),
    ];
    let with = |base: Value, change: &Value| {
        let mut all = base;
        for (name, value) in change.as_object().unwrap() {
            all[name] = value.clone();
        }
        all
    };
    // A WebSocket is told at once, not by a failed upload later.
    let mut socket = served.socket(&token).await;
    for change in &bad {
        let refused = socket
            .call("uploads.start", with(json!({ "path": path }), change))
            .await;
        let refused = refused.unwrap_err();
        assert_eq!(refused["data"]["code"], "request_invalid", "{change}: {refused}");
    }
    let unknown = json!({ "path": path, "to": "nobody" });
    let refused = socket.call("uploads.start", unknown).await.unwrap_err();
    assert_eq!(refused["data"]["code"], "provider_unknown");

    let mut mcp = Mcp::open(served.client(&token)).await;
    for change in &bad {
        let base = json!({ "name": "a.txt", "content_base64": STANDARD.encode("hello") });
        let refused = mcp.failed("upload_bytes", with(base, change)).await;
        assert_eq!(refused["code"], "request_invalid", "{change}");
        let refused = mcp.failed("upload_path", with(json!({ "path": path }), change)).await;
        assert_eq!(refused["code"], "request_invalid", "{change}");
    }

    let (kind, body) = form(&[("purpose", "user_data")], &[("file", "a.txt", b"hello")]);
    for key in ["", &long] {
        let headers = [("content-type", kind.as_str()), ("idempotency-key", key)];
        let refused = client.send("POST", "/v1/files", &headers, body.clone()).await;
        assert_eq!(refused.expect(400).code(), "request_invalid");
    }
    for (name, value) in [
        ("purpose", "x".repeat(65)),
        ("expires_after[seconds]", TOO_LONG.to_string()),
    ] {
        let mut fields = vec![("purpose", "user_data")];
        if name == "purpose" {
            fields.clear();
        } else {
            fields.push(("expires_after[anchor]", "created_at"));
        }
        fields.push((name, &value));
        let refused = client.upload("a.txt", b"hello", &fields).await.expect(400);
        assert_eq!(refused.json()["error"]["param"], name);
    }
    // Shorter than a vendor may promise, and right all the same: another door takes it as well.
    let minute = [
        ("purpose", "user_data"),
        ("expires_after[anchor]", "created_at"),
        ("expires_after[seconds]", "60"),
    ];
    client.upload("a.txt", b"hello", &minute).await.expect(200);
    drop(served);

    let path = path.to_str().unwrap();
    for option in [
        &["--expires-in", "36526d"][..],
        &["--idempotency-key", ""],
        &["--purpose", &long],
    ] {
        let mut arguments = vec!["upload", path];
        arguments.extend(option);
        let (status, lines) = place.run(&arguments).await;
        assert_ne!(status, 0, "{option:?}: {lines:?}");
        assert_eq!(lines[0]["error"]["code"], "request_invalid", "{option:?}: {lines:?}");
    }
}
