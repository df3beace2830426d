//! What nobody can find out about, or delete, takes nobody else's turn.

use std::path::PathBuf;

use loadlock_gateway::{Clock, ErrorCode, Silent};
use loadlock_journal::{ContentKey, DeleteIntent, Intent, Journal, SourceRef};
use loadlock_tests::{Opened, Shop, World};
use loadlock_upstream::{Fault, Operation};

use super::settling::lose;
use super::{count, sheet, until};

/// As many as one round, or one start, looks at.
const MOST: usize = 100;

/// The mark of all uploads that were made up.
const MARK: &str = "0123456789abcdef";

fn fast() -> Clock {
    Clock::scaled(600)
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// An upload to a provider's own account, under an id that comes before those of today.
fn intent(number: usize, provider: &str) -> Intent {
    let id = format!("file-{number:026}");
    Intent {
        mark: String::new(),
        id,
        tenant: "local".into(),
        subject: "tester".into(),
        idempotency: None,
        key: ContentKey {
            tenant: "local".into(),
            account: provider.into(),
            purpose: "file-extract".into(),
            treatment: "txt".into(),
            sha256: None,
        },
        provider: provider.into(),
        remote_name: "a.txt".into(),
        filename: "a.txt".into(),
        media_type: "text/plain".into(),
        bytes: 1,
        source: SourceRef::Spool {
            dir: PathBuf::from("nowhere"),
        },
        created_at_ms: now_ms(),
        expires_at_ms: None,
        component: None,
        callback: None,
    }
}

/// Closes the gateway and changes its journal.
async fn with_journal(gateway: Opened, change: impl AsyncFnOnce(&Journal)) {
    let journal = gateway.gateway.home().join("journal");
    drop(gateway);
    let journal = Journal::open(&journal).unwrap();
    change(&journal).await;
    journal.close().await.unwrap();
}

async fn unknown_outcomes(journal: &Journal, provider: &str) {
    for number in 0..MOST {
        let intent = Intent {
            mark: MARK.into(),
            ..intent(number, provider)
        };
        let id = intent.id.clone();
        journal.begin(intent).await.unwrap();
        let why = "nobody could tell".to_owned();
        journal.unknown(&id, why, now_ms()).await.unwrap();
    }
}

/// As many as a vendor without a list leaves in its time.
#[tokio::test]
async fn unknown_outcomes_that_can_be_asked_about_are_not_hidden_by_others() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new()).clock(fast());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    lose(&gateway, &shop, &path).await;
    with_journal(gateway, async |journal| {
        unknown_outcomes(journal, "zai").await;
    })
    .await;
    let gateway = world.open().await;
    assert_eq!(gateway.list().await.unwrap().files.len(), 1);
    assert_eq!(count(&sheet(&gateway).await, "unknown outcomes"), MOST as u64);
}

/// Their marks are on two files of the list, so that whoever asks learns nothing, each time.
#[tokio::test]
async fn rounds_get_to_outcomes_behind_those_that_stay_unknown() {
    let shop = Shop::kimi().await.more("account = \"kimi\"");
    let world = shop.join(World::new()).clock(fast());
    let path = world.file("a.txt", "content");
    for number in 0..2 {
        let name = format!("{number}-{MARK}.txt");
        shop.upstream.files().put(&name, "file-extract", b"x");
    }
    with_journal(world.open().await, async |journal| {
        unknown_outcomes(journal, "kimi").await;
    })
    .await;
    let gateway = world.open().await;
    lose(&gateway, &shop, &path).await;
    let _upkeep = gateway.gateway.start_upkeep();
    until("the one behind them is recorded", || async {
        gateway.list().await.unwrap().files.len() == 1
    })
    .await;
    assert_eq!(count(&sheet(&gateway).await, "unknown outcomes"), MOST as u64);
}

#[tokio::test]
async fn deletes_of_a_removed_provider_do_not_hide_others() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new()).clock(fast());
    let gateway = world.open().await;
    // Stored whole, and then the caller gives up: it is found, to be deleted, and the delete fails.
    let faults = shop.upstream.faults();
    faults.push(Operation::Create, Fault::HangAfter);
    faults.always(Operation::Delete, Fault::status(503));
    let request = gateway.request(world.file("a.txt", "given up"));
    let cancel = request.cancel.clone();
    let requests = shop.upstream.requests();
    let upload = gateway.gateway.upload(&gateway.who, request, &Silent);
    let (ended, ()) = tokio::join!(upload, async {
        requests.wait(|all| all.iter().any(|one| one.status.is_some())).await;
        cancel.cancel();
    });
    assert_eq!(ended.unwrap_err().code, ErrorCode::Cancelled);
    assert_eq!(shop.upstream.files().len(), 1);
    with_journal(gateway, async |journal| {
        for number in 0..MOST {
            let delete = DeleteIntent {
                account: "gone".into(),
                provider: "gone".into(),
                remote_id: format!("r{number}"),
                why: "a test".into(),
                at_ms: 1,
            };
            journal.deleting(delete).await.unwrap();
        }
    })
    .await;
    // The start tries more of them; the vendor is still unwell then.
    let gateway = world.open().await;
    faults.clear();
    let _upkeep = gateway.gateway.start_upkeep();
    until("it is gone", || async { shop.upstream.files().is_empty() }).await;
    until("the journal knows", || async {
        count(&sheet(&gateway).await, "pending deletes") == MOST as u64
    })
    .await;
}
