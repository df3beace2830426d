//! Behaviour of the ledger over storages in memory, and of its file in a directory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod durability;
mod lifecycle;
mod lookups;
mod model;
mod opening;
mod pages;
mod support;
