//! Two hundred uploads are under way while a provider's component is replaced.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use loadlock_gateway::Event;
use loadlock_tests::{Opened, Shop, World, sha256};
use loadlock_upstream::{Fault, Operation};

use super::{audited, runs, swap, version};

/// Uploads at the same time.
const UPLOADS: usize = 240;
/// Of which so many are at the vendor when the swap comes; the others wait for a place.
const PLACES: usize = 20;

/// Uploads a file; answers its digest and which components made its attempts.
async fn watched(opened: Arc<Opened>, path: std::path::PathBuf) -> (String, Vec<String>) {
    let seen = Mutex::new(Vec::new());
    let progress = |event| {
        if let Event::Attempt { component, .. } = event {
            seen.lock().unwrap().push(component);
        }
    };
    let file = opened
        .gateway
        .upload(&opened.who, opened.request(&path), &progress)
        .await;
    (file.unwrap().sha256, seen.into_inner().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn none_is_lost_none_is_stored_twice_and_each_attempt_is_one_generations() {
    let shop = Shop::openai()
        .await
        .more(&format!("limits = {{ concurrency = {PLACES} }}"));
    let world = shop.join(World::new().config("[limits]\nconcurrency = 300"));
    let before = sha256(loadlock::builtins()["openai"]);
    let bytes = version(loadlock::builtins()["openai"], 2);
    let after = sha256(&bytes);
    let other = world.component("openai-2.wasm", &bytes);
    let opened = Arc::new(world.open().await);
    let faults = shop.upstream.faults();
    faults.push_times(Operation::Create, &Fault::Hold, PLACES);
    let uploads: Vec<_> = (0..UPLOADS)
        .map(|number| {
            let path = world.file(&format!("{number}.txt"), format!("the content of number {number}"));
            tokio::spawn(watched(opened.clone(), path))
        })
        .collect();
    let creates = |all: &[loadlock_upstream::Recorded]| {
        all.iter()
            .filter(|request| request.operation == Some(Operation::Create))
            .count()
            == PLACES
    };
    shop.upstream.requests().wait(creates).await;
    let swapped = swap(&opened, "openai", &other, false).await.unwrap();
    assert!(
        swapped.changed && swapped.on_trial && swapped.accepted.is_empty(),
        "{swapped:?}"
    );
    assert_eq!(
        (swapped.before.unwrap().sha256, swapped.after.sha256),
        (before.clone(), after.clone())
    );
    assert_eq!(runs(&opened, "openai").await, after);
    // The old one drains: it is loaded as long as an attempt is made with it.
    assert_eq!(opened.gateway.loaded_generations("openai"), 2);
    faults.release(PLACES);
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    let mut digests = Vec::new();
    for upload in uploads {
        let (digest, components) = upload.await.unwrap();
        digests.push(digest);
        assert_eq!(components.len(), 1, "nothing was sent again");
        *made.entry(components[0].clone()).or_default() += 1;
    }
    assert_eq!(
        made,
        [(before.clone(), PLACES), (after.clone(), UPLOADS - PLACES)].into()
    );
    let mut stored: Vec<String> = shop
        .upstream
        .files()
        .all()
        .iter()
        .map(|file| file.sha256.clone())
        .collect();
    stored.sort();
    digests.sort();
    assert_eq!(stored, digests);
    let mut recorded: BTreeMap<String, usize> = BTreeMap::new();
    for record in audited(&world.path("home"), "upload") {
        *recorded
            .entry(record["what"]["component"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    assert_eq!(recorded, made, "the audit log has the digest of what made each attempt");
    let swaps = audited(&world.path("home"), "component");
    assert_eq!(
        (swaps.len(), &swaps[0]["what"]["component"]),
        (1, &after.clone().into())
    );
    // Its trial is over, and nobody holds the old one.
    assert_eq!(opened.gateway.loaded_generations("openai"), 1);
}

#[tokio::test]
async fn an_upload_that_is_sent_again_is_sent_by_the_newest_generation() {
    let shop = Shop::openai().await;
    let world = shop.join(World::new());
    let (old, bytes) = (
        loadlock::builtins()["openai"],
        version(loadlock::builtins()["openai"], 2),
    );
    let other = world.component("openai-2.wasm", &bytes);
    let path = world.file("a.txt", "content");
    let opened = Arc::new(world.open().await);
    let faults = shop.upstream.faults();
    faults.push(Operation::Create, Fault::rate_limited(3));
    let retried = Arc::new(tokio::sync::Notify::new());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let upload = {
        let (opened, seen, retried) = (opened.clone(), seen.clone(), retried.clone());
        tokio::spawn(async move {
            let progress = move |event| match event {
                Event::Attempt { component, .. } => seen.lock().unwrap().push(component),
                Event::Retry { .. } => retried.notify_one(),
                _ => {}
            };
            opened
                .gateway
                .upload(&opened.who, opened.request(&path), &progress)
                .await
        })
    };
    retried.notified().await;
    // It waits as long as the vendor says before it is sent again.
    swap(&opened, "openai", &other, false).await.unwrap();
    upload.await.unwrap().unwrap();
    assert_eq!(*seen.lock().unwrap(), [sha256(old), sha256(&bytes)]);
    assert_eq!(shop.upstream.files().len(), 1);
}
