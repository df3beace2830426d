//! Where the store lives: one directory, in which a name may only appear once what it names is complete and synced.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use redb::StorageBackend;
use redb::backends::FileBackend;
use rustix::fs::OFlags;

/// The store's name.
pub(crate) const NAME: &str = "journal.redb";
/// The store's name while it is being made. What a crash left under it is worth nothing.
pub(crate) const UNFINISHED: &str = "journal.redb.new";

/// What opening needs of a directory. The power-loss model is the other implementation.
pub(crate) trait StorePlace: Debug + Send + Sync {
    /// Opens the named store; `None` if there is none.
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn StorageBackend>>>;
    /// Creates the named store, empty; fails if it exists.
    fn create(&self, name: &str) -> io::Result<Box<dyn StorageBackend>>;
    /// Removes the name if it exists.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Gives the store another name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Makes the directory's names durable, and the directory's own name in its parent.
    fn sync(&self) -> io::Result<()>;
    /// Bytes that an unprivileged writer can still use, if known.
    fn free(&self) -> Option<u64>;
}

/// A real directory.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Creates it (mode 0700) if it is missing.
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Ok(Self {
            path: path.canonicalize()?,
        })
    }

    fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .mode(0o600)
            .custom_flags((OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK).bits() as i32);
        options
    }

    fn backend(file: File) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(FileBackend::new(file).map_err(io::Error::other)?))
    }
}

impl StorePlace for Directory {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn StorageBackend>>> {
        let file = match Self::options().open(self.path.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other(format!("{name} is not a regular file")));
        }
        // It names files and tenants: nobody else reads it, whatever a restored backup says.
        if metadata.mode() & 0o077 != 0 {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
        Self::backend(file).map(Some)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        Self::backend(Self::options().create_new(true).open(self.path.join(name))?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        if let Some(parent) = self.path.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(())
    }

    fn free(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(&self.path).ok()?;
        stat.f_bavail.checked_mul(stat.f_frsize)
    }
}
