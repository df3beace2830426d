//! `/v1/loadlock/events`: the road of an upload as it happens, and what a client hears that was away.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::{Place, SentEvent};
use loadlock_upstream::{Answer as Refused, Fault, Operation, Options, Upstream, Vendor};
use serde_json::json;

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

/// Names, without the counts of bytes, which come when they come.
fn names(events: &[SentEvent]) -> Vec<&str> {
    let names = events.iter().map(|event| event.name.as_str());
    names.filter(|name| *name != "bytes").collect()
}

#[tokio::test]
async fn the_road_of_an_upload_is_told_with_the_reason_of_every_turn() {
    let vendor = Upstream::start(Vendor::Kimi, Options::with_key("sk-test"))
        .await
        .unwrap();
    let mut place = place();
    let base = vendor.base_url();
    place.env("KIMI_API_KEY", "sk-test").configure(&format!(
        r#"
order = ["kimi", "local"]
[providers.kimi]
settings = {{ base_url = "{base}" }}
egress = [{{ url = "{base}/files", methods = ["GET", "POST", "DELETE"], private = true }}]
credential = {{ header = "Authorization", value = "Bearer ${{env:KIMI_API_KEY}}" }}
retry = {{ base = "1ms" }}
[providers.local]
"#
    ));
    let token = place.token("acme", &["read", "write"]).await;
    let served = place.serve().await;
    let client = served.client(&token);
    let mut events = client.events("", None).await;
    assert_eq!(events.next().await.unwrap().name, "begin");
    vendor
        .faults()
        .push(Operation::Create, Fault::Answer(Refused::status(503)));
    let stored = client.upload("a.txt", b"a road", &[]).await.expect(200).json();
    let road = events.until("done").await;
    assert_eq!(
        names(&road),
        ["queued", "admitted", "routed", "attempt", "retry", "attempt", "done"]
    );
    let of = |name: &str| &road.iter().find(|event| event.name == name).unwrap().data;
    assert_eq!(of("admitted")["filename"], "a.txt");
    assert_eq!(of("routed")["providers"], json!(["kimi", "local"]));
    assert!(
        of("retry")["reason"].as_str().unwrap().contains("503"),
        "{}",
        of("retry")
    );
    assert_eq!(of("done")["file"]["id"], stored["id"]);
    assert!(road.iter().all(|event| event.data["tenant"] == "acme"));
    assert!(road.iter().all(|event| event.data["upload"] == of("done")["upload"]));

    // Content that is stored already goes nowhere.
    client.upload("b.txt", b"a road", &[]).await.expect(200);
    let road = events.until("done").await;
    assert_eq!(names(&road), ["queued", "admitted", "done"]);
    assert_eq!(road.last().unwrap().data["file"]["deduplicated"], true);
}

#[tokio::test]
async fn a_tenant_hears_of_its_own_and_only_an_operator_of_all() {
    let place = place();
    let acme = place.token("acme", &["read", "write"]).await;
    let umbrella = place.token("umbrella", &["read", "write"]).await;
    let admin = place.token("acme", &["admin"]).await;
    let served = place.serve().await;
    let mut of_acme = served.client(&acme).events("", None).await;
    let mut of_all = served.client(&admin).events("?all=true", None).await;
    let mut of_admin = served.client(&admin).events("", None).await;
    served
        .client(&umbrella)
        .upload("u.txt", b"umbrella", &[])
        .await
        .expect(200);
    served.client(&acme).upload("a.txt", b"acme", &[]).await.expect(200);
    for own in [of_acme.until("done").await, of_admin.until("done").await] {
        assert!(own[1..].iter().all(|event| event.data["tenant"] == "acme"), "{own:?}");
        // No gap tells of others.
        assert!(own[1].id.as_ref().unwrap().ends_with("-own-1"), "{own:?}");
    }
    let all = [of_all.until("done").await, of_all.until("done").await].concat();
    let tenants: Vec<_> = all.iter().filter(|event| event.name == "done").collect();
    assert_eq!(tenants[0].data["tenant"], "umbrella");
    assert_eq!(tenants[1].data["tenant"], "acme");

    let client = served.client(&acme);
    assert_eq!(
        client.get("/v1/loadlock/events?all=true").await.expect(403).code(),
        "forbidden"
    );
    client.get("/v1/loadlock/events?all=yes").await.expect(400);
    client.get("/v1/loadlock/events?tenant=umbrella").await.expect(400);
    served.stranger().get("/v1/loadlock/events").await.expect(401);
    let writes = place.token("acme", &["write"]).await;
    served.client(&writes).get("/v1/loadlock/events").await.expect(403);
}

#[tokio::test]
async fn who_was_away_hears_what_happened_and_what_is_gone() {
    let place = place();
    let token = place.token("acme", &["read", "write"]).await;
    let served = place.serve().await;
    let client = served.client(&token);
    client.upload("1.txt", b"one", &[]).await.expect(200);
    let mut events = client.events("?replay=true", None).await;
    let first = events.until("done").await;
    assert_eq!(first[0].name, "begin");
    let last = first.last().unwrap().id.clone().unwrap();
    drop(events);

    client.upload("2.txt", b"two", &[]).await.expect(200);
    let mut resumed = client.events("", Some(&last)).await;
    let road = resumed.until("done").await;
    assert_eq!(road.last().unwrap().data["file"]["filename"], "2.txt");
    assert_eq!(
        names(&road),
        ["begin", "queued", "admitted", "routed", "attempt", "done"]
    );

    // Another process, another kind of stream, a number that was never given, and nonsense.
    let (front, number) = last.rsplit_once('-').unwrap();
    let foreign = format!("000000000000-own-{number}");
    for unknown in [&foreign, &last.replace("own", "all"), &format!("{front}-9999"), "x"] {
        let mut events = client.events("", Some(unknown)).await;
        let missed = events.until("missed").await.pop().unwrap();
        assert!(missed.data["missed"].is_null(), "{unknown}");
        // From there on it can be resumed.
        let mut again = client.events("", missed.id.as_deref()).await;
        client.upload("3.txt", b"three", &[]).await.expect(200);
        assert_eq!(names(&again.until("done").await)[..2], ["begin", "queued"]);
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_with_the_server() {
    let place = place();
    place.configure("[auth]\nleeway = \"0s\"\n");
    let short = place.token_of("tester", "acme", &["read"], "3s").await;
    let long = place.token("acme", &["read"]).await;
    let served = place.serve().await;
    let mut ending = served.client(&short).events("", None).await;
    let mut staying = served.client(&long).events("", None).await;
    ending.until("begin").await;
    assert!(ending.next().await.is_none());
    staying.until("begin").await;
    let (status, event) = tokio::join!(served.stop(), staying.next());
    assert_eq!(status, Some(0));
    assert!(event.is_none());
}
