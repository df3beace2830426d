//! A caller gives up: wherever the upload waits, it ends soon, and what arrived is taken back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use futures::StreamExt;
use loadlock_gateway::{Body, CancellationToken, Error, ErrorCode, File, Silent, Source, Target, UploadRequest};
use loadlock_journal::Journal;
use loadlock_tests::{Opened, Shop, World};
use loadlock_upstream::{Fault, Operation};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

type Upload = JoinHandle<Result<File, Error>>;

/// Starts an upload; the token ends it.
fn start(gateway: &Arc<Opened>, request: UploadRequest) -> (Upload, CancellationToken) {
    let cancel = request.cancel.clone();
    let gateway = gateway.clone();
    let upload = async move {
        let opened = &*gateway;
        opened.gateway.upload(&opened.who, request, &Silent).await
    };
    (tokio::spawn(upload), cancel)
}

async fn ended(upload: Upload) -> Error {
    let error = upload.await.unwrap().unwrap_err();
    assert_eq!(error.code, ErrorCode::Cancelled, "{error}");
    error
}

/// Nothing is open, recorded or counted against the provider.
async fn nothing_left(gateway: &Opened, provider: &str) {
    assert_eq!(gateway.list().await.unwrap().files, []);
    let settled = gateway.gateway.settle().await.unwrap();
    assert_eq!(settled, loadlock_gateway::Settled::default());
    let providers = gateway.gateway.providers(&gateway.who).await.unwrap();
    let unit = providers.iter().find(|unit| unit.name == provider).unwrap();
    assert_eq!((unit.breaker.as_str(), unit.in_flight), ("closed", 0));
}

/// `times` uploads that meet the fault and are cancelled once the vendor has seen `until`.
async fn cancelled_at(shop: &Shop, fault: Fault, until: fn(&loadlock_upstream::Recorded) -> bool) {
    let world = shop.join(World::new());
    let gateway = Arc::new(world.open().await);
    shop.upstream.faults().always(Operation::Create, fault);
    // As often as five faults in a row would open the breaker.
    for number in 0..5 {
        let path = world.file("a.txt", format!("given up {number}"));
        let request = UploadRequest {
            target: Target::Pinned(shop.name.into()),
            ..gateway.request(path)
        };
        let (upload, cancel) = start(&gateway, request);
        let requests = shop.upstream.requests();
        requests
            .wait(|all| {
                let mut creates = all.iter().filter(|one| one.operation == Some(Operation::Create));
                creates.nth(number).is_some_and(until)
            })
            .await;
        cancel.cancel();
        ended(upload).await;
    }
    assert!(shop.upstream.files().is_empty());
    nothing_left(&gateway, shop.name).await;
}

#[tokio::test]
async fn what_the_vendor_stored_is_deleted() {
    let shop = Shop::kimi().await;
    cancelled_at(&shop, Fault::HangAfter, |create| create.status.is_some()).await;
    assert_eq!(shop.upstream.files().deleted().len(), 5);
}

#[tokio::test]
async fn what_the_vendor_did_not_store_is_no_failure_of_the_vendor() {
    let shop = Shop::kimi().await;
    cancelled_at(&shop, Fault::Hang, |create| create.body_complete).await;
    assert!(shop.upstream.files().deleted().is_empty());
}

/// A vendor that cannot be asked has the whole file, and nobody can tell what it made of it.
#[tokio::test]
async fn what_cannot_be_asked_for_is_counted_as_unknown() {
    let shop = Shop::zai().await;
    let world = shop.join(World::new());
    let gateway = Arc::new(world.open().await);
    shop.upstream.faults().push(Operation::Create, Fault::HangAfter);
    let path = world.file("a.txt", "given up");
    let request = UploadRequest {
        idempotency_key: Some("once".into()),
        ..gateway.request(&path)
    };
    let (upload, cancel) = start(&gateway, request);
    shop.upstream
        .requests()
        .wait(|all| all.iter().any(|one| one.status.is_some()))
        .await;
    cancel.cancel();
    let error = ended(upload).await;
    assert!(error.message.contains("cannot be asked"), "{error}");
    // The journal keeps answering so.
    let again = UploadRequest {
        idempotency_key: Some("once".into()),
        ..gateway.request(&path)
    };
    let error = start(&gateway, again).0.await.unwrap().unwrap_err();
    assert_eq!(error.code, ErrorCode::OutcomeUnknown, "{error}");
    nothing_left(&gateway, "zai").await;
}

