//! Remote deletes.

use super::Journal;
use crate::change::Change;
use crate::error::JournalError;
use crate::read;
use crate::types::{DeleteIntent, PendingDelete};

/// Remote deletes.
impl Journal {
    /// A remote file is about to be deleted, durable before this returns: call it before the vendor is asked. From then
    /// on no entry may refer to it. The same delete again changes nothing.
    ///
    /// # Errors
    /// [`JournalError::RemoteHeld`] while an accepted entry that the tracker lacks refers to it, or the storage's.
    pub async fn deleting(&self, remote: DeleteIntent) -> Result<(), JournalError> {
        self.done(Change::Deleting(Box::new(remote))).await
    }

    /// The vendor refused or did not answer; the delete stays pending. Lazy.
    ///
    /// # Errors
    /// The storage's.
    pub async fn delete_failed(
        &self,
        account: &str,
        remote_id: &str,
        error: String,
        at_ms: u64,
    ) -> Result<(), JournalError> {
        let (account, remote_id) = (account.to_owned(), remote_id.to_owned());
        self.done(Change::DeleteFailed {
            account,
            remote_id,
            error,
            at_ms,
        })
        .await
    }

    /// The vendor confirmed that it is gone. Lazy: a delete of what is gone is a success. True if it was pending.
    ///
    /// # Errors
    /// The storage's.
    pub async fn deleted(&self, account: &str, remote_id: &str) -> Result<bool, JournalError> {
        let (account, remote_id) = (account.to_owned(), remote_id.to_owned());
        self.removed(Change::Deleted { account, remote_id }).await
    }

    /// Deletes that no vendor confirmed, the longest untried first.
    ///
    /// # Errors
    /// The storage's.
    pub fn pending_deletes(&self, limit: usize) -> Result<Vec<PendingDelete>, JournalError> {
        self.read(|snapshot| read::pending_deletes(snapshot, limit))
    }

    /// Whether a delete of it is pending.
    ///
    /// # Errors
    /// The storage's.
    pub fn is_deleting(&self, account: &str, remote_id: &str) -> Result<bool, JournalError> {
        self.read(|snapshot| read::is_deleting(snapshot, account, remote_id))
    }
}
