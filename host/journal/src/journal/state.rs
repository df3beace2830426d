//! The host's small durable state.

use super::Journal;
use crate::change::Change;
use crate::error::JournalError;
use crate::read;

/// The host's small durable state: breaker snapshots, cached digests. Values are the caller's own encoding, at most 64
/// KiB with their key.
impl Journal {
    /// Keeps a value. Lazy: after a power loss the value before may come back.
    ///
    /// # Errors
    /// [`JournalError::TooLarge`] or the storage's.
    pub async fn put_state(&self, key: &str, bytes: Vec<u8>) -> Result<(), JournalError> {
        self.done(Change::PutState {
            key: key.to_owned(),
            bytes,
        })
        .await
    }

    /// Drops a value; true if there was one. Lazy.
    ///
    /// # Errors
    /// The storage's.
    pub async fn remove_state(&self, key: &str) -> Result<bool, JournalError> {
        self.removed(Change::RemoveState { key: key.to_owned() }).await
    }

    /// A value.
    ///
    /// # Errors
    /// The storage's.
    pub fn get_state(&self, key: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.read(|snapshot| read::state(snapshot, key))
    }

    /// The keys that begin with `prefix`, sorted.
    ///
    /// # Errors
    /// The storage's.
    pub fn state_keys(&self, prefix: &str) -> Result<Vec<String>, JournalError> {
        self.read(|snapshot| read::state_keys(snapshot, prefix))
    }
}
