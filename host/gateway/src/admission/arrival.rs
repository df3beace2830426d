//! A body that is uploaded while it arrives. Its writer puts it into the spool and says how far it is; its upload reads
//! it there, and never its last byte before the writer is [done](ArrivalWriter::finish).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use loadlock_policy::tee::Tee;
use loadlock_sandbox::files::{ArrivingFile, OpenedFile};
use loadlock_sandbox::validator::HEAD_BYTES;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::opened::Opened;
use super::reservation::SpoolReservation;
use super::spool::{Spool, SpoolEntry, too_large, unavailable};
use super::spooled::{KeptBody, Spooled, create};
use crate::error::{Error, ErrorCode, Result};
use crate::fault::{self, Point};
use crate::staged::Allotment;
use crate::state::tenant_limits::HeldRoom;

/// What is known of a body before it comes.
#[derive(Debug, Clone)]
pub(crate) struct ArrivalFacts {
    pub(crate) tenant: String,
    pub(crate) name: String,
    pub(crate) media_type: Option<String>,
    pub(crate) bytes: u64,
}

/// A body that comes while it is uploaded: what the upload has of it.
#[derive(Debug)]
pub struct Arrival {
    state: Arc<ArrivalState>,
    /// Room that was held for it before.
    pub(crate) allotment: Option<HeldRoom>,
}

/// What writer and upload share. The last of them removes the body.
#[derive(Debug)]
struct ArrivalState {
    facts: ArrivalFacts,
    spool: Spool,
    directory: PathBuf,
    /// Beneath the spool.
    relative: PathBuf,
    opened: OpenedFile,
    keeper: Keeper,
    tee: watch::Sender<Tee>,
    /// The digest, or why it will never be whole. Set before the tee ends.
    end: OnceLock<Result<String>>,
    /// Cancelled when what is being sent cannot become a file any more.
    stop: OnceLock<CancellationToken>,
    /// Its upload has ended, and the body is wanted otherwise.
    put_off: AtomicBool,
}

/// What the body lies in.
#[derive(Debug)]
enum Keeper {
    /// An entry of its own.
    Entry(Mutex<SpoolEntry>),
    /// What outlives it: its upload does not wait for the rest of it, which may take hours and several requests.
    Door { _kept: Box<dyn KeptBody> },
}

/// Keeps the body while an upload has it.
#[derive(Debug)]
struct KeptArrival(Arc<ArrivalState>);

impl KeptBody for KeptArrival {
    fn directory(&self) -> &Path {
        &self.0.directory
    }
}

/// The writing half. Dropped before it is finished, the body is broken: nothing of it is stored.
#[derive(Debug)]
pub struct ArrivalWriter {
    state: Arc<ArrivalState>,
    file: Arc<File>,
    max_bytes: u64,
    room: SpoolReservation,
    /// Bytes that were handed to the disk.
    at: u64,
    sha256: Option<Sha256>,
    /// The last chunk on its way to the disk.
    writing: Option<JoinHandle<std::io::Result<Sha256>>>,
}

/// Both halves of a body of which nothing has come.
pub(crate) fn arrive(spool: &Spool, facts: ArrivalFacts, max_bytes: u64) -> Result<(Arrival, ArrivalWriter)> {
    let entry = spool.create()?;
    fault::at(Point::ArrivalCreated);
    let file = Arc::new(create(&entry).map_err(|error| unavailable(&error))?);
    let (directory, relative) = (entry.directory().to_owned(), entry.body());
    let state = ArrivalState::begin(spool, facts, (directory, relative), Keeper::Entry(Mutex::new(entry)))?;
    let writer = ArrivalWriter {
        state: state.clone(),
        file,
        max_bytes,
        room: spool.room(),
        at: 0,
        sha256: Some(Sha256::new()),
        writing: None,
    };
    let arrival = Arrival { state, allotment: None };
    Ok((arrival, writer))
}

/// A body that its door writes, into a file that is there, at a path beneath the spool.
pub(crate) fn arrive_at(
    spool: &Spool,
    facts: ArrivalFacts,
    relative: PathBuf,
    kept: Box<dyn KeptBody>,
) -> Result<(Arrival, ArrivalFeed)> {
    let directory = kept.directory().to_owned();
    let state = ArrivalState::begin(spool, facts, (directory, relative), Keeper::Door { _kept: kept })?;
    let feed = ArrivalFeed { state: state.clone() };
    Ok((Arrival { state, allotment: None }, feed))
}

