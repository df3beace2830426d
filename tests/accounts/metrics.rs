//! What is recorded is on the list, and the list is what is documented and shown.

use std::collections::BTreeSet;

use loadlock_gateway::metrics::{METRICS, describe, markdown};
use loadlock_gateway::{Door, Gateway};
use loadlock_tests::{KEY, Shop, World};
use loadlock_upstream::{Options, Vendor};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::send;

#[tokio::test]
async fn an_upload_is_counted_under_names_that_are_on_the_list() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _installed = metrics::set_default_local_recorder(&recorder);
    describe();
    let options = Options::with_key(KEY);
    let shop = Shop::start("kimi", Vendor::Kimi, options).await;
    let world = shop
        .join(World::new().config("order = [\"local\"]"))
        .config("[[tenants]]\nname = \"acme\"\nmax_bytes = 100\n[providers.local]");
    let path = world.file("a.txt", "0123456789");
    let again = world.file("b.txt", "0123456789");
    let opened = world.open().await;
    opened.upload_pinned("kimi", &path).await.unwrap();
    opened.upload_pinned("kimi", &again).await.unwrap();
    let acme = opened.network("acme").await;
    send(&opened.gateway, &acme, "c.txt", vec![b'c'; 60]).await.unwrap();
    send(&opened.gateway, &acme, "d.txt", vec![b'd'; 60]).await.unwrap_err();
    let _ = opened.gateway.authenticate(Door::Network, Some("guess")).await;
    opened.gateway.publish_gauges().await;
    let text = handle.render();
    let has = |line: &str| assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    has("loadlock_uploads_total{provider=\"kimi\",outcome=\"stored\"} 1");
    has("loadlock_uploads_total{provider=\"kimi\",outcome=\"deduplicated\"} 1");
    has("loadlock_uploads_total{provider=\"\",outcome=\"quota_exceeded\"} 1");
    has("loadlock_uploaded_bytes_total{provider=\"kimi\"} 10");
    has("loadlock_dedup_bytes_total{provider=\"kimi\"} 10");
    has("loadlock_attempts_total{provider=\"kimi\"} 1");
    has("loadlock_quota_refusals_total{limit=\"bytes\"} 1");
    has("loadlock_tenant_used_bytes{tenant=\"acme\"} 60");
    has("loadlock_tenant_limit_bytes{tenant=\"acme\"} 100");
    has("loadlock_authentications_total{outcome=\"accepted\"} 2");
    has("loadlock_authentications_total{outcome=\"malformed\"} 1");
    has("loadlock_path_decisions_total{decision=\"allowed\"} 2");
    has("loadlock_breaker_state{provider=\"kimi\"} 0");
    has("loadlock_uploads_in_flight 0");
    has("loadlock_spool_bytes 0");
    let listed: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    let mut families = 0;
    for name in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = name.split(' ').next().unwrap();
        assert!(listed.contains(name), "{name}");
        families += 1;
    }
    assert!(families >= 18, "{families}\n{text}");
}

#[tokio::test]
async fn acceptances_in_the_grace_period_name_who_still_has_to_move() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _installed = metrics::set_default_local_recorder(&recorder);
    let digest = loadlock_tests::sha256(b"old credential");
    let world = World::new().config(&format!(
        "[auth]\nlegacy_until = 2100-01-01T00:00:00Z\n[[auth.legacy]]\nsha256 = \"{digest}\"\nsubject = \"job\"\n\
         tenant = \"acme\"\nscopes = [\"read\"]"
    ));
    let gateway = Gateway::open(world.setup()).await.unwrap();
    gateway
        .authenticate(Door::Network, Some("old credential"))
        .await
        .unwrap();
    let line = "loadlock_legacy_authentications_total{tenant=\"acme\",subject=\"job\"} 1";
    assert!(handle.render().contains(line), "{}", handle.render());
}

fn docs(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/reference")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_page_has_the_list() {
    let table = markdown();
    assert!(
        docs("metrics.md").contains(&table),
        "put this into docs/reference/metrics.md:\n{table}"
    );
}

/// The metrics that a query names; every one is one of ours.
fn named(query: &str) -> BTreeSet<&'static str> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("loadlock_") || word.starts_with("process_"));
    ours.map(|word| {
        let known = METRICS.iter().find(|metric| {
            word == metric.name
                || (!metric.buckets.is_empty()
                    && ["_bucket", "_sum", "_count"]
                        .iter()
                        .any(|suffix| word.strip_suffix(suffix) == Some(metric.name)))
        });
        known.unwrap_or_else(|| panic!("`{word}` in {query}")).name
    })
    .collect()
}

#[test]
fn the_alerts_are_about_names_that_there_are_and_about_what_is_to_be_watched() {
    let page = docs("metrics.md");
    let (_, watched) = page.split_once("What to watch:").unwrap();
    let alerts: serde_json::Value = serde_json::from_str(&docs("alerts.json")).unwrap();
    let (mut used, mut names) = (BTreeSet::new(), BTreeSet::new());
    for rule in alerts["groups"][0]["rules"].as_array().unwrap() {
        let text = |pointer: &str| rule.pointer(pointer).and_then(|text| text.as_str()).unwrap();
        used.extend(named(text("/expr")));
        assert!(names.insert(text("/alert").to_owned()), "{rule}");
        assert!(
            ["info", "warning", "critical"].contains(&text("/labels/severity")),
            "{rule}"
        );
        assert!(!text("/annotations/summary").is_empty() && !text("/annotations/description").is_empty());
        let (number, unit) = text("/for").split_at(text("/for").len() - 1);
        assert!(number.parse::<u32>().is_ok() && "smh".contains(unit), "{rule}");
        let labels: BTreeSet<&str> = named(text("/expr"))
            .iter()
            .filter_map(|name| METRICS.iter().find(|metric| metric.name == *name))
            .flat_map(|metric| metric.labels.iter().copied())
            .collect();
        for piece in text("/annotations/summary").split("$labels.").skip(1) {
            let label = piece.split(' ').next().unwrap();
            assert!(labels.contains(label), "`{label}` in {rule}");
        }
    }
    for metric in named(watched) {
        assert!(used.contains(metric), "no alert is about `{metric}`");
    }
}

#[test]
fn the_dashboard_shows_names_that_there_are() {
    let dashboard: serde_json::Value = serde_json::from_str(&docs("dashboard.json")).unwrap();
    let mut used = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            used.extend(named(target["expr"].as_str().unwrap()));
        }
    }
    for metric in METRICS {
        assert!(used.contains(metric.name), "`{}` is on no panel", metric.name);
    }
}
