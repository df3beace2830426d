//! Content that is not what it is said to be.

use bytes::Bytes;
use loadlock_gateway::ErrorCode;
use loadlock_policy::model::RemoteRef;
use loadlock_sandbox::provider::{Provider, ProviderGrants};
use loadlock_sandbox::{CallError, Exhausted, Limits};
use loadlock_tests::{Cell, World, tight};
use tokio::sync::mpsc;

fn remote() -> RemoteRef {
    RemoteRef {
        id: "file-1".to_owned(),
        purpose: "store".to_owned(),
    }
}

/// Reads to the end; how many bytes there were.
async fn drain(mut chunks: mpsc::Receiver<Bytes>) -> u64 {
    let mut read = 0;
    while let Some(chunk) = chunks.recv().await {
        read += chunk.len() as u64;
    }
    read
}

#[tokio::test]
pub(crate) async fn content_empty_success() {
    let world = World::new()
        .config("[providers.local]")
        .with_guest("odd", "content_empty_success", "");
    let path = world.file("a.txt", "not empty");
    let gateway = world.open().await;
    let file = gateway.upload_pinned("odd", &path).await.unwrap();
    let error = gateway.content(&file.id).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::ContentUnavailable, "{error}");
    assert!(error.message.contains("no content for a file of 9 bytes"), "{error}");
    let honest = gateway.upload_pinned("local", &path).await.unwrap();
    assert_eq!(gateway.content(&honest.id).await.unwrap(), b"not empty");
}

#[tokio::test]
pub(crate) async fn content_lies_about_length() {
    let cell = Cell::new().await;
    let guest = cell.guest("content_lies_about_length").await;
    let (sink, chunks) = Provider::content_channel();
    let asked = remote();
    let (report, read) = tokio::join!(cell.beside(guest.content(&asked, sink)), drain(chunks));
    let Err(CallError::Answer(why)) = &report.outcome else {
        panic!("{report:?}")
    };
    assert!(why.contains("1000") && why.contains("10"), "{why}");
    assert_eq!(read, 10);

    let world = World::new().with_guest("odd", "content_lies_about_length", "");
    let path = world.file("a.txt", "ten bytes!");
    let gateway = world.open().await;
    let file = gateway.upload(&path).await.unwrap();
    // The bytes came; only the end says that they were not whole.
    assert_eq!(
        gateway.content(&file.id).await.unwrap_err().code,
        ErrorCode::ComponentFailed
    );
}

#[tokio::test]
pub(crate) async fn content_floods_stdout() {
    let cell = Cell::new().await;
    let limits = Limits {
        stdout_bytes: 3 << 20,
        cpu: std::time::Duration::from_secs(20),
        ..tight()
    };
    let guest = cell
        .guest_with(
            "content_floods_stdout",
            ProviderGrants {
                limits: limits.clone(),
                ..cell.grants()
            },
        )
        .await;
    let (sink, chunks) = Provider::content_channel();
    let asked = remote();
    let (report, read) = tokio::join!(cell.beside(guest.content(&asked, sink)), drain(chunks));
    assert!(
        matches!(report.outcome, Err(CallError::Exhausted(Exhausted::Stdout))),
        "{report:?}"
    );
    assert!(read <= limits.stdout_bytes && read > limits.stdout_bytes / 2, "{read}");
}

/// A client that reads nothing holds the guest at a few chunks, and one that leaves ends it.
#[tokio::test]
async fn a_slow_client_slows_the_guest_and_a_gone_one_ends_it() {
    let cell = Cell::new().await;
    let guest = cell.guest("content_floods_stdout").await;
    let (sink, mut chunks) = Provider::content_channel();
    let depth = sink.max_capacity();
    let wanted = remote();
    let mut call = std::pin::pin!(guest.content(&wanted, sink));
    // Full, and the guest waits: the cap on standard output is far away, so nothing but the reader holds it.
    while chunks.len() < depth {
        tokio::select! {
            report = &mut call => panic!("{report:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    assert!(futures::poll!(&mut call).is_pending());
    assert_eq!(chunks.len(), depth);
    chunks.close();
    while chunks.recv().await.is_some() {}
    drop(chunks);
    // It is told that the stream is closed and gives up by itself.
    let report = cell.beside(call).await;
    assert!(report.outcome.unwrap().is_err());
}
