//! The main job: a file goes in, is stored once, recorded, and found again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use loadlock_gateway::{Body, ErrorCode, Event, Source, UploadRequest};
use loadlock_tests::{Shop, World, sha256};
use loadlock_upstream::{Fault, Operation};

#[tokio::test]
async fn a_file_is_stored_recorded_and_found_again() {
    let world = World::new();
    let path = world.file("sub/report.txt", "hello, vacuum");
    let gateway = world.open().await;

    let file = gateway.upload(&path).await.unwrap();
    assert_eq!(file.filename, "report.txt");
    assert_eq!(file.bytes, 13);
    assert_eq!(file.sha256, sha256(b"hello, vacuum"));
    assert_eq!(file.provider, "local");
    assert_eq!((file.deduplicated, file.attempts), (false, 1));

    assert_eq!(gateway.gateway.get(&gateway.who, &file.id).await.unwrap(), file);
    assert_eq!(gateway.content(&file.id).await.unwrap(), b"hello, vacuum");
    let list = gateway.list().await.unwrap();
    assert_eq!(list.files, [file]);
}

/// What a body costs on the disk: nothing while it is small.
#[cfg_attr(not(target_os = "linux"), ignore = "bodies in memory are Linux's")]
#[tokio::test]
async fn a_small_body_is_on_no_disk_until_it_is_stored() {
    let world = World::new();
    let gateway = world.open().await;
    for (bytes, entries) in [(0, 0), (64 << 10, 0), ((64 << 10) + 1, 1)] {
        let content = vec![7_u8; bytes];
        let chunks: Vec<_> = content.chunks(10_000).map(|chunk| Ok(chunk.to_vec().into())).collect();
        let source = Source::Body(Body {
            stream: Box::pin(futures::stream::iter(chunks)),
            name: "body.bin".into(),
            media_type: None,
        });
        let spool = world.path("home/spool");
        let count = || std::fs::read_dir(&spool).unwrap().count();
        let look = |event: Event| {
            if matches!(event, Event::Admitted { .. }) {
                assert_eq!(count(), entries, "{bytes}");
            }
        };
        let request = UploadRequest::from(source);
        let stored = gateway.gateway.upload(&gateway.who, request, &look).await;
        if bytes == 0 {
            assert_eq!(stored.unwrap_err().code, ErrorCode::FileRejected);
            continue;
        }
        let stored = stored.unwrap();
        assert!(gateway.content(&stored.id).await.unwrap() == content);
        assert_eq!(count(), 0);
    }
}

#[tokio::test]
async fn the_same_bytes_again_are_a_dedup_hit_over_one_remote_file() {
    let world = World::new();
    let first = world.file("a.txt", "same bytes");
    let second = world.file("b.txt", "same bytes");
    let gateway = world.open().await;
    let a = gateway.upload(&first).await.unwrap();
    let b = gateway.upload(&second).await.unwrap();
    assert!(!a.deduplicated && b.deduplicated);
    assert_eq!((b.attempts, &b.remote_id), (0, &a.remote_id));
    assert_ne!(a.id, b.id);
    assert_eq!(b.filename, "b.txt");

    // Deleting one must not hurt the other; deleting the last takes the remote file with it.
    gateway.gateway.delete(&gateway.who, &a.id).await.unwrap();
    assert_eq!(gateway.content(&b.id).await.unwrap(), b"same bytes");
    gateway.gateway.delete(&gateway.who, &b.id).await.unwrap();
    assert_eq!(
        gateway.gateway.get(&gateway.who, &b.id).await.unwrap_err().code,
        ErrorCode::FileNotFound
    );
    let stats = gateway.gateway.stats(&gateway.who).await.unwrap();
    assert_eq!((stats.files, stats.remotes, stats.dying), (0, 0, 0));
}

#[tokio::test]
async fn records_survive_a_restart() {
    let world = World::new();
    let path = world.file("a.txt", "durable");
    let id = {
        let gateway = world.open().await;
        gateway.upload(&path).await.unwrap().id
    };
    let gateway = world.open().await;
    assert_eq!(gateway.gateway.get(&gateway.who, &id).await.unwrap().bytes, 7);
    assert!(gateway.upload(&path).await.unwrap().deduplicated);
}

#[tokio::test]
async fn one_process_owns_the_home() {
    let world = World::new();
    let _owner = world.open().await;
    let error = world.try_open().await.err().unwrap();
    assert_eq!(error.code, ErrorCode::HomeInUse);
    assert!(error.message.contains(&std::process::id().to_string()), "{error}");
}

#[tokio::test]
async fn equal_uploads_at_the_same_time_make_one_remote_file() {
    let world = World::new();
    let content = vec![7u8; 300_000];
    let paths: Vec<_> = (0..8).map(|i| world.file(&format!("{i}.bin"), &content)).collect();
    let gateway = world.open().await;
    let uploads = futures::future::join_all(paths.iter().map(|path| gateway.upload(path))).await;
    let files: Vec<_> = uploads.into_iter().map(|file| file.unwrap()).collect();
    assert_eq!(files.iter().filter(|file| !file.deduplicated).count(), 1);
    assert!(files.iter().all(|file| file.remote_id == files[0].remote_id));
}

#[tokio::test]
async fn equal_uploads_that_meet_at_a_fallback_make_one_remote_file() {
    // One is pinned to the provider that the other falls back to while the first is under way.
    let (kimi, openai) = (Shop::kimi().await, Shop::openai().await);
    let world = World::new().config("order = [\"kimi\", \"openai\"]");
    let world = openai.join(kimi.join(world));
    let paths = [world.file("a.txt", "equal"), world.file("b.txt", "equal")];
    let gateway = world.open().await;
    kimi.upstream.faults().always(Operation::Create, Fault::status(503));
    openai.upstream.faults().push(Operation::Create, Fault::Hold);
    let pinned = gateway.upload_pinned("openai", &paths[0]);
    let falls_back = async {
        openai.upstream.requests().wait(|all| !all.is_empty()).await;
        gateway.upload(&paths[1]).await
    };
    let release = async {
        kimi.upstream.requests().wait(|all| !all.is_empty()).await;
        openai.upstream.faults().release(1);
    };
    let (pinned, falls_back, ()) = futures::join!(pinned, falls_back, release);
    let (pinned, falls_back) = (pinned.unwrap(), falls_back.unwrap());
    assert_eq!(falls_back.provider, "openai");
    assert_eq!(falls_back.remote_id, pinned.remote_id);
    assert!(falls_back.deduplicated);
    assert_eq!(openai.upstream.files().len(), 1);
    assert_eq!(gateway.list().await.unwrap().files.len(), 2);
}
