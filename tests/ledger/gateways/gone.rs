//! A gateway that is gone, and one that comes back.

use loadlock_upstream::{Fault, Operation};

use super::site::{Site, balanced, files, start, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_gateway_left_that_is_gone_another_settles() {
    let site = Site::new().await;
    let (one, two) = (site.place("").await, site.place("").await);
    let (first, second) = (one.world.open().await, two.world.open().await);
    let faults = site.shop.upstream.faults();
    // The vendor stores it, and its answer never comes.
    faults.push(Operation::Create, Fault::HangAfter);
    let path = one.world.file("a.txt", "left behind");
    let upload = start(&first, &path);
    until("the vendor has it", async || {
        site.shop.upstream.files().len() == 1
    })
    .await;
    // With no line it cannot say that it goes.
    one.line.cut();
    upload.abort();
    let _ = upload.await;
    drop(first);
    until("another has recorded it", async || {
        files(&second).await.len() == 1
    })
    .await;
    let adopted = files(&second).await.remove(0);
    assert_eq!(adopted.filename, "a.txt");
    let again = start(&second, &two.world.file("b.txt", "left behind"));
    let again = again.await.unwrap().unwrap();
    assert!(again.deduplicated);
    assert_eq!(again.remote_id, adopted.remote_id);
    balanced(&second).await;

    // It comes back, and leaves alone what is not its own any more.
    one.line.mend();
    let first = one.world.open().await;
    let sheet = balanced(&first).await;
    let open = sheet
        .lines
        .iter()
        .find(|line| line.name == "open entries that nobody holds");
    assert_eq!(open.unwrap().count, 0);
    assert_eq!(files(&first).await.len(), 2);
    assert_eq!(site.shop.posts().len(), 1);
    assert_eq!(site.shop.upstream.files().len(), 1);
}

/// It comes back before anybody missed it: what it left is its own to settle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_comes_back_in_time_settles_its_own() {
    let site = Site::new().await;
    let one = site.place("").await;
    let first = one.world.open().await;
    let faults = site.shop.upstream.faults();
    faults.push(Operation::Create, Fault::HangAfter);
    let upload = start(&first, &one.world.file("a.txt", "content"));
    until("the vendor has it", async || {
        site.shop.upstream.files().len() == 1
    })
    .await;
    one.line.cut();
    upload.abort();
    let _ = upload.await;
    let id = first.gateway.gateway_id().unwrap().to_owned();
    drop(first);
    one.line.mend();
    // A question to the ledger that was under way ends first.
    let mut again = None;
    until("its home is free", async || {
        again = one.world.try_open().await.ok();
        again.is_some()
    })
    .await;
    let first = again.unwrap();
    assert_eq!(first.gateway.gateway_id(), Some(id.as_str()));
    assert_eq!(files(&first).await.len(), 1);
    balanced(&first).await;
}
