//! Requests that go on to a vendor: with its credential, its ids of files and nothing of the caller's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use http_body_util::BodyExt as _;
use loadlock_served::{Client, Place, Served};
use loadlock_upstream::{Operation, Options, Recorded, Upstream, Vendor};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const ALL: &[&str] = &["read", "write", "delete"];
const KEY: &str = "sk-test-0123456789abcdef";
const ROUTES: &str =
    r#"["POST /v1/responses", "POST /v1/chat/completions", "POST /v1/batches", "GET /v1/batches/{id}"]"#;

struct Scene {
    place: Place,
    served: Served,
    client: Client,
    openai: Upstream,
    kimi: Upstream,
}

fn section(name: &str, vendor: &Upstream, more: &str) -> String {
    let base = vendor.base_url();
    format!(
        r#"
[providers.{name}]
settings = {{ base_url = "{base}" }}
credential = {{ header = "Authorization", value = "Bearer ${{env:VENDOR_KEY}}" }}
retry = {{ base = "1ms" }}
{more}
"#
    )
}

/// OpenAI and Kimi, of which OpenAI forwards all of [`ROUTES`]; `kimi` says what Kimi does.
async fn scene_with(kimi_forwards: &str, more: &str) -> Scene {
    let openai = Upstream::start(Vendor::Openai, Options::with_key(KEY)).await.unwrap();
    let kimi = Upstream::start(Vendor::Kimi, Options::with_key(KEY)).await.unwrap();
    let mut place = Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"));
    let mut config = String::from("order = [\"openai\"]\n[providers.local]\n");
    config += &section("openai", &openai, &format!("forward = {ROUTES}\n"));
    config += &section("kimi", &kimi, kimi_forwards);
    config += more;
    place.env("VENDOR_KEY", KEY).configure(&config);
    let served = place.serve().await;
    let client = served.client(&place.token("acme", ALL).await);
    Scene {
        place,
        served,
        client,
        openai,
        kimi,
    }
}

async fn scene() -> Scene {
    scene_with("", "").await
}

impl Scene {
    async fn upload(&self, content: &[u8], provider: &str) -> (String, String) {
        let file = self
            .client
            .upload("a.txt", content, &[("provider", provider)])
            .await
            .expect(200)
            .json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&file["id"]), text(&file["loadlock"]["remote_id"]))
    }

    fn model_calls(&self) -> Vec<Recorded> {
        self.openai.requests().of(Operation::Model)
    }
}

/// What a held stream of the vendor's waits for.
async fn unblock(vendor: &Upstream) {
    let mut connection = TcpStream::connect(vendor.address()).await.unwrap();
    let request = b"GET /unblock HTTP/1.1\r\nhost: vendor\r\nconnection: close\r\n\r\n";
    connection.write_all(request).await.unwrap();
    connection.read_to_end(&mut Vec::new()).await.unwrap();
}

fn asking(id: &str) -> Value {
    json!({
        "model": "gpt-x",
        "input": [{ "role": "user", "content": [{ "type": "input_file", "file_id": id }] }],
    })
}

