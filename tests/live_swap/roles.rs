//! Validator and auth are replaced as providers are, and the outcome changes with them.

use loadlock_gateway::{Door, ErrorCode};
use loadlock_tests::{guest, token};

use super::{swap, version, world};

#[tokio::test]
async fn another_validator_judges_from_then_on_and_gives_way_again() {
    let world = world();
    let (first, second) = (world.file("a.txt", "content a"), world.file("b.txt", "content b"));
    let opened = world.open().await;
    opened.upload_pinned("odd", &first).await.unwrap();
    let denier = world.guest("validator_denies_all");
    let swapped = swap(&opened, "validator", &denier, false).await.unwrap();
    assert_eq!(swapped.before.unwrap().source, "builtin:validator");
    let refused = opened.upload_pinned("odd", &second).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::FileRejected);
    assert!(refused.message.contains("denied_by_test"), "{refused}");
    opened.gateway.roll_back(&opened.who, "validator", false).await.unwrap();
    opened.upload_pinned("odd", &second).await.unwrap();
}

#[tokio::test]
async fn an_auth_component_that_would_lock_everybody_out_is_refused_until_it_is_accepted() {
    let world = world();
    let opened = world.open().await;
    let good = token(opened.gateway.home(), "acme", "ann", "read");
    let nobody = world.guest("auth_accepts_nobody");
    let refused = swap(&opened, "auth", &nobody, false).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::SwapRefused);
    opened.gateway.authenticate(Door::Network, Some(&good)).await.unwrap();
    swap(&opened, "auth", &nobody, true).await.unwrap();
    let denied = opened
        .gateway
        .authenticate(Door::Network, Some(&good))
        .await
        .unwrap_err();
    assert_eq!(denied.hint, "Configure another auth component.");
    // Who is in already can go back.
    opened.gateway.roll_back(&opened.who, "auth", false).await.unwrap();
    opened.gateway.authenticate(Door::Network, Some(&good)).await.unwrap();
}

#[tokio::test]
async fn another_auth_component_knows_what_is_revoked_and_so_does_the_one_that_may_come_back() {
    let world = world();
    let opened = world.open().await;
    let good = token(opened.gateway.home(), "acme", "ann", "read");
    let other = world.component("auth-2.wasm", &version(loadlock::builtins()["auth"], 2));
    swap(&opened, "auth", &other, false).await.unwrap();
    opened.gateway.authenticate(Door::Network, Some(&good)).await.unwrap();
    let world = world.config("[auth]\naudiences = [\"other\"]\n");
    opened.gateway.reload(&world.load()).await.unwrap();
    for _ in 0..2 {
        let denied = opened
            .gateway
            .authenticate(Door::Network, Some(&good))
            .await
            .unwrap_err();
        assert_eq!(denied.code, ErrorCode::Unauthenticated);
        let _ = opened.gateway.roll_back(&opened.who, "auth", true).await;
    }
}

#[tokio::test]
async fn a_validator_that_traps_is_refused_by_its_probe() {
    let world = world();
    let opened = world.open().await;
    let provider = world.component("x.wasm", guest("good"));
    let refused = swap(&opened, "validator", &provider, true).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::ComponentRefused);
}
