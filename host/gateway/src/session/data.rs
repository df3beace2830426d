//! Writing a session's data files.

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::sync::OwnedMutexGuard;

use super::Session;
use crate::admission::{too_large, unavailable};
use crate::error::{Error, ErrorCode, Result};

/// Suffix of a file that is not whole yet; a start removes it.
pub(super) const PARTIAL: &str = ".partial";

/// How a data file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Whole or not at all.
    Create,
    /// What was written stays, whole or not.
    Append,
}

/// Writes one data file of a session. Every byte is counted against the spool's ceiling before it is written.
#[derive(Debug)]
pub struct DataWriter {
    pub(super) session: Session,
    pub(super) name: String,
    pub(super) file: Option<tokio::fs::File>,
    pub(super) mode: Mode,
    /// Bytes that the file had before.
    pub(super) before: u64,
    /// Bytes that were written, and counted.
    pub(super) written: u64,
    /// Most bytes that the file may have.
    pub(super) max_bytes: u64,
    /// One writer at a time appends.
    pub(super) turn: Option<OwnedMutexGuard<()>>,
}

/// What a data file may be called: letters, digits, `-` and `_`.
pub(super) fn check_name(name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=64).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::Internal,
        format!("{name:?} is no name of a data file"),
    ))
}

impl DataWriter {
    /// Bytes that the file has now.
    pub fn len(&self) -> u64 {
        self.before + self.written
    }

    /// Whether the file is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a chunk.
    ///
    /// # Errors
    /// [`ErrorCode::FileTooLarge`], [`ErrorCode::SpoolFull`], [`ErrorCode::StateUnavailable`].
    pub async fn write(&mut self, chunk: &Bytes) -> Result<()> {
        let len = chunk.len() as u64;
        if self.len() + len > self.max_bytes {
            return Err(too_large(self.max_bytes));
        }
        let Some(file) = &mut self.file else {
            return Err(Error::new(ErrorCode::Internal, "the data file is closed"));
        };
        self.session.space().take(len)?;
        self.written += len;
        file.write_all(chunk).await.map_err(|error| unavailable(&error))
    }

    /// Makes it durable: data, and names up to the session's own. Answers the file's length.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`]; [`ErrorCode::FileNotFound`] if the session was closed meanwhile.
    pub async fn finish(mut self) -> Result<u64> {
        let file = match self.file.take() {
            Some(mut file) => {
                file.flush().await.map_err(|error| unavailable(&error))?;
                Some(file.into_std().await)
            }
            None => None,
        };
        let (directory, name) = (self.session.directory().to_owned(), self.name.clone());
        let partial = (self.mode == Mode::Create).then(|| format!("{name}{PARTIAL}"));
        let renamed = tokio::task::spawn_blocking(move || {
            if let Some(file) = file {
                loadlock_durable::content(&file)?;
            }
            if let Some(partial) = partial {
                std::fs::rename(directory.join(partial), directory.join(name))?;
            }
            loadlock_durable::names(&directory)
        });
        renamed
            .await
            .map_err(std::io::Error::other)
            .flatten()
            .map_err(|error| unavailable(&error))?;
        let len = self.len();
        // From here on the file is there: dropping this value removes nothing.
        self.mode = Mode::Append;
        self.written = 0;
        self.session.noted(&self.name, len);
        self.session.open_still()?;
        Ok(len)
    }
}

impl Drop for DataWriter {
    fn drop(&mut self) {
        let written = std::mem::take(&mut self.written);
        if self.mode == Mode::Create {
            self.session.space().give_back(written);
            let path = self.session.directory().join(format!("{}{PARTIAL}", self.name));
            if let Err(error) = std::fs::remove_file(path) {
                tracing::warn!(%error, "cannot remove an unfinished data file");
            }
            return;
        }
        let (Some(mut file), Ok(runtime)) = (self.file.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        // A write may be on its way still: the next writer waits for it, and the file's length is the truth.
        let (session, name) = (self.session.clone(), std::mem::take(&mut self.name));
        let (before, turn) = (self.before, self.turn.take());
        runtime.spawn(async move {
            let _ = file.flush().await;
            let _ = file.sync_all().await;
            let len = match file.metadata().await {
                Ok(metadata) => metadata.len(),
                Err(_) => before + written,
            };
            session.space().give_back((before + written).saturating_sub(len));
            session.noted(&name, len);
            drop(turn);
        });
    }
}
