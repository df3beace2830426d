//! What is left at an account is asked about there, and nowhere else.

use loadlock_gateway::{ErrorCode, Silent};
use loadlock_tests::{Opened, Shop, World};
use loadlock_upstream::{Fault, Operation};

use super::{count, sheet, until};

/// At the shop's account: a file whose deletion failed, and one that was stored while its caller went away.
async fn leave(world: &World, shop: &Shop, gateway: &Opened) {
    let path = world.file("a.txt", "content");
    let file = gateway.upload(&path).await.unwrap();
    let faults = shop.upstream.faults();
    faults.push(Operation::Delete, Fault::status(503));
    gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
    faults.push(Operation::Create, Fault::ResetAfter);
    faults.push(Operation::List, Fault::Hang);
    let (open, who) = (gateway.gateway.clone(), gateway.who.clone());
    let request = gateway.request(world.file("b.txt", "another"));
    let before = faults.injected().len();
    let task = tokio::spawn(async move { open.upload(&who, request, &Silent).await });
    until("it is looked for", || async { faults.injected().len() == before + 2 }).await;
    task.abort();
    let _ = task.await;
    assert_eq!(shop.upstream.files().len(), 2);
}

/// Nothing is forgotten while nobody can be asked, and all of it is settled when somebody can.
#[tokio::test]
async fn another_accounts_not_found_is_no_deletion() {
    let shop = Shop::kimi().await.more("account = \"before\"");
    let other = Shop::kimi().await.more("account = \"after\"");
    let world = shop.join(World::new());
    let gateway = world.open().await;
    leave(&world, &shop, &gateway).await;
    drop(gateway);
    let world = other.join(world.without_config());
    for _ in 0..2 {
        let gateway = world.open().await;
        let sheet = sheet(&gateway).await;
        assert_eq!(count(&sheet, "dying remote files"), 1, "{sheet:?}");
        assert_eq!(count(&sheet, "unknown outcomes"), 1, "{sheet:?}");
    }
    assert!(other.upstream.requests().of(Operation::Delete).is_empty());
    let world = shop.join(world.without_config());
    let gateway = world.open().await;
    settled(&shop, &gateway).await;
}

/// Another account may have another file under that id.
#[tokio::test]
async fn content_is_asked_for_at_no_other_account() {
    let shop = Shop::kimi().await.more("account = \"before\"");
    let other = Shop::kimi().await.more("account = \"after\"");
    let world = shop.join(World::new());
    let gateway = world.open().await;
    let file = gateway.upload(world.file("a.txt", "content")).await.unwrap();
    drop(gateway);
    let world = other.join(world.without_config());
    let gateway = world.open().await;
    let refused = gateway.gateway.content(&gateway.who, &file.id).await;
    assert_eq!(refused.err().unwrap().code, ErrorCode::ContentUnavailable);
    assert!(other.upstream.requests().of(Operation::Content).is_empty());
}

/// A provider that got another name is the same vendor's account still.
#[tokio::test]
async fn a_provider_under_another_name_is_asked_about_its_account() {
    let shop = Shop::kimi().await.more("account = \"ours\"");
    let other = Shop::kimi().await.more("account = \"after\"");
    let world = shop.join(World::new());
    let gateway = world.open().await;
    leave(&world, &shop, &gateway).await;
    drop(gateway);
    let renamed = format!(
        "[providers.renamed]\ncomponent = \"builtin:kimi\"\naccount = \"ours\"\n\
         settings = {{ base_url = \"{}\" }}\n{}\n\
         credential = {{ header = \"Authorization\", value = \"Bearer ${{file:{}}}\" }}",
        shop.upstream.base_url(),
        shop.egress(),
        world.path("outside/kimi.key").display(),
    );
    let world = other.join(world.without_config()).config(&renamed);
    let gateway = world.open().await;
    settled(&shop, &gateway).await;
    assert!(other.upstream.requests().of(Operation::Delete).is_empty());
}

async fn settled(shop: &Shop, gateway: &Opened) {
    let files = gateway.list().await.unwrap().files;
    let [file] = files.as_slice() else {
        panic!("{files:?}");
    };
    assert_eq!(file.filename, "b.txt");
    let stored = shop.upstream.files().all();
    let ids: Vec<_> = stored.iter().map(|stored| &stored.id).collect();
    assert_eq!(ids, [&file.remote_id]);
    let sheet = sheet(gateway).await;
    assert!(sheet.balanced, "{sheet:?}");
    assert_eq!(count(&sheet, "dying remote files"), 0);
}
