//! What follows a failed attempt: wait and send again, look first, go on to the next provider, or stop.
//!
//! An upload is a write. When its answer was lost, the file may be stored all the same, so the host looks before it
//! sends again; where there is no way to look it stops and says so. One deadline covers everything, and the number of
//! sends is limited for each provider and for the whole upload.
//!
//! [`RetryLoop`] decides; it does not wait, send or look. Its caller does, and tells it what came of it:
//!
//! ```
//! use loadlock_policy::Millis;
//! use loadlock_policy::model::{Failure, FailureKind, VerifyMethod};
//! use loadlock_policy::retry::{Decision, Event, Inputs, Leg, RetryLoop, RetryPolicy, RoutePolicy};
//!
//! let kimi = Leg { verify: VerifyMethod::Mark, retry: RetryPolicy::default() };
//! let mut upload = RetryLoop::new(RoutePolicy::default(), [kimi], Millis::from_secs(600));
//! let mut budget = || true;
//! let mut inputs = Inputs { now: Millis::ZERO, random: 0.5, budget: &mut budget };
//!
//! assert_eq!(upload.start(inputs.now)?, Decision::Send { leg: 0, attempt: 1 });
//! let lost = Failure::new(FailureKind::Timeout, "no answer in 60 s");
//! assert_eq!(upload.on(Event::AttemptFailed(lost), &mut inputs)?, Decision::Verify { after: Millis(500) });
//! assert_eq!(upload.on(Event::VerifyAbsent, &mut inputs)?, Decision::Retry { after: Millis::ZERO });
//! assert_eq!(upload.start(inputs.now)?, Decision::Send { leg: 0, attempt: 2 });
//! assert_eq!(upload.on(Event::AttemptSucceeded, &mut inputs)?, Decision::Done);
//! # Ok::<(), loadlock_policy::retry::OutOfOrder>(())
//! ```

mod decision;
#[cfg(test)]
mod exhaustive;
mod policy;
mod state;

pub use decision::{Decision, Event, GiveUp, OutOfOrder, Why};
pub use policy::{Factor, Leg, RetryPolicy, RoutePolicy};
pub use state::{Inputs, RetryLoop};
