//! The bytes of an admitted file: one open file, one that still grows, or several that are read one after the other.

use std::fs::File;
use std::io::{Error, Result};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::arriving::ArrivingFile;
use super::identity::Identity;
use super::opened::{OpenError, OpenSegment};

/// What everything reads from once a file was admitted. Cheap to clone.
///
/// An upload that came in parts is read where its parts lie: nothing is copied to make one file of them. There may be
/// ten thousand parts and fewer descriptors, so a segment is opened when it is read, and at most one is open.
#[derive(Debug, Clone)]
pub struct FileBytes(BytesKind);

#[derive(Debug, Clone)]
enum BytesKind {
    One(Arc<File>),
    Arriving(ArrivingFile),
    Segments(Arc<Segments>),
}

#[derive(Debug)]
struct Segments {
    root: Arc<dyn OpenSegment>,
    list: Vec<Segment>,
    identity: Identity,
    /// The segment that was read last, as reading goes on where it was.
    open: Mutex<Option<(usize, Arc<File>)>>,
}

#[derive(Debug)]
struct Segment {
    /// Beneath the root.
    path: PathBuf,
    /// Offset of its first byte.
    start: u64,
    identity: Identity,
}

/// Where a byte lies.
pub struct Place {
    /// The file that has it.
    pub file: Arc<File>,
    /// Its offset there.
    pub offset: u64,
    /// Bytes from there on that belong to the content.
    pub left: u64,
}

impl From<File> for FileBytes {
    fn from(file: File) -> Self {
        Self(BytesKind::One(Arc::new(file)))
    }
}

impl From<Arc<File>> for FileBytes {
    fn from(file: Arc<File>) -> Self {
        Self(BytesKind::One(file))
    }
}

impl From<ArrivingFile> for FileBytes {
    fn from(file: ArrivingFile) -> Self {
        Self(BytesKind::Arriving(file))
    }
}

impl FileBytes {
    /// Files beneath `root` as one content, in this order. Blocking: each is opened once.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub(super) fn segments(root: Arc<dyn OpenSegment>, paths: Vec<PathBuf>) -> std::result::Result<Self, OpenError> {
        let mut all = Identity {
            device: 0,
            inode: 0,
            size: 0,
            modified_ns: 0,
            changed_ns: 0,
        };
        let mut list = Vec::with_capacity(paths.len());
        for path in paths {
            let identity = root.open_segment(&path)?.identity;
            if list.is_empty() {
                (all.device, all.inode) = (identity.device, identity.inode);
            }
            list.push(Segment {
                path,
                start: all.size,
                identity,
            });
            all.size = all.size.saturating_add(identity.size);
            all.modified_ns = all.modified_ns.max(identity.modified_ns);
            all.changed_ns = all.changed_ns.max(identity.changed_ns);
        }
        Ok(Self(BytesKind::Segments(Arc::new(Segments {
            root,
            list,
            identity: all,
            open: Mutex::default(),
        }))))
    }

    /// What identifies it now. Segments are compared when they are opened, so theirs is the one that they were admitted
    /// with.
    ///
    /// # Errors
    /// If `fstat` fails.
    pub fn identity(&self) -> Result<Identity> {
        match &self.0 {
            BytesKind::One(file) => Identity::of(file),
            BytesKind::Arriving(arriving) => Ok(arriving.identity),
            BytesKind::Segments(segments) => Ok(segments.identity),
        }
    }

    /// The one file that it is; `None` if it has segments.
    pub fn single(&self) -> Option<&Arc<File>> {
        match &self.0 {
            BytesKind::One(file) => Some(file),
            BytesKind::Arriving(_) | BytesKind::Segments(_) => None,
        }
    }

    /// What it grows with, if it was opened while it was still being written.
    pub fn arriving(&self) -> Option<&ArrivingFile> {
        match &self.0 {
            BytesKind::Arriving(arriving) => Some(arriving),
            BytesKind::One(_) | BytesKind::Segments(_) => None,
        }
    }

    /// Where the byte at `offset` lies; `None` past the end of segments, and of what has come of a file that grows.
    ///
    /// # Errors
    /// A segment that cannot be opened, or is another file than the one that was admitted; a body that broke off.
    pub fn locate(&self, offset: u64) -> Result<Option<Place>> {
        match &self.0 {
            BytesKind::One(file) => Ok(Some(Place {
                file: file.clone(),
                offset,
                left: u64::MAX - offset,
            })),
            BytesKind::Arriving(arriving) => {
                let left = arriving.readable()?.checked_sub(offset).filter(|left| *left > 0);
                Ok(left.map(|left| Place {
                    file: arriving.file.clone(),
                    offset,
                    left,
                }))
            }
            BytesKind::Segments(segments) => segments.locate(offset),
        }
    }

    /// Reads at `offset`, as much as one read gives; 0 at the end.
    ///
    /// # Errors
    /// The file's, and those of [`locate`](Self::locate).
    pub fn read_at(&self, into: &mut [u8], offset: u64) -> Result<usize> {
        let Some(place) = self.locate(offset)? else {
            return Ok(0);
        };
        let most = usize::try_from(place.left).unwrap_or(usize::MAX).min(into.len());
        place.file.read_at(&mut into[..most], place.offset)
    }
}

