//! A provider reaches what the operator granted, and nothing else.

use loadlock_gateway::ErrorCode;
use loadlock_tests::{Logs, Shop, World};

#[tokio::test]
async fn without_a_grant_the_denial_names_the_line() {
    for shop in [Shop::kimi().await, Shop::openai().await, Shop::zai().await] {
        let elsewhere = shop.egress().replace("/files", "/elsewhere");
        let reading = shop.egress().replace(", \"POST\"", "");
        for egress in ["", &elsewhere, &reading] {
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
