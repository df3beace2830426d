//! `$LOADLOCK_HOME`: the layout on disk, and the lock that makes one process its owner.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use loadlock_sandbox::files::Protected;

use crate::error::{Error, ErrorCode, Result};

/// While it is there the home holds a part of a backup.
pub(crate) const UNFINISHED_RESTORE: &str = "restoring";

/// The state directory, owned by this process while the value lives.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    /// Holds the lock; the system releases it when the process ends, however it ends.
    _lock: File,
}

impl Home {
    /// Creates what is missing (mode 0700) and takes the lock.
    ///
    /// # Errors
    /// [`ErrorCode::HomeInUse`] if another process owns it, [`ErrorCode::StateUnavailable`] if it cannot be written.
    pub fn open(path: &Path) -> Result<Self> {
        Self::take(path, false)
    }

    /// As [`Self::open`], also where a restore was not finished.
    pub(crate) fn open_to_restore(path: &Path) -> Result<Self> {
        Self::take(path, true)
    }

    fn take(path: &Path, to_restore: bool) -> Result<Self> {
        let unavailable = |what: &Path, error: std::io::Error| {
            Error::new(
                ErrorCode::StateUnavailable,
                format!("cannot use {}: {error}", what.display()),
            )
        };
        let folders = ["keys", "spool", "cache", "providers", "tracker", "journal", "audit"];
        // The lock before the rest: whoever waits for the home asks for it again and again, and the rest takes syncs.
        loadlock_durable::make_directory(path).map_err(|error| unavailable(path, error))?;
        let lock_path = path.join("lock");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(|error| unavailable(&lock_path, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let _ = std::io::Read::read_to_string(&mut lock, &mut owner);
                return Err(Error::new(
                    ErrorCode::HomeInUse,
                    format!("{} is in use by process {}", path.display(), owner.trim()),
                ));
            }
            Err(TryLockError::Error(error)) => return Err(unavailable(&lock_path, error)),
        }
        if !to_restore && path.join(UNFINISHED_RESTORE).exists() {
            let message = format!("a restore to {} was not finished", path.display());
            return Err(Error::new(ErrorCode::StateUnavailable, message).hint("run `loadlock restore DIR` again"));
        }
        for folder in folders.map(|folder| path.join(folder)) {
            loadlock_durable::create(&folder).map_err(|error| unavailable(&folder, error))?;
        }
        loadlock_durable::names(path).map_err(|error| unavailable(path, error))?;
        let note = || -> std::io::Result<()> {
            use std::io::Write;
            lock.set_len(0)?;
            writeln!(&lock, "{}", std::process::id())
        };
        note().map_err(|error| unavailable(&lock_path, error))?;
        let path = path.canonicalize().map_err(|error| unavailable(path, error))?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Signing and verification keys.
    pub fn keys(&self) -> PathBuf {
        self.path.join("keys")
    }

    /// Bodies on their way.
    pub fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// Compiled components.
    pub fn cache(&self) -> PathBuf {
        self.path.join("cache")
    }

    /// Digests of files that were read before.
    pub fn digests(&self) -> PathBuf {
        self.path.join("digests")
    }

    /// Credentials that were accepted before.
    pub(crate) fn accepted(&self) -> PathBuf {
        self.path.join("accepted")
    }

    /// Where versions before sessions lay in the spool kept uploads that clients sent in pieces.
    pub(crate) fn old_sessions(&self) -> PathBuf {
        self.path.join("sessions")
    }

    /// The journal.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// The audit log.
    pub fn audit(&self) -> PathBuf {
        self.path.join("audit")
    }

    /// A directory of a component's own, as a handle that follows no link.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub fn component_state(&self, kind: &str, name: &str) -> Result<Arc<File>> {
        let path = self.path.join(kind).join(name);
        let open = || -> std::io::Result<File> {
            loadlock_durable::make_directory(&path)?;
            use rustix::fs::{Mode, OFlags};
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            Ok(File::from(rustix::fs::open(&path, flags, Mode::empty())?))
        };
        open().map(Arc::new).map_err(|error| {
            Error::new(
                ErrorCode::StateUnavailable,
                format!("cannot use {}: {error}", path.display()),
            )
        })
    }

    /// What may never be admitted: this directory with everything in it, and `others` (configuration, credential
    /// files).
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub fn protected(&self, others: impl IntoIterator<Item = PathBuf>) -> Result<Protected> {
        let mut protected = Protected::default();
        for path in std::iter::once(self.path.clone()).chain(others) {
            protected.add(&path).map_err(|error| {
                Error::new(
                    ErrorCode::StateUnavailable,
                    format!("cannot examine {}: {error}", path.display()),
                )
            })?;
        }
        Ok(protected)
    }
}