#[tokio::test]
async fn a_wait_between_two_attempts_ends() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let gateway = Arc::new(world.open().await);
    shop.upstream
        .faults()
        .always(Operation::Create, Fault::rate_limited(30));
    let (upload, cancel) = start(&gateway, gateway.request(world.file("a.txt", "waits")));
    shop.upstream
        .requests()
        .wait(|all| all.iter().any(|one| one.status.is_some()))
        .await;
    cancel.cancel();
    ended(upload).await;
    assert_eq!(shop.posts().len(), 1);
    assert!(shop.upstream.files().is_empty());
}

#[tokio::test]
async fn a_wait_for_an_equal_upload_ends_without_it() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let gateway = Arc::new(world.open().await);
    shop.upstream.faults().push(Operation::Create, Fault::Hold);
    let paths = [world.file("a.txt", "equal"), world.file("b.txt", "equal")];
    let (leader, _) = start(&gateway, gateway.request(&paths[0]));
    shop.upstream.requests().wait(|all| !all.is_empty()).await;
    let (follower, cancel) = start(&gateway, gateway.request(&paths[1]));
    // It runs until it waits.
    tokio::task::yield_now().await;
    cancel.cancel();
    ended(follower).await;
    shop.upstream.faults().release(1);
    let file = leader.await.unwrap().unwrap();
    assert_eq!(gateway.list().await.unwrap().files, [file]);
    assert_eq!(shop.posts().len(), 1);
}

#[tokio::test]
async fn a_body_that_does_not_end_is_given_up_and_leaves_the_spool_empty() {
    let world = World::new();
    let gateway = Arc::new(world.open().await);
    let (bytes, body) = mpsc::channel::<std::io::Result<bytes::Bytes>>(1);
    let stream = futures::stream::unfold(
        body,
        |mut body| async move { body.recv().await.map(|chunk| (chunk, body)) },
    );
    let source = Source::Body(Body {
        stream: stream.boxed(),
        name: "endless.txt".into(),
        media_type: None,
    });
    let (upload, cancel) = start(&gateway, UploadRequest::from(source));
    // The second is taken only when the first has been written.
    for _ in 0..3 {
        bytes.send(Ok(vec![b'x'; 100 << 10].into())).await.unwrap();
    }
    cancel.cancel();
    ended(upload).await;
    let spool = world.path("home/spool");
    assert_eq!(std::fs::read_dir(spool).unwrap().count(), 0);
    nothing_left(&gateway, "local").await;
}

#[tokio::test]
async fn what_is_cancelled_before_it_begins_opens_nothing() {
    let world = World::new();
    let gateway = Arc::new(world.open().await);
    let request = gateway.request("missing.txt");
    request.cancel.cancel();
    ended(start(&gateway, request).0).await;
}

/// A vendor that does not answer when it is asked holds nobody up; what it has is found later and taken back, because
/// the caller was told that there is nothing.
#[tokio::test]
async fn a_vendor_that_is_silent_altogether_is_left_for_later() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let gateway = Arc::new(world.open().await);
    let faults = shop.upstream.faults();
    faults.push(Operation::Create, Fault::HangAfter);
    faults.always(Operation::List, Fault::Hang);
    let (upload, cancel) = start(&gateway, gateway.request(world.file("a.txt", "silent")));
    shop.upstream
        .requests()
        .wait(|all| all.iter().any(|one| one.status.is_some()))
        .await;
    cancel.cancel();
    ended(upload).await;
    faults.clear();
    let settled = gateway.gateway.settle().await.unwrap();
    let ends = (settled.adopted, settled.failed, settled.deleted);
    assert_eq!((ends, settled.open), ((0, 1, 1), 0), "{settled:?}");
    assert!(shop.upstream.files().is_empty());
    nothing_left(&gateway, "kimi").await;
}

/// The ledger takes its time over a dedup hit. Whoever gave up meanwhile was told that there is nothing, so there is
/// nothing later.
#[tokio::test]
async fn a_file_that_the_ledger_makes_too_late_is_taken_back() {
    for key in [None, Some("once".to_owned())] {
        let world = World::new();
        let tracker = world.guest("tracker_answers_oddly");
        // Longer than a cancelled upload is waited for.
        let settings = "settings = { late_ms = \"6000\" }";
        let world = world.config(&format!("[tracker]\ncomponent = {tracker:?}\n{settings}"));
        let gateway = Arc::new(world.open().await);
        let path = world.file("a.txt", "late");
        let stored = gateway.upload(&path).await.unwrap();
        let request = UploadRequest {
            idempotency_key: key,
            ..gateway.request(path)
        };
        let (upload, cancel) = start(&gateway, request);
        let asked = world.path("home/tracker/ledger/asked");
        while !asked.exists() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
        ended(upload).await;
        assert_eq!(gateway.list().await.unwrap().files.len(), 2);
        let settled = gateway.gateway.settle().await.unwrap();
        assert_eq!((settled.failed, settled.open), (1, 0), "{settled:?}");
        let listed = gateway.list().await.unwrap().files;
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].id, stored.id);
    }
}

