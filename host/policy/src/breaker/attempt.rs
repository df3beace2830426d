//! What is asked of a breaker and what it is told: one attempt.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Millis;
use crate::model::{Failure, FailureKind};

/// How an admitted attempt ended, as far as the breaker cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The provider did what it should.
    Success,
    /// The provider did not: unavailable, timeout, transport.
    Fault,
    /// The attempt failed for a reason that is not the provider's, so it says nothing about it.
    Neutral,
    /// The provider asks for a pause.
    RateLimited {
        /// How long, if it said.
        retry_after: Option<Millis>,
    },
    /// The attempt was abandoned before it ended; its permit comes back unused.
    Cancelled,
}

impl Outcome {
    /// What a failure means to the breaker.
    pub const fn of(failure: &Failure) -> Self {
        if failure.kind.is_provider_fault() {
            Self::Fault
        } else if matches!(failure.kind, FailureKind::RateLimited) {
            Self::RateLimited {
                retry_after: failure.retry_after,
            }
        } else {
            Self::Neutral
        }
    }
}

/// Why an attempt is not let in, and when to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// It failed too often just now.
    #[error("the breaker is open until {until} after repeated faults")]
    Open {
        /// When a probe is let in.
        until: Millis,
    },
    /// Another caller is finding out whether it works again.
    #[error("the breaker is half-open and a probe is under way")]
    Probing {
        /// When that probe loses its place at the latest.
        until: Millis,
    },
    /// It asked for a pause.
    #[error("the provider asked for a pause until {until}")]
    CoolingDown {
        /// When the pause ends.
        until: Millis,
    },
}

impl Refusal {
    /// The instant from which asking again makes sense.
    pub const fn until(self) -> Millis {
        match self {
            Self::Open { until } | Self::Probing { until } | Self::CoolingDown { until } => until,
        }
    }
}

/// The right to one attempt. Give it back with [`Breaker::report`](super::Breaker::report), with [`Outcome::Cancelled`]
/// if the attempt is dropped. It is neither `Clone` nor `Copy`, so it cannot be reported twice.
#[derive(Debug, PartialEq, Eq, Hash)]
#[must_use = "a permit has to be reported, or its place is held until the lease ends"]
pub struct Permit {
    pub(super) epoch: u64,
    /// Which probe this is, if it is one: a probe that lost its place has no say.
    pub(super) probe: Option<u64>,
    /// Whether the health monitor holds it.
    pub(super) monitor: bool,
}

impl Permit {
    /// Whether this attempt decides if the breaker closes.
    pub const fn is_probe(&self) -> bool {
        self.probe.is_some()
    }
}

/// What [`Breaker::eligibility`](super::Breaker::eligibility) answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Admission {
    /// It works, as far as is known.
    Ready,
    /// One attempt would be let in, to find out whether it works again.
    Probe,
    /// It would not be let in.
    Refused(Refusal),
}
