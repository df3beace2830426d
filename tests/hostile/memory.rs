//! Space: memory, tables, stack, resources.

use loadlock_sandbox::provider::ProviderGrants;
use loadlock_sandbox::{CallError, Exhausted, Limits};
use loadlock_tests::{Cell, tight};

#[tokio::test]
pub(crate) async fn memory_bomb() {
    for cell in [Cell::new().await, Cell::on_demand().await] {
        cell.file("a.txt", "never read");
        let guest = cell.guest("memory_bomb").await;
        let report = cell.beside(cell.upload(&guest, "a.txt")).await;
        assert!(matches!(report.outcome, Err(CallError::Exhausted(Exhausted::Memory))), "{report:?}");
        let limit = tight().memory_bytes;
        assert!(report.usage.memory_peak <= limit && report.usage.memory_peak > limit / 2, "{:?}", report.usage);
        assert!(guest.profile().await.outcome.unwrap().is_ok());
    }
}

#[tokio::test]
pub(crate) async fn memory_bomb_two_memories() {
    for cell in [Cell::new().await, Cell::on_demand().await] {
        let guest = cell.guest("memory_bomb_two_memories").await;
        let report = cell.beside(guest.profile()).await;
        let granted = report.outcome.unwrap().unwrap_err().status.unwrap();
        // 32 MiB over both, of which one page was there at the start.
        assert_eq!(granted, 31);
        assert_eq!(report.usage.memory_peak, (31 << 20) + (64 << 10));
    }
}

#[tokio::test]
pub(crate) async fn table_bomb() {
    for cell in [Cell::new().await, Cell::on_demand().await] {
        let guest = cell.guest("table_bomb").await;
        let report = cell.beside(guest.profile()).await;
        let granted = report.outcome.unwrap().unwrap_err().status.unwrap();
        assert_eq!(granted, 64, "in units of 1,024 elements, of at most {}", tight().table_elements);
    }
}

#[tokio::test]
pub(crate) async fn stack_overflow() {
    let cell = Cell::new().await;
    cell.file("a.txt", "never read");
    let guest = cell.guest("stack_overflow").await;
    let report = cell.beside(cell.upload(&guest, "a.txt")).await;
    assert!(matches!(report.outcome, Err(CallError::Exhausted(Exhausted::Stack))), "{report:?}");
    assert!(guest.profile().await.outcome.unwrap().is_ok());
}

#[tokio::test]
pub(crate) async fn ten_thousand_resources() {
    let cell = Cell::new().await;
    cell.file("a.txt", "opened again and again");
    let guest = cell.guest("ten_thousand_resources").await;
    let report = cell.beside(cell.upload(&guest, "a.txt")).await;
    assert!(matches!(report.outcome, Err(CallError::Exhausted(Exhausted::Resources))), "{report:?}");
    assert!(guest.profile().await.outcome.unwrap().is_ok());
}

/// Memory of a component with more than a pooled slot has: it runs on demand, under the same limit.
#[tokio::test]
async fn a_limit_above_the_pool_is_still_a_limit() {
    let cell = Cell::new().await;
    cell.file("a.txt", "never read");
    let limits = Limits { memory_bytes: 300 << 20, ..tight() };
    let guest = cell.guest_with("memory_bomb", ProviderGrants { limits: limits.clone(), ..cell.grants() }).await;
    let report = cell.beside(cell.upload(&guest, "a.txt")).await;
    assert!(matches!(report.outcome, Err(CallError::Exhausted(Exhausted::Memory))), "{report:?}");
    assert!(report.usage.memory_peak > 256 << 20 && report.usage.memory_peak <= limits.memory_bytes, "{:?}", report.usage);
}

/// Calls beyond the limit wait for their turn, within their own time.
#[tokio::test]
async fn calls_beyond_the_concurrency_wait() {
    let cell = Cell::new().await;
    cell.file("a.txt", "never read");
    let limits = Limits { concurrency: 1, wall: std::time::Duration::from_millis(200), ..tight() };
    let guest = cell.guest_with("sleep_forever", ProviderGrants { limits, ..cell.grants() }).await;
    let (first, second) = tokio::join!(cell.upload(&guest, "a.txt"), cell.upload(&guest, "a.txt"));
    assert!(matches!(first.outcome, Err(CallError::Exhausted(Exhausted::Wall))), "{first:?}");
    // Which deadline is met first, the wait's or the call's, is not said: never both calls at once.
    assert!(matches!(second.outcome, Err(CallError::Overloaded | CallError::Exhausted(Exhausted::Wall))), "{second:?}");
    cell.store().await;
}