/// The acceptance was in the journal's queue when the caller gave up, so the key answers the file from then on: it
/// stays.
#[tokio::test]
async fn a_file_that_a_key_answers_is_not_taken_back() {
    let world = World::new();
    let gateway = world.open().await;
    let path = world.file("a.txt", "accepted");
    let keyed = UploadRequest {
        idempotency_key: Some("once".into()),
        ..gateway.request(&path)
    };
    let open = &gateway.gateway;
    let file = open.upload(&gateway.who, keyed, &Silent).await.unwrap();
    let folder = open.home().join("journal");
    drop(gateway);
    let note = format!("given-up/{}", file.id);
    let journal = Journal::open(&folder).unwrap();
    journal.put_state(&note, b"local".to_vec()).await.unwrap();
    journal.close().await.unwrap();
    let gateway = world.open().await;
    assert_eq!(gateway.list().await.unwrap().files, [file]);
    drop(gateway);
    let journal = Journal::open(&folder).unwrap();
    assert_eq!(journal.get_state(&note).unwrap(), None);
}

/// More uploads than the provider may have at once wait for their turn, and the provider can still be asked for its
/// files.
#[tokio::test]
async fn a_provider_never_has_more_than_its_number_of_uploads() {
    let shop = Shop::kimi().await.more("limits = { concurrency = 2 }");
    let world = shop.join(World::new()).config("[providers.local]");
    let gateway = Arc::new(world.open().await);
    shop.upstream.faults().always(Operation::Create, Fault::Hold);
    let unanswered = |all: &[loadlock_upstream::Recorded]| all.iter().filter(|one| one.status.is_none()).count();
    let upload = |number: u32| {
        let path = world.file(&format!("{number}.txt"), format!("content {number}"));
        let request = UploadRequest {
            target: Target::Pinned("kimi".into()),
            ..gateway.request(path)
        };
        start(&gateway, request)
    };
    let uploads: Vec<_> = (0..6).map(upload).collect();
    shop.upstream.requests().wait(|all| unanswered(all) >= 2).await;
    // Comes when both places are taken, so it never has one.
    let (last, cancel) = upload(6);
    // Others go on meanwhile, for long enough that a third would have come.
    for number in 0..5 {
        let path = world.file(&format!("local-{number}.txt"), format!("local {number}"));
        gateway.upload_pinned("local", path).await.unwrap();
    }
    let probe = gateway.gateway.probe(&gateway.who, "kimi").await.unwrap();
    assert!(probe.healthy, "{}", probe.detail);
    assert_eq!(unanswered(&shop.posts()), 2);
    // The last one gives up its place in the queue.
    cancel.cancel();
    ended(last).await;
    for released in 1..=6 {
        shop.upstream.faults().release(1);
        let creates = |all: &[loadlock_upstream::Recorded]| {
            let mut creates = all.to_vec();
            creates.retain(|one| one.operation == Some(Operation::Create));
            creates
        };
        shop.upstream
            .requests()
            .wait(|all| {
                let all = creates(all);
                assert!(unanswered(&all) <= 2);
                let answered = all.len() - unanswered(&all);
                answered == released && all.len() == (released + 2).min(6)
            })
            .await;
    }
    for (upload, _) in uploads {
        upload.await.unwrap().unwrap();
    }
    assert_eq!(shop.upstream.files().len(), 6);
}

/// The embedded provider is cut off while it writes; its next call, and the next start, clean up.
#[tokio::test]
async fn no_part_of_a_file_stays_with_the_local_provider() {
    let world = World::new();
    let gateway = Arc::new(world.open().await);
    let incoming = world.path("home/providers/local/incoming");
    let parts = || {
        std::fs::read_dir(&incoming)
            .map(|entries| entries.count())
            .unwrap_or_default()
    };
    // Large enough that cancelling at the first sign of it comes in the middle.
    let large = world.file("large.bin", vec![7; 256 << 20]);
    for number in 0..2 {
        let (upload, cancel) = start(&gateway, gateway.request(&large));
        while parts() == 0 {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
        ended(upload).await;
        gateway
            .upload(world.file("small.txt", format!("small {number}")))
            .await
            .unwrap();
        assert_eq!(parts(), 0);
    }
    let (upload, cancel) = start(&gateway, gateway.request(&large));
    while parts() == 0 {
        tokio::task::yield_now().await;
    }
    cancel.cancel();
    ended(upload).await;
    drop(gateway);
    let gateway = world.open().await;
    assert_eq!(parts(), 0);
    assert_eq!(gateway.list().await.unwrap().files.len(), 2);
}
