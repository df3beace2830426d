//! Writing a session's data files.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Alone, Session, blocking};
use crate::admission::too_large;
use crate::error::{Error, ErrorCode, Result};

/// Suffix of a file that is not whole yet; a start removes it.
pub(super) const PARTIAL: &str = ".partial";
/// One write to the disk.
const WRITE: usize = 256 << 10;

/// How a data file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Whole or not at all.
    Create,
    /// At the end of what was kept before.
    Append,
}

/// Writes one data file of a session. Every byte is counted against the spool's ceiling before it is written. What was
/// not kept, or finished, is gone when the writer is dropped.
#[derive(Debug)]
pub struct DataWriter {
    session: Session,
    name: String,
    file: Arc<File>,
    mode: Mode,
    /// Bytes that stay if this is dropped.
    kept: u64,
    /// Bytes that are in the file.
    written: u64,
    /// Bytes that are not in the file yet.
    buffer: Vec<u8>,
    /// Most bytes that the file may have.
    max_bytes: u64,
    /// Over everything that is in the file, where that is known.
    sha256: Option<Sha256>,
    /// Nobody else appends. A write that goes on although its future was dropped holds it as well.
    alone: Option<Arc<Alone>>,
}

/// What a data file may be called: letters, digits, `-` and `_`.
pub(super) fn check_name(name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=64).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::Internal,
        format!("{name:?} cannot be the name of a data file"),
    ))
}

impl DataWriter {
    pub(super) fn new(session: Session, name: &str, file: File, mode: Mode, max_bytes: u64) -> Self {
        Self {
            session,
            name: name.to_owned(),
            file: Arc::new(file),
            mode,
            kept: 0,
            written: 0,
            buffer: Vec::new(),
            max_bytes,
            sha256: Some(Sha256::new()),
            alone: None,
        }
    }

    /// Goes on behind `kept` bytes with this digest.
    pub(super) fn after(mut self, kept: u64, sha256: Option<Sha256>, alone: Alone) -> Self {
        (self.kept, self.written, self.sha256) = (kept, kept, sha256);
        self.alone = Some(Arc::new(alone));
        self
    }

    /// Bytes that the file has, those included that are on their way to it.
    pub fn len(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Whether the file is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that can be read in the file.
    pub fn readable(&self) -> u64 {
        self.written
    }

    /// Takes a chunk.
    ///
    /// # Errors
    /// [`ErrorCode::FileTooLarge`] and [`ErrorCode::SpoolFull`]: none of the chunk is taken then.
    /// [`ErrorCode::StateUnavailable`] or [`ErrorCode::SpoolFull`] from the disk: see [`DataWriter::flush`].
    pub async fn write(&mut self, chunk: &Bytes) -> Result<()> {
        let len = chunk.len() as u64;
        if self.len() + len > self.max_bytes {
            return Err(too_large(self.max_bytes));
        }
        self.session.space().take(len)?;
        self.buffer.extend_from_slice(chunk);
        if self.buffer.len() < WRITE {
            return Ok(());
        }
        self.flush().await
    }

    /// Writes what is on its way, so that it can be read. It is not kept by that.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`], [`ErrorCode::SpoolFull`]: what was on its way is gone then, and what was
    /// written before is as it was.
    pub async fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let buffer = std::mem::take(&mut self.buffer);
        let (len, at) = (buffer.len() as u64, self.written);
        let (file, alone, mut sha256) = (self.file.clone(), self.alone.clone(), self.sha256.take());
        let written = blocking(move || {
            file.write_all_at(&buffer, at)?;
            if let Some(sha256) = &mut sha256 {
                sha256.update(&buffer);
            }
            drop(alone);
            Ok((buffer, sha256))
        });
        match written.await {
            Ok((mut buffer, sha256)) => {
                buffer.clear();
                (self.buffer, self.sha256) = (buffer, sha256);
                self.written += len;
                Ok(())
            }
            Err(error) => {
                self.session.space().give_back(len);
                Err(error)
            }
        }
    }

    /// What was taken so far stays when this is dropped, and after a crash of the process once the session's record is
    /// written: [`Session::commit`] makes it last.
    ///
    /// # Errors
    /// As [`DataWriter::flush`]; [`ErrorCode::FileNotFound`] if the session was closed meanwhile.
    pub async fn keep(&mut self) -> Result<u64> {
        self.flush().await?;
        self.session.open_still()?;
        self.kept = self.written;
        self.session.noted(&self.name, self.kept, self.sha256.clone());
        Ok(self.kept)
    }

    /// Cuts the file to `len` bytes, of which it has as many at least. What was kept behind them is not kept any more,
    /// and is cut off by a start too once that is [committed](Session::commit).
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub async fn cut(&mut self, len: u64) -> Result<()> {
        let len = len.min(self.written);
        self.session.space().give_back(self.len() - len);
        self.buffer.clear();
        self.written = len;
        self.sha256 = self.session.digest_of(&self.name, len);
        if len < self.kept {
            self.kept = len;
            self.session.noted(&self.name, len, self.sha256.clone());
        }
        let file = self.file.clone();
        blocking(move || file.set_len(len)).await
    }

    /// Makes a new data file durable, content and name. Answers its length.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`]; [`ErrorCode::FileNotFound`] if the session was closed meanwhile.
    pub async fn finish(mut self) -> Result<u64> {
        self.flush().await?;
        self.session.open_still()?;
        let (directory, name) = (self.session.directory().to_owned(), self.name.clone());
        let file = self.file.clone();
        blocking(move || {
            loadlock_durable::content(&file)?;
            std::fs::rename(directory.join(format!("{name}{PARTIAL}")), directory.join(name))?;
            loadlock_durable::names(&directory)
        })
        .await?;
        // From here on the file is there: dropping this value removes nothing.
        self.mode = Mode::Append;
        self.keep().await
    }
}

impl Drop for DataWriter {
    fn drop(&mut self) {
        self.session.space().give_back(self.len() - self.kept);
        if self.mode == Mode::Create {
            let path = self.session.directory().join(format!("{}{PARTIAL}", self.name));
            if let Err(error) = std::fs::remove_file(path) {
                tracing::warn!(%error, "an unfinished data file cannot be removed");
            }
        }
        // What was appended and not kept is cut off by whoever appends next, and by a start.
    }
}
