//! The summary of the audit log: the ledger counts what the gateways' own logs hold.

use std::collections::BTreeMap;

use loadlock_gateway::ErrorCode;
use loadlock_sandbox::coordination::AuditCount;
use loadlock_tests::Opened;

use super::servers::Servers;
use super::site::{Place, Site, start, until};
use crate::place::{coordination, schema};
use crate::sql::Sql;

/// Records by day, tenant, event and outcome.
type Kinds = BTreeMap<String, u64>;

/// What the hash-chained logs of gateways hold.
fn logged(gateways: &[&Opened]) -> Kinds {
    let mut kinds = Kinds::new();
    for gateway in gateways {
        let home = gateway.gateway.home();
        for (_, record) in loadlock_audit::last(&home.join("audit"), 10_000).unwrap() {
            let record = record.expect("a record that can be read");
            let day = record.time.split('T').next().unwrap().to_owned();
            let tenant = record.who.tenant.unwrap_or_default();
            let (event, outcome) = (record.event.as_str(), record.outcome.as_str());
            let kind = format!("{day}|{tenant}|{event}|{outcome}");
            *kinds.entry(kind).or_default() += 1;
        }
    }
    kinds
}

/// What the ledger says.
fn summed(servers: &Servers) -> Kinds {
    let rows = servers.ask(
        "select day || '|' || tenant || '|' || event || '|' || outcome || ' ' || sum(records)
         from loadlock.audit_summary group by day, tenant, event, outcome",
    );
    let rows = rows.lines().map(|row| row.rsplit_once(' ').unwrap());
    rows.map(|(kind, records)| (kind.to_owned(), records.parse().unwrap()))
        .collect()
}

async fn agrees(servers: &Servers, gateways: &[&Opened]) {
    until("the ledger counts what the logs hold", async || {
        summed(servers) == logged(gateways)
    })
    .await;
}

fn of(kinds: &Kinds, what: &str) -> u64 {
    let those = kinds.iter().filter(|(kind, _)| kind.ends_with(what));
    those.map(|(_, records)| records).sum()
}

async fn upload(gateway: &Opened, place: &Place, content: &str) -> String {
    let path = place.world.file(&format!("{content}.txt"), content);
    start(gateway, &path).await.unwrap().unwrap().id
}

async fn refused(gateway: &Opened, place: &Place) {
    let path = place.world.path("outside").join("ledger.key");
    let error = start(gateway, &path).await.unwrap().unwrap_err();
    assert_eq!(error.code, ErrorCode::PathNotAllowed, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_of_two_gateways_is_counted_whatever_happens_to_the_database() {
    let servers = Servers::start().await;
    let site = Site::on(servers.port, "loadlock").await;
    let (one, two) = (site.place("").await, site.place("").await);
    let (first, second) = (one.world.open().await, two.world.open().await);
    let file = upload(&first, &one, "a").await;
    upload(&second, &two, "a").await;
    upload(&second, &two, "b").await;
    agrees(&servers, &[&first, &second]).await;

    // What happens while the database is not there, or out of reach, is counted when it is.
    servers.restart();
    refused(&first, &one).await;
    one.line.cut();
    refused(&first, &one).await;
    one.line.mend();
    upload(&second, &two, "c").await;
    until("it can be deleted", async || {
        first.gateway.delete(&first.who, &file).await.is_ok()
    })
    .await;
    agrees(&servers, &[&first, &second]).await;
    let summed_up = summed(&servers);
    assert_eq!(of(&summed_up, "|local|upload|ok"), 4, "{summed_up:?}");
    assert_eq!(of(&summed_up, "|local|admission|denied"), 2, "{summed_up:?}");
    assert_eq!(of(&summed_up, "|local|delete|ok"), 1, "{summed_up:?}");

    // Who closes says what is left; who comes back goes on counting.
    upload(&first, &one, "d").await;
    upload(&second, &two, "e").await;
    first.gateway.close().await;
    second.gateway.close().await;
    assert_eq!(summed(&servers), logged(&[&first, &second]));
    drop(first);
    let mut again = None;
    until("its home is free", async || {
        again = one.world.try_open().await.ok();
        again.is_some()
    })
    .await;
    let first = again.unwrap();
    upload(&first, &one, "f").await;
    agrees(&servers, &[&first, &second]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_that_are_said_twice_or_late_count_once() {
    let schema = schema();
    let ledger = coordination(&schema).await;
    let sql = Sql::connect().await;
    let count = |since_ms: u64, records: u64| AuditCount {
        day: 20_000,
        since_ms,
        tenant: "acme".into(),
        event: "upload".into(),
        outcome: "ok".into(),
        records,
    };
    let said = async |gateway: &str, counts: Vec<AuditCount>| {
        let said = ledger.audit_counts(gateway.to_owned(), counts).await;
        said.unwrap().unwrap()
    };
    assert_eq!(said("one", vec![count(5, 3), count(9, 1)]).await, 2);
    assert_eq!(said("one", vec![count(5, 3), count(9, 1)]).await, 0);
    assert_eq!(said("one", vec![count(5, 7)]).await, 1);
    // An answer was lost, and what it was for arrives after what came later.
    assert_eq!(said("one", vec![count(5, 3)]).await, 0);
    assert_eq!(said("two", vec![count(5, 10)]).await, 1);
    let all = format!("select day || ' ' || sum(records) from {schema}.audit_summary group by day");
    assert_eq!(sql.column(&all).await, ["2024-10-04 18"]);
    // Whatever a clock says, the database can hold it.
    let strange = AuditCount {
        day: u32::MAX,
        records: u64::MAX,
        ..count(u64::MAX, 0)
    };
    assert_eq!(said("one", vec![strange]).await, 1);
}
