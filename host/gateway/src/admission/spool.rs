//! Where bodies are kept, with a ceiling over all of them: small ones in memory, others in folders of a private
//! directory.

use std::collections::HashSet;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use loadlock_sandbox::files::{GrantRoot, OpenError, OpenedFile};
use sha2::{Digest, Sha256};

use super::taking::{InMemory, Taking};
use super::{Cover, Opened, Room, Space};
use crate::error::{Error, ErrorCode, Result};
use crate::id;
use crate::session::Session;

/// A request body.
pub struct Body {
    /// The bytes, in order. An error ends the upload; nothing is kept.
    pub stream: BoxStream<'static, std::io::Result<Bytes>>,
    /// The client's file name.
    pub name: String,
    /// The client's media type.
    pub media_type: Option<String>,
}

/// What keeps a body while it is uploaded.
#[derive(Debug)]
pub(crate) enum Spooled {
    /// A small one, in memory.
    Memory(InMemory),
    /// An entry of its own, which goes when the upload is over.
    Entry(SpoolEntry),
    /// A session, which its door closes.
    Session(Session),
}

impl Spooled {
    /// Where the bytes are, or would be.
    pub(crate) fn directory(&self) -> &Path {
        match self {
            Self::Memory(body) => body.directory(),
            Self::Entry(entry) => &entry.directory,
            Self::Session(session) => session.directory(),
        }
    }
}

/// One entry in the spool; dropping it removes the directory.
#[derive(Debug)]
pub(crate) struct SpoolEntry {
    mark: String,
    directory: PathBuf,
    bytes: u64,
    space: Space,
    live: Live,
    /// False once a session has taken the directory over.
    owned: bool,
}

/// Directories of bodies that somebody holds.
type Live = Arc<Mutex<HashSet<PathBuf>>>;

impl SpoolEntry {
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its bytes, as a path beneath the spool.
    pub(super) fn body(&self) -> PathBuf {
        Path::new(&self.mark).join(BYTES)
    }

    /// Takes over the room that was held for its bytes.
    pub(super) fn hold(&mut self, room: &mut Room) {
        self.bytes += room.hand_over();
    }

    /// The directory goes on living, and so does its count.
    pub(crate) fn disown(&mut self) {
        self.owned = false;
    }
}

impl Drop for SpoolEntry {
    fn drop(&mut self) {
        if !self.owned {
            return;
        }
        self.space.give_back(self.bytes);
        if let Err(error) = std::fs::remove_dir_all(&self.directory)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.directory.display(), %error, "cannot remove a spool entry");
        }
        self.live
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.directory);
    }
}

/// The directory of bodies on their way, with a ceiling.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    path: PathBuf,
    root: Arc<GrantRoot>,
    space: Space,
    live: Live,
    /// What names of entries begin with, so that ids of sessions say whose they are.
    tag: Arc<str>,
}

/// Name of the bytes within an entry.
pub(crate) const BYTES: &str = "body";

/// Why something cannot be written to the spool.
pub(crate) fn unavailable(error: &std::io::Error) -> Error {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let code = match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => ErrorCode::SpoolFull,
        _ => ErrorCode::StateUnavailable,
    };
    Error::new(code, format!("cannot spool the body: {error}"))
}

impl Spool {
    pub(crate) fn new(path: PathBuf, root: Arc<GrantRoot>, ceiling: u64) -> Self {
        Self {
            path,
            root,
            space: Space::new(ceiling),
            live: Live::default(),
            tag: "".into(),
        }
    }

    /// Names of entries begin with this from now on.
    pub(crate) fn mark_with(&mut self, tag: &str) {
        self.tag = tag.into();
    }

    /// A share of the ceiling, empty at first.
    pub(crate) fn room(&self) -> Room {
        Room::new(self.space.clone())
    }

    /// Bytes of all entries.
    pub(crate) fn used(&self) -> u64 {
        self.space.used()
    }

    /// Every entry, and whether an upload of this process or a session holds it.
    pub(crate) fn entries(&self) -> std::io::Result<Vec<(PathBuf, bool)>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            entries.push(entry?.path());
        }
        // Read last: an entry that comes or goes meanwhile is held, or not there.
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(entries
            .into_iter()
            .filter(|path| path.exists())
            .map(|path| {
                let held = live.contains(&path) || crate::session::is_session(&path);
                (path, held)
            })
            .collect())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn root(&self) -> &Arc<GrantRoot> {
        &self.root
    }

    /// The name of a body or session.
    pub(super) fn new_mark(&self) -> String {
        id::tagged(&self.tag)
    }

    pub(crate) fn space(&self) -> &Space {
        &self.space
    }

    /// Opens what lies in it by a path beneath it.
    pub(crate) fn open(&self, relative: &Path) -> Result<OpenedFile> {
        self.root.open_file(relative).map_err(|error| match error {
            OpenError::Io(error) => unavailable(&error),
            other => Error::new(
                ErrorCode::Internal,
                format!("the spooled body cannot be opened: {other}"),
            ),
        })
    }

    /// How providers see it.
    pub(crate) fn cover(&self, relative: PathBuf) -> Cover {
        Cover {
            root: self.root.clone(),
            relative,
            providers: None,
        }
    }

    /// A new directory for one body or session; its name is the mark.
    pub(crate) fn create(&self) -> Result<SpoolEntry> {
        let mark = self.new_mark();
        let directory = self.path.join(&mark);
        self.live
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(directory.clone());
        let entry = SpoolEntry {
            mark,
            directory,
            bytes: 0,
            space: self.space.clone(),
            live: self.live.clone(),
            owned: true,
        };
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&entry.directory)
            .map_err(|error| unavailable(&error))?;
        Ok(entry)
    }

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

pub(crate) fn too_large(max_bytes: u64) -> Error {
    Error::new(
        ErrorCode::FileTooLarge,
        format!("the body is larger than {max_bytes} bytes"),
    )
}
