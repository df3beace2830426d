//! What cancelled callers, failed deletes and time leave behind is settled while the gateway serves.

use loadlock_audit::{Event as AuditEvent, Outcome};
use loadlock_gateway::{Clock, ErrorCode, Event, Progress, Reconcile, Silent, UploadRequest};
use loadlock_tests::{Opened, Shop, World};
use loadlock_upstream::{Fault, Operation};

use super::{count, sheet, until};

const OPEN: &str = "open entries that nobody holds";

fn fast() -> Clock {
    Clock::scaled(600)
}

#[tokio::test]
async fn an_upload_whose_caller_went_away_is_settled_and_one_under_way_is_not() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new()).clock(Clock::scaled(60));
    let (left, kept) = (world.file("left.txt", "left"), world.file("kept.txt", "kept!"));
    let gateway = world.open().await;
    shop.upstream.faults().push_times(Operation::Create, &Fault::Hang, 2);
    let arrived = || shop.upstream.faults().injected().len();
    let start = |path: &std::path::Path| {
        let (open, who) = (gateway.gateway.clone(), gateway.who.clone());
        let request = gateway.request(path);
        tokio::spawn(async move { open.upload(&who, request, &Silent).await })
    };
    let left = start(&left);
    until("the first arrives", || async { arrived() == 1 }).await;
    let kept = start(&kept);
    until("the second arrives", || async { arrived() == 2 }).await;
    left.abort();
    let _ = left.await;
    let before = sheet(&gateway).await;
    assert_eq!((count(&before, OPEN), count(&before, "uploads under way")), (1, 1));
    assert!(!before.balanced);

    let upkeep = gateway.gateway.start_upkeep();
    until("the abandoned one is settled", || async {
        count(&sheet(&gateway).await, OPEN) == 0
    })
    .await;
    let after = sheet(&gateway).await;
    assert_eq!(count(&after, "uploads under way"), 1, "{after:?}");
    assert!(after.balanced, "{after:?}");
    kept.abort();
    let _ = kept.await;
    upkeep.stop().await;
}

/// The vendor stored it after its caller had gone: settling finds it by its mark, and it is a file like any other.
#[tokio::test]
async fn what_the_vendor_stored_for_a_caller_that_went_away_is_recorded() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new()).clock(fast());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let (open, who) = (gateway.gateway.clone(), gateway.who.clone());
    let request = gateway.request(&path);
    // The answer is lost, and the look for the upload never ends.
    shop.upstream.faults().push(Operation::Create, Fault::ResetAfter);
    shop.upstream.faults().push(Operation::List, Fault::Hang);
    let task = tokio::spawn(async move { open.upload(&who, request, &Silent).await });
    until("the caller waits for the list", || async {
        shop.upstream.faults().injected().len() == 2
    })
    .await;
    task.abort();
    let _ = task.await;
    let _upkeep = gateway.gateway.start_upkeep();
    until("it is recorded", || async {
        gateway.list().await.unwrap().files.len() == 1
    })
    .await;
    assert_eq!(shop.upstream.files().len(), 1);
    assert!(sheet(&gateway).await.balanced);
}

#[tokio::test]
async fn a_delete_that_the_vendor_refused_is_made_again() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new()).clock(fast());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload(&path).await.unwrap();
    shop.upstream.faults().push(Operation::Delete, Fault::status(503));
    gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
    assert_eq!(shop.upstream.files().len(), 1);
    assert_eq!(count(&sheet(&gateway).await, "dying remote files"), 1);
    let _upkeep = gateway.gateway.start_upkeep();
    until("it is gone", || async { shop.upstream.files().is_empty() }).await;
    until("the books know", || async {
        count(&sheet(&gateway).await, "dying remote files") == 0
    })
    .await;
}

#[tokio::test]
async fn what_has_expired_is_cleaned() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new()).clock(fast());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let request = UploadRequest {
        expires_in_s: Some(1),
        ..gateway.request(&path)
    };
    let open = &gateway.gateway;
    open.upload(&gateway.who, request, &Silent).await.unwrap();
    assert_eq!(shop.upstream.files().len(), 1);
    let _upkeep = gateway.gateway.start_upkeep();
    until("it is gone", || async { shop.upstream.files().is_empty() }).await;
}

