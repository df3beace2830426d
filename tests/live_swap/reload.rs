//! A reload adds, removes, reorders and changes providers while uploads run.

use std::sync::Arc;

use loadlock_gateway::{ErrorCode, Target};
use loadlock_tests::{Shop, World, guest, sha256};
use loadlock_upstream::{Fault, Operation, Recorded};

use super::{runs, version};

fn creating(all: &[Recorded]) -> bool {
    all.iter().any(|request| request.operation == Some(Operation::Create))
}

#[tokio::test]
async fn an_upload_at_a_removed_provider_ends_there_and_no_other_begins() {
    let shop = Shop::openai().await;
    let base = "[providers.local]\n";
    let world = shop.join(World::new().config(base));
    let (first, second) = (world.file("a.txt", "content a"), world.file("b.txt", "content b"));
    let opened = Arc::new(world.open().await);
    let faults = shop.upstream.faults();
    faults.push(Operation::Create, Fault::Hold);
    let upload = {
        let opened = opened.clone();
        tokio::spawn(async move { opened.upload_pinned("openai", first).await })
    };
    shop.upstream.requests().wait(creating).await;
    let without = world.without_config().config(base);
    let reloaded = opened.gateway.reload(&without.load()).await.unwrap();
    assert_eq!(
        (reloaded.changed, reloaded.waits),
        (vec!["providers.openai".to_owned()], vec![])
    );
    let refused = opened.upload_pinned("openai", &second).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::ProviderUnknown);
    assert_eq!(opened.upload(&second).await.unwrap().provider, "local");
    faults.release(1);
    let stored = upload.await.unwrap().unwrap();
    assert_eq!((stored.provider.as_str(), shop.upstream.files().len()), ("openai", 1));
    assert_eq!(opened.gateway.loaded_generations("openai"), 0);
    // Nobody can be asked for it now; with the provider back it is there again.
    let gone = opened.content(&stored.id).await.unwrap_err();
    assert_eq!(gone.code, ErrorCode::ContentUnavailable);
    let with = shop.join(without);
    opened.gateway.reload(&with.load()).await.unwrap();
    assert_eq!(opened.gateway.get(&opened.who, &stored.id).await.unwrap().id, stored.id);
    let third = with.file("c.txt", "content c");
    opened.upload_pinned("openai", &third).await.unwrap();
}

#[tokio::test]
async fn order_limits_and_providers_change_without_a_restart() {
    let world = World::new()
        .config("order = [\"a\", \"b\"]")
        .with_guest("a", "good", "")
        .with_guest("b", "good", "");
    let opened = world.open().await;
    let mut number = 0;
    let mut next = |world: &World| {
        number += 1;
        world.file(&format!("{number}.txt"), format!("content {number}"))
    };
    assert_eq!(opened.upload(next(&world)).await.unwrap().provider, "a");
    let world = world
        .without_config()
        .config("order = [\"b\", \"a\"]")
        .with_guest("a", "good", "")
        .with_guest("b", "good", "")
        .with_guest("c", "good", "limits = { max_upload_size = \"4 B\" }");
    let reloaded = opened.gateway.reload(&world.load()).await.unwrap();
    assert_eq!(
        (reloaded.changed, reloaded.waits),
        (vec!["providers.c".to_owned()], vec![])
    );
    assert_eq!(opened.upload(next(&world)).await.unwrap().provider, "b");
    let large = opened.upload_pinned("c", next(&world)).await.unwrap_err();
    assert_eq!(large.code, ErrorCode::FileTooLarge);
    let world = world
        .without_config()
        .config("order = [\"c\"]\n[limits]\nconcurrency = 1\n[validator]\ndeny = [\"*.exe\"]\n[server]\ndrain = \"7s\"")
        .with_guest("c", "good", "");
    let reloaded = opened.gateway.reload(&world.load()).await.unwrap();
    assert_eq!(reloaded.changed, ["providers.c", "providers.a", "providers.b"]);
    let waits: Vec<&str> = reloaded.waits.iter().map(|waiting| waiting.key.as_str()).collect();
    assert_eq!(waits, ["server.drain"]);
    assert_eq!(opened.upload(next(&world)).await.unwrap().provider, "c");
    let denied = opened.upload(world.file("x.exe", "MZ")).await.unwrap_err();
    assert_eq!(denied.code, ErrorCode::FileRejected);
    // What waits is said each time.
    let again = opened.gateway.reload(&world.load()).await.unwrap();
    assert_eq!((again.changed.len(), again.waits.len()), (0, 1));
}

