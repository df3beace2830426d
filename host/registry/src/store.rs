//! Components on this machine, each as `<sha256>.wasm` in one directory. What lies there is whole, or is not there.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Sha256Digest;

/// Why the store cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct StoreError {
    /// The file or directory.
    pub path: PathBuf,
    /// What the system said.
    pub reason: String,
}

/// The store of an installation, held by this process: two that change it take turns.
#[derive(Debug)]
pub struct ComponentStore {
    directory: PathBuf,
    _lock: File,
}

impl ComponentStore {
    /// Takes the store, and removes what a process that was killed has left unfinished. Waits for another process that
    /// has it, half a minute at most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let directory = directory.to_owned();
        loadlock_durable::make_directory(&directory).map_err(|error| failed(&directory, &error))?;
        let path = directory.join("lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let lock = lock.map_err(|error| failed(&path, &error))?;
        take(&path, &lock)?;
        let entries = std::fs::read_dir(&directory).map_err(|error| failed(&directory, &error))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_some_and(|extension| extension == UNFINISHED) {
                std::fs::remove_file(&path).map_err(|error| failed(&path, &error))?;
            }
        }
        Ok(Self { directory, _lock: lock })
    }

    /// Keeps a component. It appears under its name when all of it is on the disk, and not before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep(&self, digest: Sha256Digest, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        let path = self.place(digest);
        if self.has(digest) {
            return Ok(path);
        }
        if Sha256Digest::of(bytes) != digest {
            let reason = "these are not the bytes of that digest".to_owned();
            return Err(StoreError { path, reason });
        }
        let unfinished = path.with_extension(UNFINISHED);
        let write = || -> std::io::Result<()> {
            let mut options = OpenOptions::new();
            let mut file = options
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&unfinished)?;
            file.write_all(bytes)?;
            loadlock_durable::content(&file)?;
            std::fs::rename(&unfinished, &path)?;
            loadlock_durable::names(&self.directory)
        };
        write().map_err(|error| {
            let _ = std::fs::remove_file(&unfinished);
            failed(&path, &error)
        })?;
        Ok(path)
    }

    /// Whether a component is there, with the bytes of its digest.
    pub fn has(&self, digest: Sha256Digest) -> bool {
        std::fs::read(self.place(digest)).is_ok_and(|bytes| Sha256Digest::of(&bytes) == digest)
    }

    /// Where a component is, or would be.
    pub fn place(&self, digest: Sha256Digest) -> PathBuf {
        self.directory.join(format!("{}.wasm", digest.hex()))
    }

    /// Removes a component; one that is not there is no error.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn remove(&self, digest: Sha256Digest) -> Result<(), StoreError> {
        let path = self.place(digest);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&path, &error)),
            _ => Ok(()),
        }
    }
}

/// Longest that another process is waited for. It has the store while it writes a file, and not while it fetches one.
const LONGEST: Duration = Duration::from_secs(30);

fn take(path: &Path, lock: &File) -> Result<(), StoreError> {
    let began = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(failed(path, &error)),
            Err(TryLockError::WouldBlock) if began.elapsed() > LONGEST => {
                let reason = format!("another process has had it for {} s", LONGEST.as_secs());
                return Err(StoreError {
                    path: path.to_owned(),
                    reason,
                });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

const UNFINISHED: &str = "part";

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_there_is_whole() {
        let home = tempfile::tempdir().unwrap();
        let digest = Sha256Digest::of(b"component");
        let store = ComponentStore::open(&home.path().join("components/sha256")).unwrap();
        let place = store.place(digest);
        assert!(store.keep(digest, b"other bytes").is_err() && !place.exists());
        // What a process left that was killed in the middle, and what a disk has damaged.
        let unfinished = place.with_extension("part");
        std::fs::write(&unfinished, b"comp").unwrap();
        std::fs::write(&place, b"comp").unwrap();
        assert!(!store.has(digest));
        drop(store);
        let store = ComponentStore::open(place.parent().unwrap()).unwrap();
        assert!(!unfinished.exists());
        assert_eq!(store.keep(digest, b"component").unwrap(), place);
        assert!(store.has(digest) && std::fs::read(&place).unwrap() == b"component");
        store.remove(digest).unwrap();
        store.remove(digest).unwrap();
        assert!(!store.has(digest));
    }
}