impl ArrivalState {
    fn begin(
        spool: &Spool,
        facts: ArrivalFacts,
        (directory, relative): (PathBuf, PathBuf),
        keeper: Keeper,
    ) -> Result<Arc<Self>> {
        let (tee, reading) = watch::channel(Tee::new(facts.bytes));
        let opened = spool.open(&relative)?;
        let Some(readable) = opened.file.single() else {
            return Err(Error::new(ErrorCode::Internal, "a spooled body that is not one file"));
        };
        let arriving = ArrivingFile::new(readable.clone(), reading).map_err(|error| unavailable(&error))?;
        Ok(Arc::new(Self {
            facts,
            spool: spool.clone(),
            directory,
            relative,
            opened: OpenedFile {
                identity: arriving.identity(),
                file: arriving.into(),
                ..opened
            },
            keeper,
            tee,
            end: OnceLock::new(),
            stop: OnceLock::new(),
            put_off: AtomicBool::new(false),
        }))
    }
}

impl Arrival {
    /// With the room that was held for it, which its upload goes on holding.
    #[must_use]
    pub fn allotted(mut self, allotment: Allotment) -> Self {
        self.allotment = allotment.0;
        self
    }

    /// The client's file name, not judged yet.
    pub(crate) fn name(&self) -> &str {
        &self.state.facts.name
    }

    /// Bytes that were announced.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.facts.bytes
    }

    /// Whether its upload waits for the rest of it when it is put off. Else that ends, and its door begins another.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.state.keeper, Keeper::Entry(_))
    }

    /// Its upload ends, and has stored nothing.
    pub(crate) fn note_put_off(&self) {
        self.state.put_off.store(true, Ordering::Release);
    }

    pub(crate) fn tee(&self) -> Tee {
        *self.state.tee.borrow()
    }

    /// Cancels this as soon as what is being sent cannot become a file any more.
    pub(crate) fn stops(&self, stop: &CancellationToken) {
        let _ = self.state.stop.set(stop.clone());
        let tee = self.tee();
        if tee.differs() || (tee.has_ended() && !tee.released()) {
            stop.cancel();
        }
    }

    /// SHA-256, once it is whole.
    pub(crate) fn sha256(&self) -> Option<&str> {
        self.state.end.get()?.as_ref().ok().map(String::as_str)
    }

    /// Why it will never be whole, if it will not.
    pub(crate) fn broke(&self) -> Option<Error> {
        self.state.end.get()?.as_ref().err().cloned()
    }

    /// The first bytes, as many as the validator sees.
    pub(crate) async fn head(&self) -> Result<Vec<u8>> {
        let want = self.bytes().min(HEAD_BYTES as u64);
        let mut tee = self.state.tee.subscribe();
        // The sender lives as long as this.
        let _ = tee.wait_for(|tee| tee.spooled() >= want || tee.has_ended()).await;
        drop(tee);
        if let Some(error) = self.broke() {
            return Err(error);
        }
        let mut head = vec![0; usize::try_from(want).unwrap_or(HEAD_BYTES)];
        let (mut filled, file) = (0, &self.state.opened.file);
        while filled < head.len() {
            match file.read_at(&mut head[filled..], filled as u64) {
                Ok(0) | Err(_) => break,
                Ok(read) => filled += read,
            }
        }
        head.truncate(filled);
        Ok(head)
    }

    /// As an upload reads it while it arrives.
    pub(crate) fn arriving(&self) -> Opened {
        self.state.shown(self.state.opened.clone(), None)
    }

    /// As an upload reads it once it is whole, whatever its size.
    ///
    /// # Errors
    /// Why it never will be.
    pub(crate) async fn whole(&self) -> Result<Opened> {
        let mut tee = self.state.tee.subscribe();
        let _ = tee.wait_for(Tee::has_ended).await;
        drop(tee);
        self.state.whole()
    }
}

impl Clone for Arrival {
    /// Without the room, which is one upload's.
    fn clone(&self) -> Self {
        Self {
            state: self.state.clone(),
            allotment: None,
        }
    }
}

impl ArrivalState {
    fn shown(self: &Arc<Self>, file: OpenedFile, sha256: Option<String>) -> Opened {
        Opened {
            file,
            covers: vec![self.spool.cover(self.relative.clone())],
            name: self.facts.name.clone().into_bytes(),
            typed: None,
            folder: Vec::new(),
            declared_type: self.facts.media_type.clone(),
            sha256,
            spooled: Some(Spooled::KeptBody(Box::new(KeptArrival(self.clone())))),
        }
    }

    fn whole(self: &Arc<Self>) -> Result<Opened> {
        match self.end.get() {
            Some(Ok(digest)) => Ok(self.shown(self.spool.open(&self.relative)?, Some(digest.clone()))),
            Some(Err(error)) => Err(error.clone()),
            None => Err(Error::new(ErrorCode::Internal, "a body that has not ended")),
        }
    }

    /// Ends it without success, unless it has ended.
    fn break_off(&self, error: Error) {
        let _ = self.end.set(Err(error));
        self.tee.send_modify(Tee::broke);
        self.stop();
    }

    fn stop(&self) {
        if let Some(stop) = self.stop.get() {
            stop.cancel();
        }
    }
}

