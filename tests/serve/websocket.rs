//! `/v1/ws`: who gets in, what each method does, what each tenant sees, and how sockets end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::{Place, Served};
use loadlock_upstream::{Fault, Operation, Options, Upstream, Vendor};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

fn place() -> Place {
    let place = Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"));
    place.configure("[[grants]]\nroot = \"{files}\"\ntenants = [\"acme\", \"umbrella\"]\n");
    place
}

/// A place whose files go to a fake of a vendor.
async fn place_with_vendor() -> (Place, Upstream) {
    let upstream = Upstream::start(Vendor::Kimi, Options::default()).await.unwrap();
    let mut place = place();
    place.env("KIMI_API_KEY", "sk-test").configure(&format!(
        "order = [\"kimi\"]\n\
         [[grants]]\nroot = \"{{files}}\"\ntenants = [\"acme\", \"umbrella\"]\n\
         [providers.kimi]\nsettings = {{ base_url = \"{url}\" }}\n\
         egress = [{{ url = \"{url}/files\", methods = [\"GET\", \"POST\", \"DELETE\"], private = true }}]\n\
         credential = {{ header = \"Authorization\", value = \"Bearer ${{env:KIMI_API_KEY}}\" }}\n",
        url = upstream.base_url(),
    ));
    (place, upstream)
}

const ALL: &[&str] = &["read", "write"];

#[tokio::test]
async fn nobody_gets_in_without_a_credential_and_no_token_comes_back() {
    let place = place();
    let token = place.token("acme", ALL).await;
    let served = place.serve().await;
    let bearer = format!("Bearer {token}");
    let offered = format!("loadlock.v1, loadlock.bearer.{token}");
    let header = ("authorization", bearer.as_str());
    let protocols = ("sec-websocket-protocol", offered.as_str());

    for headers in [
        &[][..],
        &[("authorization", "Bearer nonsense")],
        &[("sec-websocket-protocol", "loadlock.v1")],
        &[("sec-websocket-protocol", "loadlock.v1, loadlock.bearer.nonsense")],
        &[header, protocols],
    ] {
        let refused = served.upgrade("/v1/ws", headers).await.err().unwrap();
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (401, "unauthenticated")
        );
    }
    let query = format!("/v1/ws?token={token}&access_token={token}");
    let refused = served.upgrade(&query, &[]).await.err().unwrap();
    assert_eq!(refused.status, 401);
    assert!(refused.text().contains("never in the query"), "{}", refused.text());
    // Before anything else: a request that is no upgrade at all is told the same.
    served.stranger().get("/v1/ws").await.expect(401);
    let plain = served.client(&token).get("/v1/ws").await;
    assert!(
        plain.status.is_client_error() && plain.status != 401,
        "{}",
        plain.status
    );

    let mut socket = served.upgrade("/v1/ws", &[protocols]).await.ok().unwrap();
    assert_eq!(socket.headers["sec-websocket-protocol"], "loadlock.v1");
    let echoed = socket
        .headers
        .values()
        .any(|value| value.to_str().unwrap().contains(&token));
    assert!(!echoed, "{:?}", socket.headers);
    socket.call("uploads.list", json!({})).await.unwrap();
    let unspoken = [header, ("sec-websocket-protocol", "soap")];
    let refused = served.upgrade("/v1/ws", &unspoken).await.err().unwrap();
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn every_method_does_what_it_says() {
    let place = place();
    let path = place.file("report.txt", "hello over a socket");
    let token = place.token("acme", ALL).await;
    let served = place.serve().await;
    let mut socket = served.socket(&token).await;

    let nothing = socket.call("uploads.subscribe", json!({})).await.unwrap();
    assert_eq!(nothing, json!({ "uploads": [] }));
    let start = json!({ "path": path, "name": "renamed.txt" });
    let started = socket.call("uploads.start", start).await.unwrap();
    let events = socket.events_until("done").await;
    assert!(
        events.iter().all(|event| event["upload"] == started["upload"]),
        "{events:?}"
    );
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(&names[..4], ["queued", "admitted", "routed", "attempt"], "{events:?}");
    let file = &events.last().unwrap()["file"];
    assert_eq!((&file["filename"], &file["bytes"]), (&json!("renamed.txt"), &json!(19)));

    let listed = socket.call("files.list", json!({})).await.unwrap();
    assert_eq!(listed["files"], json!([file]));
    let got = socket.call("files.get", json!({ "id": file["id"] })).await.unwrap();
    assert_eq!(&got, file);
    assert_eq!(
        socket.call("uploads.list", json!({})).await.unwrap(),
        json!({ "uploads": [] })
    );

    // What is unsubscribed is not heard of any more.
    assert_eq!(
        socket.call("uploads.unsubscribe", json!({})).await.unwrap()["ended"],
        true
    );
    assert_eq!(
        socket.call("uploads.unsubscribe", json!({})).await.unwrap()["ended"],
        false
    );
    let mut other = served.socket(&token).await;
    let outside = json!({ "path": "/etc/passwd" });
    other.call("uploads.start", outside).await.unwrap();
    let events = other.events_until("failed").await;
    assert_eq!(events.last().unwrap()["error"]["code"], "path_not_allowed");
    socket.call("uploads.list", json!({})).await.unwrap();
    assert_eq!(socket.waiting(), 0);

    assert_eq!(
        socket
            .refused("uploads.cancel", json!({ "upload": started["upload"] }))
            .await,
        "file_not_found"
    );
    assert_eq!(
        socket
            .refused("uploads.subscribe", json!({ "upload": started["upload"] }))
            .await,
        "file_not_found"
    );
    assert_eq!(
        socket.refused("files.get", json!({ "id": "file-0" })).await,
        "file_not_found"
    );
    assert_eq!(
        socket.refused("files.list", json!({ "limit": 0 })).await,
        "request_invalid"
    );
    let unknown = socket.call("files.delete", json!({})).await.unwrap_err();
    assert_eq!(unknown["code"], -32601);
    let misspelt = socket.call("files.get", json!({ "file": "x" })).await.unwrap_err();
    assert_eq!(misspelt["code"], -32602);
}

