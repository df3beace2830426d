//! A delete of the last reference against an upload of the same content.

use std::time::Duration;

use loadlock_tests::{Opened, Shop, World};

use super::sheet;

const ROUNDS: u32 = 60;

/// The last file over a remote file is deleted while the same content is uploaded. Whoever is first: an upload that
/// succeeds is there afterwards, at the vendor and in the books.
async fn race(gateway: &Opened, provider: &str, path: &std::path::Path, readable: bool) {
    let mut last = gateway.upload_pinned(provider, path).await.unwrap();
    for round in 0..ROUNDS {
        let delete = async {
            // Somewhere within the upload, another place each time.
            tokio::time::sleep(Duration::from_micros(u64::from(round % 20) * 200)).await;
            gateway.gateway.delete(&gateway.who, &last.id).await
        };
        let (deleted, uploaded) = tokio::join!(delete, gateway.upload_pinned(provider, path));
        deleted.unwrap();
        let file = uploaded.unwrap_or_else(|error| panic!("round {round}: {error}"));
        let found = gateway.gateway.get(&gateway.who, &file.id).await;
        assert_eq!(found.unwrap_or_else(|error| panic!("round {round}: {error}")), file);
        if readable {
            let content = gateway.content(&file.id).await;
            let content = content.unwrap_or_else(|error| panic!("round {round}: {error}"));
            assert_eq!(content, std::fs::read(path).unwrap());
        }
        last = file;
    }
    gateway.gateway.settle().await.unwrap();
    let sheet = sheet(gateway).await;
    assert!(sheet.balanced, "{sheet:#?}");
    gateway.gateway.delete(&gateway.who, &last.id).await.unwrap();
}

/// Equal content has one id here, so the delete is for the very object that the upload stores.
#[tokio::test(flavor = "multi_thread")]
async fn at_the_local_store() {
    let world = World::new().config("[providers.local]\nretry = { base = \"1ms\" }");
    let path = world.file("a.txt", "contested");
    let gateway = world.open().await;
    race(&gateway, "local", &path, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_vendor_with_an_id_for_each_upload() {
    let shop = Shop::openai().await;
    let world = shop.join(World::new());
    let path = world.file("a.txt", "contested");
    let gateway = world.open().await;
    race(&gateway, "openai", &path, false).await;
    assert!(shop.upstream.files().is_empty());
}
