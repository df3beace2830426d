//! Logs, traps, and what one host call may carry.

use loadlock_policy::model::{FailureKind, RemoteRef};
use loadlock_sandbox::provider::{ListQuery, Provider, ProviderGrants};
use loadlock_sandbox::{CallError, Exhausted, Limits};
use loadlock_tests::{Cell, sha256, tight};

#[tokio::test]
pub(crate) async fn log_flood() {
    let cell = Cell::new().await;
    cell.file("a.txt", "uploaded all the same");
    // It writes for longer than the other guests may compute.
    let limits = Limits {
        cpu: std::time::Duration::from_secs(20),
        ..tight()
    };
    let guest = cell
        .guest_with(
            "log_flood",
            ProviderGrants {
                limits: limits.clone(),
                ..cell.grants()
            },
        )
        .await;
    let report = cell.beside(cell.upload(&guest, "a.txt")).await;
    assert!(report.outcome.unwrap().is_ok());
    let written = 1_600 * (64 << 10);
    let kept: usize = report.log.iter().map(String::len).sum();
    assert_eq!(kept, limits.stderr_bytes);
    assert_eq!(report.log_dropped, written - kept as u64);
}

#[tokio::test]
pub(crate) async fn chatty_log() {
    let cell = Cell::new().await;
    cell.file("a.txt", "uploaded all the same");
    let guest = cell.guest("chatty_log").await;
    let report = cell.beside(cell.upload(&guest, "a.txt")).await;
    assert!(report.outcome.unwrap().is_ok());
    assert_eq!((report.log.len(), report.log_dropped), (1_024, 0));
    assert!(report.log[1_023].starts_with("1023 yyy"));

    // A cap in the middle of a line: still no harm.
    let limits = Limits {
        stderr_bytes: 100,
        ..tight()
    };
    let guest = cell
        .guest_with(
            "chatty_log",
            ProviderGrants {
                limits,
                ..cell.grants()
            },
        )
        .await;
    let report = cell.upload(&guest, "a.txt").await;
    assert!(report.outcome.unwrap().is_ok());
    assert_eq!(report.log_dropped, (64 << 10) - 100);
}

#[tokio::test]
async fn one_host_call_carries_no_more_than_its_limit() {
    let cell = Cell::new().await;
    cell.file("a.txt", "never uploaded");
    let limits = Limits {
        hostcall_bytes: 4 << 10,
        ..tight()
    };
    let guest = cell
        .guest_with(
            "log_flood",
            ProviderGrants {
                limits,
                ..cell.grants()
            },
        )
        .await;
    let report = cell.beside(cell.upload(&guest, "a.txt")).await;
    assert!(
        matches!(report.outcome, Err(CallError::Exhausted(Exhausted::HostCall))),
        "{report:?}"
    );
}

/// What a call of each export ends with: `true` if it trapped.
async fn trapped(cell: &Cell, guest: &Provider, export: &str) -> bool {
    let remote = RemoteRef {
        id: "file-1".to_owned(),
        purpose: "store".to_owned(),
    };
    let query = ListQuery {
        purpose: None,
        cursor: None,
        limit: 10,
    };
    let error = match export {
        "profile" => guest.profile().await.outcome.err(),
        "upload" => cell.upload(guest, "a.txt").await.outcome.err(),
        "stat" => guest.stat(&remote).await.outcome.err(),
        "list" => guest.list(&query).await.outcome.err(),
        "delete" => guest.delete(&remote).await.outcome.err(),
        "content" => guest
            .content(&remote, Provider::content_channel().0)
            .await
            .outcome
            .err(),
        "probe" => guest.probe().await.outcome.err(),
        other => panic!("no export {other}"),
    };
    match error {
        None => false,
        Some(CallError::Trap(_)) => true,
        Some(other) => panic!("{export}: {other}"),
    }
}

#[tokio::test]
pub(crate) async fn trap_at_export() {
    const EXPORTS: [&str; 7] = ["profile", "upload", "stat", "list", "delete", "content", "probe"];
    let cell = Cell::new().await;
    cell.file("a.txt", "content");
    for trapping in EXPORTS {
        let settings = vec![("trap".to_owned(), trapping.to_owned())];
        let guest = cell
            .guest_with(
                "trap_at_export",
                ProviderGrants {
                    settings,
                    ..cell.grants()
                },
            )
            .await;
        assert!(cell.beside(trapped(&cell, &guest, trapping)).await, "{trapping}");
        for export in EXPORTS {
            assert_eq!(
                trapped(&cell, &guest, export).await,
                export == trapping,
                "{export} after {trapping}"
            );
        }
    }
}

#[tokio::test]
pub(crate) async fn good() {
    let cell = Cell::new().await;
    cell.file("a.txt", "content");
    let guest = cell.guest("good").await;
    let report = cell.beside(cell.upload(&guest, "a.txt")).await;
    assert_eq!(report.outcome.unwrap().unwrap().id, sha256(b"content"));
    assert_eq!(guest.probe().await.outcome.unwrap().unwrap(), "well");
    let list = guest
        .list(&ListQuery {
            purpose: None,
            cursor: None,
            limit: 10,
        })
        .await;
    assert_eq!(list.outcome.unwrap().unwrap_err().kind, FailureKind::Unsupported);
}
