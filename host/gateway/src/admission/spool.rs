//! Bodies: streamed into a private directory, hashed on the way.

use std::fs::File;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use loadlock_sandbox::files::{GrantRoot, OpenError};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::{Cover, Opened};
use crate::error::{Error, ErrorCode, Result};
use crate::id;

/// A request body.
pub struct Body {
    /// The bytes, in order. An error ends the upload; nothing is kept.
    pub stream: BoxStream<'static, std::io::Result<Bytes>>,
    /// The client's file name.
    pub name: String,
    /// The client's media type.
    pub media_type: Option<String>,
}

/// One entry in the spool; dropping it removes the directory.
#[derive(Debug)]
pub(crate) struct Spooled {
    directory: PathBuf,
    bytes: u64,
    used: Arc<AtomicU64>,
}

impl Spooled {
    /// Where the bytes are.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
        if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            tracing::warn!(path = %self.directory.display(), %error, "cannot remove a spool entry");
        }
    }
}

/// The directory of bodies on their way, with a ceiling.
#[derive(Debug)]
pub(crate) struct Spool {
    path: PathBuf,
    root: Arc<GrantRoot>,
    ceiling: u64,
    used: Arc<AtomicU64>,
}

/// Name of the bytes within an entry.
const BYTES: &str = "body";

impl Spool {
    pub(crate) fn new(path: PathBuf, root: Arc<GrantRoot>, ceiling: u64) -> Self {
        Self {
            path,
            root,
            ceiling,
            used: Arc::default(),
        }
    }

    /// Removes every entry. Only while no upload is under way.
    pub(crate) fn clean(&self) {
        let entries = std::fs::read_dir(&self.path)
            .into_iter()
            .flatten()
            .flatten();
        for entry in entries {
            if let Err(error) = std::fs::remove_dir_all(entry.path()) {
                tracing::warn!(path = %entry.path().display(), %error, "cannot remove a spool entry");
            }
        }
    }

    /// Takes a body in whole: synced before it is admitted, so that what a journal entry refers to survives a power loss.
    pub(crate) async fn take(&self, mut body: Body, max_bytes: u64) -> Result<Opened> {
        let entry = id::mark();
        let directory = self.path.join(&entry);
        let unavailable = |error: std::io::Error| {
            let code = if error.kind() == std::io::ErrorKind::StorageFull {
                ErrorCode::SpoolFull
            } else {
                ErrorCode::StateUnavailable
            };
            Error::new(code, format!("cannot spool the body: {error}"))
        };
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&directory)
            .map_err(unavailable)?;
        let mut spooled = Spooled {
            directory,
            bytes: 0,
            used: self.used.clone(),
        };
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(spooled.directory.join(BYTES))
            .map_err(unavailable)?;
        let mut file = tokio::fs::File::from_std(file);
        let mut hasher = Sha256::new();
        while let Some(chunk) = body.stream.next().await {
            let chunk = chunk.map_err(|error| {
                Error::new(
                    ErrorCode::RequestInvalid,
                    format!("the body ended early: {error}"),
                )
                .hint("send it again")
            })?;
            let len = chunk.len() as u64;
            if spooled.bytes + len > max_bytes {
                return Err(Error::new(
                    ErrorCode::FileTooLarge,
                    format!("the body is larger than {max_bytes} bytes"),
                ));
            }
            if self.used.fetch_add(len, Ordering::Relaxed) + len > self.ceiling {
                self.used.fetch_sub(len, Ordering::Relaxed);
                return Err(Error::new(
                    ErrorCode::SpoolFull,
                    format!("the spool holds its limit of {} bytes", self.ceiling),
                ));
            }
            spooled.bytes += len;
            hasher.update(&chunk);
            file.write_all(&chunk).await.map_err(unavailable)?;
        }
        file.flush().await.map_err(unavailable)?;
        file.sync_all().await.map_err(unavailable)?;
        drop(file);
        for directory in [spooled.directory.as_path(), self.path.as_path()] {
            File::open(directory)
                .and_then(|directory| directory.sync_all())
                .map_err(unavailable)?;
        }
        let relative = PathBuf::from(entry).join(BYTES);
        let opened = self
            .root
            .open_file(&relative)
            .map_err(|error| match error {
                OpenError::Io(error) => unavailable(error),
                other => Error::new(
                    ErrorCode::Internal,
                    format!("the spooled body cannot be opened: {other}"),
                ),
            })?;
        Ok(Opened {
            file: opened,
            covers: vec![Cover {
                root: self.root.clone(),
                relative,
                providers: None,
            }],
            name: body.name.into_bytes(),
            folder: Vec::new(),
            declared_type: body.media_type,
            sha256: Some(hex::encode(hasher.finalize())),
            spooled: Some(spooled),
        })
    }
}
