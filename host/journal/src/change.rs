//! Changes as values: what the writer applies, in order, each wholly or not at all.

use crate::entry::{Begun, Swept};
use crate::error::JournalError;
use crate::outgoing::{Delivery, OutgoingEvent};
use crate::types::{Accepted, Attempt, DeleteIntent, EntryId, FailedEnd, Intent};

/// One change to the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Begin(Box<Intent>),
    BeginAccepted(Box<(Intent, Accepted)>),
    Sending {
        id: EntryId,
        attempt: Attempt,
    },
    Accepted {
        id: EntryId,
        accepted: Box<Accepted>,
    },
    Recorded {
        ids: Vec<EntryId>,
    },
    Failed {
        id: EntryId,
        end: Box<FailedEnd>,
    },
    Unknown {
        id: EntryId,
        why: String,
        at_ms: u64,
    },
    Deleting(Box<DeleteIntent>),
    DeleteFailed {
        account: String,
        remote_id: String,
        error: String,
        at_ms: u64,
    },
    Deleted {
        account: String,
        remote_id: String,
    },
    Sweep {
        now_ms: u64,
    },
    PutState {
        key: String,
        bytes: Vec<u8>,
    },
    RemoveState {
        key: String,
    },
    /// An event of something that has no entry; the state that stood for it until then goes with it.
    Outgoing {
        event: Box<OutgoingEvent>,
        note: Option<String>,
    },
    PutDelivery {
        receiver: String,
        place: u64,
        delivery: Option<Delivery>,
    },
    KeepOutgoing {
        receivers: Vec<String>,
        letters_since_ms: u64,
    },
    /// Changes nothing, but makes everything before it durable.
    Flush,
    /// Takes back what a failed commit may have left: entries whose `begin` was answered with an error.
    Forget {
        ids: Vec<EntryId>,
    },
}

impl Change {
    /// Whether it begins an entry.
    pub(crate) fn begins(&self) -> bool {
        matches!(self, Self::Begin(_) | Self::BeginAccepted(_))
    }
}

/// What a change answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChangeAnswer {
    Done,
    Begun(Begun),
    Swept(Swept),
    Removed(bool),
}

/// What a commit owes a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// It changed nothing.
    Nothing,
    /// May be lost with the power: something else restores it.
    Lazy,
    /// Must survive a power loss before the caller hears of it.
    Durable,
}

/// What became of a change.
#[derive(Debug)]
pub(crate) enum ChangeVerdict {
    /// It is in the transaction.
    Applied(ChangeAnswer, Need),
    /// It is not, and nothing of it is.
    Refused(JournalError),
}

impl ChangeVerdict {
    pub(crate) fn done(need: Need) -> Result<Self, redb::Error> {
        Ok(Self::Applied(ChangeAnswer::Done, need))
    }

    pub(crate) fn refused(error: JournalError) -> Result<Self, redb::Error> {
        Ok(Self::Refused(error))
    }
}
