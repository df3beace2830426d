//! Space: memory, tables, stack, resources.

use std::pin::pin;
use std::time::Duration;

use loadlock_sandbox::provider::ProviderGrants;
use loadlock_sandbox::{CallError, CallUsage, EngineOptions, Exhausted, Limits};
use loadlock_tests::{Cell, compile_options, tight};

#[tokio::test]
pub(crate) async fn memory_bomb() {
    for cell in [Cell::new().await, Cell::on_demand().await] {
        cell.file("a.txt", "never read");
        let guest = cell.guest("memory_bomb").await;
        let report = cell.beside(cell.upload(&guest, "a.txt")).await;
        assert!(
            matches!(report.outcome, Err(CallError::Exhausted(Exhausted::Memory))),
            "{report:?}"
        );
        let limit = tight().memory_bytes;
        assert!(
            report.usage.memory_peak <= limit && report.usage.memory_peak > limit / 2,
            "{:?}",
            report.usage
        );
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
        assert_eq!(
            granted,
            64,
            "in units of 1,024 elements, of at most {}",
            tight().table_elements
        );
    }
}

#[tokio::test]
pub(crate) async fn stack_overflow() {
    let cell = Cell::new().await;
    cell.file("a.txt", "never read");
    let guest = cell.guest("stack_overflow").await;
    let report = cell.beside(cell.upload(&guest, "a.txt")).await;
    assert!(
        matches!(report.outcome, Err(CallError::Exhausted(Exhausted::Stack))),
        "{report:?}"
    );
    assert!(guest.profile().await.outcome.unwrap().is_ok());
}

#[tokio::test]
pub(crate) async fn ten_thousand_resources() {
    let cell = Cell::new().await;
    cell.file("a.txt", "opened again and again");
    let guest = cell.guest("ten_thousand_resources").await;
    let report = cell.beside(cell.upload(&guest, "a.txt")).await;
    assert!(
        matches!(report.outcome, Err(CallError::Exhausted(Exhausted::Resources))),
        "{report:?}"
    );
    assert!(guest.profile().await.outcome.unwrap().is_ok());
}

/// A component that is granted more than a pooled slot has runs on demand, under its own limit.
#[tokio::test]
async fn a_limit_above_the_pool_is_still_a_limit() {
    let engine = EngineOptions {
        slots: 8,
        pooled_memory_bytes: 16 << 20,
        ..EngineOptions::default()
    };
    let cell = Cell::with(engine, compile_options()).await;
    cell.file("a.txt", "never read");
    let guest = cell.guest("memory_bomb").await;
    let report = cell.beside(cell.upload(&guest, "a.txt")).await;
    assert!(
        matches!(report.outcome, Err(CallError::Exhausted(Exhausted::Memory))),
        "{report:?}"
    );
    let peak = report.usage.memory_peak;
    assert!(peak > 16 << 20 && peak <= tight().memory_bytes, "{peak}");
}

/// Calls beyond a limit wait for their turn within their own time, and then do not start.
#[tokio::test]
async fn calls_beyond_the_concurrency_wait() {
    // For one provider, and for all of them together.
    for (slots, concurrency) in [(8, 1), (1, 8)] {
        let cell = Cell::with(
            EngineOptions {
                slots,
                ..EngineOptions::default()
            },
            compile_options(),
        )
        .await;
        cell.file("a.txt", "content");
        let limits = Limits { concurrency, ..tight() };
        let sleeper = cell
            .guest_with(
                "sleep_forever",
                ProviderGrants {
                    limits: limits.clone(),
                    ..cell.grants()
                },
            )
            .await;
        let other = cell
            .guest_with(
                "good",
                ProviderGrants {
                    limits,
                    ..cell.grants()
                },
            )
            .await;
        let second = if slots == 1 { &other } else { &sleeper };
        {
            let mut holder = pin!(cell.upload(&sleeper, "a.txt"));
            let (input, facts) = cell.admit("a.txt");
            let options = loadlock_tests::options();
            let soon = Some(Duration::from_millis(100));
            let report = tokio::select! {
                biased;
                report = &mut holder => panic!("{report:?}"),
                report = second.upload(&input, &facts, &options, soon) => report,
            };
            assert!(matches!(report.outcome, Err(CallError::Overloaded)), "{report:?}");
            assert_eq!(report.usage, CallUsage::default());
        }
        // Its place is free again.
        assert!(second.profile().await.outcome.unwrap().is_ok());
        cell.store().await;
    }
}
