//! What cancelled callers, failed deletes and time leave behind is settled while the gateway serves.

use loadlock_gateway::{Clock, Silent, UploadRequest};
use loadlock_tests::{Shop, World};
use loadlock_upstream::{Fault, Operation};

use super::{count, sheet, until};

const OPEN: &str = "open entries that nobody holds";

fn fast() -> Clock {
    Clock::scaled(600)
}

#[tokio::test]
async fn an_upload_whose_caller_went_away_is_settled_and_one_under_way_is_not() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new()).clock(Clock::scaled(60));
    let (left, kept) = (
        world.file("left.txt", "left"),
        world.file("kept.txt", "kept!"),
    );
    let gateway = world.open().await;
    shop.upstream
        .faults()
        .push_times(Operation::Create, &Fault::Hang, 2);
    let arrived = || shop.upstream.faults().injected().len();
    let start = |path: &std::path::Path| {
        let (open, who) = (gateway.gateway.clone(), gateway.who.clone());
        let request = gateway.request(path);
        tokio::spawn(async move { open.upload(&who, request, &Silent).await })
    };
    let left = start(&left);
    until("the first arrives", || async { arrived() == 1 }).await;
    let kept = start(&kept);
    until("the second arrives", || async { arrived() == 2 }).await;
    left.abort();
    let _ = left.await;
    let before = sheet(&gateway).await;
    assert_eq!(
        (count(&before, OPEN), count(&before, "uploads under way")),
        (1, 1)
    );
    assert!(!before.balanced);

    let upkeep = gateway.gateway.start_upkeep();
    until("the abandoned one is settled", || async {
        count(&sheet(&gateway).await, OPEN) == 0
    })
    .await;
    let after = sheet(&gateway).await;
    assert_eq!(count(&after, "uploads under way"), 1, "{after:?}");
    assert!(after.balanced, "{after:?}");
    kept.abort();
    let _ = kept.await;
    upkeep.stop().await;
}

/// The vendor stored it after its caller had gone: settling finds it by its mark, and it is a file like any other.
#[tokio::test]
async fn what_the_vendor_stored_for_a_caller_that_went_away_is_recorded() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new()).clock(fast());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let (open, who) = (gateway.gateway.clone(), gateway.who.clone());
    let request = gateway.request(&path);
    // The answer is lost, and the look for the upload never ends.
    shop.upstream
        .faults()
        .push(Operation::Create, Fault::ResetAfter);
    shop.upstream.faults().push(Operation::List, Fault::Hang);
    let task = tokio::spawn(async move { open.upload(&who, request, &Silent).await });
    until("the caller waits for the list", || async {
        shop.upstream.faults().injected().len() == 2
    })
    .await;
    task.abort();
    let _ = task.await;
    let _upkeep = gateway.gateway.start_upkeep();
    until("it is recorded", || async {
        gateway.list().await.unwrap().files.len() == 1
    })
    .await;
    assert_eq!(shop.upstream.files().len(), 1);
    assert!(sheet(&gateway).await.balanced);
}

#[tokio::test]
async fn a_delete_that_the_vendor_refused_is_made_again() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new()).clock(fast());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload(&path).await.unwrap();
    shop.upstream
        .faults()
        .push(Operation::Delete, Fault::status(503));
    gateway
        .gateway
        .delete(&gateway.who, &file.id)
        .await
        .unwrap();
    assert_eq!(shop.upstream.files().len(), 1);
    assert_eq!(count(&sheet(&gateway).await, "dying remote files"), 1);
    let _upkeep = gateway.gateway.start_upkeep();
    until("it is gone", || async { shop.upstream.files().is_empty() }).await;
    until("the books know", || async {
        count(&sheet(&gateway).await, "dying remote files") == 0
    })
    .await;
}

#[tokio::test]
async fn what_has_expired_is_cleaned() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new()).clock(fast());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let request = UploadRequest {
        expires_in_s: Some(0),
        ..gateway.request(&path)
    };
    let open = &gateway.gateway;
    open.upload(&gateway.who, request, &Silent).await.unwrap();
    assert_eq!(shop.upstream.files().len(), 1);
    let _upkeep = gateway.gateway.start_upkeep();
    until("it is gone", || async { shop.upstream.files().is_empty() }).await;
}
