//! A provider reaches what the operator granted, and nothing else.

use loadlock_gateway::ErrorCode;
use loadlock_tests::{Logs, Shop, World};

#[tokio::test]
async fn without_a_grant_the_denial_names_the_line() {
    for shop in [Shop::kimi().await, Shop::openai().await, Shop::zai().await] {
        let elsewhere = shop.egress().replace("/files", "/elsewhere");
        let reading = shop.egress().replace(", \"POST\"", "");
        for egress in ["egress = []", &elsewhere, &reading] {
            let logs = Logs::start();
            let world = shop.join_with(World::new(), egress);
            let path = world.file("a.txt", "must not leave");
            let gateway = world.open().await;
            let error = gateway.upload_pinned(shop.name, &path).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::EgressDenied, "{} {egress}: {error}", shop.name);
            let log = logs.take();
            let denial = log
                .lines()
                .find(|line| line.contains("loadlock::egress") && line.contains("denied"))
                .expect(&log);
            assert!(denial.contains("egress = [") && denial.contains("POST"), "{denial}");
            assert!(shop.upstream.requests().is_empty());
        }
    }
}

#[tokio::test]
async fn a_built_in_provider_may_send_exactly_what_it_asks_for() {
    for shop in [
        Shop::anthropic().await,
        Shop::gemini().await,
        Shop::kimi().await,
        Shop::openai().await,
        Shop::zai().await,
        Shop::bigmodel().await,
    ] {
        let logs = Logs::start();
        let world = shop.join_with(World::new(), "");
        let path = world.file("a.txt", "two lines are enough");
        let gateway = world.open().await;
        let route = gateway
            .gateway
            .route(&gateway.who, gateway.request(&path))
            .await
            .unwrap();
        gateway.upload_pinned(shop.name, &path).await.unwrap();
        assert_eq!(shop.posts().len(), 1, "{}", shop.name);
        assert!(!logs.take().contains("not granted"), "{}", shop.name);

        let reaches = &route.eligible[0].egress;
        assert!(reaches.by_default && !reaches.rules.is_empty(), "{reaches:?}");
        let base = shop.upstream.base_url();
        for rule in &reaches.rules {
            let path = rule.split(&base).nth(1).expect(rule);
            assert!(
                path.starts_with("/files (private)")
                    || path.ends_with("/files exactly (private)")
                    || path.starts_with("/uploads")
                    || path.starts_with("/v1/files (private)")
                    || path.starts_with("/upload/v1/files (private)")
                    || path.starts_with("/v1 (private)"),
                "{rule}"
            );
        }
        let providers = gateway.gateway.providers(&gateway.who).await.unwrap();
        assert_eq!(&providers[0].egress, reaches);
    }
}

#[tokio::test]
async fn what_is_narrowed_by_hand_is_not_granted_by_default() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let path = world.file("a.txt", "narrowed");
    let gateway = world.open().await;
    let route = gateway
        .gateway
        .route(&gateway.who, gateway.request(&path))
        .await
        .unwrap();
    let reaches = &route.eligible[0].egress;
    assert!(!reaches.by_default && reaches.rules.len() == 1, "{reaches:?}");
}

/// The same bytes from a file are somebody's component.
#[tokio::test]
async fn a_component_that_is_not_built_in_is_granted_nothing_by_default() {
    let shop = Shop::kimi().await;
    let world = World::new();
    let component = world.component("kimi.wasm", loadlock::builtins()["kimi"]);
    let world = world.config(&format!(
        "[providers.mine]\ncomponent = {component:?}\nsettings = {{ base_url = \"{}\" }}\n",
        shop.upstream.base_url()
    ));
    let path = world.file("a.txt", "must not leave");
    let gateway = world.open().await;
    let error = gateway.upload_pinned("mine", &path).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::EgressDenied, "{error}");
    assert!(shop.upstream.requests().is_empty());
    let providers = gateway.gateway.providers(&gateway.who).await.unwrap();
    assert!(!providers[0].egress.by_default && providers[0].egress.rules.is_empty());
}

#[tokio::test]
async fn a_private_address_needs_a_word() {
    let shop = Shop::kimi().await;
    let open = shop.egress().replace(", private = true", "");
    let errors = shop.join_with(World::new(), &open).try_load().unwrap_err().to_string();
    assert!(errors.contains("`private = true`"), "{errors}");
}

#[tokio::test]
async fn a_missing_credential_refuses_to_start() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    std::fs::remove_file(world.path("outside/kimi.key")).unwrap();
    let error = world.try_open().await.err().unwrap();
    assert_eq!(error.code, ErrorCode::ConfigInvalid);
    assert!(error.message.contains("kimi.key"), "{error}");
}
