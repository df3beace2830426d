//! What the journal answers: entries and their states, outcomes, counts.

use serde::{Deserialize, Serialize};

use crate::types::{Accepted, Attempt, EntryId, FailedEnd, Intent};

/// One upload, from its intent to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What was asked for.
    pub intent: Intent,
    /// Every attempt whose bytes may have gone out, oldest first. Never empty.
    pub attempts: Vec<Attempt>,
    /// How far it got.
    pub state: State,
    /// Place in the order of beginning.
    pub(crate) begun: u64,
}

impl Entry {
    /// The entry's id.
    pub fn id(&self) -> &str {
        &self.intent.id
    }

    /// The provider's answer, if there was one.
    pub fn accepted(&self) -> Option<&Accepted> {
        match &self.state {
            State::Accepted { accepted, .. } | State::Recorded { accepted } => Some(accepted),
            State::Sent | State::Failed(_) | State::Unknown { .. } => None,
        }
    }
}

/// How far an entry got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Bytes may have gone out; the end is not known. Recovery settles these.
    Sent,
    /// The provider took it and the receipt may have been given; the tracker does not have it yet.
    Accepted {
        /// The answer.
        accepted: Accepted,
        /// Place in the order of acceptance.
        order: u64,
    },
    /// The tracker has it. Kept only while its idempotency key lives.
    Recorded {
        /// The answer.
        accepted: Accepted,
    },
    /// Ended without a remote file. Kept a while for a person to look at.
    Failed(FailedEnd),
    /// Nobody can tell whether the provider took it. Kept until a person or a later look at the provider settles it.
    Unknown {
        /// Why it cannot be told.
        why: String,
        /// When it was given up, milliseconds since 1970.
        at_ms: u64,
    },
}

impl State {
    /// One word, for errors and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Accepted { .. } => "accepted",
            Self::Recorded { .. } => "recorded",
            Self::Failed(_) => "failed",
            Self::Unknown { .. } => "outcome_unknown",
        }
    }
}

/// What [`Journal::begin`](crate::Journal::begin) found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// A new entry, durable: the first byte may go out.
    New(EntryId),
    /// The same key and content ended before: answer the same, send nothing.
    Replay(Outcome),
    /// The same key and content is on its way in this entry: wait for it, send nothing.
    InFlight(EntryId),
    /// The same key with other content: refuse.
    Conflict,
}

/// How the entry behind a repeated idempotency key ended. A clean failure is no outcome: it frees the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With a remote file: [`Entry::accepted`] is there.
    Accepted(Box<Entry>),
    /// Not known; sending again might store the file twice.
    Unknown(Box<Entry>),
}

/// Accepted entries that the tracker does not have yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many.
    pub entries: u64,
    /// When the first of them was accepted, milliseconds since 1970.
    pub oldest_ms: Option<u64>,
}

/// The journal's balance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Begun and not ended.
    pub open: u64,
    /// Accepted and not recorded.
    pub accepted: u64,
    /// Ended as outcome unknown and not settled.
    pub unknown: u64,
    /// Deletes that no vendor confirmed yet.
    pub pending_deletes: u64,
    /// Clean failures still kept.
    pub failed: u64,
    /// Idempotency keys still answering.
    pub keys: u64,
    /// All entries still kept, in any state.
    pub entries: u64,
}

/// What one [`Journal::sweep`](crate::Journal::sweep) dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Recorded and failed entries.
    pub entries: u64,
    /// Idempotency keys.
    pub keys: u64,
    /// True if the call reached its bound: call again.
    pub more: bool,
}
