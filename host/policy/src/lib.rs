//! Loadlock's decisions: who may reach what, where a file goes, when to try again, when to stop.
//!
//! Everything here is a pure function or a state machine whose inputs are arguments. There is no I/O, no clock, no
//! source of randomness, no async and no WebAssembly: a caller passes the time as [`Millis`] and randomness as an `f64`
//! in `[0, 1)`. So every decision can be tested by itself, and the state machines are checked exhaustively over small
//! scopes (every interleaving of a few callers and events).
//!
//! | module | decides |
//! |---|---|
//! | [`model`] | nothing: the internal form of the public contract's types, and whether a value of them is acceptable |
//! | [`egress`] | whether a component's outgoing request leaves, in which canonical form, with or without a credential |
//! | [`credential`] | where a secret comes from, as a template that holds none |
//! | [`address`] | whether a resolved address may be connected to |
//! | [`container`] | what to read of a container so that the validator can say what it is |
//! | [`forwarding`] | whose request it is that a proxy passes on |
//! | [`paths`] | which grant a path falls under |
//! | [`routing`] | which providers may take a file, in which order |
//! | [`retry`] | what follows a failed attempt |
//! | [`budget`] | whether a provider's retries are still a small part of its traffic |
//! | [`breaker`] | whether a provider is asked at all |
//! | [`quota`] | whether a count or a number of bytes is left |
//! | [`reading`] | who may read content, and who gives way |
//! | [`swap`] | whether a component may take the place of another, and when the other one comes back |
//! | [`tee`] | how much of a body that is sent on while it arrives may leave, and what follows a failure |
//! | [`swap`] | what a new version of a component takes away from whoever relies on the one before |
//! | [`upkeep`] | when to probe and settle, what to reconcile, whether the books agree |
//! | [`vendor_route`] | which requests of clients go on to a vendor, and where to |
//! | [`web_origins`] | which web pages may ask from a browser |

pub mod address;
pub mod breaker;
pub mod budget;
pub mod container;
pub mod credential;
pub mod egress;
pub mod forwarding;
pub mod model;
pub mod paths;
pub mod quota;
pub mod reading;
pub mod retry;
pub mod routing;
pub mod swap;
pub mod tee;
mod time;
pub mod upkeep;
pub mod vendor_route;
pub mod web_origins;
mod words;

pub use time::Millis;
pub use words::{counted, human};
