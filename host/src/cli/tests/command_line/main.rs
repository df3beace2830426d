//! The binary as its users meet it: what it prints where, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod components;
mod interruption;
mod place;
mod uploads;
mod usage;
