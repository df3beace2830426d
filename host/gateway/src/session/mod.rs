//! Sessions: uploads that take several requests, and orders that are carried out later.
//!
//! A session is a spool entry with a record in it. The record says whose it is, when it ends and what its front door
//! has to remember; beside it lie data files, and an upload reads them where they lie: one, several in order
//! ([`Session::stage`]), or those of other sessions ([`Session::join`]). So every byte is written once. Everything else
//! in the spool is removed at start. Bytes of sessions count against `limits.spool_size` like any other body.
//!
//! | module | one job |
//! |---|---|
//! | `record` | what is known of a session, on the disk |
//! | `data` | writing a data file |
//! | `stage` | data files as the source of an upload |
//! | `join` | data files of other sessions |
//! | `store` | all sessions: finding, bounding, expiring |
//!
//! What the gateway offers to front doors is in `api/sessions.rs`.

mod data;
mod join;
mod record;
mod stage;
mod store;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use self::data::{Mode, PARTIAL, check_name};
use self::record::{Lasting, SessionRecord};
use crate::admission::{Spool, unavailable};
use crate::error::{Error, ErrorCode, Result};
use crate::principal::Principal;

pub use self::data::DataWriter;
pub use self::store::{NewSession, STAGED_BODY};
pub(crate) use self::store::{Sessions, remove_old_layout};

/// One open session. Cheap to clone; its directory is there while a clone lives, even after it was closed.
#[derive(Debug, Clone)]
pub struct Session(Arc<OpenSession>);

/// A session for oneself: who appends to it or closes it holds this.
#[derive(Debug)]
pub struct Alone {
    _guard: tokio::sync::OwnedMutexGuard<()>,
}

/// While this lives, the session does not expire.
#[derive(Debug)]
pub struct InUse(Session);

#[derive(Debug)]
struct OpenSession {
    id: String,
    kind: String,
    owner: Principal,
    created_at_ms: u64,
    directory: PathBuf,
    spool: Spool,
    facts: Mutex<SessionFacts>,
    /// One change of the record at a time.
    changing: tokio::sync::Mutex<()>,
    /// One appending writer at a time.
    appending: Arc<tokio::sync::Mutex<()>>,
    in_use: AtomicUsize,
    /// What the door keeps beside it in memory.
    attached: OnceLock<Arc<dyn Any + Send + Sync>>,
}

#[derive(Debug)]
struct SessionFacts {
    record: SessionRecord,
    /// Length of each data file.
    data: BTreeMap<String, u64>,
    /// Over data files that this process wrote from their first byte on.
    sha256: BTreeMap<String, (u64, Sha256)>,
    closed: bool,
    /// Whether its record is on the disk for certain.
    lasts: bool,
}

impl Session {
    /// Its id: 26 characters `[0-9a-z]`, unguessable.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The front door that it belongs to.
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Who opened it, as a caller of the network: for going on after a restart.
    pub fn owner(&self) -> &Principal {
        &self.0.owner
    }

    /// Milliseconds since 1970.
    pub fn created_at_ms(&self) -> u64 {
        self.0.created_at_ms
    }

    /// When it is removed, milliseconds since 1970.
    pub fn expires_at_ms(&self) -> Option<u64> {
        self.facts().record.expires_at_ms
    }

    /// Whether it is kept for its answer alone: see [`Session::end`].
    pub fn has_ended(&self) -> bool {
        self.facts().record.ended
    }

    /// Whether somebody was promised something about it: its record is there after a power loss.
    pub fn lasts(&self) -> bool {
        self.facts().lasts
    }

    /// Whether it was closed: nobody finds it any more.
    pub fn is_closed(&self) -> bool {
        self.facts().closed
    }

    /// What its door remembers.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`] if it is not a `T`.
    pub fn state<T: DeserializeOwned>(&self) -> Result<T> {
        read_state(&self.facts().record.state)
    }

    /// What its door keeps beside it in memory, made at the first call. A door asks for one type only.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] if it is asked for another type.
    pub fn attached<T: Default + Any + Send + Sync>(&self) -> Result<Arc<T>> {
        let attached = self.0.attached.get_or_init(|| Arc::new(T::default()));
        attached
            .clone()
            .downcast()
            .map_err(|_| Error::new(ErrorCode::Internal, "a session has something else attached"))
    }

    /// Changes what its door remembers. Durable when it returns; changes come one after the other, and one that fails
    /// changes nothing.
    ///
    /// # Errors
    /// What `change` answers, [`ErrorCode::FileNotFound`] if it was closed, [`ErrorCode::StateUnavailable`].
    pub async fn update<T, R>(&self, change: impl FnOnce(&mut T) -> Result<R>) -> Result<R>
    where
        T: Serialize + DeserializeOwned,
    {
        self.replace(Lasting::Power, |record| changed(record, change)).await
    }

