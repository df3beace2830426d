//! The contract of the tracker, kept by the shared ledger over a real PostgreSQL; and what is its own. `run.sh` starts
//! the servers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

#[macro_use]
#[path = "../tracker/suite/mod.rs"]
mod suite;

mod access;
mod away;
mod batches;
mod differences;
mod doctor;
mod fake;
mod gateways;
mod import;
mod lease;
mod link;
mod migrations;
mod place;
mod plans;
mod refusals;
mod sql;

use place::open;

contract!(open, (3, 12));
