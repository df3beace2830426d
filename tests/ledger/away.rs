//! The ledger is away: uploads go on, and it hears of all of them when it is back.

use std::time::{Duration, Instant};

use loadlock_gateway::{Clock, ErrorCode, Silent};
use loadlock_tests::{Logs, Opened, Shop, World};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::fake::Fake;
use crate::link::{Link, Way};
use crate::place::{key, schema, secret, service_key, variable};
use crate::sql::Sql;

/// A world whose ledger is behind `url`.
pub fn world(url: &str, schema: &str, key: &str) -> World {
    let world = World::new();
    // Credentials come from files in tests: the environment is everybody's.
    let file = world.path("outside").join("ledger.key");
    std::fs::write(&file, key).unwrap();
    world.config(&format!(
        "[tracker]\ncomponent = \"builtin:tracker-supabase\"\nsettings = {{ url = \"{url}\", schema = \"{schema}\" }}\n\
         egress = [{{ url = \"{url}/rpc\", methods = [\"POST\"], private = true }}]\n\
         credential = [{{ header = \"apikey\", value = \"${{file:{0}}}\" }}, {{ header = \"Authorization\", value = \
              \"Bearer ${{file:{0}}}\" }}]",
        file.display()
    ))
}

async fn link() -> Link {
    let port: u16 = variable("LEDGER_PORT").parse().unwrap();
    Link::to(([127, 0, 0, 1], port).into()).await
}

async fn gauge(gateway: &Opened, metrics: &PrometheusHandle, name: &str) -> f64 {
    gateway.gateway.publish_gauges().await;
    let text = metrics.render();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name}\n{text}")).parse().unwrap()
}

