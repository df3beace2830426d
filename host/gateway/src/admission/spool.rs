//! Where bodies are kept, with a ceiling over all of them: small ones in memory, others in folders of a private
//! directory.

use std::collections::HashSet;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use loadlock_sandbox::files::{GrantRoot, OpenError, OpenedFile};

use super::composed::Composed;
use super::grants::Cover;
use super::reservation::SpoolReservation;
use super::space::Space;
use crate::error::{Error, ErrorCode, Result};
use crate::id;

/// One entry in the spool; dropping it removes the directory.
#[derive(Debug)]
pub(crate) struct SpoolEntry {
    mark: String,
    directory: PathBuf,
    bytes: u64,
    space: Space,
    live: LiveEntries,
    /// False once a session has taken the directory over.
    owned: bool,
}

/// Directories of bodies that somebody holds.
type LiveEntries = Arc<Mutex<HashSet<PathBuf>>>;

impl SpoolEntry {
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Its bytes, as a path beneath the spool.
    pub(super) fn body(&self) -> PathBuf {
        Path::new(&self.mark).join(BYTES)
    }

    /// Takes over the room that was held for its bytes.
    pub(super) fn hold(&mut self, room: &mut SpoolReservation) {
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
    live: LiveEntries,
    /// What names of entries begin with, so that ids of sessions say whose they are.
    tag: Arc<str>,
}

/// The file that makes an entry a session. No data file can have its name: theirs have no dot.
pub(crate) const SESSION_RECORD: &str = "session.json";

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
            live: LiveEntries::default(),
            tag: "".into(),
        }
    }

    /// Names of entries begin with this from now on.
    pub(crate) fn mark_with(&mut self, tag: &str) {
        self.tag = tag.into();
    }

    /// A share of the ceiling, empty at first.
    pub(crate) fn room(&self) -> SpoolReservation {
        SpoolReservation::new(self.space.clone())
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
                let held = live.contains(&path) || path.join(SESSION_RECORD).exists();
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

    /// Shows what lies in it as one body, in this order; it is read where it lies. Blocking.
    pub(crate) fn compose(&self, segments: Vec<PathBuf>) -> Result<(OpenedFile, Composed)> {
        let relative = Path::new(&self.new_mark()).join(BYTES);
        let composed = Composed::new(self.root.clone(), relative.clone());
        match self.root.compose(&relative, segments) {
            Ok(file) => Ok((file, composed)),
            Err(OpenError::Io(error)) => Err(unavailable(&error)),
            Err(other) => Err(Error::new(
                ErrorCode::Internal,
                format!("the parts of a body cannot be opened: {other}"),
            )),
        }
    }

    /// A directory that a session had is gone.
    pub(crate) fn forget(&self, directory: &Path) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.remove(directory);
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
}

pub(crate) fn too_large(max_bytes: u64) -> Error {
    Error::new(
        ErrorCode::FileTooLarge,
        format!("the body is larger than {max_bytes} bytes"),
    )
}
