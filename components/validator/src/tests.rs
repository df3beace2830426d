//! Behaviour of the whole component, called as the host calls it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corpus;
mod lists;
mod names;
mod properties;
mod search;
mod secrets;
mod support;
mod types;
