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
//! Where somebody follows [`Breaker::next_probe_at`] ([`BreakerPolicy::watched`]) five faults in a row make the
//! provider suspect and no more: it is looked at, and the breaker opens if that fails too, or at the tenth fault. So
//! does an upload that fails as a probe: the breaker opens again by a look that fails, or by the second such upload in
//! a row.
//!
//! A permit that never comes back (its task was killed) must not leave the breaker half-open for ever, so a probe holds
//! its place for [`BreakerPolicy::probe_lease`] at most.

mod attempt;
#[cfg(test)]
mod exhaustive;
mod policy;
mod shared;
mod snapshot;
mod state;

pub use attempt::{Admission, Outcome, Permit, Refusal};
pub use policy::BreakerPolicy;
pub use shared::{Heard, Word};
pub use snapshot::{BreakerSnapshot, SnapshotState};
pub use state::{Breaker, Label};
