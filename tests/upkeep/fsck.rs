//! `fsck`: balances after any mix of work, and not when something changed behind its back.

use std::path::Path;

use loadlock_gateway::{BalanceSheet, Gateway};
use loadlock_policy::upkeep::Finding;
use loadlock_tests::{Shop, World};
use loadlock_upstream::{Answer, Fault, Operation};

use super::{count, sheet};

/// Uploads, dedup hits, deletes, refusals and lost answers at a vendor, at one that cannot be asked, and at the local
/// store.
async fn worked() -> (World, Shop, Shop) {
    let (shop, silent) = (Shop::kimi().await, Shop::zai().await);
    let world = silent.join(shop.join(World::new())).config("[providers.local]");
    let gateway = world.open().await;
    for provider in ["kimi", "local"] {
        let mut files = Vec::new();
        for number in 0..6 {
            let path = world.file(&format!("{number}.txt"), format!("content {}", number % 4));
            files.push(gateway.upload_pinned(provider, path).await.unwrap());
        }
        assert_eq!(files.iter().filter(|file| file.deduplicated).count(), 2);
        for file in &files[3..5] {
            gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
        }
    }
    let faults = shop.upstream.faults();
    let path = world.file("faulty.txt", "faulty");
    faults.push(Operation::Create, Fault::status(400));
    gateway.upload_pinned("kimi", &path).await.unwrap_err();
    faults.push(Operation::Create, Fault::ResetAfter);
    gateway.upload_pinned("kimi", &path).await.unwrap();
    faults.push(Operation::Delete, Fault::status(503));
    let dying = world.file("dying.txt", "dying");
    let dying = gateway.upload_pinned("kimi", &dying).await.unwrap();
    gateway.gateway.delete(&gateway.who, &dying.id).await.unwrap();
    silent.upstream.faults().push(Operation::Create, Fault::ResetAfter);
    gateway.upload_pinned("zai", &path).await.unwrap_err();
    shop.upstream
        .files()
        .put("theirs.txt", "file-extract", b"another program's");
    let sheet = sheet(&gateway).await;
    assert!(sheet.balanced, "{sheet:#?}");
    assert_eq!(count(&sheet, "unknown outcomes"), 1);
    assert_eq!(count(&sheet, "dying remote files"), 1);
    assert_eq!(count(&sheet, "recorded by nobody here"), 1);
    assert_eq!(sheet.not_listed.len(), 1);
    (world, shop, silent)
}

/// As the command line looks: without settling first.
async fn look(world: &World) -> BalanceSheet {
    let mut setup = world.setup();
    setup.look_only = true;
    let gateway = Gateway::open(setup).await.unwrap();
    let who = loadlock::local::authenticate(&gateway).await.unwrap();
    gateway.fsck(&who).await.unwrap()
}

fn unbalanced(sheet: &BalanceSheet) -> Vec<&str> {
    let lines = sheet.lines.iter();
    lines
        .filter(|line| line.finding == Finding::Unbalanced)
        .map(|line| line.name.as_ref())
        .collect()
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::copy(from, to).unwrap();
    }
}

fn put_back(from: &Path, to: &Path) {
    std::fs::remove_dir_all(to).unwrap();
    copy(from, to);
}

#[tokio::test]
async fn it_balances_after_any_mix_of_work_and_changes_nothing() {
    let (world, shop, _silent) = worked().await;
    let (before, ids) = (look(&world).await, shop.upstream.files().len());
    assert!(before.balanced, "{before:#?}");
    assert_eq!(before, look(&world).await);
    assert_eq!(shop.upstream.files().len(), ids);
}

#[tokio::test]
async fn a_remote_file_that_went_tips_it() {
    let (world, shop, _silent) = worked().await;
    let stored = shop.upstream.files().all();
    assert!(shop.upstream.files().lose(&stored[0].id));
    let sheet = look(&world).await;
    assert_eq!(unbalanced(&sheet), ["stored files found at the vendor"]);
    assert!(!sheet.balanced);
}

#[tokio::test]
async fn rows_and_objects_that_come_or_go_tip_it() {
    let world = World::new();
    let (ledger, objects) = (
        world.path("home/tracker/ledger"),
        world.path("home/providers/local/objects"),
    );
    let keep = |name: &str| world.path("outside").join(name);
    let gateway = world.open().await;
    gateway.upload(world.file("a.txt", "one")).await.unwrap();
    drop(gateway);
    copy(&ledger, &keep("ledger"));
    copy(&objects, &keep("objects"));
    let gateway = world.open().await;
    gateway.upload(world.file("b.txt", "two")).await.unwrap();
    drop(gateway);
    copy(&ledger, &keep("ledger of both"));
    assert!(look(&world).await.balanced);

    // The object went, its row is there.
    copy(&objects, &keep("objects of both"));
    put_back(&keep("objects"), &objects);
    let sheet = look(&world).await;
    assert_eq!(unbalanced(&sheet), ["stored files found at the vendor"]);

    // The row went, its object is there. Nobody but Loadlock stores here.
    put_back(&keep("objects of both"), &objects);
    put_back(&keep("ledger"), &ledger);
    let sheet = look(&world).await;
    assert_eq!(unbalanced(&sheet), ["recorded by nobody here"]);

    put_back(&keep("ledger of both"), &ledger);
    assert!(look(&world).await.balanced);
}

#[tokio::test]
async fn a_leftover_of_a_failed_upload_tips_it() {
    let (world, shop, _silent) = worked().await;
    let gateway = world.open().await;
    let stored = Fault::StoredAnswer(Answer::status(400));
    shop.upstream.faults().push(Operation::Create, stored);
    let path = world.file("refused.txt", "refused");
    gateway.upload_pinned("kimi", path).await.unwrap_err();
    drop(gateway);
    assert_eq!(unbalanced(&look(&world).await), ["leftovers of failed uploads"]);
}

#[tokio::test]
async fn a_body_that_belongs_to_nobody_tips_it() {
    let (world, _shop, _silent) = worked().await;
    let body = world.path("home/spool/0123");
    std::fs::create_dir(&body).unwrap();
    assert_eq!(unbalanced(&look(&world).await), ["spooled bodies without an owner"]);
    // The next start cleans it away.
    drop(world.open().await);
    assert!(!body.exists());
    assert!(look(&world).await.balanced);
}

#[tokio::test]
async fn gauges_show_what_an_account_holds() {
    let shop = Shop::kimi().await.settings("max_count = 7");
    let world = shop.join(World::new());
    let gateway = world.open().await;
    for number in 0..3 {
        let path = world.file(&format!("{number}.txt"), format!("content {number}"));
        gateway.upload(path).await.unwrap();
    }
    let view = super::provider(&gateway, "kimi").await;
    let gauge = view.quota.iter().find(|one| one.purpose == "file-extract");
    let gauge = gauge.unwrap();
    assert_eq!((gauge.files, gauge.max_files), (3, Some(7)));
    assert_eq!(gauge.bytes, 27);
}
