//! The contract of the tracker, kept by the embedded ledger as it is shipped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[macro_use]
mod suite;

/// What the shared ledger is compared with, checked by itself.
#[path = "../ledger/lease/mod.rs"]
#[allow(dead_code, unreachable_pub)]
mod lease;

use std::sync::Arc;

use loadlock_sandbox::tracker::{Tracker, TrackerGrants};
use loadlock_sandbox::{EngineOptions, Sandbox, Source};
use loadlock_tests::compile_options;
use suite::support::TestLedger;

async fn open() -> TestLedger {
    let directory = tempfile::tempdir().unwrap();
    let state = std::fs::File::open(directory.path()).unwrap();
    let sandbox = Sandbox::new(&EngineOptions::default(), compile_options()).unwrap();
    let grants = TrackerGrants {
        state: Some(Arc::new(state)),
        ..TrackerGrants::default()
    };
    let builtin = loadlock::builtins()["tracker-local"];
    let source = Source::built_in("builtin:tracker-local", builtin);
    TestLedger {
        tracker: Tracker::load(&sandbox, &source, grants).await.unwrap(),
        storage: Box::new(directory),
        many: 5_000,
    }
}

contract!(open, (60, 40));
