//! Equal uploads at once, at two gateways.

use std::time::Duration;

use loadlock_upstream::{Fault, Operation};

use super::site::{Site, balanced, files, start, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_uploads_at_two_gateways_make_one_remote_file() {
    let site = Site::new().await;
    let (one, two) = (site.place("").await, site.place("").await);
    let (first, second) = (one.world.open().await, two.world.open().await);
    let faults = site.shop.upstream.faults();
    faults.push(Operation::Create, Fault::Hold);
    let leader = start(&first, &one.world.file("a.txt", "the same"));
    until("the leader sends", async || faults.injected().len() == 1).await;
    let follower = start(&second, &two.world.file("b.txt", "the same"));
    // Another content goes its own way meanwhile.
    let other = start(&second, &two.world.file("c.txt", "not the same"));
    assert!(!other.await.unwrap().unwrap().deduplicated);
    // Long enough to arrive at the vendor, if nothing held it back.
    let early = tokio::time::timeout(Duration::from_secs(1), async {
        until("never", async || follower.is_finished()).await;
    });
    assert!(early.await.is_err(), "it did not wait");
    assert_eq!(site.shop.posts().len(), 2, "{:?}", site.shop.posts());
    faults.release(1);
    let (leader, follower) = (leader.await.unwrap(), follower.await.unwrap());
    let (leader, follower) = (leader.unwrap(), follower.unwrap());
    assert!(!leader.deduplicated && follower.deduplicated);
    assert_eq!(leader.remote_id, follower.remote_id);
    assert_eq!(site.shop.upstream.files().len(), 2);
    assert_eq!(files(&first).await.len(), 3);
    balanced(&first).await;
    balanced(&second).await;
}

/// The first is cut off from the ledger while it sends, and thought to be gone. The second stores the same content.
/// What the first then stored is refused, its file becomes one over the second's remote file, and its own remote file
/// goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_lost_its_lease_gives_way() {
    let site = Site::new().await;
    let (one, two) = (site.place("").await, site.place("").await);
    let (first, second) = (one.world.open().await, two.world.open().await);
    let faults = site.shop.upstream.faults();
    faults.push(Operation::Create, Fault::Hold);
    let late = start(&first, &one.world.file("a.txt", "the same"));
    until("the first sends", async || faults.injected().len() == 1).await;
    one.line.cut();
    // It waits for the lease to lapse, and for what is to be settled.
    let winner = start(&second, &two.world.file("b.txt", "the same"));
    let winner = winner.await.unwrap().unwrap();
    assert!(!winner.deduplicated);
    faults.release(1);
    // The vendor took it, so the client is told so; the ledger is told later.
    let late = late.await.unwrap().unwrap();
    assert_ne!(late.remote_id, winner.remote_id);
    assert_eq!(site.shop.upstream.files().len(), 2);
    one.line.mend();
    until("the late one is recorded", async || {
        let _ = first.gateway.settle().await;
        files(&second).await.len() == 2
    })
    .await;
    let all = files(&second).await;
    assert!(all.iter().all(|file| file.remote_id == winner.remote_id));
    assert!(all.iter().any(|file| file.id == late.id), "{all:?}");
    until("the late remote file goes", async || {
        let _ = first.gateway.settle().await;
        site.shop.upstream.files().len() == 1
    })
    .await;
    assert!(site.shop.upstream.files().get(&winner.remote_id).is_some());
    balanced(&first).await;
    balanced(&second).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_does_not_wait_for_a_ledger_that_is_away() {
    let site = Site::new().await;
    let one = site.place("").await;
    let first = one.world.open().await;
    one.line.cut();
    let stored = start(&first, &one.world.file("a.txt", "content"));
    let stored = stored.await.unwrap().unwrap();
    assert!(!stored.deduplicated);
    one.line.mend();
    until("it is recorded", async || {
        let _ = first.gateway.settle().await;
        first.list().await.is_ok_and(|page| page.files.len() == 1)
    })
    .await;
    balanced(&first).await;
}
