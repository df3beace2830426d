//! What keeps a body while it is uploaded.

use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use loadlock_sandbox::files::{FileBytes, GrantRoot};

use super::reservation::SpoolReservation;
use super::spool::{BYTES, Spool, SpoolEntry, unavailable};
use crate::error::Result;
use crate::fault::{self, Point};

/// The largest body that stays in memory: 256 of them at once take 16 MiB. A folder and a file on the disk cost some
/// 0.2 ms of processor time, whatever lies in them; of a larger body that is a small part.
pub(super) const IN_MEMORY: usize = 64 << 10;

/// What a body lies in that outlives its upload.
pub(crate) trait KeptBody: std::fmt::Debug + Send + Sync {
    /// Where the bytes are.
    fn directory(&self) -> &Path;
}

/// What keeps a body while it is uploaded.
#[derive(Debug)]
pub(crate) enum Spooled {
    /// A small one, in memory.
    Memory(InMemory),
    /// An entry of its own, which goes when the upload is over.
    Entry(SpoolEntry),
    /// What outlives the upload, and is closed by its door.
    KeptBody(Box<dyn KeptBody>),
}

impl Spooled {
    /// Where the bytes are, or would be.
    pub(crate) fn directory(&self) -> &Path {
        match self {
            Self::Memory(body) => body.directory(),
            Self::Entry(entry) => entry.directory(),
            Self::KeptBody(kept) => kept.directory(),
        }
    }
}

/// A body that lies in memory; dropping it frees it.
#[derive(Debug)]
pub(crate) struct InMemory {
    /// Where it would lie on the disk: nothing is there.
    directory: PathBuf,
    relative: PathBuf,
    root: Arc<GrantRoot>,
    room: SpoolReservation,
}

impl InMemory {
    pub(super) fn new(directory: PathBuf, relative: PathBuf, root: Arc<GrantRoot>, room: SpoolReservation) -> Self {
        Self {
            directory,
            relative,
            root,
            room,
        }
    }

    fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for InMemory {
    fn drop(&mut self) {
        self.root.let_go(&self.relative);
    }
}

impl Spooled {
    /// An entry on the disk with its open file: for a body that is to outlive its request. `None` if it has one
    /// already.
    ///
    /// # Errors
    /// [`ErrorCode::SpoolFull`](crate::ErrorCode::SpoolFull),
    /// [`ErrorCode::StateUnavailable`](crate::ErrorCode::StateUnavailable).
    pub(crate) fn on_disk(self, spool: &Spool, file: FileBytes) -> Result<Option<(SpoolEntry, Arc<std::fs::File>)>> {
        let mut body = match self {
            Self::Entry(entry) => return Ok(file.single().map(|file| (entry, file.clone()))),
            Self::KeptBody(_) => return Ok(None),
            Self::Memory(body) => body,
        };
        let mut bytes = vec![0; usize::try_from(body.room.bytes()).unwrap_or(IN_MEMORY)];
        let mut entry = spool.create()?;
        fault::at(Point::SpoolCreated);
        let file = file
            .single()
            .ok_or_else(|| unavailable(&std::io::ErrorKind::NotFound.into()))?;
        let written = file.read_exact_at(&mut bytes, 0).and_then(|()| {
            let mut file = create(&entry)?;
            std::io::Write::write_all(&mut file, &bytes)?;
            Ok(Arc::new(file))
        });
        let file = written.map_err(|error| unavailable(&error))?;
        entry.hold(&mut body.room);
        fault::at(Point::SpoolWritten);
        Ok(Some((entry, file)))
    }
}

/// The file of an entry that has none yet.
pub(super) fn create(entry: &SpoolEntry) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(entry.directory().join(BYTES))
}
