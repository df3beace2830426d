//! Opening files beneath a granted root.
//!
//! A path is walked one component at a time from a directory handle, and no component may be a link (`O_NOFOLLOW`):
//! `..`, absolute paths, symbolic and magic links cannot leave the root, whatever is renamed meanwhile, on every Unix
//! (`openat2` would need Linux 5.6 and still could not show which directories lay on the way). Each directory on the
//! way is compared by inode with what may never be read.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use thiserror::Error;

use super::bytes::FileBytes;
use super::held::Held;
use super::identity::Identity;
use super::opened::{OpenError, OpenSegment, OpenedFile};

/// Inodes that no component and no upload may ever read: the state directory, the spool, the compiled cache, the
/// configuration, credential files.
///
/// An inode alone would forget a file that is replaced by renaming another over it, as editors and secret stores do; a
/// name alone one that is moved. Both are kept.
#[derive(Debug, Clone, Default)]
pub struct Protected {
    inodes: HashSet<(u64, u64)>,
    /// Directory and name within it.
    names: HashSet<((u64, u64), OsString)>,
}

impl Protected {
    /// Protects what is at `path` now, and everything beneath it if it is a directory, and whatever will have this name
    /// in this directory.
    ///
    /// # Errors
    /// If the path exists and cannot be examined.
    pub fn add(&mut self, path: &Path) -> std::io::Result<()> {
        self.add_name(path)?;
        let Some(metadata) = examined(path)? else {
            return Ok(());
        };
        self.inodes.insert(inode(&metadata));
        // A link has a name of its own, and so has what it leads to.
        self.add_name(&path.canonicalize()?)
    }

    fn add_name(&mut self, path: &Path) -> std::io::Result<()> {
        if let (Some(directory), Some(name)) = (path.parent(), path.file_name())
            && let Some(metadata) = examined(directory)?
        {
            self.names.insert((inode(&metadata), name.to_owned()));
        }
        Ok(())
    }

    fn holds(&self, metadata: &std::fs::Metadata) -> bool {
        self.inodes.contains(&inode(metadata))
    }

    fn names(&self, directory: &std::fs::Metadata, name: &OsStr) -> bool {
        !self.names.is_empty() && self.names.contains(&(inode(directory), name.to_owned()))
    }
}

