//! The handle.

use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use redb::StorageBackend;
use tokio::sync::{Semaphore, oneshot};

use crate::change::{Answer, Change};
use crate::entry::{Backlog, Begun, Counts, Entry, Swept};
use crate::error::JournalError;
use crate::place::{Directory, Place};
use crate::read;
use crate::stats::{Meters, Stats};
use crate::store::{Source, Store};
use crate::types::{
    Accepted, Attempt, ContentKey, DeleteIntent, EntryId, FailedEnd, Intent, PendingDelete,
};
use crate::writer::{Job, Message, Rules, Writer};

/// Changes that may wait at once; more wait to get in. Bounds memory when the disk stalls.
const QUEUE: usize = 4096;

/// The journal. A clone is another handle to the same.
#[derive(Clone, Debug)]
pub struct Journal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<Store>,
    meters: Arc<Meters>,
    room: Arc<Semaphore>,
    messages: Option<Sender<Message>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    /// Makes what is lazy durable and releases the store: at most one commit's time.
    fn drop(&mut self) {
        self.messages = None;
        let writer = self
            .writer
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
    }
}

/// Opening and closing.
impl Journal {
    /// Opens `dir/journal.redb` (mode 0600), creating the directory and the store if they are missing, and verifies the
    /// checksum of every page. Blocks: about a second for each 500 MB of journal.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`], [`JournalError::ReadOnly`], [`JournalError::Full`], [`JournalError::InUse`],
    /// [`JournalError::Newer`] or [`JournalError::Io`].
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        let place = Directory::new(dir)
            .map_err(|error| JournalError::from_io(&error, "opening the state directory"))?;
        Self::open_at(Box::new(place), Rules::default())
    }

    /// Opens a store on a backend of the caller's. After a failed write it stays refused: there is no way to open the
    /// backend again.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_with(backend: impl StorageBackend) -> Result<Self, JournalError> {
        Self::start(
            Source::Once(Mutex::new(Some(Box::new(backend)))),
            Rules::default(),
        )
    }

    pub(crate) fn open_at(place: Box<dyn Place>, rules: Rules) -> Result<Self, JournalError> {
        Self::start(Source::Place(place), rules)
    }

    pub(crate) fn start(source: Source, rules: Rules) -> Result<Self, JournalError> {
        let store = Arc::new(Store::open(source)?);
        let meters = Arc::new(Meters::default());
        let (messages, received) = channel();
        let writer = Writer {
            store: store.clone(),
            rules,
            meters: meters.clone(),
            forget: Vec::new(),
            lazy_since: None,
            unsealed: false,
        };
        let thread = std::thread::Builder::new()
            .name("loadlock-journal".into())
            .spawn(move || writer.run(&received))
            .map_err(|error| JournalError::from_io(&error, "starting the journal's thread"))?;
        let inner = Inner {
            store,
            meters,
            room: Arc::new(Semaphore::new(QUEUE)),
            messages: Some(messages),
            writer: Mutex::new(Some(thread)),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Makes everything durable and closes the store; other handles get [`JournalError::Closed`] from then on.
    ///
    /// # Errors
    /// What the last commit failed with.
    pub async fn close(self) -> Result<(), JournalError> {
        let (reply, closed) = oneshot::channel();
        self.send(Message::Close(reply))?;
        closed.await.unwrap_or(Err(JournalError::Closed))
    }

    /// Whether opening found the last commit torn and rolled it back. Normal after a power loss or a kill in the middle
    /// of a commit; without one it means that the disk lost or damaged a write.
    pub fn rolled_back(&self) -> bool {
        self.inner.store.rolled_back()
    }

    /// What it did since it was opened.
    pub fn stats(&self) -> Stats {
        self.inner.meters.stats(self.inner.store.syncs())
    }
}

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
            Answer::Begun(begun) => Ok(begun),
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

    /// The tracker has them. Lazy: after a power loss they may be delivered again. Ids that are recorded already or gone
    /// change nothing.
    ///
    /// # Errors
    /// [`JournalError::State`] if one was never accepted; then none of them changes.
    pub async fn recorded(&self, ids: &[EntryId]) -> Result<(), JournalError> {
        self.done(Change::Recorded { ids: ids.to_vec() }).await
    }

    /// It ended without a remote file. Frees its idempotency key. Lazy, but durable with [`FailedEnd::delete`], which it
    /// journals in the same transaction.
    ///
    /// # Errors
    /// Also [`JournalError::RemoteHeld`] if the remote file to delete belongs to another accepted entry.
    pub async fn failed(&self, id: &str, end: FailedEnd) -> Result<(), JournalError> {
        let end = Box::new(end);
        self.done(Change::Failed {
            id: id.to_owned(),
            end,
        })
        .await
    }

    /// Nobody can tell whether the provider took it. Durable. Its idempotency key answers so for 24 hours, and the entry
    /// is kept until [`Self::accepted`] or [`Self::failed`] settles it.
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

    /// Drops idempotency keys and clean failures of 24 hours ago, and the recorded entries that were kept for their keys.
    /// Looks at 1,000 rows at most: call again while [`Swept::more`].
    ///
    /// # Errors
    /// The storage's.
    pub async fn sweep(&self, now_ms: u64) -> Result<Swept, JournalError> {
        match self.change(Change::Sweep { now_ms }).await? {
            Answer::Swept(swept) => Ok(swept),
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
        self.inner
            .store
            .read(|snapshot| read::pending_deletes(snapshot, limit))
    }

    /// Whether a delete of it is pending.
    ///
    /// # Errors
    /// The storage's.
    pub fn is_deleting(&self, account: &str, remote_id: &str) -> Result<bool, JournalError> {
        self.inner
            .store
            .read(|snapshot| read::is_deleting(snapshot, account, remote_id))
    }
}

/// Reading. Every call sees one snapshot, lazy changes included, and fails only with the storage's errors.
impl Journal {
    /// One entry, while it is kept.
    ///
    /// # Errors
    /// The storage's.
    pub fn entry(&self, id: &str) -> Result<Option<Entry>, JournalError> {
        self.inner.store.read(|snapshot| read::entry(snapshot, id))
    }

    /// Entries without an end, in the order in which they began: what recovery settles at start.
    ///
    /// # Errors
    /// The storage's.
    pub fn open_entries(&self) -> Result<Vec<Entry>, JournalError> {
        self.inner.store.read(read::open_entries)
    }

    /// Entries whose outcome is unknown, by id.
    ///
    /// # Errors
    /// The storage's.
    pub fn unknown_entries(&self, limit: usize) -> Result<Vec<Entry>, JournalError> {
        self.inner
            .store
            .read(|snapshot| read::unknown_entries(snapshot, limit))
    }

    /// Entries that the tracker lacks, in the order of acceptance.
    ///
    /// # Errors
    /// The storage's.
    pub fn accepted_not_recorded(&self, limit: usize) -> Result<Vec<Entry>, JournalError> {
        self.inner
            .store
            .read(|snapshot| read::accepted_not_recorded(snapshot, limit))
    }

    /// The newest entry with this content that the tracker lacks and whose remote file is not being deleted; `None` for a
    /// key without a digest. Whether it expired is for the caller to see.
    ///
    /// # Errors
    /// The storage's.
    pub fn find_accepted(&self, key: &ContentKey) -> Result<Option<Entry>, JournalError> {
        self.inner
            .store
            .read(|snapshot| read::find_accepted(snapshot, key))
    }

    /// Entries of any tenant that refer to a remote file and that the tracker lacks, in the order of acceptance.
    ///
    /// # Errors
    /// The storage's.
    pub fn entries_of_remote(
        &self,
        account: &str,
        remote_id: &str,
    ) -> Result<Vec<Entry>, JournalError> {
        self.inner
            .store
            .read(|snapshot| read::entries_of_remote(snapshot, account, remote_id))
    }

    /// How far the tracker is behind.
    ///
    /// # Errors
    /// The storage's.
    pub fn backlog(&self) -> Result<Backlog, JournalError> {
        self.inner.store.read(read::backlog)
    }

    /// The balance, for `fsck`.
    ///
    /// # Errors
    /// The storage's.
    pub fn counts(&self) -> Result<Counts, JournalError> {
        self.inner.store.read(read::counts)
    }
}

/// The host's small durable state: breaker snapshots, cached digests. Values are the caller's own encoding, at most 64 KiB
/// with their key.
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
        self.removed(Change::RemoveState {
            key: key.to_owned(),
        })
        .await
    }

    /// A value.
    ///
    /// # Errors
    /// The storage's.
    pub fn get_state(&self, key: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.inner.store.read(|snapshot| read::state(snapshot, key))
    }

    /// The keys that begin with `prefix`, sorted.
    ///
    /// # Errors
    /// The storage's.
    pub fn state_keys(&self, prefix: &str) -> Result<Vec<String>, JournalError> {
        self.inner
            .store
            .read(|snapshot| read::state_keys(snapshot, prefix))
    }
}

