//! Vendors through the real gateway and the real components, against fakes on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod documented;
mod egress;
mod errors;
mod limits;
mod lost;
mod names;
mod profiles;
mod round;
