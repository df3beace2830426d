//! Which remote file a file refers to, for how long, and what a key answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use loadlock_gateway::{Error, ErrorCode, File, Silent, Target, UploadRequest};
use loadlock_tests::{Opened, Shop, World};
use loadlock_upstream::{Fault, Operation};

async fn upload(gateway: &Opened, request: UploadRequest) -> Result<File, Error> {
    let open = &gateway.gateway;
    open.upload(&gateway.who, request, &Silent).await
}

fn keyed(gateway: &Opened, path: &std::path::Path) -> UploadRequest {
    UploadRequest {
        idempotency_key: Some("once".into()),
        ..gateway.request(path)
    }
}

fn with_tracker(world: World, guest: &str, mode: &str) -> World {
    let tracker = world.guest(guest);
    world.config(&format!(
        "[tracker]\ncomponent = {tracker:?}\nsettings = {{ mode = {mode:?} }}"
    ))
}

/// Over a remote file that goes with the first one, the second would go too. With the ledger, and while it is away.
#[tokio::test]
async fn a_file_that_is_to_stay_does_not_share_one_that_expires() {
    for away in [false, true] {
        let shop = Shop::kimi().await;
        let world = shop.join(World::new());
        let world = match away {
            false => world,
            true => with_tracker(world, "tracker_forgets", "fail"),
        };
        let path = world.file("a.txt", "content");
        let gateway = world.open().await;
        let expiring = |seconds| UploadRequest {
            expires_in_s: Some(seconds),
            ..gateway.request(&path)
        };
        let short = upload(&gateway, expiring(3_600)).await.unwrap();
        let kept = upload(&gateway, gateway.request(&path)).await.unwrap();
        assert_eq!((kept.expires_at, kept.deduplicated), (None, false));
        assert_ne!(kept.remote_id, short.remote_id);
        // The other way round it may, and goes when it was to go.
        let shorter = upload(&gateway, expiring(60)).await.unwrap();
        assert!(shorter.deduplicated && shorter.expires_at.is_some());
        assert_eq!(shop.upstream.files().len(), 2);
    }
}

#[tokio::test]
async fn a_life_of_no_time_or_of_more_than_a_century_is_refused() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let gateway = world.open().await;
    let path = world.file("a.txt", "content");
    for seconds in [0, 10_000_000_000, u64::MAX] {
        let request = UploadRequest {
            expires_in_s: Some(seconds),
            ..gateway.request(&path)
        };
        let refused = upload(&gateway, request).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::RequestInvalid, "{seconds}");
    }
    assert!(shop.posts().is_empty());
}

/// The list, once the ledger is asked again (a second after it has failed) and everything is settled.
async fn listed(gateway: &Opened) -> Vec<File> {
    loop {
        if gateway.list().await.is_ok() {
            gateway.gateway.settle().await.unwrap();
            return gateway.list().await.unwrap().files;
        }
        tokio::task::yield_now().await;
    }
}

/// The ledger takes a reference, and its answer is lost: what nobody was told of does not stay, and what is stored has
/// a record.
#[tokio::test]
async fn a_reference_whose_answer_was_lost_leaves_nothing_that_nobody_knows() {
    for key in [false, true] {
        let shop = Shop::kimi().await;
        let world = with_tracker(shop.join(World::new()), "tracker_answers_oddly", "lossy");
        let path = world.file("a.txt", "content");
        let gateway = world.open().await;
        let first = gateway.upload(&path).await.unwrap();
        let request = match key {
            false => gateway.request(&path),
            true => keyed(&gateway, &path),
        };
        let second = upload(&gateway, request).await.unwrap();
        assert_ne!(first.remote_id, second.remote_id);
        if key {
            let again = upload(&gateway, keyed(&gateway, &path)).await.unwrap();
            assert_eq!(again, second);
        }
        let mut told = [first, second].map(|file| (file.id, file.remote_id));
        let files = listed(&gateway).await.into_iter();
        let mut there: Vec<_> = files.map(|file| (file.id, file.remote_id)).collect();
        told.sort();
        there.sort();
        assert_eq!(there, told);
        assert_eq!(shop.upstream.files().len(), 2);
    }
}

