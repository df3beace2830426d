//! Sessions: uploads that take several requests, and orders that are carried out later.
//!
//! A session is a spool entry with a record in it. The record says whose it is, when it ends and what its front door
//! has to remember; beside it lie data files. Both are synced before a call returns, so a session is there after a
//! crash, and [`Session::stage`] uploads a data file where it lies. Everything else in the spool is removed at start.
//! Bytes of sessions count against `limits.spool_size` like any other body.

mod data;
mod record;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use self::data::{Mode, PARTIAL, check_name};
use self::record::Record;
use crate::admission::{Opened, Spool, Spooled, unavailable};
use crate::error::{Error, ErrorCode, Result};
use crate::pipeline::flights::hash;
use crate::principal::Principal;
use crate::staged::Staged;

pub use self::data::DataWriter;
pub(crate) use self::store::Sessions;
pub use self::store::{NewSession, STAGED_BODY};

/// Whether a spool entry is a session.
pub(crate) fn is_session(directory: &Path) -> bool {
    directory.join(record::RECORD).exists()
}

/// One open session. Cheap to clone; its directory is there while a clone lives, even after it was closed.
#[derive(Debug, Clone)]
pub struct Session(Arc<Live>);

#[derive(Debug)]
struct Live {
    id: String,
    kind: String,
    owner: Principal,
    created_at_ms: u64,
    directory: PathBuf,
    spool: Spool,
    facts: Mutex<Facts>,
    /// One change of the record at a time.
    changing: tokio::sync::Mutex<()>,
    /// One appending writer at a time.
    appending: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug)]
struct Facts {
    record: Record,
    /// Length of each data file.
    data: BTreeMap<String, u64>,
    closed: bool,
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

    /// What its door remembers.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`] if it is not a `T`.
    pub fn state<T: DeserializeOwned>(&self) -> Result<T> {
        read_state(&self.facts().record.state)
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
        let _turn = self.0.changing.lock().await;
        self.open_still()?;
        let mut record = self.facts().record.clone();
        let mut state: T = read_state(&record.state)?;
        let answer = change(&mut state)?;
        record.state = written_state(&state)?;
        self.replace(record).await?;
        Ok(answer)
    }

    /// Moves its end. Durable when it returns.
    ///
    /// # Errors
    /// See [`Session::update`].
    pub async fn expire_at(&self, expires_at_ms: Option<u64>) -> Result<()> {
        let _turn = self.0.changing.lock().await;
        self.open_still()?;
        let mut record = self.facts().record.clone();
        record.expires_at_ms = expires_at_ms;
        self.replace(record).await
    }

    async fn replace(&self, record: Record) -> Result<()> {
        let (directory, written) = (self.0.directory.clone(), record.clone());
        tokio::task::spawn_blocking(move || written.write(&directory))
            .await
            .map_err(std::io::Error::other)
            .flatten()
            .map_err(|error| unavailable(&error))?;
        self.facts().record = record;
        Ok(())
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
        self.writer(name, max_bytes, Mode::Create).await
    }

    /// Goes on writing a data file at its end. What was written stays when the writer is dropped. Waits for the writer
    /// before.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub async fn append(&self, name: &str, max_bytes: u64) -> Result<DataWriter> {
        self.writer(name, max_bytes, Mode::Append).await
    }

    async fn writer(&self, name: &str, max_bytes: u64, mode: Mode) -> Result<DataWriter> {
        check_name(name)?;
        let turn = match mode {
            Mode::Append => Some(self.0.appending.clone().lock_owned().await),
            Mode::Create => None,
        };
        self.open_still()?;
        if mode == Mode::Create && self.len_of(name).is_some() {
            return Err(Error::new(
                ErrorCode::RequestInvalid,
                format!("the session has `{name}` already"),
            ));
        }
        let mut options = OpenOptions::new();
        options.mode(0o600);
        let file = match mode {
            Mode::Append => {
                let path = self.0.directory.join(name);
                options.append(true).create(true).open(path)
            }
            Mode::Create => {
                let path = self.0.directory.join(format!("{name}{PARTIAL}"));
                options.write(true).create_new(true).open(path)
            }
        };
        let file = file.map_err(|error| unavailable(&error))?;
        let before = file.metadata().map_err(|error| unavailable(&error))?.len();
        Ok(DataWriter {
            session: self.clone(),
            name: name.to_owned(),
            file: Some(tokio::fs::File::from_std(file)),
            mode,
            before,
            written: 0,
            max_bytes,
            turn,
        })
    }

    /// The session for oneself: waits for whoever appends or holds it, and keeps them out.
    pub async fn exclusively(&self) -> tokio::sync::OwnedMutexGuard<()> {
        self.0.appending.clone().lock_owned().await
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
        let Some(len) = self.facts().data.remove(name) else {
            return Ok(());
        };
        self.space().give_back(len);
        std::fs::remove_file(self.0.directory.join(name)).map_err(|error| unavailable(&error))
    }

    /// A data file as the source of an upload, where it lies. Nothing may write to it any more, and the session stays
    /// open until the upload is over; without a digest the file is read once more.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub async fn stage(
        &self,
        data: &str,
        name: impl Into<String>,
        media_type: Option<String>,
        sha256: Option<String>,
    ) -> Result<Staged> {
        check_name(data)?;
        self.open_still()?;
        let relative = Path::new(self.id()).join(data);
        let file = self.0.spool.open(&relative)?;
        let sha256 = match sha256 {
            Some(known) => known,
            None => hash(file.file.clone(), file.identity.size)
                .await
                .map_err(|error| unavailable(&error))?,
        };
        Ok(Staged {
            tenant: self.owner().tenant().to_owned(),
            allotment: None,
            opened: Box::new(Opened {
                file,
                covers: vec![self.0.spool.cover(relative)],
                name: name.into().into_bytes(),
                folder: Vec::new(),
                declared_type: media_type,
                sha256: Some(sha256),
                spooled: Some(Spooled::Session(self.clone())),
            }),
        })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.0.directory
    }

    fn space(&self) -> &crate::admission::Space {
        self.0.spool.space()
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn noted(&self, name: &str, len: u64) {
        self.facts().data.insert(name.to_owned(), len);
    }

    /// Fails once it was closed.
    fn open_still(&self) -> Result<()> {
        if self.facts().closed {
            return Err(no_session(self.id()));
        }
        Ok(())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let facts = self.facts.get_mut().unwrap_or_else(PoisonError::into_inner);
        // A session that is open is there at the next start.
        if !facts.closed {
            return;
        }
        for len in facts.data.values() {
            self.spool.space().give_back(*len);
        }
        if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            tracing::warn!(path = %self.directory.display(), %error, "cannot remove a session");
        }
    }
}

fn no_session(id: &str) -> Error {
    Error::new(ErrorCode::FileNotFound, format!("there is no upload `{id}`"))
        .hint("it was never begun, was cancelled, or has expired: begin a new one")
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
