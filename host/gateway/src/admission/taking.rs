//! A body on its way in: in memory while it is small, in a folder of the spool once it is not.

use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use loadlock_sandbox::files::{FileBytes, GrantRoot, OpenedFile};
use tokio::io::AsyncWriteExt;

use super::spool::{BYTES, Spool, SpoolEntry, Spooled, too_large, unavailable};
use super::{Cover, Room};
use crate::error::Result;
use crate::fault::{self, Point};

/// The largest body that stays in memory: 256 of them at once take 16 MiB. A folder and a file on the disk cost some
/// 0.2 ms of processor time, whatever lies in them; of a larger body that is a small part.
pub(super) const IN_MEMORY: usize = 64 << 10;

/// A body that lies in memory; dropping it frees it.
#[derive(Debug)]
pub(crate) struct InMemory {
    /// Where it would lie on the disk: nothing is there.
    directory: PathBuf,
    relative: PathBuf,
    root: Arc<GrantRoot>,
    room: Room,
}

impl InMemory {
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for InMemory {
    fn drop(&mut self) {
        self.root.let_go(&self.relative);
    }
}

/// A whole body.
pub(super) struct Taken {
    pub(super) file: OpenedFile,
    pub(super) cover: Cover,
    pub(super) spooled: Spooled,
}

/// What has come so far.
pub(super) struct Taking<'a> {
    spool: &'a Spool,
    max_bytes: u64,
    room: Room,
    /// All of it, while it is small.
    start: Vec<u8>,
    disk: Option<(SpoolEntry, tokio::fs::File)>,
}

impl<'a> Taking<'a> {
    pub(super) fn new(spool: &'a Spool, max_bytes: u64) -> Self {
        Self {
            spool,
            max_bytes,
            room: spool.room(),
            start: Vec::new(),
            disk: None,
        }
    }

    pub(super) async fn add(&mut self, chunk: &[u8]) -> Result<()> {
        let len = chunk.len() as u64;
        if self.room.bytes() + len > self.max_bytes {
            return Err(too_large(self.max_bytes));
        }
        self.room.grow(len)?;
        if self.disk.is_none() && self.start.len() + chunk.len() <= IN_MEMORY {
            self.start.extend_from_slice(chunk);
            return Ok(());
        }
        let (_, file) = match &mut self.disk {
            Some(disk) => disk,
            None => {
                let start = std::mem::take(&mut self.start);
                self.disk.insert(new_file(self.spool, &start).await?)
            }
        };
        write(file, chunk).await
    }

    pub(super) async fn end(mut self) -> Result<Taken> {
        let (mut entry, mut file) = match self.disk.take() {
            Some(disk) => disk,
            None => match self.in_memory()? {
                Some(taken) => return Ok(taken),
                None => new_file(self.spool, &self.start).await?,
            },
        };
        file.flush().await.map_err(|error| unavailable(&error))?;
        entry.hold(&mut self.room);
        fault::at(Point::SpoolWritten);
        let relative = entry.body();
        Ok(Taken {
            file: self.spool.open(&relative)?,
            cover: self.spool.cover(relative),
            spooled: Spooled::Entry(entry),
        })
    }

    /// `None` where the system keeps no files in memory.
    fn in_memory(&mut self) -> Result<Option<Taken>> {
        let spool = self.spool;
        let mark = spool.new_mark();
        let relative = Path::new(&mark).join(BYTES);
        let root = spool.root().clone();
        let held = root.hold(&relative, &self.start);
        let Some(file) = held.map_err(|error| unavailable(&error))? else {
            return Ok(None);
        };
        let body = InMemory {
            directory: spool.path().join(&mark),
            relative: relative.clone(),
            root,
            room: std::mem::replace(&mut self.room, spool.room()),
        };
        Ok(Some(Taken {
            file,
            cover: spool.cover(relative),
            spooled: Spooled::Memory(body),
        }))
    }
}

impl Spooled {
    /// An entry on the disk with its open file: for a body that is to outlive its request. `None` if it is a session's
    /// already.
    ///
    /// # Errors
    /// [`ErrorCode::SpoolFull`](crate::ErrorCode::SpoolFull),
    /// [`ErrorCode::StateUnavailable`](crate::ErrorCode::StateUnavailable).
    pub(crate) fn on_disk(self, spool: &Spool, file: FileBytes) -> Result<Option<(SpoolEntry, Arc<std::fs::File>)>> {
        let mut body = match self {
            Self::Entry(entry) => return Ok(file.single().map(|file| (entry, file.clone()))),
            Self::Session(_) => return Ok(None),
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

/// An entry whose file begins with what has come before.
async fn new_file(spool: &Spool, start: &[u8]) -> Result<(SpoolEntry, tokio::fs::File)> {
    let entry = spool.create()?;
    fault::at(Point::SpoolCreated);
    let file = create(&entry).map_err(|error| unavailable(&error))?;
    let mut file = tokio::fs::File::from_std(file);
    write(&mut file, start).await?;
    Ok((entry, file))
}

fn create(entry: &SpoolEntry) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(entry.directory().join(BYTES))
}

async fn write(file: &mut tokio::fs::File, bytes: &[u8]) -> Result<()> {
    let written = file.write_all(bytes).await;
    written.map_err(|error| unavailable(&error))
}