impl Journal {
    /// Queues a change and waits for its commit.
    pub(crate) async fn change(&self, change: Change) -> Result<Answer, JournalError> {
        let room = self.inner.room.clone();
        let permit = room
            .acquire_owned()
            .await
            .map_err(|_| JournalError::Closed)?;
        let (reply, answer) = oneshot::channel();
        self.send(Message::Job(Box::new(Job {
            change,
            reply,
            _permit: permit,
        })))?;
        answer.await.unwrap_or(Err(JournalError::Closed))
    }

    fn send(&self, message: Message) -> Result<(), JournalError> {
        let messages = self.inner.messages.as_ref().ok_or(JournalError::Closed)?;
        messages.send(message).map_err(|_| JournalError::Closed)
    }

    async fn done(&self, change: Change) -> Result<(), JournalError> {
        match self.change(change).await? {
            Answer::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn removed(&self, change: Change) -> Result<bool, JournalError> {
        match self.change(change).await? {
            Answer::Removed(removed) => Ok(removed),
            other => Err(unexpected(&other)),
        }
    }
}

fn unexpected(answer: &Answer) -> JournalError {
    JournalError::Io {
        what: format!(
            "the journal's writer gave another change's answer ({answer:?}): this is a defect of Loadlock"
        ),
    }
}

#[cfg(test)]
impl Journal {
    /// Reads anything.
    pub(crate) fn snapshot<T>(
        &self,
        work: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, JournalError> {
        self.inner.store.read(work)
    }
}