    /// Makes what was kept of an appended data file last, with a change of what the door remembers and of the
    /// session's end. All of it is there after a power loss when this returns, or none.
    ///
    /// # Errors
    /// As [`Session::update`].
    pub async fn commit<T>(
        &self,
        data: &str,
        expires_at_ms: Option<u64>,
        change: impl FnOnce(&mut T) -> Result<()>,
    ) -> Result<()>
    where
        T: Serialize + DeserializeOwned,
    {
        check_name(data)?;
        let kept = self.len_of(data);
        if kept.is_some() {
            let path = self.0.directory.join(data);
            blocking(move || loadlock_durable::data(&std::fs::File::open(path)?)).await?;
        }
        self.replace(Lasting::Power, |record| {
            record.expires_at_ms = expires_at_ms;
            // One that ended meanwhile has no data any more.
            if !record.ended {
                record.lengths.extend(kept.map(|len| (data.to_owned(), len)));
            }
            changed(record, change)
        })
        .await
    }

    /// Whether everything that was kept of a data file that grows is there after a power loss.
    pub fn is_committed(&self, data: &str) -> bool {
        let facts = self.facts();
        facts.data.get(data).copied().unwrap_or(0) == facts.record.lengths.get(data).copied().unwrap_or(0)
    }

    /// Ends it: what its door remembers changes for the last time, its data goes, and it is kept for its answer until
    /// `expires_at_ms`. Durable when it returns, unless nothing of the session was promised before: then it survives a
    /// crash of the process, and a power loss may take it.
    ///
    /// # Errors
    /// As [`Session::update`].
    pub async fn end<T>(&self, expires_at_ms: Option<u64>, change: impl FnOnce(&mut T) -> Result<()>) -> Result<()>
    where
        T: Serialize + DeserializeOwned,
    {
        let lasting = match self.lasts() {
            true => Lasting::Power,
            false => Lasting::Process,
        };
        self.replace(lasting, |record| {
            changed(record, change)?;
            record.expires_at_ms = expires_at_ms;
            record.lengths.clear();
            record.ended = true;
            Ok(())
        })
        .await?;
        self.remove_data().await
    }

