//! The transport, against servers on loopback.

mod addresses;
mod common;
mod credential_sources;
mod credentials;
mod encryption;
mod limits;
mod minted;
mod pooling;
mod scrubbing;
mod streaming;
mod timeouts;