#[tokio::test]
async fn scopes_are_asked_for() {
    let place = place();
    let path = place.file("a.txt", "a");
    let (reads, writes) = (
        place.token("acme", &["read"]).await,
        place.token("acme", &["write"]).await,
    );
    let served = place.serve().await;
    let (mut reader, mut writer) = (served.socket(&reads).await, served.socket(&writes).await);
    for (method, params) in [
        ("uploads.start", json!({ "path": path })),
        ("uploads.cancel", json!({ "upload": "upl_0" })),
    ] {
        assert_eq!(reader.refused(method, params).await, "forbidden", "{method}");
    }
    for (method, params) in [
        ("uploads.subscribe", json!({})),
        ("uploads.list", json!({})),
        ("files.list", json!({})),
        ("files.get", json!({ "id": "file-0" })),
    ] {
        assert_eq!(writer.refused(method, params).await, "forbidden", "{method}");
    }
    // Whoever starts an upload hears how it ends.
    writer.call("uploads.start", json!({ "path": path })).await.unwrap();
    writer.events_until("done").await;
}

#[tokio::test]
async fn a_tenant_sees_nothing_of_another_and_cancelling_leaves_nothing() {
    let (place, upstream) = place_with_vendor().await;
    let path = place.file("a.txt", "held at the vendor");
    let (acme, umbrella) = (place.token("acme", ALL).await, place.token("umbrella", ALL).await);
    let served = place.serve().await;
    upstream.faults().push(Operation::Create, Fault::Hang);

    let mut stranger = served.socket(&umbrella).await;
    stranger.call("uploads.subscribe", json!({})).await.unwrap();
    let mut watcher = served.socket(&acme).await;
    watcher.call("uploads.subscribe", json!({})).await.unwrap();
    let mut owner = served.socket(&acme).await;
    let started = owner.call("uploads.start", json!({ "path": path })).await.unwrap();
    let upload = &started["upload"];
    // Another socket of the same tenant hears of it while it is held.
    let events = watcher.events_until("attempt").await;
    assert!(events.iter().all(|event| event["upload"] == *upload));
    upstream
        .requests()
        .wait(|requests| requests.iter().any(|request| request.body_complete))
        .await;

    for method in ["uploads.cancel", "uploads.subscribe"] {
        let foreign = stranger.call(method, json!({ "upload": upload })).await.unwrap_err();
        let unknown = stranger
            .call(method, json!({ "upload": "upl_000000000000000000000000" }))
            .await
            .unwrap_err();
        let masked = |error: &Value| {
            error
                .to_string()
                .replace(upload.as_str().unwrap(), "upl_000000000000000000000000")
        };
        assert_eq!(masked(&foreign), masked(&unknown), "{method}");
    }
    assert_eq!(
        stranger.call("uploads.list", json!({})).await.unwrap(),
        json!({ "uploads": [] })
    );
    assert_eq!(stranger.waiting(), 0);

    let late = watcher.call("uploads.list", json!({})).await.unwrap();
    assert_eq!(late["uploads"][0]["upload"], *upload);
    watcher
        .call("uploads.cancel", json!({ "upload": upload }))
        .await
        .unwrap();
    let events = owner.events_until("failed").await;
    assert_eq!(events.last().unwrap()["error"]["code"], "cancelled");
    assert!(upstream.files().is_empty());
    assert_eq!(owner.call("files.list", json!({})).await.unwrap()["files"], json!([]));
    assert_eq!(stranger.waiting(), 0);
}

