//! `loadlock upload` over many files: the real binary against a fake vendor and the embedded provider.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod interrupted;
mod killed;
mod many;
mod shop;
