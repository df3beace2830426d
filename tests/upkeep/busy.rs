//! The books are compared while uploads and deletes go on.

use std::sync::Arc;

use loadlock_gateway::{ErrorCode, Reconcile};
use loadlock_policy::upkeep::{BalanceLine, Finding};
use loadlock_tests::{Opened, Shop, World};
use loadlock_upstream::{Fault, Operation};

/// Uploads while the books are compared again and again, each of a content and a size of its own.
const UPLOADS: usize = 40;

/// What does not balance. A ledger that changes too fast to be counted says so, which is no false alarm.
async fn wrong(gateway: &Opened) -> Vec<BalanceLine> {
    let mut lines = match gateway.gateway.fsck(&gateway.who).await {
        Ok(sheet) => sheet.lines,
        Err(error) => {
            assert_eq!(error.code, ErrorCode::Overloaded, "{error}");
            Vec::new()
        }
    };
    lines.retain(|line| line.finding == Finding::Unbalanced);
    lines
}

/// Compares the books until all uploads have ended, of which every second is deleted again.
async fn busy(world: World, provider: &'static str) {
    let gateway = Arc::new(world.open().await);
    let upkeep = gateway.gateway.start_upkeep();
    let uploads = {
        let (gateway, folder) = (gateway.clone(), world.path("files"));
        tokio::spawn(async move {
            for number in 0..UPLOADS {
                let path = folder.join(format!("{number}.txt"));
                std::fs::write(&path, "x".repeat(number + 1)).unwrap();
                let file = gateway.upload_pinned(provider, path).await.unwrap();
                if number % 2 == 0 {
                    let open = &gateway.gateway;
                    open.delete(&gateway.who, &file.id).await.unwrap();
                }
            }
        })
    };
    while !uploads.is_finished() {
        let wrong = wrong(&gateway).await;
        assert!(wrong.is_empty(), "a false alarm: {wrong:?}");
    }
    uploads.await.unwrap();
    upkeep.stop().await;
    assert!(super::sheet(&gateway).await.balanced);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fsck_balances_while_a_vendor_takes_uploads() {
    let shop = Shop::kimi().await;
    busy(shop.join(World::new()), "kimi").await;
}

/// A file that is listed and not accepted yet is ours all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fsck_balances_while_the_disk_takes_uploads() {
    busy(World::new(), "local").await;
}

/// Does something while a list is on its way that was read before.
async fn meanwhile<T>(shop: &Shop, compare: impl Future<Output = T>, work: impl Future<Output = ()>) -> T {
    shop.upstream.faults().push(Operation::List, Fault::HoldAnswer);
    let lists = || shop.upstream.requests().of(Operation::List).len();
    let before = lists();
    let (compared, ()) = tokio::join!(compare, async {
        let requests = shop.upstream.requests();
        let read = |one: &loadlock_upstream::Recorded| one.operation == Some(Operation::List) && one.status.is_some();
        requests
            .wait(|all| all.iter().filter(|one| read(one)).count() > before)
            .await;
        work.await;
        shop.upstream.faults().release(1);
    });
    compared
}

/// Stored and recorded, or only accepted; deleted; and an upload that is still on its way: the list has nothing to say
/// of them.
#[tokio::test]
async fn what_happens_after_the_list_was_read_is_not_judged_by_it() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let gateway = world.open().await;
    let kept = gateway.upload(world.file("kept.txt", "kept")).await;
    let gone = gateway.upload(world.file("gone.txt", "gone")).await;
    let (kept, gone) = (kept.unwrap(), gone.unwrap());
    let upkeep = gateway.gateway.start_upkeep();
    for turn in 0..10 {
        let path = world.file("new.txt", format!("new {turn}"));
        let wrong = meanwhile(&shop, wrong(&gateway), async {
            gateway.upload(&path).await.unwrap();
        })
        .await;
        assert!(wrong.is_empty(), "a false alarm: {wrong:?}");
    }
    let again = world.file("again.txt", "again");
    let request = Reconcile::default();
    let open = &gateway.gateway;
    let done = meanwhile(&shop, open.reconcile(&gateway.who, request), async {
        open.delete(&gateway.who, &gone.id).await.unwrap();
        gateway.upload(&again).await.unwrap();
    })
    .await
    .unwrap();
    assert!(done.succeeded(), "{done:?}");
    assert_eq!(done.providers[0].steps, [], "{done:?}");
    assert!(shop.upstream.files().all().iter().any(|one| one.id == kept.remote_id));
    upkeep.stop().await;
    assert!(super::sheet(&gateway).await.balanced);
}