#[tokio::test]
async fn what_is_not_the_protocol_is_answered_or_closed_by_its_code() {
    let place = place();
    let token = place.token("acme", ALL).await;
    let served = place.serve().await;

    let mut socket = served.socket(&token).await;
    for (text, code) in [
        ("nonsense", -32700),
        ("[]", -32600),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"uploads.list"}]"#, -32600),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"uploads.list","params":[]}"#,
            -32602,
        ),
    ] {
        socket.send(text).await;
        assert_eq!(socket.answer().await["error"]["code"], code, "{text}");
    }
    // A notification is carried out and not answered: the next answer is another call's.
    socket.send(r#"{"jsonrpc":"2.0","method":"uploads.subscribe"}"#).await;
    socket.call("uploads.list", json!({})).await.unwrap();

    for _ in 0..16 {
        socket.send("{}").await;
    }
    assert_eq!(socket.closed().await, Some(1008));

    let mut socket = served.socket(&token).await;
    socket.send(&"x".repeat(65_537)).await;
    assert_eq!(socket.closed().await, Some(1009));

    let mut socket = served.socket(&token).await;
    socket.send_message(Message::binary(vec![0])).await;
    assert_eq!(socket.closed().await, Some(1003));

    // A ping is answered, and a close is answered.
    let mut socket = served.socket(&token).await;
    socket.send_message(Message::Ping(vec![7].into())).await;
    socket.send_message(Message::Close(None)).await;
    socket.closed().await;
}

#[tokio::test]
async fn a_socket_ends_with_its_token_and_with_the_server() {
    let place = place();
    place.configure("[auth]\nleeway = \"0s\"\n");
    let short = place.token_of("tester", "acme", ALL, "3s").await;
    let long = place.token("acme", ALL).await;
    let served = place.serve().await;
    let mut ending = served.socket(&short).await;
    ending.call("uploads.list", json!({})).await.unwrap();
    assert_eq!(ending.closed().await, Some(4001));

    let mut staying = served.socket(&long).await;
    staying.call("uploads.list", json!({})).await.unwrap();
    let (status, code) = tokio::join!(served.stop(), staying.closed());
    assert_eq!((status, code), (Some(0), Some(1001)));
}

#[tokio::test]
async fn a_tenant_has_only_so_many_sockets() {
    let place = place();
    let (acme, umbrella) = (place.token("acme", ALL).await, place.token("umbrella", ALL).await);
    let served = place.serve().await;
    let mut sockets = Vec::new();
    for _ in 0..256 {
        sockets.push(served.socket(&acme).await);
    }
    assert_eq!(served.socket(&acme).await.closed().await, Some(4003));
    served
        .socket(&umbrella)
        .await
        .call("uploads.list", json!({}))
        .await
        .unwrap();
    sockets
        .last_mut()
        .unwrap()
        .call("uploads.list", json!({}))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped_and_harms_nobody() {
    let place = place();
    let token = place.token("acme", ALL).await;
    let served = place.serve().await;
    let mut deaf = served.socket(&token).await;
    // Each answer repeats the name of the field that it refuses.
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "uploads.list", "params": { "x".repeat(60_000): 1 } });
    let call = call.to_string();
    let full = tokio::spawn(async move {
        // Ends when the server has dropped the connection.
        while deaf.send_message(Message::text(call.clone())).await {}
    });
    while !full.is_finished() {
        ordinary(&served, &token).await;
        tokio::task::yield_now().await;
    }
    full.await.unwrap();
}

/// Somebody else, meanwhile.
async fn ordinary(served: &Served, token: &str) {
    let mut socket = served.socket(token).await;
    socket.call("uploads.list", json!({})).await.unwrap();
    socket.send_message(Message::Close(None)).await;
    socket.closed().await;
}
