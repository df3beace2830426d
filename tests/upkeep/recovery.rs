//! Breakers close again with nobody uploading.

use loadlock_gateway::{Clock, ErrorCode, Target};
use loadlock_tests::{Opened, Shop, World};
use loadlock_upstream::{Fault, Operation};

use super::{provider, until};

/// Minutes of the breaker's time pass in a tenth of a second.
fn fast() -> Clock {
    Clock::scaled(600)
}

fn one_strike(shop: Shop) -> Shop {
    shop.more("breaker = { failures = 1 }")
}

async fn break_it(gateway: &Opened, shop: &Shop, file: &std::path::Path) {
    shop.upstream.faults().always(None, Fault::status(503));
    let error = gateway.upload_pinned(shop.name, file).await.unwrap_err();
    assert_ne!(error.code, ErrorCode::Internal, "{error}");
    assert_ne!(provider(gateway, shop.name).await.breaker, "closed");
}

#[tokio::test]
async fn a_breaker_closes_with_no_users_upload() {
    let shop = one_strike(Shop::kimi().await);
    let world = shop.join(World::new()).clock(fast());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    break_it(&gateway, &shop, &path).await;
    shop.upstream.faults().clear();
    let (posts, upkeep) = (shop.posts().len(), gateway.gateway.start_upkeep());
    until("the breaker closes", || async {
        provider(&gateway, "kimi").await.breaker == "closed"
    })
    .await;
    assert_eq!(shop.posts().len(), posts, "no upload helped");
    let health = provider(&gateway, "kimi").await.health.unwrap();
    assert!(health.healthy, "{health:?}");
    gateway.upload(&path).await.unwrap();
    upkeep.stop().await;
}

/// What defeated the predecessor: both open, and nobody ever asked again.
#[tokio::test]
async fn both_providers_open_and_both_come_back() {
    let shops = [one_strike(Shop::kimi().await), one_strike(Shop::openai().await)];
    let world = World::new().config("order = [\"kimi\", \"openai\"]");
    let world = shops.iter().fold(world, |world, shop| shop.join(world));
    let world = world.clock(fast());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    for shop in &shops {
        break_it(&gateway, shop, &path).await;
    }
    let _upkeep = gateway.gateway.start_upkeep();
    // While they are down, probes find that out and nothing else happens.
    for shop in &shops {
        let lists = || shop.upstream.requests().of(Operation::List).len();
        let before = lists();
        until("it is probed", || async { lists() > before }).await;
        assert_ne!(provider(&gateway, shop.name).await.breaker, "closed");
        until("it is known to be unhealthy", || async {
            let health = provider(&gateway, shop.name).await.health;
            health.is_some_and(|health| !health.healthy)
        })
        .await;
    }
    for shop in &shops {
        shop.upstream.faults().clear();
    }
    for shop in &shops {
        until("it comes back", || async {
            provider(&gateway, shop.name).await.breaker == "closed"
        })
        .await;
    }
    for shop in &shops {
        let target = Target::Pinned(shop.name.into());
        gateway.upload_to(target, &path).await.unwrap();
    }
}

/// Uploads to a watched vendor until its breaker opens; answers how many requests that took.
async fn uploads_until_open(shop: &Shop) -> usize {
    // The breaker's minute is longer than the test.
    let world = shop.join(World::new());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let _upkeep = gateway.gateway.start_upkeep();
    until("it is open", || async {
        gateway.upload(&path).await.unwrap_err();
        provider(&gateway, shop.name).await.breaker == "open"
    })
    .await;
    shop.posts().len()
}

/// It lists and does not store: a look alone would let it fail for ever.
#[tokio::test]
async fn a_suspect_that_answers_is_shut_out_at_twice_the_faults() {
    let shop = Shop::kimi().await;
    shop.upstream.faults().always(Operation::Create, Fault::status(503));
    assert_eq!(uploads_until_open(&shop).await, 10);
}

#[tokio::test]
async fn a_suspect_that_does_not_answer_is_shut_out_by_the_look() {
    let shop = Shop::kimi().await.more("breaker = { failures = 50 }");
    shop.upstream.faults().always(None, Fault::status(503));
    let posts = uploads_until_open(&shop).await;
    assert!((50..100).contains(&posts), "{posts} faults in a row");
}

#[tokio::test]
async fn a_pause_that_a_vendor_asked_for_ends_by_itself() {
    let shop = Shop::kimi().await.more("limits = { concurrency = 1 }");
    let world = shop.join(World::new()).clock(fast());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    shop.upstream
        .faults()
        .always(Operation::Create, Fault::rate_limited(600));
    gateway.upload(&path).await.unwrap_err();
    shop.upstream.faults().clear();
    let _upkeep = gateway.gateway.start_upkeep();
    until("it takes files again", || async {
        let request = gateway.request(&path);
        let view = gateway.gateway.route(&gateway.who, request).await.unwrap();
        !view.eligible.is_empty()
    })
    .await;
    gateway.upload(&path).await.unwrap();
}

#[tokio::test]
async fn a_routine_probe_that_fails_is_shown_and_opens_nothing() {
    let shop = one_strike(Shop::kimi().await);
    let world = shop.join(World::new()).clock(fast());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    assert_eq!(provider(&gateway, "kimi").await.health, None);
    shop.upstream.faults().always(Operation::List, Fault::status(503));
    let upkeep = gateway.gateway.start_upkeep();
    let lists = || shop.upstream.requests().of(Operation::List).len();
    until("it is probed again and again", || async { lists() >= 4 }).await;
    upkeep.stop().await;
    let view = provider(&gateway, "kimi").await;
    let health = view.health.unwrap();
    assert!(!health.healthy && health.failure.is_some(), "{health:?}");
    assert_eq!(view.breaker, "closed");
    gateway.upload(&path).await.unwrap();

    // Another process shows it too, with its age.
    drop(gateway);
    let gateway = world.open().await;
    let later = provider(&gateway, "kimi").await.health.unwrap();
    assert_eq!(later.checked_at, health.checked_at);
    assert!(later.age_ms >= health.age_ms);
}

#[tokio::test]
async fn upkeep_does_not_keep_a_gateway_open() {
    let world = World::new().clock(fast());
    let gateway = world.open().await;
    let upkeep = gateway.gateway.start_upkeep();
    drop(gateway);
    until("the home is free again", || async { world.try_open().await.is_ok() }).await;
    upkeep.stop().await;
}
