//! The shape of the sources below `host`, as numbers with bounds: import circles, long functions, type names that are
//! defined twice, long lines. It reads text and knows just enough of Rust for that.
//!
//! `cargo test -p loadlock-structure -- --nocapture` prints the table.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that prints its table")
)]

#[cfg(test)]
mod graph;
#[cfg(test)]
mod measure;
#[cfg(test)]
mod source;
#[cfg(test)]
mod tests;
