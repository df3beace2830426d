//! A body on its way in: in memory while it is small, in a folder of the spool once it is not.

use std::path::Path;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use loadlock_sandbox::files::OpenedFile;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::grants::Cover;
use super::opened::Opened;
use super::reservation::SpoolReservation;
use super::spool::{BYTES, Spool, SpoolEntry, too_large, unavailable};
use super::spooled::{IN_MEMORY, InMemory, Spooled, create};
use crate::error::{Error, ErrorCode, Result};
use crate::fault::{self, Point};

/// A request body.
pub struct Body {
    /// The bytes, in order. An error ends the upload; nothing is kept.
    pub stream: BoxStream<'static, std::io::Result<Bytes>>,
    /// The client's file name.
    pub name: String,
    /// The client's media type.
    pub media_type: Option<String>,
}

impl Spool {
    /// Takes a body in whole. It is not synced: no upload goes on from it after a crash, its entry in the journal has
    /// the digest, and the vendor is asked. Whoever promises more puts it on the disk and syncs it
    /// ([`Gateway::keep`](crate::Gateway::keep)).
    pub(crate) async fn take(&self, mut body: Body, max_bytes: u64) -> Result<Opened> {
        let mut taking = Taking::new(self, max_bytes);
        let mut hasher = Sha256::new();
        while let Some(chunk) = body.stream.next().await {
            let chunk = chunk.map_err(ended_early)?;
            taking.add(&chunk).await?;
            hasher.update(&chunk);
        }
        let taken = taking.end().await?;
        Ok(Opened {
            file: taken.file,
            covers: vec![taken.cover],
            name: body.name.into_bytes(),
            typed: None,
            folder: Vec::new(),
            declared_type: body.media_type,
            sha256: Some(hex::encode(hasher.finalize())),
            spooled: Some(taken.spooled),
        })
    }
}

/// A body that stopped before its end, as its caller reads it: what stands in front of the gateway may put an [`Error`]
/// of its own into the stream.
pub fn ended_early(error: std::io::Error) -> Error {
    if let Some(refusal) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return refusal.clone();
    }
    Error::new(ErrorCode::RequestInvalid, format!("the body ended early: {error}")).hint("send it again")
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
    room: SpoolReservation,
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
        let room = std::mem::replace(&mut self.room, spool.room());
        let body = InMemory::new(spool.path().join(&mark), relative.clone(), root, room);
        Ok(Some(Taken {
            file,
            cover: spool.cover(relative),
            spooled: Spooled::Memory(body),
        }))
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

async fn write(file: &mut tokio::fs::File, bytes: &[u8]) -> Result<()> {
    let written = file.write_all(bytes).await;
    written.map_err(|error| unavailable(&error))
}
