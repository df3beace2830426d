//! Components, signatures and faults against a registry of our own on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod encryption;
mod faults;
mod layout;
mod logins;
mod signatures;
mod support;
