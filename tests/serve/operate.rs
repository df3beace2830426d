//! Looking at a gateway while it runs, and reconciling through it: by the command line beside it and over the network.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::{Answer, Client, Place};
use loadlock_upstream::{Answer as Refused, Fault, Operation, Options, Upstream, Vendor};
use serde_json::{Value, json};

/// What a tenant may have at the most, short of `admin`.
const TENANT: &[&str] = &["read", "write", "delete"];

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

/// A place whose provider is a fake of Kimi.
async fn with_vendor() -> (Place, Upstream) {
    let vendor = Upstream::start(Vendor::Kimi, Options::with_key("sk-test"))
        .await
        .unwrap();
    let mut place = place();
    let base = vendor.base_url();
    place.env("KIMI_API_KEY", "sk-test").configure(&format!(
        r#"
[[grants]]
root = "{{files}}"
[providers.kimi]
settings = {{ base_url = "{base}" }}
egress = [{{ url = "{base}/files", methods = ["GET", "POST", "DELETE"], private = true }}]
credential = {{ header = "Authorization", value = "Bearer ${{env:KIMI_API_KEY}}" }}
retry = {{ base = "1ms" }}
"#
    ));
    (place, vendor)
}

/// What a command prints without `--json`, and its status.
async fn printed(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    let output = place.command(arguments).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text)
}

/// Without what differs from one moment to the next: how long a probe took, and how long ago.
fn timeless((status, mut lines): (i32, Vec<Value>)) -> (i32, Vec<Value>) {
    for line in &mut lines {
        for passing in ["elapsed_ms", "health"] {
            line.as_object_mut().unwrap().remove(passing);
        }
    }
    (status, lines)
}

/// Every request of the door, with a body that makes sense.
async fn all(client: &Client) -> [Answer; 5] {
    let path = json!({ "path": "/nowhere" });
    [
        client.get("/v1/loadlock/providers").await,
        client.get("/v1/loadlock/fsck").await,
        client.post_json("/v1/loadlock/providers/local/probe", json!({})).await,
        client.post_json("/v1/loadlock/route", path).await,
        client
            .post_json("/v1/loadlock/reconcile", json!({ "dry_run": true }))
            .await,
    ]
}

#[tokio::test]
async fn commands_that_look_say_the_same_with_and_without_a_server() {
    let place = place();
    place.file("a.txt", "the bytes");
    place.file("other.txt", "other bytes");
    let missing = place.files().join("missing.txt");
    let served = place.serve().await;
    assert_eq!(place.run(&["upload", "a.txt"]).await.0, 0);
    // A list has the ledger told of what was just stored.
    assert_eq!(place.run(&["files", "ls"]).await.0, 0);
    let as_objects: [&[&str]; 9] = [
        &["providers", "ls"],
        &["providers", "probe"],
        &["providers", "probe", "nobody"],
        &["route", "other.txt"],
        &["route", "other.txt", "--purpose", "none-has-it"],
        &["route", missing.to_str().unwrap()],
        &["route", "other.txt", "--to", "nobody"],
        &["reconcile", "--dry-run"],
        &["fsck"],
    ];
    let as_text: [&[&str]; 4] = [
        &["providers", "ls", "-q"],
        &["route", "other.txt"],
        &["reconcile"],
        &["fsck"],
    ];
    let (mut objects, mut texts) = (Vec::new(), Vec::new());
    for command in as_objects {
        objects.push(timeless(place.run(command).await));
    }
    for command in as_text {
        texts.push(printed(&place, command).await);
    }
    assert_eq!(served.stop().await, Some(0));
    for (command, beside) in as_objects.iter().zip(&objects) {
        let own = timeless(place.run(command).await);
        assert_eq!(&own, beside, "{command:?}");
    }
    for (command, beside) in as_text.iter().zip(&texts) {
        assert_eq!(&printed(&place, command).await, beside, "{command:?}");
    }
    let statuses: Vec<_> = objects.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [0, 0, 2, 0, 1, 1, 2, 0, 0]);
    assert_eq!(objects[0].1[0]["name"], "local");
    assert_eq!(objects[1].1[0]["healthy"], true);
    assert_eq!(objects[3].1[0]["path"], "other.txt");
    assert_eq!(objects[8].1[0]["balanced"], true);
}

#[tokio::test]
async fn reconciling_through_the_server_puts_right_what_a_dry_run_names() {
    let (place, vendor) = with_vendor().await;
    for name in ["kept.txt", "lost.txt", "refused.txt"] {
        place.file(name, name);
    }
    let _served = place.serve().await;
    let stored = place.run(&["upload", "kept.txt", "lost.txt"]).await.1;
    let lost = stored[1]["remote_id"].as_str().unwrap();
    // An upload that the vendor refused and stored all the same.
    let refusal = Fault::StoredAnswer(Refused::status(400));
    vendor.faults().push(Operation::Create, refusal);
    assert_eq!(place.run(&["upload", "refused.txt"]).await.0, 1);
    let leftover = vendor.files().all().pop().unwrap().id;
    assert!(vendor.files().lose(lost));
    assert_eq!(place.run(&["fsck"]).await.0, 1);

    let steps = |lines: &[Value]| -> Vec<(Value, Value, Value)> {
        let steps = lines.iter().filter(|line| line["action"].is_string());
        let told = |line: &Value| (line["action"].clone(), line["remote_id"].clone(), line["end"].clone());
        steps.map(told).collect()
    };
    let expected = |end: &str| {
        [
            (json!("mark_missing"), json!(lost), json!(end)),
            (json!("delete"), json!(leftover), json!(end)),
        ]
    };
    let before = vendor.files().len();
    for _ in 0..2 {
        let (status, planned) = place.run(&["reconcile", "--dry-run"]).await;
        assert_eq!(
            (status, steps(&planned)),
            (0, expected("planned").to_vec()),
            "{planned:?}"
        );
        assert_eq!(planned.last().unwrap()["dry_run"], true);
    }
    assert_eq!(vendor.files().len(), before);
    assert_eq!(place.run(&["fsck"]).await.0, 1);

    let (status, done) = place.run(&["reconcile", "--provider", "kimi"]).await;
    assert_eq!((status, steps(&done)), (0, expected("done").to_vec()), "{done:?}");
    let left: Vec<_> = vendor.files().all().into_iter().map(|one| one.id).collect();
    assert_eq!(left, [stored[0]["remote_id"].as_str().unwrap()]);
    let (status, sheet) = place.run(&["fsck"]).await;
    assert_eq!(status, 0, "{sheet:?}");
    let again = place.run(&["upload", "kept.txt", "lost.txt"]).await.1;
    let deduplicated = again.iter().map(|file| &file["deduplicated"]);
    assert!(deduplicated.take(2).eq([&json!(true), &json!(false)]));
}