/// The refused one is still the caller's file; everybody else's records arrive, and deletes go on.
#[tokio::test]
async fn a_record_that_the_ledger_refuses_holds_up_no_other() {
    let shop = Shop::kimi().await;
    let world = with_tracker(shop.join(World::new()), "tracker_answers_oddly", "strict");
    let gateway = world.open().await;
    let well = gateway.upload(world.file("a.txt", "well")).await.unwrap();
    let refused = world.file("refused.txt", "refused");
    let refused = gateway.upload(refused).await.unwrap();
    let other = gateway.upload(world.file("c.txt", "other")).await.unwrap();
    gateway.gateway.delete(&gateway.who, &well.id).await.unwrap();
    assert_eq!(listed(&gateway).await, [other]);
    let found = gateway.gateway.get(&gateway.who, &refused.id).await;
    assert_eq!(found.unwrap(), refused);
}

#[tokio::test]
async fn a_key_answers_a_dedup_hit_as_it_was_the_first_time() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let expiring = |key: Option<&str>| UploadRequest {
        expires_in_s: Some(3_600),
        idempotency_key: key.map(str::to_owned),
        ..gateway.request(&path)
    };
    upload(&gateway, gateway.request(&path)).await.unwrap();
    let first = upload(&gateway, expiring(Some("once"))).await.unwrap();
    assert!(first.deduplicated && first.expires_at.is_some());
    let again = upload(&gateway, expiring(Some("once"))).await.unwrap();
    assert_eq!(first, again);
}

/// What was asked for another provider or purpose is no repetition.
#[tokio::test]
async fn a_key_for_another_wish_is_a_conflict() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    upload(&gateway, keyed(&gateway, &path)).await.unwrap();
    let pinned = UploadRequest {
        target: Target::Pinned("kimi".into()),
        ..keyed(&gateway, &path)
    };
    let for_batch = UploadRequest {
        purpose: Some("file-extract".into()),
        ..keyed(&gateway, &path)
    };
    for other in [pinned, for_batch] {
        let refused = upload(&gateway, other).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::IdempotencyConflict);
    }
}

/// The first provider of the route is out, and an equal upload is under way at the second.
#[tokio::test]
async fn a_key_answers_the_same_file_after_a_wait_for_an_equal_upload_elsewhere() {
    let kimi = Shop::kimi().await.more("breaker = { failures = 1 }");
    let openai = Shop::openai().await;
    let world = World::new().config("order = [\"kimi\", \"openai\"]");
    let world = openai.join(kimi.join(world));
    let gateway = Arc::new(world.open().await);
    kimi.upstream.faults().always(None, Fault::status(503));
    let broken = world.file("broken.txt", "broken");
    gateway.upload_pinned("kimi", broken).await.unwrap_err();
    let faults = openai.upstream.faults();
    faults.push(Operation::Create, Fault::Hold);
    let equal = world.file("a.txt", "equal");
    let first = {
        let (gateway, path) = (gateway.clone(), equal.clone());
        tokio::spawn(async move { gateway.upload_pinned("openai", path).await })
    };
    let requests = openai.upstream.requests();
    requests
        .wait(|all| {
            let create = Some(Operation::Create);
            all.iter().any(|one| one.operation == create)
        })
        .await;
    let mut waiting = std::pin::pin!(upload(&gateway, keyed(&gateway, &equal)));
    // Until it waits for the other: nothing else of it is pending for long.
    let early = tokio::time::timeout(std::time::Duration::from_secs(1), &mut waiting).await;
    assert!(early.is_err(), "{early:?}");
    faults.release(1);
    first.await.unwrap().unwrap();
    let told = waiting.await.unwrap();
    let again = upload(&gateway, keyed(&gateway, &equal)).await.unwrap();
    assert_eq!(told, again);
    assert_eq!(openai.upstream.files().len(), 1);
}

/// The deadline is over everything: who waits for an equal upload does not begin anew when that has failed.
#[tokio::test]
async fn a_wait_for_an_equal_upload_counts_against_the_deadline() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let world = world.config("[retry]\ndeadline = \"2s\"");
    let gateway = Arc::new(world.open().await);
    let hang = (Operation::Create, Fault::Hang);
    shop.upstream.faults().always(hang.0, hang.1);
    let uploads = (0..8).map(|number| {
        let path = world.file(&format!("{number}.txt"), "equal");
        let gateway = gateway.clone();
        async move { gateway.upload(path).await.unwrap_err().code }
    });
    let ended = futures::future::join_all(uploads).await;
    // One after another would be eight.
    assert!(shop.posts().len() < 4, "{} {ended:?}", shop.posts().len());
    assert!(ended.contains(&ErrorCode::DeadlineExceeded), "{ended:?}");
}
