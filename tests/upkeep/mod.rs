//! Upkeep of a running gateway: providers recover by themselves, what is left open is settled, old dedup hits are
//! confirmed, and `reconcile` and `fsck` find what does not agree.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod behind;
mod busy;
mod fsck;
mod on_use;
mod races;
mod reconcile;
mod recovery;
mod settling;
mod starts;
mod turns;

use std::future::Future;
use std::time::Duration;

use loadlock_gateway::{BalanceSheet, ProviderView};
use loadlock_tests::Opened;

/// Asks again until it is so. The limit is only there so that a defect ends the test.
async fn until<F: Future<Output = bool>>(what: &str, mut asked: impl FnMut() -> F) {
    let limit = tokio::time::Instant::now() + Duration::from_secs(60);
    while !asked().await {
        assert!(tokio::time::Instant::now() < limit, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn provider(gateway: &Opened, name: &str) -> ProviderView {
    let all = gateway.gateway.providers(&gateway.who).await.unwrap();
    all.into_iter().find(|one| one.name == name).unwrap()
}

async fn sheet(gateway: &Opened) -> BalanceSheet {
    gateway.gateway.fsck(&gateway.who).await.unwrap()
}

/// The count on a line of the sheet, summed over providers.
fn count(sheet: &BalanceSheet, name: &str) -> u64 {
    let lines: Vec<_> = sheet.lines.iter().filter(|line| line.name == name).collect();
    assert!(!lines.is_empty(), "there is no line `{name}`");
    lines.iter().map(|line| line.count).sum()
}
