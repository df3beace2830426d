//! What the retry loop is told and what it answers.

use std::fmt;

use thiserror::Error;

use crate::Millis;
use crate::breaker::Refusal;
use crate::model::Failure;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The provider's breaker did not let the attempt in; nothing was sent.
    NotAdmitted(Refusal),
    /// The attempt succeeded, and its receipt holds.
    AttemptSucceeded,
    /// The attempt failed.
    AttemptFailed(Failure),
    /// The lost upload is at the provider: exactly one candidate, with this upload's mark or digest.
    VerifyFound,
    /// The lost upload is not at the provider.
    VerifyAbsent,
    /// Looking for it failed for good, or was not conclusive.
    VerifyUnknown,
    /// The provider did not answer the look, as in an outage: it may later.
    VerifyUnanswered,
    /// The upload's deadline passed while sending, looking or waiting.
    DeadlinePassed,
    /// The caller gave up.
    Cancelled,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Send now. Only [`super::RetryLoop::start`] answers this.
    Send {
        /// Index in the route.
        leg: usize,
        /// Which attempt at this provider it is; the first is 1.
        attempt: u32,
    },
    /// Wait, ask the breaker, then call [`super::RetryLoop::start`] for the same provider.
    Retry {
        /// How long to wait.
        after: Millis,
    },
    /// Wait, then look for the lost upload at the same provider.
    Verify {
        /// How long to wait.
        after: Millis,
    },
    /// Go on with the next provider of the route, at once: ask its breaker, then call [`super::RetryLoop::start`].
    NextProvider,
    /// The upload is done.
    Done,
    /// The upload is done: take the remote file that was found as this upload's.
    Adopt,
    /// Stop.
    GiveUp(GiveUp),
}

/// Why an upload ends without success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Sending it again cannot help.
    Refused,
    /// As often as was allowed.
    AttemptsSpent,
    /// The provider's retries are too large a part of its traffic already.
    BudgetSpent,
    /// The provider asks for a longer pause than is waited for.
    RetryAfterTooLong,
    /// An answer was lost and there was no way to find out what became of the file.
    OutcomeUnknown,
    /// There is no connection to the provider: nothing was sent.
    Unreachable,
    /// The breaker does not let it in.
    NotAdmitted(Refusal),
    /// The deadline passed, or the next wait would pass it.
    Deadline,
    /// The caller gave up.
    Cancelled,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the provider refused it",
            Self::AttemptsSpent => "all attempts are used up",
            Self::BudgetSpent => "too much of the provider's traffic is retries already",
            Self::RetryAfterTooLong => "the provider asks for a longer pause than is waited for",
            Self::OutcomeUnknown => "an answer was lost, and whether the file is stored cannot be found out",
            Self::Unreachable => "the provider cannot be reached",
            Self::NotAdmitted(refusal) => return refusal.fmt(f),
            Self::Deadline => "the deadline does not allow another attempt",
            Self::Cancelled => "the upload was cancelled",
        })
    }
}

/// The end of an upload that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GiveUp {
    /// Why.
    pub why: Why,
    /// The last failure, if an attempt failed.
    pub failure: Option<Failure>,
    /// Whether the provider of the current leg may hold the file all the same. The journal then keeps the entry open
    /// for reconciliation, or counts it.
    pub outcome_unknown: bool,
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.why)?;
        if let Some(failure) = &self.failure {
            write!(f, "; last failure: {failure}")?;
        }
        if self.outcome_unknown {
            write!(f, "; the file may be stored")?;
        }
        Ok(())
    }
}

/// A call that does not fit the state, such as a second result of one attempt. A mistake of the caller; the state is
/// unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("`{event}` does not fit a retry loop that is {phase}; report it as a bug")]
pub struct OutOfOrder {
    /// What was told.
    pub event: &'static str,
    /// What was expected.
    pub phase: &'static str,
}