fn said(response: &Value) -> &str {
    response["output"][0]["content"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn a_model_reads_what_was_uploaded_here_and_nothing_of_the_caller_goes_on() {
    let scene = scene().await;
    let (id, _) = scene.upload(b"the content", "openai").await;
    let headers = [
        ("content-type", "application/json"),
        ("x-api-key", "callers-own"),
        ("idempotency-key", "callers-own"),
        ("cookie", "callers-own=1"),
        ("openai-beta", "responses=v1"),
    ];
    let answer = scene
        .client
        .send("POST", "/v1/responses", &headers, asking(&id).to_string());
    let answer = answer.await.expect(200);
    assert_eq!(said(&answer.json()), "the content");
    assert_eq!(answer.header("x-loadlock-provider"), "openai");
    assert!(answer.header("x-vendor-request-id").starts_with("req-"));
    let calls = scene.model_calls();
    let call = calls.first().unwrap();
    assert_eq!(call.target, "/v1/responses");
    assert_eq!(call.header("authorization"), Some(&*format!("Bearer {KEY}")));
    assert_eq!(call.header("openai-beta"), Some("responses=v1"));
    let sent = format!("{:?}", call.headers);
    assert!(!sent.contains("callers-own") && !sent.contains("eyJ"), "{sent}");

    // The other shapes, and the other ways to name the provider.
    let chat = json!({ "model": "m", "messages": [{ "role": "user",
        "content": [{ "type": "file", "file": { "file_id": id } }] }] });
    for path in [
        "/v1/chat/completions",
        "/v1/providers/openai/chat/completions",
        "/v1/providers/openai/v1/chat/completions",
    ] {
        let answer = scene.client.post_json(path, chat.clone()).await.expect(200).json();
        assert_eq!(answer["choices"][0]["message"]["content"], "the content", "{path}");
    }
    let batch = json!({ "input_file_id": id, "endpoint": "/v1/responses", "completion_window": "24h" });
    let made = scene.client.post_json("/v1/batches", batch).await.expect(200).json();
    let there = format!("/v1/batches/{}?limit=1", made["id"].as_str().unwrap());
    assert_eq!(scene.client.get(&there).await.expect(200).json(), made);
    assert!(scene.model_calls().last().unwrap().target.ends_with("?limit=1"));

    let log = scene.place.run(&["audit", "tail"]).await.1;
    let text = format!("{log:?}");
    assert!(text.contains("POST /v1/responses: 200"), "{text}");
    let operator = scene.served.client(&scene.place.token("acme", &["admin"]).await);
    let metrics = operator.get("/metrics").await.expect(200).text();
    let counted = "loadlock_forwarded_requests_total{provider=\"openai\",outcome=\"2xx\"} 6";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn ids_that_are_not_the_callers_own_are_not_found_and_nothing_leaves() {
    let scene = scene().await;
    let (id, remote) = scene.upload(b"the content", "openai").await;
    let stranger = scene.served.client(&scene.place.token("umbrella", ALL).await);
    let foreign = stranger.post_json("/v1/responses", asking(&id)).await.expect(404);
    assert_eq!(foreign.code(), "file_not_found");
    // The vendor's own id is one account's for all tenants.
    let unknown = format!("file-{}", "0".repeat(26));
    for id in [remote.as_str(), &unknown, "", "file-x/../y"] {
        let answer = scene.client.post_json("/v1/responses", asking(id)).await.expect(404);
        assert_eq!(answer.code(), "file_not_found", "{id}");
    }
    let hidden = format!("{{\"file\\u005fid\":\"{remote}\",\"file_id\":\"{id}\"}}");
    let json = [("content-type", "application/json")];
    scene
        .client
        .send("POST", "/v1/responses", &json, hidden)
        .await
        .expect(404);
    assert!(scene.model_calls().is_empty());
}

#[tokio::test]
async fn a_file_that_the_vendor_does_not_have_is_copied_where_its_bytes_are_to_be_had() {
    let scene = scene().await;
    let (id, _) = scene.upload(b"kept here", "local").await;
    let two = json!({ "model": "m", "input": [asking(&id)["input"], asking(&id)["input"]] });
    let answer = scene.client.post_json("/v1/responses", two).await.expect(200).json();
    assert_eq!(said(&answer), "kept here kept here");
    assert_eq!(scene.openai.files().len(), 1);
    let shown = scene.client.get(&format!("/v1/files/{id}")).await.expect(200).json();
    assert_eq!(shown["loadlock"]["copies"][1]["provider"], "openai");

    let (elsewhere, _) = scene.upload(b"at kimi", "kimi").await;
    let refused = scene
        .client
        .post_json("/v1/responses", asking(&elsewhere))
        .await
        .expect(409);
    assert_eq!(refused.code(), "not_available_there");
    assert!(refused.text().contains("kimi"), "{}", refused.text());
    // Whoever may only read has nothing copied, and asks no model.
    let reader = scene.served.client(&scene.place.token("acme", &["read"]).await);
    let forbidden = reader.post_json("/v1/responses", asking(&id)).await.expect(403);
    assert_eq!(forbidden.code(), "forbidden");
}

#[tokio::test]
async fn events_pass_as_they_come() {
    let scene = scene().await;
    let (id, _) = scene.upload(b"one two", "openai").await;
    let mut body = asking(&id);
    body["stream"] = true.into();
    body["metadata"] = json!({ "until": "/unblock" });
    let json = [("content-type", "application/json")];
    let mut answer = scene
        .client
        .stream("POST", "/v1/responses", &json, body.to_string())
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    // The vendor sends no more until it is asked for something else, so this was not held back.
    let first = answer.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    let first = String::from_utf8(first.to_vec()).unwrap();
    assert!(
        first.contains("\"delta\":\"one \"") && first.ends_with("\n\n"),
        "{first}"
    );
    unblock(&scene.openai).await;
    let rest = answer.into_body().collect().await.unwrap().to_bytes();
    let rest = String::from_utf8(rest.to_vec()).unwrap();
    assert!(
        rest.contains("\"delta\":\"two\"") && rest.contains("response.completed"),
        "{rest}"
    );
}

#[tokio::test]
async fn the_credential_is_masked_however_the_answer_is_cut() {
    let scene = scene().await;
    for (path, member) in [("/v1/responses", "input"), ("/v1/chat/completions", "messages")] {
        for cut in 1..=KEY.len() + 1 {
            let body = json!({ "model": "m", member: [], "stream": true,
                "metadata": { "repeat": "1", "cut": cut.to_string() } });
            let text = scene.client.post_json(path, body).await.expect(200).text();
            assert!(text.contains("the "), "{text}");
            assert!(
                !text.contains(KEY) && text.contains(&"*".repeat(KEY.len())),
                "{cut}: {text}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_not_opened_does_not_leave() {
    let scene = scene().await;
    for (method, path) in [
        ("POST", "/v1/responses/resp_1/cancel"),
        ("GET", "/v1/responses"),
        ("POST", "/v1/responses/"),
        ("POST", "/v1/Responses"),
        ("GET", "/v1/batches/a%2Fb"),
        ("GET", "/v1/batches"),
        ("POST", "/v1/providers/kimi/chat/completions"),
        ("POST", "/v1/providers/openai/embeddings"),
        ("GET", "/v1/providers/openai/files"),
    ] {
        let answer = scene.client.send(method, path, &[], "").await.expect(404);
        assert_eq!(answer.code(), "no_such_endpoint", "{method} {path}");
    }
    let nobody = scene
        .client
        .post_json("/v1/providers/nobody/responses", json!({}))
        .await;
    assert_eq!(nobody.expect(400).code(), "provider_unknown");
    for path in ["/v1/responses", "/v1/providers/openai/responses"] {
        let stranger = scene.served.stranger().post_json(path, json!({})).await;
        assert_eq!(stranger.expect(401).code(), "unauthenticated", "{path}");
    }
    let key = scene.client.get("/v1/batches/batch_1?%6bey=x").await.expect(400);
    assert_eq!(key.code(), "request_invalid");
    let form = [("content-type", "multipart/form-data; boundary=x")];
    let form = scene
        .client
        .send("POST", "/v1/responses", &form, "--x--")
        .await
        .expect(400);
    assert_eq!(form.code(), "request_invalid");
    let json = [("content-type", "application/json")];
    let broken = scene.client.send("POST", "/v1/responses", &json, "{").await.expect(400);
    assert_eq!(broken.code(), "request_invalid");
    let large = format!("\"{}\"", "x".repeat(32 << 20));
    let large = scene
        .client
        .send("POST", "/v1/responses", &json, large)
        .await
        .expect(413);
    assert_eq!(large.code(), "file_too_large");
    assert!(scene.model_calls().is_empty() && scene.kimi.requests().of(Operation::Model).is_empty());
}

#[tokio::test]
async fn of_two_that_forward_a_request_one_is_named_and_a_listed_egress_has_to_grant_it() {
    let listed = r#"forward = ["POST /v1/chat/completions", "POST /v1/embeddings"]"#;
    let scene = scene_with(listed, "").await;
    let body = json!({ "model": "m", "messages": [], "metadata": { "repeat": "1" } });
    let several = scene
        .client
        .post_json("/v1/chat/completions", body.clone())
        .await
        .expect(400);
    assert!(several.text().contains("`openai` and `kimi`"), "{}", several.text());
    let headers = [("content-type", "application/json"), ("x-loadlock-provider", "kimi")];
    let named = scene
        .client
        .send("POST", "/v1/chat/completions", &headers, body.to_string())
        .await;
    assert_eq!(named.expect(200).header("x-loadlock-provider"), "kimi");
    assert_eq!(scene.kimi.requests().of(Operation::Model).len(), 1);
    // What the vendor refuses comes back in its own words.
    let unknown = scene.client.post_json("/v1/embeddings", json!({})).await.expect(404);
    assert!(unknown.text().contains("Invalid URL"), "{}", unknown.text());

    let base = scene.kimi.base_url();
    let egress =
        format!("{listed}\negress = [{{ url = \"{base}/files\", methods = [\"GET\", \"POST\"], private = true }}]");
    let mut config = section("kimi", &scene.kimi, &egress);
    config.push_str("[[tenants]]\nname = \"acme\"\nrequests_per_minute = 1000\n");
    scene.place.configure(&config);
    let (served, place) = (scene.served, scene.place);
    served.stop().await;
    let served = place.serve().await;
    let client = served.client(&place.token("acme", ALL).await);
    let denied = client.post_json("/v1/chat/completions", body).await.expect(502);
    assert_eq!(denied.code(), "egress_denied");
    assert_eq!(scene.kimi.requests().of(Operation::Model).len(), 1);
}

#[tokio::test]
async fn a_tenant_has_no_more_requests_on_at_vendors_than_it_may() {
    let scene = scene_with("", "[[tenants]]\nname = \"acme\"\nconcurrent_uploads = 1\n").await;
    let body = json!({ "model": "m", "input": [], "stream": true, "metadata": { "repeat": "1", "until": "/unblock" } });
    let json = [("content-type", "application/json")];
    let answer = scene
        .client
        .stream("POST", "/v1/responses", &json, body.to_string())
        .await;
    assert_eq!(answer.status(), 200);
    let plain = json!({ "model": "m", "input": [] });
    let second = scene.client.post_json("/v1/responses", plain.clone()).await.expect(429);
    assert_eq!(second.code(), "rate_limited");
    let other = scene.served.client(&scene.place.token("umbrella", ALL).await);
    other.post_json("/v1/responses", plain.clone()).await.expect(200);
    unblock(&scene.openai).await;
    answer.into_body().collect().await.unwrap();
    scene.client.post_json("/v1/responses", plain).await.expect(200);
}