fn inode(metadata: &std::fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// What is at a path, if anything is.
fn examined(path: &Path) -> std::io::Result<Option<std::fs::Metadata>> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A directory that the operator grants, held open.
#[derive(Debug)]
pub struct GrantRoot {
    path: PathBuf,
    directory: OwnedFd,
    protected: Protected,
    held: Held,
}

/// A grant that cannot be used.
#[derive(Debug, Error)]
pub enum RootError {
    /// The directory cannot be opened.
    #[error("cannot open the granted directory {path}: {source}")]
    Open {
        /// As configured.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// It is, or lies within, a directory of Loadlock's own.
    #[error("{path} is or lies within Loadlock's own state; grant another directory")]
    Protected {
        /// As configured.
        path: PathBuf,
    },
    /// It is the root of the file system.
    #[error("a grant of {path} would grant everything; name the directories that are meant")]
    Everything {
        /// As configured.
        path: PathBuf,
    },
}

impl GrantRoot {
    /// Opens a root. A link given as the root is resolved once, here; afterwards the handle counts, not the name.
    ///
    /// # Errors
    /// See [`RootError`].
    pub fn open(path: &Path, protected: Protected) -> Result<Self, RootError> {
        let failed = |source| RootError::Open {
            path: path.to_owned(),
            source,
        };
        let canonical = path.canonicalize().map_err(failed)?;
        if canonical.parent().is_none() {
            return Err(RootError::Everything { path: path.to_owned() });
        }
        let directory = rustix::fs::open(
            &canonical,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map_err(|error| failed(error.into()))?;
        for ancestor in canonical.ancestors() {
            if std::fs::metadata(ancestor).is_ok_and(|metadata| protected.holds(&metadata)) {
                return Err(RootError::Protected { path: path.to_owned() });
            }
        }
        Ok(Self {
            path: canonical,
            directory,
            protected,
            held: Held::default(),
        })
    }

    /// The canonical path that it was opened by: for messages and for finding the grant of a path, never for opening.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens `relative` for reading.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_file(&self, relative: &Path) -> Result<OpenedFile, OpenError> {
        if let Some(held) = self.held.find(relative) {
            return Ok(held);
        }
        let names = plain_components(relative).ok_or(OpenError::NotBeneath)?;
        let Some((last, parents)) = names.split_last() else {
            return Err(OpenError::NotRegular("directory"));
        };
        let mut here = self.directory.try_clone()?;
        let mut walked = PathBuf::new();
        let mut directory = File::from(here.try_clone()?).metadata()?;
        for name in parents {
            walked.push(name);
            if self.protected.names(&directory, name) {
                return Err(OpenError::Protected);
            }
            here = open_component(&here, name, OFlags::DIRECTORY, &walked)?;
            directory = File::from(here.try_clone()?).metadata()?;
            if self.protected.holds(&directory) {
                return Err(OpenError::Protected);
            }
        }
        walked.push(last);
        if self.protected.names(&directory, last) {
            return Err(OpenError::Protected);
        }
        // Without O_NONBLOCK the open of a FIFO would wait for a writer.
        let file = File::from(open_component(&here, last, OFlags::NONBLOCK | OFlags::NOCTTY, &walked)?);
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(OpenError::NotRegular(kind_of(&metadata)));
        }
        if self.protected.holds(&metadata) {
            return Err(OpenError::Protected);
        }
        Ok(OpenedFile {
            file: file.into(),
            identity: Identity::from(&metadata),
            links: metadata.nlink(),
            owner: metadata.uid(),
            resident: false,
        })
    }

    /// Shows `content` as a file beneath this root that is on no disk and cannot be changed, until
    /// [`let_go`](Self::let_go). `None` where the system has no such files.
    ///
    /// # Errors
    /// If there is no memory or no descriptor for it.
    pub fn hold(&self, relative: &Path, content: &[u8]) -> std::io::Result<Option<OpenedFile>> {
        self.held.hold(relative, content)
    }

    /// Shows files beneath this root as one more, which is read where they lie, in this order, until
    /// [`let_go`](Self::let_go). Blocking: each is opened once.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn compose(self: &Arc<Self>, relative: &Path, segments: Vec<PathBuf>) -> Result<OpenedFile, OpenError> {
        let file = FileBytes::segments(self.clone(), segments)?;
        let opened = OpenedFile {
            identity: file.identity()?,
            file,
            links: 1,
            owner: rustix::process::geteuid().as_raw(),
            resident: false,
        };
        self.held.show(relative, opened.clone());
        Ok(opened)
    }

    /// Shows it no longer; whoever has it open keeps it.
    pub fn let_go(&self, relative: &Path) {
        self.held.let_go(relative);
    }

    /// Owner of the root directory, for the hard-link rule.
    ///
    /// # Errors
    /// If `fstat` fails.
    pub fn owner(&self) -> std::io::Result<u32> {
        Ok(File::from(self.directory.try_clone()?).metadata()?.uid())
    }
}

impl OpenSegment for GrantRoot {
    fn open_segment(&self, relative: &Path) -> Result<OpenedFile, OpenError> {
        self.open_file(relative)
    }
}

/// The components of a path that only goes down; `None` if it could go elsewhere.
fn plain_components(path: &Path) -> Option<Vec<&OsStr>> {
    path.components()
        .map(|component| match component {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect()
}

fn open_component(directory: &impl AsFd, name: &OsStr, flags: OFlags, walked: &Path) -> Result<OwnedFd, OpenError> {
    let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::empty()).map_err(|error| {
        let link = || {
            rustix::fs::statat(directory, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_symlink())
        };
        match error {
            rustix::io::Errno::LOOP | rustix::io::Errno::MLINK => OpenError::Link(walked.to_owned()),
            // O_DIRECTORY|O_NOFOLLOW on a link answers ENOTDIR on Linux.
            rustix::io::Errno::NOTDIR if link() => OpenError::Link(walked.to_owned()),
            rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR => OpenError::NotFound,
            // A socket, or a device without a driver.
            rustix::io::Errno::NXIO | rustix::io::Errno::NODEV => OpenError::NotRegular("socket"),
            rustix::io::Errno::INVAL | rustix::io::Errno::ILSEQ => OpenError::NotBeneath,
            other => OpenError::Io(other.into()),
        }
    })
}

fn kind_of(metadata: &std::fs::Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    if kind.is_dir() {
        "directory"
    } else if kind.is_fifo() {
        "FIFO"
    } else if kind.is_socket() {
        "socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "device"
    } else {
        "special file"
    }
}
