//! A tenant's limits hold over all gateways.

use loadlock_gateway::ErrorCode;
use loadlock_upstream::{Fault, Operation};

use super::site::{Site, files, start, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_under_way_at_another_gateway_count() {
    what_is_under_way_counts("max_files = 2").await;
}

/// Two files of 15 bytes leave no room for one of 12.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_under_way_at_another_gateway_count() {
    what_is_under_way_counts("max_bytes = \"20B\"").await;
}

async fn what_is_under_way_counts(limit: &str) {
    let limits = format!("[[tenants]]\nname = \"local\"\n{limit}\n");
    let site = Site::new().await;
    let (one, two) = (site.place(&limits).await, site.place(&limits).await);
    let (first, second) = (one.world.open().await, two.world.open().await);
    let faults = site.shop.upstream.faults();
    let stored = start(&second, &two.world.file("a.txt", "stored"));
    stored.await.unwrap().unwrap();
    faults.push(Operation::Create, Fault::Hold);
    let held = start(&first, &one.world.file("b.txt", "under way"));
    until("the first sends", async || faults.injected().len() == 1).await;
    let refused = start(&second, &two.world.file("c.txt", "one too many"));
    let refused = refused.await.unwrap().unwrap_err();
    assert_eq!(refused.code, ErrorCode::QuotaExceeded, "{refused}");
    faults.release(1);
    held.await.unwrap().unwrap();
    assert_eq!(files(&second).await.len(), 2);
    assert_eq!(site.shop.posts().len(), 2);
}
