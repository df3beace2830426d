//! A tenant's limits hold over all gateways.

use std::time::Duration;

use loadlock_gateway::{Clock, ErrorCode};
use loadlock_upstream::{Fault, Operation};

use super::site::{SCALE, Site, balanced, files, start, until};

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

/// What begins at the same time, at two gateways whose clocks are as far apart as they may be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_holds_for_all_that_begins_at_once() {
    const MOST: usize = 10;
    let limits = format!("[[tenants]]\nname = \"local\"\nmax_files = {MOST}\n");
    let site = Site::new().await;
    let near = Duration::from_millis(5);
    let clock = Clock::scaled(SCALE);
    let one = site.place_with(&limits, near, clock.clone().off_by(-12_500)).await;
    let two = site.place_with(&limits, near, clock.off_by(12_500)).await;
    let (first, second) = (one.world.open().await, two.world.open().await);
    let mut uploads = Vec::new();
    for number in 0..MOST {
        let name = format!("{number}.txt");
        // Every content at both: a half of them is a dedup hit, which is a file all the same.
        uploads.push(start(&first, &one.world.file(&name, format!("content {number}"))));
        uploads.push(start(&second, &two.world.file(&name, format!("content {number}"))));
    }
    let mut stored = 0;
    for upload in uploads {
        match upload.await.unwrap() {
            Ok(_) => stored += 1,
            Err(refused) => assert_eq!(refused.code, ErrorCode::QuotaExceeded, "{refused}"),
        }
    }
    assert_eq!((stored, files(&first).await.len()), (MOST, MOST));
    balanced(&first).await;
    balanced(&second).await;
}
