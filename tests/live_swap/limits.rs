//! What a swap refuses, and what it cannot reach.

use std::path::Path;

use loadlock_gateway::{ErrorCode, SwapRequest};
use loadlock_tests::{World, guest, sha256};

use super::{audited, runs, swap, version, world};

#[tokio::test]
async fn what_would_be_less_is_named_and_refused_until_it_is_accepted() {
    let world = World::new().with_guest("odd", "trap_at_export", "account = \"odd\"\n");
    let opened = world.open().await;
    let before = runs(&opened, "odd").await;
    let other = world.guest("keyed_and_silent");
    let refused = swap(&opened, "odd", &other, false).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::SwapRefused);
    for less in [
        "`verify` is `idempotency-key` instead of `none`",
        "`delete` is `never`",
        "no `stat`",
        "`content`",
    ] {
        assert!(refused.message.contains(less), "{less}: {refused}");
    }
    assert_eq!(runs(&opened, "odd").await, before);
    let record = audited(&world.path("home"), "component").pop().unwrap();
    assert_eq!(record["code"], "swap_refused");
    let swapped = swap(&opened, "odd", &other, true).await.unwrap();
    assert!(swapped.accepted.len() >= 4, "{swapped:?}");
}

#[tokio::test]
async fn another_account_is_refused_and_nothing_is_granted_to_what_was_not_built_in() {
    let world = World::new()
        .env("KIMI_API_KEY", "a key")
        .config("[providers.kimi]\ncredential = { header = \"Authorization\", value = \"Bearer ${env:PATH}\" }\n");
    let opened = world.open().await;
    let other = world.component("kimi-2.wasm", &version(loadlock::builtins()["kimi"], 2));
    let refused = swap(&opened, "kimi", &other, false).await.unwrap_err();
    // Nobody says what it may reach, so it may reach nothing, and its credential is for nobody.
    assert!(refused.message.contains("its account is `kimi`"), "{refused}");
}

#[tokio::test]
async fn what_is_no_component_of_the_role_changes_nothing() {
    let world = world();
    let opened = world.open().await;
    let text = world.component("text.wasm", b"no component");
    let validator = world.guest("validator_denies_all");
    let endless = world.guest("loop_in_profile");
    let changing = world.guest("profile_changes");
    let missing = world.path("components/missing.wasm");
    for source in [&text, &validator, &endless, &changing, &missing] {
        let refused = swap(&opened, "odd", source, true).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::ComponentRefused, "{refused}");
    }
    let good = world.component("good-2.wasm", &version(guest("good"), 2));
    let pinned = SwapRequest {
        source: good.display().to_string(),
        sha256: Some("00".repeat(32)),
        accept: true,
    };
    let refused = opened.gateway.swap(&opened.who, "odd", pinned).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::ComponentRefused);
    for (name, source) in [
        ("odd", "relative.wasm"),
        ("odd", ""),
        ("tracker", "builtin:tracker-local"),
    ] {
        let refused = swap(&opened, name, Path::new(source), true).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::RequestInvalid, "{name} {source}");
    }
    let unknown = swap(&opened, "nobody", &good, true).await.unwrap_err();
    assert_eq!(unknown.code, ErrorCode::ProviderUnknown);
    assert_eq!(runs(&opened, "odd").await, sha256(guest("good")));
    assert_eq!(opened.gateway.loaded_generations("odd"), 1);
    let path = world.file("a.txt", "content");
    opened.upload_pinned("odd", &path).await.unwrap();
}

#[tokio::test]
async fn a_probe_that_ends_badly_refuses_the_swap() {
    let world = World::new().with_guest(
        "odd",
        "trap_at_export",
        "account = \"odd\"\nsettings = { trap = \"probe\" }\n",
    );
    let opened = world.open().await;
    let other = world.component("other.wasm", &version(guest("trap_at_export"), 2));
    let refused = swap(&opened, "odd", &other, true).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::ComponentFailed);
    assert_eq!(runs(&opened, "odd").await, sha256(guest("trap_at_export")));
}

#[tokio::test]
async fn whoever_comes_over_a_network_or_is_no_operator_swaps_nothing() {
    let world = world();
    let opened = world.open().await;
    let request = || SwapRequest {
        source: "builtin:local".into(),
        sha256: None,
        accept: true,
    };
    let admin = loadlock_tests::token(opened.gateway.home(), "acme", "boss", "admin");
    let network = loadlock_gateway::Door::Network;
    let admin = opened.gateway.authenticate(network, Some(&admin)).await.unwrap();
    let writer = loadlock_tests::token(opened.gateway.home(), "local", "job", "write");
    let writer = opened
        .gateway
        .authenticate(loadlock_gateway::Door::Local, Some(&writer))
        .await
        .unwrap();
    for who in [admin, writer] {
        let refused = opened.gateway.swap(&who, "odd", request()).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::Forbidden);
        let refused = opened.gateway.roll_back(&who, "odd", true).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::Forbidden);
    }
}

#[tokio::test]
async fn the_same_bytes_are_no_swap_and_a_provider_that_is_out_of_service_gets_in() {
    let world = world();
    let broken = world.component("broken.wasm", b"broken");
    let world = world.config(&format!("[providers.out]\ncomponent = {broken:?}\naccount = \"out\"\n"));
    let opened = world.open().await;
    let same = swap(&opened, "odd", &world.guest("good"), false).await.unwrap();
    assert!(!same.changed);
    assert_eq!(same.generation, 1);
    let good = world.component("mended.wasm", guest("good"));
    let mended = swap(&opened, "out", &good, false).await.unwrap();
    assert_eq!((mended.before, mended.on_trial), (None, false));
    let path = world.file("a.txt", "content");
    opened.upload_pinned("out", &path).await.unwrap();
}
