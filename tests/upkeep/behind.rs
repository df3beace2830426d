//! The ledger is told behind the answer, and nobody can tell.

use loadlock_journal::Journal;
use loadlock_tests::{Shop, World};

use super::sheet;

/// Enough that some of them are still on their way when the next question comes.
const TIMES: usize = 20;

#[tokio::test]
async fn what_was_answered_is_listed_found_counted_and_deleted_at_once() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let gateway = world.open().await;
    let upkeep = gateway.gateway.start_upkeep();
    for turn in 0..TIMES {
        let path = world.file(&format!("{turn}.txt"), format!("content {turn}"));
        let file = gateway.upload(&path).await.unwrap();
        let listed = gateway.list().await.unwrap().files;
        assert_eq!(listed.first().map(|file| &file.id), Some(&file.id));
        let path = world.file(&format!("{turn}-b.txt"), format!("content {turn}, again"));
        let file = gateway.upload(&path).await.unwrap();
        let found = gateway.gateway.get(&gateway.who, &file.id).await.unwrap();
        assert_eq!(found.remote_id, file.remote_id);
        let path = world.file(&format!("{turn}-c.txt"), format!("content {turn}, once more"));
        let file = gateway.upload(&path).await.unwrap();
        let stats = gateway.gateway.stats(&gateway.who).await.unwrap();
        assert_eq!(stats.files, 2 * turn as u64 + 3);
        gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
        assert_eq!(shop.upstream.files().len(), 2 * turn + 2);
    }
    upkeep.stop().await;
    assert!(sheet(&gateway).await.balanced);
}

/// The second is looked for by its size alone: a file on disk whose digest nobody knows.
#[tokio::test]
async fn equal_content_right_after_the_answer_is_not_sent_again() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let gateway = world.open().await;
    let upkeep = gateway.gateway.start_upkeep();
    for turn in 0..TIMES {
        let content = format!("content {turn:04}");
        let first = world.file(&format!("{turn}.txt"), &content);
        let second = world.file(&format!("{turn}-again.txt"), &content);
        assert!(!gateway.upload(&first).await.unwrap().deduplicated);
        assert!(gateway.upload(&second).await.unwrap().deduplicated);
    }
    assert_eq!(shop.posts().len(), TIMES);
    upkeep.stop().await;
    assert!(sheet(&gateway).await.balanced);
}

#[tokio::test]
async fn the_end_of_the_upkeep_leaves_nothing_on_its_way() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let gateway = world.open().await;
    let upkeep = gateway.gateway.start_upkeep();
    let uploads = (0..8).map(|turn| {
        let path = world.file(&format!("{turn}.txt"), format!("content {turn}"));
        gateway.upload(path)
    });
    for uploaded in futures::future::join_all(uploads).await {
        uploaded.unwrap();
    }
    upkeep.stop().await;
    let journal = gateway.gateway.home().join("journal");
    drop(gateway);
    let backlog = Journal::open(&journal).unwrap().backlog().unwrap();
    assert_eq!(backlog.entries, 0);
    assert_eq!(shop.posts().len(), 8);
}
