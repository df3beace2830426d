//! The disk fills up while the vendor has the request. Alone in its process, for the limit is the process's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use loadlock_gateway::ErrorCode;
use loadlock_tests::{Shop, World};
use loadlock_upstream::{Fault, Operation};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The vendor has the file, so its caller is not told that nothing was sent; once there is room it is found and
/// recorded.
#[tokio::test]
async fn what_the_vendor_took_and_nobody_could_write_down_is_found_later() {
    // With a handler the write fails instead of the process.
    let xfsz = tokio::signal::unix::SignalKind::from_raw(25);
    let _handler = tokio::signal::unix::signal(xfsz).unwrap();
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let path = world.file("a.txt", "content");
    let gateway = Arc::new(world.open().await);
    shop.upstream.faults().push(Operation::Create, Fault::Hold);
    let uploading = {
        let (gateway, path) = (gateway.clone(), path.clone());
        tokio::spawn(async move { gateway.upload(path).await })
    };
    shop.upstream.requests().wait(|all| !all.is_empty()).await;
    let before = getrlimit(Resource::Fsize);
    let full = Rlimit {
        current: Some(1),
        ..before
    };
    setrlimit(Resource::Fsize, full).unwrap();
    shop.upstream.faults().release(1);
    let error = uploading.await.unwrap().unwrap_err();
    setrlimit(Resource::Fsize, before).unwrap();
    assert_eq!(error.code, ErrorCode::OutcomeUnknown, "{error}");
    drop(gateway);
    let gateway = world.open().await;
    assert_eq!(gateway.list().await.unwrap().files.len(), 1);
    assert_eq!(shop.upstream.files().len(), 1);
}