async fn until<F: Future<Output = bool>>(what: &str, mut asked: impl FnMut() -> F) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !asked().await {
        assert!(Instant::now() < limit, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_refuses_to_start_with_what_to_do() {
    let link = link().await;
    let expired = key("service_role", &secret(), 1_000_000_000);
    let weak = key("authenticated", &secret(), 4_000_000_000);
    let stranger = key("service_role", &"x".repeat(64), 4_000_000_000);
    let good = service_key();
    let used = schema();
    for (schema, key, words) in [
        (used.as_str(), &expired, "tracker.credential"),
        (&used, &stranger, "tracker.credential"),
        (&used, &weak, "service role"),
        ("nowhere", &good, "`nowhere`"),
    ] {
        let error = world(&link.url, schema, key).try_open().await.err().unwrap();
        assert_eq!(error.code, ErrorCode::TrackerFailed, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    for (body, words) in [
        (
            format!(r#"{{"version": 1, "now_ms": {}}}"#, now.as_millis()),
            "migrate --apply",
        ),
        (
            format!(r#"{{"version": 99, "now_ms": {}}}"#, now.as_millis() - 90_000),
            "clock",
        ),
    ] {
        let fake = Fake::answering(vec![("200 OK", String::new(), body)]).await;
        let error = world(&fake.url, "books", &good).try_open().await.err().unwrap();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn uploads_go_on_and_are_delivered_in_order_when_it_is_back() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _installed = metrics::set_default_local_recorder(&recorder);
    let logs = Logs::start();
    let (link, schema, sql) = (link().await, schema(), Sql::connect().await);
    let shop = Shop::kimi().await;
    let world = shop
        .join(world(&link.url, &schema, &service_key()))
        .clock(Clock::scaled(60));
    link.set(Way::Cut);
    // It is away when the gateway starts.
    let gateway = world.open().await;
    let said = logs.take();
    assert!(said.contains("out of reach"), "{said}");
    let mut ids = Vec::new();
    for number in 0..5 {
        let path = world.file(&format!("{number}.txt"), format!("content {number}"));
        ids.push(gateway.upload_pinned("kimi", path).await.unwrap().id);
    }
    // Equal content under another name: found in the journal, not sent.
    let again = gateway
        .upload_pinned("kimi", world.file("again.txt", "content 3"))
        .await
        .unwrap();
    assert!(again.deduplicated);
    ids.push(again.id);
    assert_eq!(shop.posts().len(), 5);
    // Every one of them can be asked for, and none is said to be recorded.
    for id in &ids {
        gateway.gateway.get(&gateway.who, id).await.unwrap();
    }
    assert!(
        gateway.list().await.is_err(),
        "a list without the ledger would leave files out"
    );
    assert!(sql.column(&format!("select id from {schema}.files")).await.is_empty());
    assert_eq!(gauge(&gateway, &metrics, "loadlock_tracker_backlog_files").await, 6.0);
    until("the backlog gets older", || async {
        gauge(&gateway, &metrics, "loadlock_tracker_backlog_age_seconds").await > 0.1
    })
    .await;
    assert!(
        logs.take()
            .contains("the record is kept in the journal and delivered later")
    );

    // Nothing of it is lost by a restart.
    drop(gateway);
    let gateway = world.open().await;
    assert_eq!(gauge(&gateway, &metrics, "loadlock_tracker_backlog_files").await, 6.0);
    link.set(Way::Open);
    let upkeep = gateway.gateway.start_upkeep();
    until("the backlog is delivered", || async {
        gauge(&gateway, &metrics, "loadlock_tracker_backlog_files").await == 0.0
    })
    .await;
    upkeep.stop().await;
    assert_eq!(
        gauge(&gateway, &metrics, "loadlock_tracker_backlog_age_seconds").await,
        0.0
    );
    // In the order in which they were accepted: rows of one table lie in the order of their insertion.
    assert_eq!(
        sql.column(&format!("select id from {schema}.files order by ctid"))
            .await,
        ids
    );
    let listed: Vec<_> = gateway
        .list()
        .await
        .unwrap()
        .files
        .into_iter()
        .map(|file| file.id)
        .collect();
    assert_eq!(listed.len(), 6);
    let sheet = gateway.gateway.fsck(&gateway.who).await.unwrap();
    assert!(sheet.balanced, "{sheet:?}");
}

#[tokio::test]
async fn a_quota_goes_by_what_the_ledger_said_last() {
    let (link, schema) = (link().await, schema());
    let shop = Shop::kimi().await;
    let world = shop
        .join(world(&link.url, &schema, &service_key()))
        .config("[[tenants]]\nname = \"local\"\nmax_files = 4");
    let gateway = world.open().await;
    let upload =
        |number: u32| gateway.upload_pinned("kimi", world.file(&format!("{number}.txt"), format!("c {number}")));
    upload(0).await.unwrap();
    upload(1).await.unwrap();
    link.set(Way::Cut);
    upload(2).await.unwrap();
    upload(3).await.unwrap();
    let error = upload(4).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::QuotaExceeded, "{error}");
}

/// A ledger that takes connections and never answers costs one upload its timeout, not every one.
#[tokio::test]
async fn a_silent_ledger_holds_up_one_upload_and_not_each() {
    let (link, schema) = (link().await, schema());
    let shop = Shop::kimi().await;
    let world = shop.join(world(&link.url, &schema, &service_key()));
    let gateway = world.open().await;
    gateway
        .upload_pinned("kimi", world.file("first.txt", "first"))
        .await
        .unwrap();
    link.set(Way::Silent);
    let before = link.taken();
    let upload = |name: &str| {
        let request = loadlock_gateway::UploadRequest {
            target: loadlock_gateway::Target::Pinned("kimi".into()),
            ..gateway.request(world.file(name, name))
        };
        gateway.gateway.upload(&gateway.who, request, &Silent)
    };
    let names: Vec<String> = (0..8).map(|number| format!("{number}.txt")).collect();
    for outcome in futures::future::join_all(names.iter().map(|name| upload(name))).await {
        outcome.unwrap();
    }
    assert_eq!(shop.posts().len(), 9);
    // Each upload has two calls for the ledger at least, and each call would wait for all before it.
    assert!(link.taken() - before <= 2, "{} connections", link.taken() - before);
}
