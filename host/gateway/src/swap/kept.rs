//! The bytes of components that run and are not built in, in the home: what they were loaded from may be overwritten at
//! any time, and a rollback or a restart is to find them.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use loadlock_sandbox::Source;

use crate::error::{Error, ErrorCode, Result};

/// The folder, with one file for each component, by its digest.
pub(crate) struct KeptComponents {
    folder: PathBuf,
}

impl KeptComponents {
    pub(crate) fn of(home: &Path) -> Self {
        Self {
            folder: home.join("components").join("kept"),
        }
    }

    fn path(&self, sha256: &str) -> PathBuf {
        self.folder.join(format!("{sha256}.wasm"))
    }

    /// Keeps the bytes of a component; nothing is done for one that is built in. Durable once [`Self::sync`] was
    /// called.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`] if it cannot be written.
    pub(crate) fn keep(&self, source: &Source, sha256: &str) -> Result<()> {
        if source.built_in {
            return Ok(());
        }
        let path = self.path(sha256);
        let length = source.bytes.len() as u64;
        if std::fs::metadata(&path).is_ok_and(|there| there.is_file() && there.len() == length) {
            return Ok(());
        }
        let write = || -> std::io::Result<()> {
            // Their names last once a record is written that names a component in them.
            if let Some(parent) = self.folder.parent() {
                loadlock_durable::create(parent)?;
            }
            loadlock_durable::create(&self.folder)?;
            let temporary = self.folder.join(format!("{sha256}.new"));
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&temporary)?;
            file.write_all(&source.bytes)?;
            std::fs::rename(&temporary, &path)
        };
        write().map_err(|error| self.unavailable(&error))
    }

    /// Makes durable what is kept of a component.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`] if it is not there.
    pub(crate) fn sync(&self, sha256: &str) -> Result<()> {
        let sync = || -> std::io::Result<()> {
            loadlock_durable::content(&File::open(self.path(sha256))?)?;
            loadlock_durable::names(&self.folder)
        };
        sync().map_err(|error| self.unavailable(&error))
    }

    /// A component that is kept, under the name of where it came from.
    ///
    /// # Errors
    /// [`ErrorCode::ComponentRefused`] if it is not there.
    pub(crate) fn read(&self, name: &str, sha256: &str, max_bytes: u64) -> Result<Source> {
        let source = Source::read(&self.path(sha256), max_bytes).map_err(|error| {
            let message = format!("{name} was put there by a swap, and its bytes are gone: {error}");
            Error::new(ErrorCode::ComponentRefused, message)
                .hint("swap it again, or change `component` in the configuration")
        })?;
        let source = Source {
            name: name.to_owned(),
            ..source
        };
        Ok(source.pinned(Some(sha256.to_owned())))
    }

    /// Removes everything but these.
    pub(crate) fn remove_others(&self, digests: &BTreeSet<String>) {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => {
                tracing::warn!(%error, folder = %self.folder.display(), "old components are not removed");
                return;
            }
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let digest = name.to_str().and_then(|name| name.strip_suffix(".wasm"));
            if digest.is_some_and(|digest| digests.contains(digest)) {
                continue;
            }
            if let Err(error) = std::fs::remove_file(entry.path()) {
                tracing::warn!(%error, file = %entry.path().display(), "an old component is not removed");
            }
        }
    }

    fn unavailable(&self, error: &std::io::Error) -> Error {
        Error::new(
            ErrorCode::StateUnavailable,
            format!("the components in {}: {error}", self.folder.display()),
        )
    }
}
