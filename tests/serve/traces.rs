//! Traces: a client's trace goes on at the upstream, and the spans reach a collector.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::{Collector, Place};
use loadlock_upstream::{Options, Upstream, Vendor};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test]
async fn a_trace_passes_through_to_the_upstream_and_to_the_collector() {
    let upstream = Upstream::start(Vendor::Openai, Options::with_key("sk-test"))
        .await
        .unwrap();
    let collector = Collector::start().await;
    let mut place = Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"));
    place
        .env("OPENAI_API_KEY", "sk-test")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url());
    place.configure(&format!(
        r#"
[providers.openai]
settings = {{ base_url = "{base}" }}
egress = [{{ url = "{base}", methods = ["GET", "POST", "DELETE"], private = true }}]
credential = {{ header = "Authorization", value = "Bearer ${{env:OPENAI_API_KEY}}" }}
"#,
        base = upstream.base_url(),
    ));
    let served = place.serve().await;
    let client = served.client(&place.token("acme", &["write"]).await);
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let (kind, body) = loadlock_served::form(&[("purpose", "user_data")], &[("file", "a.txt", b"hello there")]);
    client
        .send(
            "POST",
            "/v1/files",
            &[("content-type", &kind), ("traceparent", &parent)],
            body,
        )
        .await
        .expect(200);
    let requests = upstream.requests().all();
    let seen = requests
        .iter()
        .find_map(|request| request.header("traceparent"))
        .expect("the upstream gets a traceparent");
    assert!(seen.starts_with(&format!("00-{TRACE}-")), "{seen}");
    assert_ne!(seen, parent, "the parent there is our span");
    served.stop().await;
    let trace: Vec<u8> = (0..16)
        .map(|byte| u8::from_str_radix(&TRACE[byte * 2..byte * 2 + 2], 16).unwrap())
        .collect();
    let sent = collector.received();
    assert!(
        sent.windows(16).any(|window| window == trace),
        "the spans of the trace are exported"
    );
}
