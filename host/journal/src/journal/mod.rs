//! The handle.

mod deletes;
mod outgoing;
mod reads;
mod state;
mod uploads;

use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use redb::StorageBackend;
use tokio::sync::{Semaphore, oneshot};

use crate::change::{Change, ChangeAnswer};
use crate::error::JournalError;
use crate::place::{Directory, StorePlace};
use crate::stats::{Meters, Stats};
use crate::store::{Store, StoreSource};
use crate::writer::{JournalWriter, Reply, Rules, Told, WriteJob, WriterMessage};

/// Changes that may wait at once; more wait to get in. Bounds memory when the disk stalls.
const QUEUE: usize = 4096;

/// The journal. A clone is another handle to the same.
#[derive(Clone, Debug)]
pub struct Journal {
    inner: Arc<JournalInner>,
}

#[derive(Debug)]
struct JournalInner {
    store: Arc<Store>,
    meters: Arc<Meters>,
    told: Arc<Told>,
    room: Arc<Semaphore>,
    messages: Option<Sender<WriterMessage>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for JournalInner {
    /// Makes what is lazy durable and releases the store: at most one commit's time.
    fn drop(&mut self) {
        self.messages = None;
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
    }
}

/// Opening and closing.
impl Journal {
    /// Opens `dir/journal.redb` (mode 0600), creating the directory and the store if they are missing, and verifies the
    /// checksum of every page. Blocks while it reads the whole file: the example `measure` says how long.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`], [`JournalError::ReadOnly`], [`JournalError::Full`], [`JournalError::InUse`],
    /// [`JournalError::Newer`] or [`JournalError::Io`].
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        let place =
            Directory::new(dir).map_err(|error| JournalError::from_io(&error, "opening the state directory"))?;
        Self::open_at(Box::new(place), Rules::default())
    }

    /// Opens a store on a backend of the caller's. After a failed write it stays refused: there is no way to open the
    /// backend again.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_with(backend: impl StorageBackend) -> Result<Self, JournalError> {
        Self::start(StoreSource::Once(Mutex::new(Some(Box::new(backend)))), Rules::default())
    }

    pub(crate) fn open_at(place: Box<dyn StorePlace>, rules: Rules) -> Result<Self, JournalError> {
        Self::start(StoreSource::StorePlace(place), rules)
    }

    pub(crate) fn start(source: StoreSource, rules: Rules) -> Result<Self, JournalError> {
        let store = Arc::new(Store::open(source)?);
        let meters = Arc::new(Meters::default());
        let (messages, received) = channel();
        let told = Arc::new(Told::default());
        let writer = JournalWriter::new(store.clone(), rules, meters.clone(), told.clone());
        let thread = std::thread::Builder::new()
            .name("loadlock-journal".into())
            .spawn(move || writer.run(&received))
            .map_err(|error| JournalError::from_io(&error, "starting the journal's thread"))?;
        let inner = JournalInner {
            store,
            meters,
            told,
            room: Arc::new(Semaphore::new(QUEUE)),
            messages: Some(messages),
            writer: Mutex::new(Some(thread)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Makes everything durable and closes the store; other handles get [`JournalError::Closed`] from then on.
    ///
    /// # Errors
    /// What the last commit failed with.
    pub async fn close(self) -> Result<(), JournalError> {
        let (reply, closed) = oneshot::channel();
        self.send(WriterMessage::Close(reply))?;
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

impl Journal {
    /// Queues a change and waits for its commit.
    pub(crate) async fn change(&self, change: Change) -> Result<ChangeAnswer, JournalError> {
        let room = self.inner.room.clone();
        let permit = room.acquire_owned().await.map_err(|_| JournalError::Closed)?;
        let (reply, answer) = oneshot::channel();
        self.send(WriterMessage::WriteJob(Box::new(WriteJob {
            change,
            reply,
            _permit: permit,
        })))?;
        answer.await.map_or(Err(JournalError::Closed), Reply::take)
    }

    fn send(&self, message: WriterMessage) -> Result<(), JournalError> {
        let messages = self.inner.messages.as_ref().ok_or(JournalError::Closed)?;
        messages.send(message).map_err(|_| JournalError::Closed)
    }

    /// Reads in one snapshot. A store that went down for a reason that may have passed is opened again for it, by the
    /// writer: it has to take back first what a failed commit may have left.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, JournalError> {
        if self.inner.store.is_worth_reviving() {
            let (reader, revived) = channel();
            if self.send(WriterMessage::Revive(reader)).is_ok() {
                // Nothing is ever sent: it ends when the writer is done.
                let _ = revived.recv();
            }
        }
        self.inner.store.read(work)
    }

    async fn done(&self, change: Change) -> Result<(), JournalError> {
        match self.change(change).await? {
            ChangeAnswer::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn removed(&self, change: Change) -> Result<bool, JournalError> {
        match self.change(change).await? {
            ChangeAnswer::Removed(removed) => Ok(removed),
            other => Err(unexpected(&other)),
        }
    }
}

fn unexpected(answer: &ChangeAnswer) -> JournalError {
    JournalError::Io {
        what: format!("the journal's writer gave another change's answer ({answer:?}): this is a defect of Loadlock"),
    }
}

#[cfg(test)]
impl Journal {
    /// Reads anything.
    pub(crate) fn snapshot<T>(
        &self,
        work: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, JournalError> {
        self.read(work)
    }
}
