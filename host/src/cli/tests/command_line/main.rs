//! The binary as its users meet it: what it prints where, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../audit.rs"]
mod audit;
#[path = "../../../../../tests/batch/mod.rs"]
mod batch;
mod components;
#[path = "../../../../registry/tests/support/fake.rs"]
mod fake;
mod install;
mod interruption;
mod place;
mod registry;
mod uploads;
mod usage;
