//! A gateway that is gone, and one that comes back.

use loadlock_sandbox::coordination::{Acquired, Attempt, Leased, ProviderState};
use loadlock_sandbox::tracker::{DedupKey, FileRecord, Recorded};
use loadlock_upstream::{Fault, Operation};

use super::site::{Site, balanced, files, start, until};
use crate::place;
use crate::sql::Sql;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_gateway_left_that_is_gone_another_settles() {
    let site = Site::new().await;
    let (one, two) = (site.place("").await, site.place("").await);
    let (first, second) = (one.world.open().await, two.world.open().await);
    let faults = site.shop.upstream.faults();
    // The vendor stores it, and its answer never comes.
    faults.push(Operation::Create, Fault::HangAfter);
    let path = one.world.file("a.txt", "left behind");
    let upload = start(&first, &path);
    until("the vendor has it", async || site.shop.upstream.files().len() == 1).await;
    // With no line it cannot say that it goes.
    one.line.cut();
    upload.abort();
    let _ = upload.await;
    drop(first);
    until("another has recorded it", async || files(&second).await.len() == 1).await;
    let adopted = files(&second).await.remove(0);
    assert_eq!(adopted.filename, "a.txt");
    let again = start(&second, &two.world.file("b.txt", "left behind"));
    let again = again.await.unwrap().unwrap();
    assert!(again.deduplicated);
    assert_eq!(again.remote_id, adopted.remote_id);
    balanced(&second).await;

    // It comes back, and leaves alone what is not its own any more.
    one.line.mend();
    let first = one.world.open().await;
    let sheet = balanced(&first).await;
    let open = sheet
        .lines
        .iter()
        .find(|line| line.name == "open entries that nobody holds");
    assert_eq!(open.unwrap().count, 0);
    assert_eq!(files(&first).await.len(), 2);
    assert_eq!(site.shop.posts().len(), 1);
    assert_eq!(site.shop.upstream.files().len(), 1);
}

/// It comes back before anybody missed it: what it left is its own to settle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_comes_back_in_time_settles_its_own() {
    let site = Site::new().await;
    let one = site.place("").await;
    let first = one.world.open().await;
    let faults = site.shop.upstream.faults();
    faults.push(Operation::Create, Fault::HangAfter);
    let upload = start(&first, &one.world.file("a.txt", "content"));
    until("the vendor has it", async || site.shop.upstream.files().len() == 1).await;
    one.line.cut();
    upload.abort();
    let _ = upload.await;
    let id = first.gateway.gateway_id().unwrap().to_owned();
    drop(first);
    one.line.mend();
    // A question to the ledger that was under way ends first.
    let mut again = None;
    until("its home is free", async || {
        again = one.world.try_open().await.ok();
        again.is_some()
    })
    .await;
    let first = again.unwrap();
    assert_eq!(first.gateway.gateway_id(), Some(id.as_str()));
    assert_eq!(files(&first).await.len(), 1);
    balanced(&first).await;
}

/// What was taken over is the other's: a record by the one that began it is refused, whichever comes first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_record_of_what_was_taken_over_is_refused() {
    const LEASE_MS: u64 = 3_600_000;
    let schema = place::schema();
    let ledger = place::coordination(&schema).await;
    let (one, two) = ("one".to_owned(), "two".to_owned());
    for first_to_record in ["one", "two"] {
        let key = DedupKey {
            tenant: "acme".into(),
            account: "shared".into(),
            purpose: "p".into(),
            treatment: String::new(),
            sha256: first_to_record.into(),
        };
        let attempt = Attempt {
            id: format!("file-{first_to_record}"),
            key: key.clone(),
            bytes: 5,
            entry: "entry".into(),
        };
        let begun = ledger.acquire(one.clone(), LEASE_MS, attempt.clone(), None, None);
        assert!(matches!(begun.await.unwrap().unwrap(), Acquired::Granted(_)));
        place::sql(&format!(
            "update {schema}.gateways set alive_until = '-infinity' where id = 'one'"
        ));
        let taken = ledger.take_over(two.clone(), vec!["shared".into()], 10);
        assert_eq!(taken.await.unwrap().unwrap(), std::slice::from_ref(&attempt));
        let record = async |gateway: &str| {
            let file = FileRecord {
                id: attempt.id.clone(),
                key: key.clone(),
                filename: "a.txt".into(),
                bytes: 5,
                media_type: "text/plain".into(),
                provider: "kimi".into(),
                remote_id: format!("stored-by-{gateway}-{first_to_record}"),
                address: Default::default(),
                deduplicated: false,
                attempts: 1,
                created_at_ms: 1_000,
                expires_at_ms: None,
            };
            let recorded = ledger.record_leased(gateway.to_owned(), vec![file]).await;
            recorded.unwrap().unwrap()
        };
        let inserted = [Leased::Done(Recorded::Inserted)];
        if first_to_record == "one" {
            assert_eq!(record("one").await, [Leased::Fenced]);
            assert_eq!(record("two").await, inserted);
        } else {
            assert_eq!(record("two").await, inserted);
            assert_eq!(record("one").await, [Leased::Fenced]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_was_away_for_a_week_and_left_nothing_is_forgotten() {
    let schema = place::schema();
    let (ledger, sql) = (place::coordination(&schema).await, Sql::connect().await);
    let failing = ProviderState {
        account: "shared".into(),
        open_ms: 3_600_000,
        cool_ms: 0,
    };
    let beat = ledger.beat("old".into(), 10_000, vec![failing]);
    beat.await.unwrap().unwrap();
    let news = ledger.beat("new".into(), 10_000, vec![]).await;
    let news = news.unwrap().unwrap();
    assert_eq!((news.peers.len(), news.states.len()), (1, 1));
    sql.run(&format!(
        "update {schema}.gateways set alive_until = now() - interval '8 days' where id = 'old'"
    ))
    .await;
    let news = ledger.beat("new".into(), 10_000, vec![]).await;
    let news = news.unwrap().unwrap();
    assert_eq!((news.peers.len(), news.states.len()), (0, 0));
}
