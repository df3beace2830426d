//! Time: loops, sleeps, and the slow who are innocent.

use std::pin::pin;
use std::time::Duration;

use loadlock_policy::model::FailureKind;
use loadlock_sandbox::provider::ProviderGrants;
use loadlock_sandbox::{CallError, Exhausted, Limits};
use loadlock_tests::{Cell, Sink, World, sha256, tight};

#[tokio::test]
pub(crate) async fn loop_in_profile() {
    let cell = Cell::new().await;
    let guest = cell.guest("loop_in_profile").await;
    let report = cell.beside(guest.profile()).await;
    assert!(
        matches!(report.outcome, Err(CallError::Exhausted(Exhausted::Cpu))),
        "{report:?}"
    );
    assert!(report.usage.cpu > tight().cpu);
    // A fresh instance for every call: the next one answers.
    let failure = guest.probe().await.outcome.unwrap().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unsupported);
}

#[tokio::test]
pub(crate) async fn loop_in_upload() {
    let cell = Cell::new().await;
    cell.file("a.txt", "never read");
    let guest = cell.guest("loop_in_upload").await;
    let report = cell.beside(cell.upload(&guest, "a.txt")).await;
    assert!(
        matches!(report.outcome, Err(CallError::Exhausted(Exhausted::Cpu))),
        "{report:?}"
    );
    assert!(guest.profile().await.outcome.unwrap().is_ok());
}

#[tokio::test]
pub(crate) async fn loop_in_start() {
    let cell = Cell::new().await;
    let guest = cell.guest("loop_in_start").await;
    let report = cell.beside(guest.profile()).await;
    assert!(
        matches!(report.outcome, Err(CallError::Exhausted(Exhausted::Cpu))),
        "{report:?}"
    );
}

#[tokio::test]
pub(crate) async fn sleep_forever() {
    ends_with_its_time("sleep_forever").await;
}

#[tokio::test]
pub(crate) async fn keyed_and_silent() {
    ends_with_its_time("keyed_and_silent").await;
}

async fn ends_with_its_time(name: &str) {
    let cell = Cell::new().await;
    cell.file("a.txt", "never read");
    let limits = Limits {
        wall: Duration::from_millis(300),
        ..tight()
    };
    let guest = cell
        .guest_with(
            name,
            ProviderGrants {
                limits,
                ..cell.grants()
            },
        )
        .await;
    let report = cell.beside(cell.upload(&guest, "a.txt")).await;
    assert!(
        matches!(report.outcome, Err(CallError::Exhausted(Exhausted::Wall))),
        "{report:?}"
    );
    assert!(guest.profile().await.outcome.unwrap().is_ok());
}

/// Without a limit in sight: others finish while a loop and a sleep still run, on the same thread.
#[tokio::test]
async fn others_finish_before_a_guest_that_never_does() {
    let cell = Cell::new().await;
    cell.file("a.txt", "never read");
    let limits = Limits {
        cpu: Duration::from_secs(3_600),
        wall: Duration::from_secs(3_600),
        ..tight()
    };
    for name in ["loop_in_upload", "sleep_forever"] {
        let guest = cell
            .guest_with(
                name,
                ProviderGrants {
                    limits: limits.clone(),
                    ..cell.grants()
                },
            )
            .await;
        let mut endless = pin!(cell.upload(&guest, "a.txt"));
        for _ in 0..3 {
            tokio::select! {
                report = &mut endless => panic!("{report:?}"),
                () = cell.store() => {}
            }
        }
        // A caller that goes away takes the call with it.
        assert!(futures::poll!(&mut endless).is_pending(), "it ended");
    }
    cell.store().await;
}

/// Innocent: most of its time passes in sleeps, far more of them than its CPU budget has ticks.
#[tokio::test]
pub(crate) async fn slow_reader() {
    let cell = Cell::new().await;
    let content = vec![7; 64 << 10];
    cell.file("slow.bin", &content);
    let limits = Limits {
        cpu: Duration::from_millis(200),
        ..tight()
    };
    let settings = vec![
        ("chunk".to_owned(), "1024".to_owned()),
        ("sleep_ms".to_owned(), "15".to_owned()),
    ];
    let guest = cell
        .guest_with(
            "slow_reader",
            ProviderGrants {
                settings,
                limits: limits.clone(),
                ..cell.grants()
            },
        )
        .await;
    let report = cell.beside(cell.upload(&guest, "slow.bin")).await;
    let stored = report.outcome.unwrap().unwrap();
    assert_eq!(stored.bytes, 64 << 10);
    assert_eq!(report.read.unwrap().sha256.unwrap(), sha256(&content));
    // 64 sleeps of 15 ms are at least 64 ticks of 10 ms: more than the budget, had they counted.
    assert!(
        report.usage.wall > 3 * limits.cpu && report.usage.cpu < limits.cpu,
        "{:?}",
        report.usage
    );
}

/// Innocent: an upload that trickles out exhausts no budget, although it takes several times as long.
#[tokio::test]
async fn an_upload_that_trickles_exhausts_no_cpu() {
    // What the kernel buffers is not slow, so the file is much larger than that.
    let sink = Sink::slow(64 << 10, Duration::from_millis(4)).await;
    let world = World::new().with_guest(
        "far",
        "good_http",
        &format!("{}\nsandbox = {{ cpu = \"50ms\" }}", sink.config()),
    );
    let content: Vec<u8> = (0..16 << 20).map(|i: u32| (i >> 8) as u8).collect();
    let path = world.file("large.bin", &content);
    let gateway = world.open().await;
    let file = gateway.upload(&path).await.unwrap();
    assert_eq!((file.bytes, file.attempts), (16 << 20, 1));
    assert_eq!(file.sha256, sha256(&content));
    assert_eq!(sha256(&sink.received()[0].body), file.sha256);
}
