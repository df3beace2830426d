//! A bad generation gives way by itself, unless what it keeps could not be read by the one before.

use std::sync::Arc;

use loadlock_gateway::ErrorCode;
use loadlock_tests::{Opened, World, guest, sha256};

use super::{audited, keeping, runs, swap, version, world};

/// Uploads until the honest one runs again; answers how many went wrong.
async fn until_returned(opened: &Opened, world: &World, honest: &str) -> usize {
    let mut failed = 0;
    for number in 0..20 {
        if runs(opened, "odd").await == honest {
            return failed;
        }
        let path = world.file(&format!("{number}.txt"), format!("content {number}"));
        failed += usize::from(opened.upload_pinned("odd", &path).await.is_err());
    }
    panic!("it runs still");
}

#[tokio::test]
async fn traps_limits_broken_contracts_and_bad_receipts_bring_the_one_before_back() {
    let honest = sha256(guest("good"));
    for bad in [
        "memory_bomb",
        "stack_overflow",
        "lying_size",
        "lying_digest",
        "reads_half",
        "never_reads",
    ] {
        let world = world();
        let opened = world.open().await;
        let other = world.guest(bad);
        let swapped = swap(&opened, "odd", &other, true).await.unwrap();
        assert!(swapped.on_trial, "{bad}");
        assert_eq!(runs(&opened, "odd").await, sha256(guest(bad)));
        let failed = until_returned(&opened, &world, &honest).await;
        assert!(failed <= 2, "{bad}: {failed}");
        let path = world.file("after.txt", "after it");
        opened.upload_pinned("odd", &path).await.unwrap();
        assert_eq!(opened.gateway.loaded_generations("odd"), 1, "{bad}");
        drop(opened);
        let events = audited(&world.path("home"), "component");
        let last = events.last().unwrap();
        assert_eq!(
            (&last["outcome"], &last["what"]["component"]),
            (&"failed".into(), &honest.clone().into()),
            "{last}"
        );
        // A restart goes by what runs, not by what was asked for.
        let opened = world.open().await;
        assert_eq!(runs(&opened, "odd").await, honest, "{bad}");
    }
}

#[tokio::test]
async fn a_rollback_after_a_return_leads_to_the_one_before_that() {
    let world = world();
    let opened = world.open().await;
    let second = version(guest("good"), 2);
    swap(&opened, "odd", &world.component("good-2.wasm", &second), false)
        .await
        .unwrap();
    swap(&opened, "odd", &world.guest("lying_size"), true).await.unwrap();
    until_returned(&opened, &world, &sha256(&second)).await;
    // What is written about the return follows it: until then there is nothing to change.
    let back = loop {
        let back = opened.gateway.roll_back(&opened.who, "odd", false).await.unwrap();
        if back.changed {
            break back;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(back.after.sha256, sha256(guest("good")));
    drop(opened);
    let opened = world.open().await;
    assert_eq!(runs(&opened, "odd").await, sha256(guest("good")));
}

#[tokio::test]
async fn uploads_that_wait_for_a_place_are_made_by_the_one_that_is_back() {
    let one = "account = \"odd\"\nlimits = { concurrency = 1 }\n";
    let world = World::new().with_guest("odd", "good", one);
    let opened = Arc::new(world.open().await);
    let bad = world.guest("lying_size");
    swap(&opened, "odd", &bad, true).await.unwrap();
    let uploads: Vec<_> = (0..12)
        .map(|number| {
            let path = world.file(&format!("{number}.txt"), format!("content {number}"));
            let opened = opened.clone();
            tokio::spawn(async move { opened.upload_pinned("odd", path).await })
        })
        .collect();
    let mut failed = 0;
    for upload in uploads {
        failed += usize::from(upload.await.unwrap().is_err());
    }
    assert_eq!(failed, 2, "those that the bad one was tried with, and none that waited");
    assert_eq!(runs(&opened, "odd").await, sha256(guest("good")));
}

#[tokio::test]
async fn a_good_generation_passes_and_is_as_settled_as_any_other() {
    let world = world();
    let opened = world.open().await;
    let other = world.component("good-2.wasm", &version(guest("good"), 2));
    swap(&opened, "odd", &other, false).await.unwrap();
    assert_eq!(
        opened.gateway.loaded_generations("odd"),
        2,
        "the one before may come back"
    );
    for number in 0..20 {
        let path = world.file(&format!("{number}.txt"), format!("content {number}"));
        opened.upload_pinned("odd", &path).await.unwrap();
    }
    assert_eq!(opened.gateway.loaded_generations("odd"), 1);
    assert_eq!(runs(&opened, "odd").await, sha256(&version(guest("good"), 2)));
}

/// The built-in store with a file in its directory.
async fn local() -> (World, Opened, String) {
    let world = World::new();
    let opened = world.open().await;
    let path = world.file("kept.txt", "kept by the store");
    let id = opened.upload(&path).await.unwrap().id;
    (world, opened, id)
}

async fn fails_twice(world: &World, opened: &Opened) {
    for number in 0..2 {
        let path = world.file(&format!("{number}.txt"), format!("content {number}"));
        opened.upload(&path).await.unwrap_err();
    }
}

#[tokio::test]
async fn what_is_kept_in_a_version_that_nobody_states_keeps_the_one_before_away() {
    let (world, opened, id) = local().await;
    let bad = world.guest("lying_size");
    swap(&opened, "local", &bad, true).await.unwrap();
    fails_twice(&world, &opened).await;
    assert_eq!(runs(&opened, "local").await, sha256(guest("lying_size")), "it stays");
    let refused = opened.gateway.roll_back(&opened.who, "local", false).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::SwapRefused);
    assert!(refused.message.contains("another version, or none"), "{refused}");
    opened.gateway.roll_back(&opened.who, "local", true).await.unwrap();
    assert_eq!(opened.content(&id).await.unwrap(), b"kept by the store");
}

#[tokio::test]
async fn what_is_kept_in_the_same_version_lets_the_one_before_come_back() {
    let (world, opened, id) = local().await;
    let bad = world.component("bad.wasm", &keeping(guest("lying_size"), "1"));
    swap(&opened, "local", &bad, true).await.unwrap();
    fails_twice(&world, &opened).await;
    assert_eq!(runs(&opened, "local").await, sha256(loadlock::builtins()["local"]));
    assert_eq!(opened.content(&id).await.unwrap(), b"kept by the store");
}
