//! The contract of the tracker, kept by every tracker: the cases of `loadlock component test`, each a test of its own,
//! and random histories beside them.
#![allow(missing_docs, unreachable_pub, dead_code)]

pub mod model;

pub use loadlock_kit::conformance::tracker::support;
use loadlock_kit::conformance::tracker::{CASES, TrackerCase};
use support::TestLedger;

/// A test for each case of the contract; `$open` makes an empty ledger. `$histories`: how many random ones are tried,
/// and their longest; fewer where a call is a request over a socket.
macro_rules! contract {
    ($open:path, $histories:expr) => {
        contract! { $open =>
            recorded_whole
            recorded_once
            batches
            last_release
            released_by_its_tenant
            references_to_live_files
            expired_remote_files
            observed_states
            missing_files_die
            forgotten
            ids_that_come_back
            expiry
            whole_keys
            shared_remote_files
            verified_last
            expired_files
            sizes
            addresses
            copies
            totals
            odd_names
            equal_timestamps
            newest_first
            cursors_survive
            foreign_cursors
            limits
            remote_pages
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn the_ledger_agrees_with_counting_by_looking() {
            suite::model::the_ledger_agrees_with_counting_by_looking(&$open().await, $histories).await;
        }
    };
    ($open:path => $($case:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            suite::keeps(stringify!($case), &$open().await).await;
        })*

        #[test]
        fn every_case_is_a_test() {
            assert_eq!(suite::names(), [$(stringify!($case)),*]);
        }
    };
}

fn name(case: &TrackerCase) -> String {
    case.name().replace('-', "_")
}

pub fn names() -> Vec<String> {
    CASES.iter().map(name).collect()
}

pub async fn keeps(test: &str, ledger: &TestLedger) {
    let case = CASES.iter().find(|case| name(case) == test).unwrap();
    if let Err(broken) = case.run(ledger).await {
        panic!("{}", broken.0);
    }
}