#[tokio::test]
async fn what_a_provider_may_reach_changes_without_a_restart() {
    let shop = Shop::openai().await;
    let world = shop.join_with(World::new(), "egress = []");
    let path = world.file("a.txt", "content");
    let opened = world.open().await;
    let denied = opened.upload_pinned("openai", &path).await.unwrap_err();
    assert_eq!(denied.code, ErrorCode::EgressDenied, "{denied}");
    let world = shop.join(world.without_config());
    let reloaded = opened.gateway.reload(&world.load()).await.unwrap();
    assert_eq!(reloaded.changed, ["providers.openai"]);
    opened.upload_pinned("openai", &path).await.unwrap();
    let world = shop.join_with(world.without_config(), "egress = []");
    opened.gateway.reload(&world.load()).await.unwrap();
    let other = world.file("b.txt", "other content");
    opened.upload_pinned("openai", &other).await.unwrap_err();
    assert_eq!(shop.upstream.files().len(), 1);
}

#[tokio::test]
async fn a_component_is_swapped_by_the_configuration_and_a_lesser_one_waits() {
    let provider = |world: &World, guest: &str| {
        let path = world.path("components").join(format!("{guest}.wasm"));
        format!("[providers.odd]\ncomponent = {path:?}\naccount = \"odd\"\n")
    };
    let world = World::new();
    for name in ["good", "keyed_and_silent", "trap_at_export"] {
        world.guest(name);
    }
    world.component("good-2.wasm", &version(guest("good"), 2));
    let text = provider(&world, "good");
    let world = world.config(&text);
    let opened = world.open().await;
    let text = provider(&world, "good-2");
    let world = world.without_config().config(&text);
    let reloaded = opened.gateway.reload(&world.load()).await.unwrap();
    assert_eq!(reloaded.changed, ["providers.odd"]);
    assert_eq!(runs(&opened, "odd").await, sha256(&version(guest("good"), 2)));
    assert_eq!(opened.gateway.loaded_generations("odd"), 2, "on trial");
    let text = provider(&world, "keyed_and_silent");
    let world = world.without_config().config(&text);
    for _ in 0..2 {
        let reloaded = opened.gateway.reload(&world.load()).await.unwrap();
        assert_eq!(reloaded.changed, [""; 0]);
        assert!(reloaded.waits[0].why.contains("`verify`"), "{reloaded:?}");
        assert_eq!(runs(&opened, "odd").await, sha256(&version(guest("good"), 2)));
    }
    let path = world.file("a.txt", "content");
    opened.upload_to(Target::Pinned("odd".into()), &path).await.unwrap();
    // What a reload took away is there to go back to.
    let back = opened.gateway.roll_back(&opened.who, "odd", false).await.unwrap();
    assert_eq!(back.after.sha256, sha256(guest("good")));
}

#[tokio::test]
async fn a_provider_that_cannot_be_made_ready_is_out_of_service_alone_and_a_running_one_goes_on() {
    let world = super::world();
    let opened = world.open().await;
    let broken = world.component("broken.wasm", b"broken");
    let world = world.without_config().config(&format!(
        "[providers.odd]\ncomponent = {broken:?}\naccount = \"odd\"\n[providers.new]\ncomponent = {broken:?}\n"
    ));
    let reloaded = opened.gateway.reload(&world.load()).await.unwrap();
    let waits: Vec<&str> = reloaded.waits.iter().map(|waiting| waiting.key.as_str()).collect();
    assert_eq!(waits, ["providers.odd", "providers.new"]);
    let path = world.file("a.txt", "content");
    opened.upload_pinned("odd", &path).await.unwrap();
    let out = opened.upload_pinned("new", &path).await.unwrap_err();
    assert_eq!(out.code, ErrorCode::ProviderOutOfService);
}
