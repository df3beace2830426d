//! One upload in memory: who may write to it, and what is known of it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use loadlock_gateway::{File, Result as GatewayResult, Room};
use tokio::sync::{OwnedMutexGuard, watch};
use tokio_util::sync::CancellationToken;

use super::info::Info;
use super::problem::Problem;
use super::{blocking, disk};

/// How long a request waits for the one before it to stop. That one only has to write what it holds.
const PATIENCE: Duration = Duration::from_secs(10);

/// One upload.
pub(crate) struct Session {
    pub(crate) id: String,
    folder: PathBuf,
    /// Held by the one request that may write.
    gate: Arc<tokio::sync::Mutex<()>>,
    /// Cancelled by the next request: the newest one has the upload.
    newest: Mutex<CancellationToken>,
    /// Held while `info.json` is written, so that an older state never follows a newer one.
    writing: Mutex<()>,
    inner: Mutex<Inner>,
}

/// What is known of it.
pub(crate) struct Inner {
    pub(crate) info: Info,
    /// Its share of the spool.
    pub(crate) room: Room,
    /// While the gateway has it.
    pub(crate) storing: Option<Storing>,
    /// Removed; whoever still holds it finds nothing.
    pub(crate) gone: bool,
}

/// An upload on its way to a provider.
#[derive(Clone)]
pub(crate) struct Storing {
    pub(crate) end: watch::Receiver<Option<GatewayResult<File>>>,
    pub(crate) cancel: CancellationToken,
}

/// The right to write, until a newer request asks for it.
pub(crate) struct Turn {
    _gate: OwnedMutexGuard<()>,
    /// Cancelled when somebody else wants it.
    pub(crate) taken_over: CancellationToken,
}

impl Session {
    pub(crate) fn new(id: String, folder: PathBuf, info: Info, room: Room) -> Self {
        Self {
            id,
            folder,
            gate: Arc::default(),
            newest: Mutex::default(),
            writing: Mutex::default(),
            inner: Mutex::new(Inner {
                info,
                room,
                storing: None,
                gone: false,
            }),
        }
    }

    /// What is known of it. Held for moments only.
    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of what is known.
    pub(crate) fn info(&self) -> Info {
        self.inner().info.clone()
    }

    /// Takes the upload over from whoever has it: a client that comes again has given up its earlier request, whether
    /// or not the server has noticed.
    ///
    /// # Errors
    /// 423 if a still newer request came or the earlier one does not stop, 404 if the upload went meanwhile.
    pub(crate) async fn take(&self) -> Result<Turn, Problem> {
        let mine = CancellationToken::new();
        let before = {
            let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *newest, mine.clone())
        };
        before.cancel();
        let gate = tokio::select! {
            gate = self.gate.clone().lock_owned() => gate,
            () = mine.cancelled() => return Err(Problem::locked("a newer request took the upload over")),
            () = tokio::time::sleep(PATIENCE) => return Err(Problem::locked("an earlier request still holds the \
                 upload")),
        };
        if self.inner().gone {
            return Err(Problem::not_found());
        }
        Ok(Turn {
            _gate: gate,
            taken_over: mine,
        })
    }

    /// The right to write, if nobody has it.
    pub(crate) fn idle(&self) -> Option<OwnedMutexGuard<()>> {
        self.gate.clone().try_lock_owned().ok()
    }

    /// The right to write, when whoever has it is done.
    pub(crate) async fn wait(&self) -> OwnedMutexGuard<()> {
        self.gate.clone().lock_owned().await
    }

    /// The file of its bytes.
    pub(crate) async fn data(self: &Arc<Self>) -> Result<std::fs::File, Problem> {
        let session = self.clone();
        blocking(move || disk::data(&session.folder)).await
    }

    /// Writes what is known to the disk.
    pub(crate) async fn save(self: &Arc<Self>) -> Result<(), Problem> {
        let session = self.clone();
        blocking(move || session.write(|_| Ok(()))).await
    }

    /// Writes what is known, then gives the bytes up.
    pub(crate) async fn save_without_data(self: &Arc<Self>) -> Result<(), Problem> {
        let session = self.clone();
        blocking(move || session.write(disk::remove_data)).await?;
        self.inner().room.shrink_to(0);
        Ok(())
    }

    fn write(&self, then: impl FnOnce(&std::path::Path) -> std::io::Result<()>) -> std::io::Result<()> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (info, gone) = {
            let inner = self.inner();
            (inner.info.clone(), inner.gone)
        };
        if gone {
            return Ok(());
        }
        disk::write_info(&self.folder, &info)?;
        then(&self.folder)
    }

    /// Removes it from the disk and gives its room back.
    pub(crate) async fn erase(self: &Arc<Self>) -> Result<(), Problem> {
        self.inner().gone = true;
        let session = self.clone();
        blocking(move || {
            let _one = session.writing.lock().unwrap_or_else(PoisonError::into_inner);
            disk::remove(&session.folder)
        })
        .await?;
        self.inner().room.shrink_to(0);
        Ok(())
    }
}
