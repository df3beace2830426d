//! A file that was opened beneath a root, and why none was.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::bytes::FileBytes;

/// What identifies the content of a file at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    /// Device number.
    pub device: u64,
    /// Inode number on that device.
    pub inode: u64,
    /// Size in bytes.
    pub size: u64,
    /// Modification time in nanoseconds since 1970.
    pub modified_ns: i128,
    /// Status change time in nanoseconds since 1970.
    pub changed_ns: i128,
}

impl Identity {
    /// Of an open file, as it is now.
    ///
    /// # Errors
    /// If `fstat` fails.
    pub fn of(file: &File) -> std::io::Result<Self> {
        file.metadata().map(|metadata| Self::from(&metadata))
    }

    /// Whether both are the same inode, whatever its content.
    pub fn same_inode(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

impl From<&std::fs::Metadata> for Identity {
    fn from(metadata: &std::fs::Metadata) -> Self {
        let nanos = |s: i64, ns: i64| i128::from(s) * 1_000_000_000 + i128::from(ns);
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified_ns: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: nanos(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Why a path beneath a root was not opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The path is empty, absolute, or has a `..` or a NUL.
    #[error("the path is not a plain path beneath the granted directory")]
    NotBeneath,
    /// A component is a link.
    #[error("`{0}` is a symbolic link")]
    Link(PathBuf),
    /// There is nothing there.
    #[error("no such file")]
    NotFound,
    /// A directory, FIFO, socket or device.
    #[error("not a regular file but a {0}")]
    NotRegular(&'static str),
    /// It belongs to Loadlock itself.
    #[error("the file belongs to Loadlock's own state")]
    Protected,
    /// The system refused.
    #[error("cannot open the file: {0}")]
    Io(#[from] std::io::Error),
}

/// A regular file, opened beneath a root.
#[derive(Debug, Clone)]
pub struct OpenedFile {
    /// What everything reads from here on.
    pub file: FileBytes,
    /// The file as it was when it was opened.
    pub identity: Identity,
    /// Hard links to it.
    pub links: u64,
    /// Owner's user id.
    pub owner: u32,
    /// Its bytes are in memory: reading it never waits for a disk.
    pub resident: bool,
}

/// Opens the files that one content consists of, whenever they are read.
pub(super) trait OpenSegment: std::fmt::Debug + Send + Sync {
    /// The file as it is now.
    ///
    /// # Errors
    /// See [`OpenError`].
    fn open_segment(&self, relative: &Path) -> Result<OpenedFile, OpenError>;
}
