//! Where a file may go, in which order, and why not elsewhere.
//!
//! Providers are filtered by what their profile takes, by grants, quota and breaker; what is left is ranked by the
//! operator's order, ties by fewest uploads in flight. Nothing is sent to find out: where no provider is left, the
//! error lists every one of them with its reason. A pinned provider stands alone: it is used or refused, never
//! replaced.

mod candidate;
mod filter;
mod reason;
mod route;
mod threshold;

pub use candidate::{Candidate, RouteRequest};
pub use reason::{NoRoute, Reason, Refused, Verdict};
pub use route::{Ranked, Route, route};
pub use threshold::{SizeThreshold, ThresholdError, check_threshold};