impl Segments {
    fn locate(&self, offset: u64) -> Result<Option<Place>> {
        if offset >= self.identity.size {
            return Ok(None);
        }
        // The last that begins here or before; empty ones share their start with the one behind them.
        let index = self.list.partition_point(|segment| segment.start <= offset) - 1;
        let segment = &self.list[index];
        let within = offset - segment.start;
        Ok(Some(Place {
            file: self.opened(index)?,
            offset: within,
            left: segment.identity.size - within,
        }))
    }

    fn opened(&self, index: usize) -> Result<Arc<File>> {
        let held = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((which, file)) = held
            && which == index
        {
            return Ok(file);
        }
        let segment = &self.list[index];
        let opened = self.root.open_segment(&segment.path).map_err(|error| match error {
            OpenError::Io(error) => error,
            other => Error::other(other.to_string()),
        })?;
        // A link more or less, as when parts are joined, changes the status alone.
        let same = Identity {
            changed_ns: segment.identity.changed_ns,
            ..opened.identity
        };
        let Some(file) = opened.file.single().filter(|_| same == segment.identity) else {
            return Err(Error::other("a segment is not the file that was admitted"));
        };
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some((index, file.clone()));
        Ok(file.clone())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::files::{GrantRoot, Protected};

    fn all(content: &FileBytes, offset: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut some = [0; 7];
        loop {
            match content.read_at(&mut some, offset + bytes.len() as u64).unwrap() {
                0 => return bytes,
                read => bytes.extend_from_slice(&some[..read]),
            }
        }
    }

    #[test]
    fn segments_are_read_as_one_file_from_any_offset() {
        let directory = tempfile::tempdir().unwrap();
        let root = Arc::new(GrantRoot::open(directory.path(), Protected::default()).unwrap());
        let pieces: [&[u8]; 5] = [b"", b"one ", b"", b"two and ", b"three"];
        let mut paths = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let path = PathBuf::from(index.to_string());
            std::fs::write(directory.path().join(&path), piece).unwrap();
            paths.push(path);
        }
        let whole = pieces.concat();
        let shown = root.compose(Path::new("mark/body"), paths.clone()).unwrap();
        assert_eq!(shown.identity.size, whole.len() as u64);
        let again = root.open_file(Path::new("mark/body")).unwrap();
        assert_eq!(again.identity, shown.identity);
        for offset in 0..=whole.len() {
            assert_eq!(all(&again.file, offset as u64), whole[offset..], "{offset}");
        }
        let none = root.compose(Path::new("none/body"), Vec::new()).unwrap();
        assert_eq!((none.identity.size, all(&none.file, 0)), (0, Vec::new()));

        // A segment that is replaced is not read.
        std::fs::write(directory.path().join("other"), b"TWO AND ").unwrap();
        std::fs::rename(directory.path().join("other"), directory.path().join("3")).unwrap();
        let fresh = root.compose(Path::new("x/body"), vec![paths[1].clone()]).unwrap();
        assert_eq!(all(&fresh.file, 0), b"one ");
        assert!(shown.file.read_at(&mut [0; 1], 0).is_ok());
        assert!(shown.file.read_at(&mut [0; 1], 5).is_err());
        root.let_go(Path::new("mark/body"));
        assert!(root.open_file(Path::new("mark/body")).is_err());
    }
}
