//! A file that was opened beneath a root, and why none was.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::bytes::FileBytes;
use super::identity::Identity;

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