#[tokio::test]
async fn over_the_network_all_of_it_is_for_those_who_keep_the_gateway() {
    let place = place();
    place.configure("[[grants]]\nroot = \"{files}\"\ntenants = [\"acme\"]\n");
    let inside = place.file("a.txt", "the bytes");
    let tenant = place.token("acme", TENANT).await;
    let keeper = place.token("acme", &["admin"]).await;
    let stranger = place.token("umbrella", &["admin"]).await;
    let served = place.serve().await;
    for refused in all(&served.client(&tenant)).await {
        assert_eq!(refused.expect(403).code(), "forbidden");
    }
    for refused in all(&served.stranger()).await {
        assert_eq!(refused.expect(401).code(), "unauthenticated");
    }
    let client = served.client(&keeper);
    let [providers, sheet, probe, route, planned] = all(&client).await;
    let providers = providers.expect(200).json();
    assert_eq!(providers["object"], "list");
    assert_eq!(providers["data"][0]["name"], "local");
    assert_eq!(sheet.expect(200).json()["balanced"], true);
    assert_eq!(probe.expect(200).json()["healthy"], true);
    let planned = planned.expect(200).json();
    assert_eq!(planned["providers"][0]["verdict"]["result"], "compared");
    // The scope opens no folder.
    assert_eq!(route.expect(403).code(), "path_not_allowed");
    let wish = json!({ "path": inside, "filename": "b.md" });
    let route = client.post_json("/v1/loadlock/route", wish.clone()).await;
    let route = route.expect(200).json();
    assert_eq!(route["eligible"][0]["provider"], "local");
    assert_eq!(route["media_type"], "text/markdown");
    let foreign = served.client(&stranger);
    let refused = foreign.post_json("/v1/loadlock/route", wish).await;
    assert_eq!(refused.expect(403).code(), "path_not_allowed");
}

#[tokio::test]
async fn a_request_that_is_not_understood_does_nothing() {
    let place = place();
    let token = place.token("acme", &["admin"]).await;
    let served = place.serve().await;
    let client = served.client(&token);
    for (path, wrong) in [
        ("route", json!({ "path": "/x", "porpose": "y" })),
        ("route", json!({ "path": "/x", "purpose": "" })),
        ("route", json!({})),
        ("reconcile", json!({ "dry_run": true, "alow_mass": true })),
        ("reconcile", json!({ "dry_run": "no" })),
        ("reconcile", json!({ "dry_run": false, "provider": null })),
        ("reconcile", json!({})),
    ] {
        let refused = client.post_json(&format!("/v1/loadlock/{path}"), wrong.clone()).await;
        assert_eq!(refused.expect(400).code(), "request_invalid", "{wrong}");
    }
    for (path, wish) in [
        ("providers/nobody/probe", json!({})),
        ("route", json!({ "path": "/x", "provider": "nobody" })),
        ("reconcile", json!({ "dry_run": false, "provider": "nobody" })),
    ] {
        let refused = client.post_json(&format!("/v1/loadlock/{path}"), wish).await;
        assert_eq!(refused.code(), "provider_unknown", "{path}");
    }
    let wrong = client.get("/v1/loadlock/reconcile").await.expect(405);
    assert_eq!(wrong.code(), "method_not_allowed");
}

#[tokio::test]
async fn on_the_socket_a_token_is_asked_for_the_scope_of_the_command() {
    let mut place = place();
    place.file("a.txt", "the bytes");
    let reader = place.token("local", &["read"]).await;
    place.env("LOADLOCK_TOKEN", &reader);
    let commands: [(&[&str], _); 6] = [
        (&["providers", "ls"], None),
        (&["providers", "probe"], None),
        (&["route", "a.txt"], None),
        (&["fsck"], Some("forbidden")),
        (&["reconcile", "--dry-run"], Some("forbidden")),
        (&["reconcile"], Some("forbidden")),
    ];
    let ask = async || {
        let mut answers = Vec::new();
        for (command, refused) in commands {
            let answer = timeless(place.run(command).await);
            let code = answer.1[0]["error"]["code"].as_str();
            assert_eq!(code, refused, "{command:?}: {answer:?}");
            answers.push(answer);
        }
        answers
    };
    let served = place.serve().await;
    let beside = ask().await;
    assert_eq!(served.stop().await, Some(0));
    assert_eq!(ask().await, beside);
}
