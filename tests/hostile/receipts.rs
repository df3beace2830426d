//! Receipts that do not hold: refused, not recorded, and the remote file goes.

use loadlock_gateway::{Error, ErrorCode};
use loadlock_sandbox::CallError;
use loadlock_sandbox::provider::ProviderGrants;
use loadlock_tests::{Cell, Logs, Sink, World};

/// Uploads to a liar beside `local`; answers the error and what was logged.
async fn lie(guest: &str) -> (Error, String) {
    let logs = Logs::start();
    let world = World::new().config("[providers.local]").with_guest("liar", guest, "");
    let lied = world.file("lied.txt", "bytes that somebody lies about");
    let honest = world.file("honest.txt", "bytes of an honest upload");
    let gateway = world.open().await;
    let (error, stored) = tokio::join!(
        gateway.upload_pinned("liar", &lied),
        gateway.upload_pinned("local", &honest)
    );
    let stored = stored.unwrap();
    // Only the honest one is on record.
    let list = gateway.list().await.unwrap();
    assert_eq!(list.files, [stored]);
    assert_eq!(gateway.gateway.stats(&gateway.who).await.unwrap().remotes, 1);
    // And it may try again.
    assert_eq!(
        gateway.upload_pinned("liar", &lied).await.unwrap_err().code,
        ErrorCode::ReceiptMismatch
    );
    (error.unwrap_err(), logs.take())
}

async fn refused_and_deleted(guest: &str, why: &str) {
    let (error, log) = lie(guest).await;
    assert_eq!(error.code, ErrorCode::ReceiptMismatch, "{error}");
    assert!(error.message.contains(why), "{error}");
    assert!(log.contains("operation=\"delete\""), "{log}");
}

#[tokio::test]
pub(crate) async fn lying_size() {
    refused_and_deleted("lying_size", "31 bytes are stored, but the file has 30").await;
}

#[tokio::test]
pub(crate) async fn lying_digest() {
    refused_and_deleted("lying_digest", "another digest").await;
}

/// Whatever it stored under an id that the host did not make may be anybody's: nothing is deleted, nothing taken over.
#[tokio::test]
pub(crate) async fn chooses_badly() {
    let (error, log) = lie("chooses_badly").await;
    assert!(error.message.contains("does not hold the mark"), "{error}");
    assert!(!log.contains("operation=\"delete\""), "{log}");

    let lost = "settings = { mode = \"lost\" }\nretry = { base = \"1ms\" }\n";
    let world = World::new().with_guest("loser", "chooses_badly", lost);
    let path = world.file("a.txt", "bytes whose answer is lost");
    let gateway = world.open().await;
    let error = gateway.upload_pinned("loser", &path).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::OutcomeUnknown, "{error}");
    assert!(gateway.list().await.unwrap().files.is_empty());
}

/// It is told before its first byte, and gets no body that still arrives.
#[tokio::test]
pub(crate) async fn wants_digest() {
    let world = World::new().with_guest("wants", "wants_digest", "");
    let path = world.file("a.txt", "read twice");
    let gateway = world.open().await;
    let route = gateway
        .gateway
        .route(&gateway.who, gateway.request(&path))
        .await
        .unwrap();
    assert!(!route.eligible[0].cut_through);
    let file = gateway.upload_pinned("wants", &path).await.unwrap();
    assert_eq!((file.attempts, &file.remote_id), (1, &file.sha256));
}

#[tokio::test]
pub(crate) async fn never_reads() {
    refused_and_deleted("never_reads", "it read 0 of 30 bytes").await;
}

#[tokio::test]
pub(crate) async fn reads_half() {
    refused_and_deleted("reads_half", "it read 15 of 30 bytes").await;
}

#[tokio::test]
pub(crate) async fn lying_id() {
    // Ids that are none are refused whoever gives them.
    let cell = Cell::new().await;
    cell.file("a.txt", "content");
    for mode in ["control", "long", "empty"] {
        let settings = vec![("mode".to_owned(), mode.to_owned())];
        let guest = cell
            .guest_with(
                "lying_id",
                ProviderGrants {
                    settings,
                    ..cell.grants()
                },
            )
            .await;
        let report = cell.beside(cell.upload(&guest, "a.txt")).await;
        let Err(CallError::Answer(why)) = &report.outcome else {
            panic!("{mode}: {report:?}")
        };
        assert!(!why.contains(['\u{1b}', '\r', '\n']), "{why:?}");
    }
    // One that no response held may be anybody's: it is neither believed nor deleted.
    let logs = Logs::start();
    let sink = Sink::start().await;
    let world = World::new()
        .config("[providers.local]")
        .with_guest("liar", "lying_id", &sink.config());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let error = gateway.upload_pinned("liar", &path).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::ReceiptMismatch, "{error}");
    assert!(error.message.contains("occurs in no response"), "{error}");
    assert_eq!(sink.received().len(), 1);
    assert!(!logs.take().contains("operation=\"delete\""));
    gateway.upload_pinned("local", &path).await.unwrap();
}

/// It stores and traps. The digest of a path that was never read before is computed to look for it on the list.
#[tokio::test]
pub(crate) async fn digest_then_trap() {
    let world = World::new().with_guest("digests", "digest_then_trap", "");
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload_pinned("digests", &path).await.unwrap();
    assert_eq!(file.sha256, loadlock_tests::sha256(b"content"));
    let stored = std::fs::read_dir(world.path("home/providers/digests"));
    assert_eq!(stored.unwrap().count(), 1);
}

/// What a vendor could not process, or has dropped already, is no success, and goes; so does what is found of it by
/// looking for a lost answer, at once or at the next start.
#[tokio::test]
pub(crate) async fn stores_in_vain() {
    let kept = |world: &World| std::fs::read_dir(world.path("home/providers/vain")).unwrap().count();
    let world = |mode: &str| {
        let settings = format!("settings = {{ mode = {mode:?} }}\nretry = {{ base = \"5ms\" }}");
        World::new().with_guest("vain", "stores_in_vain", &settings)
    };
    for (mode, code, why) in [
        ("failed", ErrorCode::ProviderRejected, "could not process it"),
        ("lost", ErrorCode::ProviderRejected, "could not process it"),
        ("expired", ErrorCode::ProviderFailed, "an expiry that has passed"),
    ] {
        let world = world(mode);
        let path = world.file("a.txt", "content");
        let gateway = world.open().await;
        let error = gateway.upload_pinned("vain", &path).await.unwrap_err();
        assert_eq!(error.code, code, "{mode}: {error}");
        assert!(error.message.contains(why), "{mode}: {error}");
        assert_eq!(kept(&world), 0, "{mode}: it is deleted");
        assert_eq!(gateway.list().await.unwrap().files, [], "{mode}");
        assert_eq!(gateway.gateway.settle().await.unwrap(), Default::default(), "{mode}");
    }
    let world = world("processing");
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload_pinned("vain", &path).await.unwrap();
    assert_eq!((file.provider.as_str(), kept(&world)), ("vain", 1));
}

/// 2^64 milliseconds reach neither a header nor a wait.
#[tokio::test]
pub(crate) async fn asks_for_eternity() {
    let world = World::new().with_guest("eternal", "asks_for_eternity", "");
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let error = gateway.upload_pinned("eternal", &path).await.unwrap_err();
    assert_eq!(
        (error.code, error.retry_after_ms),
        (ErrorCode::ProviderRateLimited, Some(86_400_000)),
        "{error}"
    );
}
