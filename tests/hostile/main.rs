//! Hostile guests: each costs its own call, tells nothing of others, and stops nobody.
//!
//! Every guest of `tests/guests` has a function of its name here; one without does not compile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod content;
mod cpu;
mod files;
mod gateway;
mod load;
mod memory;
mod network;
mod receipts;
mod roles;
mod streams;

use content::*;
use cpu::*;
use files::*;
use load::*;
use memory::*;
use network::*;
use receipts::*;
use roles::*;
use streams::*;

macro_rules! needs_a_test {
    ($name:ident) => {
        use self::$name as _;
    };
}
loadlock_tests::foreach_guest!(needs_a_test);
