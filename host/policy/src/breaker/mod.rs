//! The breaker of one provider: whether it is asked at all.
//!
//! ```text
//!            5 faults in a row               60 s passed and someone asks
//!  closed ───────────────────────▶ open ───────────────────────────────▶ half-open
//!     ▲                             ▲                                     │   │
//!     │                             └───────── one probe fails ───────────┘   │
//!     └───────────────────────────── two probes succeed ──────────────────────┘
//! ```
//!
//! Only what the provider did wrong counts ([`crate::model::FailureKind::is_provider_fault`]); a success resets the
//! count; what a caller did wrong changes nothing. A rate limit is a cool-down beside the state, not a fault. Every
//! change of state begins a new epoch, and a result of an attempt that was let in during an earlier one is ignored: it
//! says nothing about now.
//!
//! A permit that never comes back (its task was killed) must not leave the breaker half-open for ever, so a probe holds
//! its place for [`BreakerPolicy::probe_lease`] at most.

#[cfg(test)]
mod exhaustive;
mod snapshot;
mod state;

pub use snapshot::{BreakerSnapshot, SnapshotState};
pub use state::{Admission, Breaker, BreakerPolicy, Label, Outcome, Permit, Refusal};
