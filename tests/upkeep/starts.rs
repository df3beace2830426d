//! A vendor that does not answer holds up no start.

use std::time::Duration;

use loadlock_gateway::Clock;
use loadlock_tests::{Opened, Shop, World};
use loadlock_upstream::{Fault, Operation};

use super::settling::lose;
use super::sheet;

/// A gateway that waits for a vendor for a moment only.
async fn open(world: &World) -> Opened {
    let mut setup = world.setup();
    setup.patience = Duration::from_millis(200);
    world.open_with(setup).await
}

/// Whoever waited for each of them would wait for minutes.
#[tokio::test]
async fn a_silent_vendor_is_asked_once_by_a_start() {
    let (silent, well) = (Shop::kimi().await, Shop::openai().await);
    let silent = silent.more("breaker = { failures = 0 }");
    let world = well.join(silent.join(World::new()).clock(Clock::scaled(600)));
    let gateway = world.open().await;
    let kept = world.file("kept.txt", "kept");
    let kept = gateway.upload_pinned("kimi", &kept).await.unwrap();
    let faults = silent.upstream.faults();
    for number in 0..3 {
        let path = world.file(&format!("{number}.txt"), format!("content {number}"));
        lose(&gateway, &silent, &path).await;
    }
    // And at the other one, which answers, something is left to be deleted.
    let path = world.file("b.txt", "to be deleted");
    let file = gateway.upload_pinned("openai", &path).await.unwrap();
    for (shop, file) in [(&silent, &kept), (&well, &file)] {
        let faults = shop.upstream.faults();
        faults.push(Operation::Delete, Fault::status(503));
        gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
    }
    drop(gateway);
    faults.always(None, Fault::Hang);
    let before = silent.upstream.requests().len();
    let gateway = open(&world).await;
    assert_eq!(silent.upstream.requests().len(), before + 1);
    assert!(well.upstream.files().is_empty());
    drop(gateway);
    // When it answers again, the next start finds out about all of them.
    faults.clear();
    let gateway = world.open().await;
    assert_eq!(gateway.list().await.unwrap().files.len(), 3);
    assert_eq!(silent.upstream.files().len(), 3);
    assert!(sheet(&gateway).await.balanced);
}

/// Its breaker stands for what was found out about it already.
#[tokio::test]
async fn a_vendor_whose_breaker_is_open_is_not_asked_by_a_start() {
    let shop = Shop::kimi().await.more("breaker = { failures = 1 }");
    let world = shop.join(World::new());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload(&path).await.unwrap();
    shop.upstream.faults().always(None, Fault::status(503));
    gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
    let other = world.file("b.txt", "other");
    gateway.upload(&other).await.unwrap_err();
    drop(gateway);
    let before = shop.upstream.requests().len();
    drop(open(&world).await);
    assert_eq!(shop.upstream.requests().len(), before);
}
