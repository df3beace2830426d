//! Behaviour of the whole component, called as the host calls it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod configure;
mod confusion;
mod legacy;
mod rotation;
mod support;
mod tokens;
