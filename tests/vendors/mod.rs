//! Vendors through the real gateway and the real components, against fakes on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod anthropic;
mod dialects;
mod documented;
mod egress;
mod errors;
mod frozen;
mod gemini;
mod limits;
mod lost;
mod names;
mod profiles;
mod round;
mod s3;
mod secrets;
