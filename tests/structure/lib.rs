//! The shape of the sources below `host`, as numbers with bounds: import circles, long functions, type names that are
//! defined twice, long lines. It reads text and knows just enough of Rust for that.
//!
//! `cargo test -p loadlock-structure -- --nocapture` prints the table.

#[cfg(test)]
mod graph;
#[cfg(test)]
mod measure;
#[cfg(test)]
mod source;
#[cfg(test)]
mod tests;