    /// Writes the record of a session that is new, so that it survives a loss of power.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub(crate) async fn establish(&self) -> Result<()> {
        self.replace(Lasting::Power, |_| Ok(())).await
    }

    /// Changes the record and writes it.
    async fn replace<R>(&self, lasting: Lasting, change: impl FnOnce(&mut SessionRecord) -> Result<R>) -> Result<R> {
        let _turn = self.0.changing.lock().await;
        self.open_still()?;
        let (mut record, lasts) = {
            let facts = self.facts();
            (facts.record.clone(), facts.lasts)
        };
        let answer = change(&mut record)?;
        let (directory, written) = (self.0.directory.clone(), record.clone());
        // The name of the session itself is made to last with the first record that is.
        let parent = (lasting == Lasting::Power && !lasts).then(|| self.0.spool.path().to_owned());
        blocking(move || {
            written.write(&directory, lasting)?;
            parent.map_or(Ok(()), |parent| loadlock_durable::names(&parent))
        })
        .await?;
        let mut facts = self.facts();
        facts.record = record;
        facts.lasts |= lasting == Lasting::Power;
        Ok(answer)
    }

    /// Name and length of each data file that is whole, or was appended to.
    pub fn data(&self) -> BTreeMap<String, u64> {
        self.facts().data.clone()
    }

    /// Length of one data file.
    pub fn len_of(&self, name: &str) -> Option<u64> {
        self.facts().data.get(name).copied()
    }

    /// A data file that is there when [`DataWriter::finish`] returns, and else leaves nothing behind.
    ///
    /// # Errors
    /// [`ErrorCode::RequestInvalid`] if there is such a file, [`ErrorCode::StateUnavailable`].
    pub async fn create(&self, name: &str, max_bytes: u64) -> Result<DataWriter> {
        check_name(name)?;
        self.open_still()?;
        if self.len_of(name).is_some() {
            return Err(Error::new(
                ErrorCode::RequestInvalid,
                format!("the session already has `{name}`"),
            ));
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = options.open(self.0.directory.join(format!("{name}{PARTIAL}")));
        let file = file.map_err(|error| unavailable(&error))?;
        Ok(DataWriter::new(self.clone(), name, file, Mode::Create, max_bytes))
    }

    /// Says that a data file will grow by [`Session::append`]. To be said before anything of the session is on the
    /// disk: then a start knows that what it does not find committed is to be cut off.
    pub fn grows(&self, name: &str) {
        self.facts().record.lengths.entry(name.to_owned()).or_default();
    }

    /// Goes on writing a data file that [grows](Session::grows), behind what was kept of it; what was written there and
    /// not kept is cut off.
    ///
    /// # Errors
    /// [`ErrorCode::FileNotFound`] if the session was closed, [`ErrorCode::StateUnavailable`].
    pub async fn append(&self, alone: Alone, name: &str, max_bytes: u64) -> Result<DataWriter> {
        check_name(name)?;
        self.open_still()?;
        if !self.facts().record.lengths.contains_key(name) {
            return Err(Error::new(
                ErrorCode::Internal,
                format!("`{name}` is not one that grows"),
            ));
        }
        let kept = self.len_of(name).unwrap_or(0);
        let path = self.0.directory.join(name);
        let file = blocking(move || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            let file = options.open(path)?;
            if file.metadata()?.len() != kept {
                file.set_len(kept)?;
            }
            Ok(file)
        })
        .await?;
        let writer = DataWriter::new(self.clone(), name, file, Mode::Append, max_bytes);
        Ok(writer.after(kept, self.digest_of(name, kept), alone))
    }

    /// The session for oneself: waits for whoever appends or holds it, and keeps them out.
    pub async fn exclusively(&self) -> Alone {
        Alone {
            _guard: self.0.appending.clone().lock_owned().await,
        }
    }

    /// Keeps it from expiring.
    pub fn in_use(&self) -> InUse {
        self.0.in_use.fetch_add(1, Ordering::Relaxed);
        InUse(self.clone())
    }

    /// Opens a data file for reading.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub fn open(&self, name: &str) -> Result<std::fs::File> {
        check_name(name)?;
        std::fs::File::open(self.0.directory.join(name)).map_err(|error| unavailable(&error))
    }

    /// Removes a data file and gives its room back. None is no error.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub fn remove(&self, name: &str) -> Result<()> {
        check_name(name)?;
        let Some(len) = self.forget(name) else {
            return Ok(());
        };
        self.space().give_back(len);
        std::fs::remove_file(self.0.directory.join(name)).map_err(|error| unavailable(&error))
    }

    /// Removes every data file and gives the room back.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub async fn remove_data(&self) -> Result<()> {
        let data = std::mem::take(&mut self.facts().data);
        self.space().give_back(data.values().sum());
        let directory = self.0.directory.clone();
        blocking(move || {
            let mut names = data.keys();
            names.try_for_each(|name| std::fs::remove_file(directory.join(name)))
        })
        .await
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.0.directory
    }

    fn space(&self) -> &crate::admission::Space {
        self.0.spool.space()
    }

    fn facts(&self) -> MutexGuard<'_, SessionFacts> {
        self.0.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn noted(&self, name: &str, len: u64, sha256: Option<Sha256>) {
        let mut facts = self.facts();
        facts.data.insert(name.to_owned(), len);
        match sha256 {
            Some(sha256) => drop(facts.sha256.insert(name.to_owned(), (len, sha256))),
            None => drop(facts.sha256.remove(name)),
        }
    }

    /// A data file that is not this session's any more; its room stays taken.
    fn forget(&self, name: &str) -> Option<u64> {
        let mut facts = self.facts();
        facts.sha256.remove(name);
        facts.data.remove(name)
    }

    /// Over the first `len` bytes of a data file, if that is known.
    fn digest_of(&self, name: &str, len: u64) -> Option<Sha256> {
        if len == 0 {
            return Some(Sha256::new());
        }
        let facts = self.facts();
        let (_, sha256) = facts.sha256.get(name).filter(|(known, _)| *known == len)?;
        Some(sha256.clone())
    }

    /// Fails once it was closed.
    fn open_still(&self) -> Result<()> {
        if self.facts().closed {
            return Err(no_session(self.id()));
        }
        Ok(())
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.0.in_use.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        let facts = self.facts.get_mut().unwrap_or_else(PoisonError::into_inner);
        // A session that is open is there at the next start.
        if !facts.closed {
            return;
        }
        self.spool.space().give_back(facts.data.values().sum());
        if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            tracing::warn!(path = %self.directory.display(), %error, "cannot remove a session");
        }
        self.spool.forget(&self.directory);
    }
}

fn no_session(id: &str) -> Error {
    Error::new(ErrorCode::FileNotFound, format!("there is no upload `{id}`"))
        .hint("it was never begun, was cancelled, or has expired: begin a new one")
}

fn changed<T, R>(record: &mut SessionRecord, change: impl FnOnce(&mut T) -> Result<R>) -> Result<R>
where
    T: Serialize + DeserializeOwned,
{
    let mut state: T = read_state(&record.state)?;
    let answer = change(&mut state)?;
    record.state = written_state(&state)?;
    Ok(answer)
}

fn read_state<T: DeserializeOwned>(state: &serde_json::Value) -> Result<T> {
    T::deserialize(state).map_err(|error| {
        Error::new(
            ErrorCode::StateUnavailable,
            format!("a session's state cannot be read: {error}"),
        )
    })
}

fn written_state<T: Serialize>(state: &T) -> Result<serde_json::Value> {
    serde_json::to_value(state).map_err(|error| {
        Error::new(
            ErrorCode::Internal,
            format!("a session's state cannot be written: {error}"),
        )
    })
}

/// Runs what blocks on the disk.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(std::io::Error::other)
        .flatten()
        .map_err(|error| unavailable(&error))
}