/// An upload whose answer is lost while the vendor cannot be asked either.
pub(super) async fn lose(gateway: &Opened, shop: &Shop, path: &std::path::Path) {
    let faults = shop.upstream.faults();
    faults.push(Operation::Create, Fault::ResetAfter);
    faults.always(Operation::List, Fault::status(503));
    let error = gateway.upload_pinned(shop.name, path).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::OutcomeUnknown, "{error}");
    faults.clear();
}

async fn unknown(gateway: &Opened, shop: &Shop, path: &std::path::Path) {
    lose(gateway, shop, path).await;
    assert_eq!(count(&sheet(gateway).await, "unknown outcomes"), 1);
}

#[tokio::test]
async fn an_unknown_outcome_is_looked_for_again() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new()).clock(fast());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    unknown(&gateway, &shop, &path).await;
    let settled = gateway.gateway.settle().await.unwrap();
    assert_eq!((settled.adopted, settled.delivered), (1, 1), "{settled:?}");
    assert_eq!(gateway.list().await.unwrap().files.len(), 1);
    assert_eq!(count(&sheet(&gateway).await, "unknown outcomes"), 0);
}

#[tokio::test]
async fn reconciling_finds_out_about_unknown_outcomes() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new()).clock(fast());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    unknown(&gateway, &shop, &path).await;
    let reconcile = |dry_run| {
        let request = Reconcile {
            dry_run,
            ..Reconcile::default()
        };
        gateway.gateway.reconcile(&gateway.who, request)
    };
    reconcile(true).await.unwrap();
    assert_eq!(gateway.list().await.unwrap().files, []);
    let done = reconcile(false).await.unwrap();
    assert_eq!((done.providers[0].live, done.providers[0].matching), (1, 1));
    assert_eq!(gateway.list().await.unwrap().files.len(), 1);
}

/// Its list has nothing of it, and would have nothing if it were stored.
#[tokio::test]
async fn an_upload_that_only_a_key_protects_is_unknown() {
    let world = World::new().with_guest("keyed", "keyed_and_silent", "");
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let sending = Sending::default();
    abandoned(&gateway, &path, &sending, sending.0.notified()).await;
    let settled = gateway.gateway.settle().await.unwrap();
    assert_eq!((settled.unknown, settled.failed), (1, 0), "{settled:?}");
    // Once.
    let settled = gateway.gateway.settle().await.unwrap();
    assert_eq!(settled, loadlock_gateway::Settled::default());
}

/// Is told when bytes are about to leave. Until then an upload that nobody waits for any more is forgotten, entry and
/// all.
#[derive(Default)]
struct Sending(tokio::sync::Notify);

impl Progress for Sending {
    fn event(&self, event: Event) {
        if matches!(event, Event::Attempt { .. }) {
            self.0.notify_one();
        }
    }
}

/// An upload whose caller goes away then.
async fn abandoned(gateway: &Opened, path: &std::path::Path, progress: &dyn Progress, then: impl Future<Output = ()>) {
    let (open, request) = (&gateway.gateway, gateway.request(path));
    tokio::select! {
        ended = open.upload(&gateway.who, request, progress) => panic!("{ended:?}"),
        () = then => {}
    }
}

/// Nobody is there to be told, so the audit log is.
#[tokio::test]
async fn how_settling_ended_an_upload_is_in_the_audit_log() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new()).clock(fast());
    let gateway = world.open().await;
    shop.upstream.faults().push(Operation::Create, Fault::Hang);
    let path = world.file("a.txt", "content");
    let requests = shop.upstream.requests();
    let arrived = requests.wait(|all| !all.is_empty());
    abandoned(&gateway, &path, &Silent, arrived).await;
    let settled = gateway.gateway.settle().await.unwrap();
    assert_eq!(settled.failed, 1, "{settled:?}");
    unknown(&gateway, &shop, &world.file("b.txt", "other")).await;
    assert_eq!(gateway.gateway.settle().await.unwrap().adopted, 1);
    drop(gateway);
    let records = loadlock_audit::last(&world.path("home/audit"), 100).unwrap();
    let ends: Vec<_> = records
        .into_iter()
        .map(|(_, record)| record.unwrap())
        .filter(|record| record.event == AuditEvent::Upload)
        .filter(|record| record.who.door.as_deref() == Some("gateway"))
        .map(|record| (record.outcome, record.what.name.unwrap()))
        .collect();
    assert_eq!(
        ends,
        [(Outcome::Failed, "a.txt".to_owned()), (Outcome::Ok, "b.txt".to_owned())]
    );
}
