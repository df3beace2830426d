//! The network: only where it was granted, and only so much.

use loadlock_gateway::ErrorCode;
use loadlock_tests::{Logs, Sink, World, sha256};

#[tokio::test]
pub(crate) async fn good_http() {
    let sink = Sink::start().await;
    let world = World::new().with_guest("far", "good_http", &sink.config());
    let path = world.file("a.txt", "over the wire");
    let gateway = world.open().await;
    let file = gateway.upload(&path).await.unwrap();
    assert_eq!(
        (file.remote_id.as_str(), file.sha256),
        ("file-1", sha256(b"over the wire"))
    );
    assert_eq!(sink.received()[0].body, b"over the wire");
}

#[tokio::test]
pub(crate) async fn ungranted_host() {
    let sink = Sink::start().await;
    let settings = format!("settings = {{ target = {:?} }}", sink.url);
    for egress in [
        // Nothing is granted at all.
        "",
        // Something else is.
        "egress = [{ url = \"https://vendor.example/files\", methods = [\"POST\"] }]",
        // The host, but another path.
        &sink.egress().replace("/files", "/elsewhere"),
        // The path, but another method.
        &sink.egress().replace("POST", "GET"),
    ] {
        let logs = Logs::start();
        let world = World::new().config("[providers.local]").with_guest(
            "odd",
            "ungranted_host",
            &format!("{settings}\n{egress}"),
        );
        let path = world.file("a.txt", "must not leave");
        let other = world.file("b.txt", "goes on");
        let gateway = world.open().await;
        let (refused, stored) = tokio::join!(
            gateway.upload_pinned("odd", &path),
            gateway.upload_pinned("local", &other)
        );
        stored.unwrap();
        let error = refused.unwrap_err();
        assert_eq!(error.code, ErrorCode::EgressDenied, "{egress}: {error}");
        let log = logs.take();
        let denial = log
            .lines()
            .find(|line| line.contains("loadlock::egress") && line.contains("denied"))
            .expect(&log);
        assert!(denial.contains("egress = ["), "{denial}");
        assert!(egress.is_empty() || denial.contains("[providers.odd]"), "{denial}");
        assert!(
            denial.contains(sink.url.trim_start_matches("http://").trim_end_matches("/files")),
            "{denial}"
        );
        assert_eq!(sink.received(), []);
    }
}

/// This machine and its network need a word of their own.
#[tokio::test]
async fn a_private_address_is_not_granted_by_chance() {
    let sink = Sink::start().await;
    for host in ["127.0.0.1", "localhost"] {
        let more = sink.config().replace(", private = true", "").replace("127.0.0.1", host);
        let world = World::new().with_guest("odd", "ungranted_host", &more);
        let errors = world.try_load().unwrap_err().to_string();
        assert!(errors.contains("`private = true`"), "{errors}");
    }
}

#[tokio::test]
pub(crate) async fn header_flood() {
    let sink = Sink::start().await;
    let world = World::new()
        .config("[providers.local]")
        .with_guest("odd", "header_flood", &sink.config());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let (refused, stored) = tokio::join!(
        gateway.upload_pinned("odd", &path),
        gateway.upload_pinned("local", &path)
    );
    stored.unwrap();
    let error = refused.unwrap_err();
    assert_eq!(error.code, ErrorCode::ComponentFailed, "{error}");
    assert!(error.message.contains("header bytes"), "{error}");
    assert_eq!(sink.received(), []);
}

#[tokio::test]
pub(crate) async fn upload_then_loop() {
    let sink = Sink::start().await;
    let more = format!("{}\nsandbox = {{ cpu = \"300ms\" }}", sink.config());
    let world = World::new()
        .config("[providers.local]")
        .with_guest("odd", "upload_then_loop", &more);
    let path = world.file("a.txt", "arrives, and nobody hears of it");
    let gateway = world.open().await;
    let (lost, stored) = tokio::join!(
        gateway.upload_pinned("odd", &path),
        gateway.upload_pinned("local", &path)
    );
    stored.unwrap();
    let error = lost.unwrap_err();
    assert_eq!(error.code, ErrorCode::OutcomeUnknown, "{error}");
    assert!(error.message.contains("CPU time"), "{error}");
    // Once: what may have arrived is not sent again.
    assert_eq!(sink.received().len(), 1);
}
