//! A server that lives, and one that stops.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::Place;

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

#[tokio::test]
async fn a_server_without_configuration_is_ready_and_stops_when_told_to() {
    let place = place();
    let served = place.serve().await;
    let stranger = served.stranger();
    stranger.get("/healthz").await.expect(200);
    stranger.get("/readyz").await.expect(200);
    let nowhere = stranger.get("/v2/files").await.expect(404);
    assert_eq!(nowhere.code(), "no_such_endpoint");
    assert!(nowhere.header("x-request-id").starts_with("req_"));
    assert_eq!(served.stop().await, Some(0));
}

#[tokio::test]
async fn requests_are_counted_by_the_pattern_of_their_path_and_the_process_by_what_it_takes() {
    let place = place();
    let served = place.serve().await;
    let operator = served.client(&place.token("acme", &["admin"]).await);
    let stranger = served.stranger();
    stranger.get("/healthz").await.expect(200);
    stranger.get("/v1/files/file-of-a-guesser").await.expect(401);
    stranger.get("/v2/made/up").await.expect(404);
    stranger.send("BREW", "/v1/files", &[], String::new()).await.expect(405);
    let metrics = operator.get("/metrics").await.expect(200).text();
    for line in [
        r#"loadlock_http_requests_total{method="GET",route="/healthz",status="200"}"#,
        r#"loadlock_http_requests_total{method="GET",route="/v1/files/{id}",status="401"} 1"#,
        r#"loadlock_http_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"loadlock_http_requests_total{method="other",route="/v1/files",status="405"} 1"#,
        r#"loadlock_http_request_duration_seconds_count{method="GET",route="none"} 1"#,
        // The one that asks for this.
        "loadlock_http_requests_in_flight 1",
        concat!(r#"loadlock_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#),
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    for guess in ["guesser", "made/up", "BREW"] {
        assert!(!metrics.contains(guess), "a client chose a label: {guess}\n{metrics}");
    }
    if cfg!(target_os = "linux") {
        let value = |name: &str| -> f64 {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name)).expect(name);
            line.trim().parse().expect(name)
        };
        assert!(value("process_resident_memory_bytes ") > 1_000_000.0);
        assert!(value("process_open_fds ") > 3.0 && value("process_threads ") > 1.0);
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        let started = value("process_start_time_seconds ");
        assert!(started > 1e9 && started < now + 60.0, "{started}");
    }
}
