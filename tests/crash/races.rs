//! Deletes that meet uploads of the same content.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use loadlock_tests::{Shop, World, sha256};
use loadlock_upstream::{Fault, Operation};

/// The vendor is asked to delete the last reference's remote file and does not answer. The same content, uploaded
/// meanwhile, must not become a file over a remote file that is on its way out.
#[tokio::test]
async fn a_dedup_hit_on_what_is_being_deleted_is_an_upload() {
    for fault in [Fault::Hang, Fault::HangAfter] {
        let shop = Shop::kimi().await;
        let world = shop.join(World::new());
        let path = world.file("a.txt", "deleted and uploaded at once");
        let gateway = world.open().await;
        let first = gateway.upload(&path).await.unwrap();
        shop.upstream.faults().push(Operation::Delete, fault.clone());
        let delete = tokio::spawn({
            let (gateway, who, id) = (gateway.gateway.clone(), gateway.who.clone(), first.id.clone());
            async move { gateway.delete(&who, &id).await }
        });
        let asked = |request: &loadlock_upstream::Recorded| request.operation == Some(Operation::Delete);
        shop.upstream.requests().wait(|all| all.iter().any(asked)).await;
        let second = gateway.upload(&path).await.unwrap();
        assert!(!second.deduplicated && second.remote_id != first.remote_id);
        // The caller goes away; the delete is made all the same, later.
        delete.abort();
        assert!(delete.await.is_err());
        gateway.gateway.settle().await.unwrap();
        let stored = shop.upstream.files().all();
        let ids: Vec<_> = stored.iter().map(|file| &file.id).collect();
        assert_eq!(ids, [&second.remote_id], "{fault:?}");
        assert_eq!(gateway.list().await.unwrap().files, [second]);
    }
}

/// Equal content shares one object and one id at `local`. Its last file is deleted, the disk does not let the object
/// go, and the same content comes again: it must have a record, and the delete that is still to be made must not take
/// it away.
#[tokio::test]
async fn content_comes_back_while_its_delete_is_pending() {
    let world = World::new();
    let content = "deleted and uploaded again";
    let path = world.file("a.txt", content);
    let gateway = world.open().await;
    let first = gateway.upload(&path).await.unwrap();
    let digest = sha256(content.as_bytes());
    let (shard, object) = digest.split_at(2);
    let object = world.path("home/providers/local/objects").join(shard).join(object);
    std::fs::remove_file(&object).unwrap();
    std::fs::create_dir(&object).unwrap();
    gateway.gateway.delete(&gateway.who, &first.id).await.unwrap();
    let stats = gateway.gateway.stats(&gateway.who).await.unwrap();
    assert_eq!((stats.files, stats.dying), (0, 1));

    std::fs::remove_dir(&object).unwrap();
    let second = gateway.upload(&path).await.unwrap();
    assert_eq!((&second.remote_id, second.deduplicated), (&first.remote_id, false));
    gateway.gateway.settle().await.unwrap();
    assert_eq!(gateway.list().await.unwrap().files, std::slice::from_ref(&second));
    assert_eq!(gateway.content(&second.id).await.unwrap(), content.as_bytes());
    drop(gateway);

    let gateway = world.open().await;
    assert_eq!(gateway.content(&second.id).await.unwrap(), content.as_bytes());
    gateway.gateway.delete(&gateway.who, &second.id).await.unwrap();
    assert!(!object.exists());
}
