//! Where files go, and why not elsewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use loadlock_gateway::{ErrorCode, RouteView};
use loadlock_tests::{Opened, Shop, World};

async fn route(gateway: &Opened, path: &std::path::Path) -> RouteView {
    gateway
        .gateway
        .route(&gateway.who, gateway.request(path))
        .await
        .unwrap()
}

fn eligible(view: &RouteView) -> Vec<&str> {
    view.eligible.iter().map(|one| one.provider.as_str()).collect()
}

fn refused(view: &RouteView) -> Vec<(&str, &str)> {
    view.refused
        .iter()
        .map(|one| (one.provider.as_str(), one.reason.as_ref()))
        .collect()
}

#[tokio::test]
async fn the_operators_order_decides() {
    for order in [
        ["openai", "kimi", "zai"],
        ["zai", "openai", "kimi"],
        ["kimi", "zai", "openai"],
    ] {
        let shops = [Shop::kimi().await, Shop::openai().await, Shop::zai().await];
        let world = World::new().config(&format!("order = {order:?}"));
        let world = shops.iter().fold(world, |world, shop| shop.join(world));
        let path = world.file("a.txt", "content");
        let gateway = world.open().await;
        assert_eq!(eligible(&route(&gateway, &path).await), order);
        assert!(shops.iter().all(|shop| shop.upstream.requests().is_empty()));
        assert_eq!(gateway.upload(&path).await.unwrap().provider, order[0]);
    }
}

#[tokio::test]
async fn a_file_goes_to_the_first_that_takes_it() {
    let shops = [
        Shop::kimi().await.settings("max_bytes = 10"),
        Shop::zai().await,
        Shop::openai().await,
    ];
    let world = World::new().config("order = [\"kimi\", \"zai\", \"openai\"]");
    let world = shops.iter().fold(world, |world, shop| shop.join(world));
    let path = world.file("a.md", "# more than ten bytes");
    let gateway = world.open().await;
    let view = route(&gateway, &path).await;
    assert_eq!(eligible(&view), ["openai"]);
    assert_eq!(
        refused(&view),
        [("kimi", "file_too_large"), ("zai", "type_not_accepted")]
    );
    assert!(view.refused[0].detail.contains("10"), "{view:?}");
    assert_eq!(gateway.upload(&path).await.unwrap().provider, "openai");
}

#[tokio::test]
async fn nothing_eligible_is_an_error_that_names_everyone() {
    let shops = [Shop::kimi().await.settings("max_bytes = 10"), Shop::zai().await];
    let world = World::new().config("order = [\"kimi\", \"zai\"]");
    let world = shops.iter().fold(world, |world, shop| shop.join(world));
    let path = world.file("a.md", "# more than ten bytes");
    let gateway = world.open().await;
    let error = gateway.upload(&path).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::FileTooLarge, "{error}");
    assert!(
        error.message.contains("kimi: ") && error.message.contains("zai: "),
        "{error}"
    );
    assert!(shops.iter().all(|shop| shop.upstream.requests().is_empty()));
}

#[tokio::test]
async fn a_threshold_prefers_the_second_for_large_files() {
    let shops = [Shop::kimi().await, Shop::openai().await];
    let world = World::new().config("order = [\"kimi\", \"openai\"]\nrouter = { size_threshold = 100 }");
    let world = shops.iter().fold(world, |world, shop| shop.join(world));
    let gateway = world.open().await;
    for (bytes, first) in [(99, "kimi"), (100, "kimi"), (101, "openai")] {
        let path = world.file(&format!("{bytes}.txt"), vec![b'x'; bytes]);
        assert_eq!(eligible(&route(&gateway, &path).await)[0], first, "{bytes}");
        assert_eq!(gateway.upload(&path).await.unwrap().provider, first, "{bytes}");
    }
}

#[tokio::test]
async fn who_is_not_in_the_order_takes_pinned_uploads_alone() {
    let (kimi, openai) = (Shop::kimi().await, Shop::openai().await);
    let world = openai.join(kimi.join(World::new().config("order = [\"kimi\"]")));
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    assert_eq!(eligible(&route(&gateway, &path).await), ["kimi"]);
    assert_eq!(gateway.upload_pinned("openai", &path).await.unwrap().provider, "openai");
}

#[tokio::test]
async fn a_threshold_that_chooses_a_provider_for_files_it_cannot_take_refuses_the_start() {
    let (large, small) = (Shop::openai().await, Shop::kimi().await);
    let world = small.join(large.join(World::new()));
    let world = world.config("[router]\nsize_threshold = \"100 MB\"");
    let error = world.try_open().await.err().unwrap();
    assert_eq!(error.code, ErrorCode::ConfigInvalid, "{error}");
    assert!(error.message.contains("kimi"), "{error}");
}

#[tokio::test]
async fn a_provider_outside_of_the_order_is_listed_with_that_reason() {
    let world = World::new()
        .config("order = [\"local\"]\n[providers.local]")
        .with_guest("spare", "good", "");
    let path = world.file("a.txt", "text");
    let gateway = world.open().await;
    let view = gateway
        .gateway
        .route(&gateway.who, gateway.request(&path))
        .await
        .unwrap();
    assert_eq!(view.eligible.len(), 1);
    assert!(
        view.refused
            .iter()
            .any(|one| one.provider == "spare" && one.reason == "not_in_order"),
        "{view:?}"
    );
    gateway.upload_pinned("spare", &path).await.unwrap();
}