impl ArrivalWriter {
    /// Takes a chunk, which can be read as soon as it is in the spool.
    ///
    /// # Errors
    /// [`ErrorCode::FileTooLarge`], [`ErrorCode::SpoolFull`], [`ErrorCode::StateUnavailable`]: drop or
    /// [fail](Self::fail) it then.
    pub async fn write(&mut self, chunk: Bytes) -> Result<()> {
        let len = chunk.len() as u64;
        if self.at + len > self.max_bytes {
            return Err(too_large(self.max_bytes));
        }
        self.room.grow(len)?;
        let mut sha256 = self.settle().await?;
        let (file, at, tee) = (self.file.clone(), self.at, self.state.clone());
        self.at += len;
        // The next chunk comes meanwhile.
        self.writing = Some(tokio::task::spawn_blocking(move || {
            file.write_all_at(&chunk, at)?;
            tee.tee.send_modify(|tee| tee.wrote(len));
            sha256.update(&chunk);
            Ok(sha256)
        }));
        if self.state.tee.borrow().differs() {
            self.state.stop();
        }
        Ok(())
    }

    /// Waits for the disk.
    async fn settle(&mut self) -> Result<Sha256> {
        if let Some(writing) = self.writing.take() {
            let written = writing.await.map_err(std::io::Error::other).and_then(|written| written);
            self.sha256 = Some(written.map_err(|error| unavailable(&error))?);
        }
        let lost = || Error::new(ErrorCode::Internal, "a body goes on after it could not be written");
        self.sha256.take().ok_or_else(lost)
    }

    /// Everything has come, and nothing speaks against it: the last byte may leave.
    ///
    /// # Errors
    /// [`ErrorCode::SpoolFull`], [`ErrorCode::StateUnavailable`]: nothing is stored.
    pub async fn finish(mut self) -> Result<()> {
        self.end().await?;
        fault::at(Point::ReleaseBefore);
        self.state.tee.send_modify(Tee::finished);
        fault::at(Point::ReleaseAfter);
        if self.state.tee.borrow().differs() {
            self.state.stop();
        }
        Ok(())
    }

    /// Everything has come, but it is not to be uploaded as it was begun.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub(crate) async fn take_back(mut self) -> Result<Opened> {
        self.end().await?;
        self.state.tee.send_modify(Tee::broke);
        self.state.stop();
        self.state.whole()
    }

    async fn end(&mut self) -> Result<()> {
        let sha256 = self.settle().await?;
        if let Keeper::Entry(entry) = &self.state.keeper {
            let mut entry = entry.lock().unwrap_or_else(PoisonError::into_inner);
            entry.hold(&mut self.room);
        }
        let _ = self.state.end.set(Ok(hex::encode(sha256.finalize())));
        fault::at(Point::SpoolWritten);
        Ok(())
    }

    /// It must not be stored.
    pub fn fail(self, error: Error) {
        self.state.break_off(error);
    }

    pub(crate) fn tenant(&self) -> &str {
        &self.state.facts.tenant
    }
}

/// How a door says how far a body is that it writes itself. Dropped before it is finished, the body is broken.
#[derive(Debug)]
pub struct ArrivalFeed {
    state: Arc<ArrivalState>,
}

impl ArrivalFeed {
    /// So many bytes, from the first one on, are in the file and stay there.
    pub fn reaches(&self, bytes: u64) {
        self.state
            .tee
            .send_modify(|tee| tee.wrote(bytes.saturating_sub(tee.spooled())));
        if self.state.tee.borrow().differs() {
            self.state.stop();
        }
    }

    /// Bytes that it was said to have.
    pub fn len(&self) -> u64 {
        self.state.tee.borrow().spooled()
    }

    /// Whether nothing of it was said to be there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything has come, and has this digest: the last byte may leave.
    pub fn finish(&self, sha256: String) {
        let _ = self.state.end.set(Ok(sha256));
        fault::at(Point::ReleaseBefore);
        self.state.tee.send_modify(Tee::finished);
        fault::at(Point::ReleaseAfter);
    }

    /// Whether its upload has ended without storing anything, and the whole body is to be uploaded.
    pub fn was_put_off(&self) -> bool {
        self.state.put_off.load(Ordering::Acquire)
    }
}

impl Drop for ArrivalFeed {
    fn drop(&mut self) {
        if !self.state.tee.borrow().has_ended() {
            self.state
                .break_off(Error::new(ErrorCode::Cancelled, "cancelled before all of it had come"));
        }
    }
}

impl Drop for ArrivalWriter {
    fn drop(&mut self) {
        if !self.state.tee.borrow().has_ended() {
            self.state
                .break_off(Error::new(ErrorCode::RequestInvalid, "the body ended early").hint("send it again"));
        }
    }
}
