//! A dedup hit that the vendor does not hold any more heals by uploading again.

use loadlock_tests::{Shop, World};
use loadlock_upstream::{Fault, Operation};

use super::{count, sheet};

const ALWAYS: &str = "[dedup]\nverify_after = \"0s\"";

fn stats(shop: &Shop) -> usize {
    shop.upstream.requests().of(Operation::Retrieve).len()
}

#[tokio::test]
async fn a_lost_file_is_uploaded_again() {
    for shop in [Shop::kimi().await, Shop::openai().await] {
        let world = shop.join(World::new().config(ALWAYS));
        let names = ["a.txt", "b.txt", "c.txt"].map(|name| world.file(name, "same"));
        let gateway = world.open().await;
        let first = gateway.upload(&names[0]).await.unwrap();
        assert!(shop.upstream.files().lose(&first.remote_id));
        let second = gateway.upload(&names[1]).await.unwrap();
        assert!(!second.deduplicated);
        assert_ne!(second.remote_id, first.remote_id);
        assert_eq!(shop.posts().len(), 2);
        // The new one is found from now on, the lost one never again.
        let third = gateway.upload(&names[2]).await.unwrap();
        assert!(third.deduplicated);
        assert_eq!(third.remote_id, second.remote_id);
        assert_eq!(count(&sheet(&gateway).await, "missing remote files"), 1);
    }
}

/// Equal content has one id here: storing it again heals every file that refers to it.
#[tokio::test]
async fn a_lost_object_of_the_local_store_comes_back_for_all() {
    let world = World::new().config(ALWAYS);
    let (a, b) = (world.file("a.txt", "same"), world.file("b.txt", "same"));
    let gateway = world.open().await;
    let first = gateway.upload(&a).await.unwrap();
    let objects = world.path("home/providers/local/objects");
    std::fs::remove_dir_all(objects).unwrap();
    let second = gateway.upload(&b).await.unwrap();
    assert!(!second.deduplicated);
    assert_eq!(second.remote_id, first.remote_id);
    for file in [first, second] {
        assert_eq!(gateway.content(&file.id).await.unwrap(), b"same");
    }
    let sheet = sheet(&gateway).await;
    assert!(sheet.balanced, "{sheet:?}");
}

#[tokio::test]
async fn a_file_that_is_there_is_given_out_after_one_question() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new().config(ALWAYS));
    let (a, b) = (world.file("a.txt", "same"), world.file("b.txt", "same"));
    let gateway = world.open().await;
    gateway.upload(&a).await.unwrap();
    assert!(gateway.upload(&b).await.unwrap().deduplicated);
    assert_eq!((shop.posts().len(), stats(&shop)), (1, 1));
}

#[tokio::test]
async fn a_file_that_was_just_seen_is_given_out_unasked() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let (a, b) = (world.file("a.txt", "same"), world.file("b.txt", "same"));
    let gateway = world.open().await;
    gateway.upload(&a).await.unwrap();
    assert!(gateway.upload(&b).await.unwrap().deduplicated);
    assert_eq!((shop.posts().len(), stats(&shop)), (1, 0));
}

#[tokio::test]
async fn a_vendor_that_does_not_say_gets_the_file_again_and_loses_no_row() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new().config(ALWAYS));
    let (a, b) = (world.file("a.txt", "same"), world.file("b.txt", "same"));
    let gateway = world.open().await;
    let first = gateway.upload(&a).await.unwrap();
    shop.upstream.faults().always(Operation::Retrieve, Fault::status(503));
    let second = gateway.upload(&b).await.unwrap();
    assert!(!second.deduplicated);
    assert_ne!(second.remote_id, first.remote_id);
    let sheet = sheet(&gateway).await;
    assert_eq!(count(&sheet, "missing remote files"), 0);
    assert_eq!(count(&sheet, "live remote files"), 2);
    assert!(sheet.balanced, "{sheet:?}");
}

#[tokio::test]
async fn a_vendor_that_cannot_be_asked_is_believed() {
    let shop = Shop::zai().await;
    let world = shop.join(World::new().config(ALWAYS));
    let (a, b) = (world.file("a.txt", "same"), world.file("b.txt", "same"));
    let gateway = world.open().await;
    gateway.upload(&a).await.unwrap();
    let before = shop.upstream.requests().len();
    assert!(gateway.upload(&b).await.unwrap().deduplicated);
    assert_eq!(shop.upstream.requests().len(), before);
}
