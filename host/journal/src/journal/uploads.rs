//! Uploads: from the intent to the end.

use super::{Journal, unexpected};
use crate::change::{Change, ChangeAnswer};
use crate::entry::{Begun, Swept};
use crate::error::JournalError;
use crate::types::{Accepted, Attempt, EntryId, FailedEnd, Intent};

/// Uploads. Unless said otherwise a call fails with the storage's errors ([`JournalError::Full`],
/// [`JournalError::ReadOnly`], [`JournalError::Io`], [`JournalError::SyncFailed`], [`JournalError::Corrupt`],
/// [`JournalError::Closed`]), with [`JournalError::TooLarge`], [`JournalError::NoEntry`], or with
/// [`JournalError::State`] if the entry cannot take that step. After a storage error the step may or may not have
/// reached the disk; taking it again is safe.
impl Journal {
    /// Intent and sent, durable before this returns: call it before the first byte goes out.
    ///
    /// # Errors
    /// Also [`JournalError::Duplicate`]. On any error nothing may be sent, and nothing of it stays.
    pub async fn begin(&self, intent: Intent) -> Result<Begun, JournalError> {
        match self.change(Change::Begin(Box::new(intent))).await? {
            ChangeAnswer::Begun(begun) => Ok(begun),
            other => Err(unexpected(&other)),
        }
    }

    /// [`Self::begin`] and [`Self::accepted`] in one durable step, for an upload whose remote file is there already: a
    /// dedup hit that the tracker cannot claim yet, or one that carries an idempotency key.
    ///
    /// # Errors
    /// As for both. After a storage error it may stay, as an accepted entry.
    pub async fn begin_accepted(&self, intent: Intent, accepted: Accepted) -> Result<Begun, JournalError> {
        match self.change(Change::BeginAccepted(Box::new((intent, accepted)))).await? {
            ChangeAnswer::Begun(begun) => Ok(begun),
            other => Err(unexpected(&other)),
        }
    }

    /// Another attempt, durable before this returns: call it before its first byte goes out. Recovery looks at every
    /// provider that an attempt named. The same attempt again changes nothing.
    ///
    /// # Errors
    /// See above.
    pub async fn sending(&self, id: &str, attempt: Attempt) -> Result<(), JournalError> {
        self.done(Change::Sending {
            id: id.to_owned(),
            attempt,
        })
        .await
    }

    /// The provider took it, durable before this returns: call it before the receipt is given. Also for a dedup hit,
    /// and for an outcome that was unknown and has been found. The same acceptance again changes nothing.
    ///
    /// # Errors
    /// Also [`JournalError::RemoteDying`].
    pub async fn accepted(&self, id: &str, accepted: Accepted) -> Result<(), JournalError> {
        let accepted = Box::new(accepted);
        self.done(Change::Accepted {
            id: id.to_owned(),
            accepted,
        })
        .await
    }

    /// The tracker has them. Lazy: after a power loss they may be delivered again. Ids that are recorded already or
    /// gone change nothing.
    ///
    /// # Errors
    /// [`JournalError::State`] if one was never accepted; then none of them changes.
    pub async fn recorded(&self, ids: &[EntryId]) -> Result<(), JournalError> {
        self.done(Change::Recorded { ids: ids.to_vec() }).await
    }

    /// It ended without a remote file. Frees its idempotency key. Lazy, but durable with [`FailedEnd::delete`], which
    /// it journals in the same transaction.
    ///
    /// # Errors
    /// Also [`JournalError::RemoteHeld`] if the remote file to delete belongs to another accepted entry.
    pub async fn failed(&self, id: &str, end: FailedEnd) -> Result<(), JournalError> {
        let end = Box::new(end);
        self.done(Change::Failed { id: id.to_owned(), end }).await
    }

    /// Nobody can tell whether the provider took it. Durable. Its idempotency key answers so for 24 hours, and the
    /// entry is kept until [`Self::accepted`] or [`Self::failed`] settles it.
    ///
    /// # Errors
    /// See above.
    pub async fn unknown(&self, id: &str, why: String, at_ms: u64) -> Result<(), JournalError> {
        self.done(Change::Unknown {
            id: id.to_owned(),
            why,
            at_ms,
        })
        .await
    }

    /// Drops idempotency keys and clean failures of 24 hours ago, and the recorded entries that were kept for their
    /// keys. Looks at 1,000 rows at most: call again while [`Swept::more`].
    ///
    /// # Errors
    /// The storage's.
    pub async fn sweep(&self, now_ms: u64) -> Result<Swept, JournalError> {
        match self.change(Change::Sweep { now_ms }).await? {
            ChangeAnswer::Swept(swept) => Ok(swept),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes everything lazy durable now.
    ///
    /// # Errors
    /// The storage's.
    pub async fn flush(&self) -> Result<(), JournalError> {
        self.done(Change::Flush).await
    }
}
