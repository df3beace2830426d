//! Suites of the journal. The power-loss suite is the point: a journal is only as good as what it holds afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod begins;
mod crash;
mod damage;
pub(crate) mod disk;
mod dump;
mod ends;
mod faults;
mod files;
mod groups;
mod naive;
mod outgoing;
mod power;
mod properties;
mod support;
mod sweeps;
