//! What is this ledger's own: its storages in memory, its file in a directory, and what a question reads of it. That it
//! keeps the tracker's contract is tested through the component, by the suite that every tracker passes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod costs;
mod durability;
mod extremes;
mod gather;
mod opening;
mod support;
