//! The admitted file, and ranges of it.

use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};
use wasip2::io::streams::InputStream;

use crate::types::{AdmittedFile, Failure, FailureKind};

/// An admitted file, opened read-only.
///
/// The host guarantees that this is the very inode it checked. The bytes are not read here: a [`FileRange`] is moved
/// from host to host when a request is sent.
#[derive(Debug)]
pub struct AdmittedReader {
    descriptor: Descriptor,
    size: u64,
}

/// `bytes` bytes of an admitted file from `offset` on.
#[derive(Debug, Clone, Copy)]
pub struct FileRange<'a> {
    reader: &'a AdmittedReader,
    offset: u64,
    bytes: u64,
}

impl AdmittedReader {
    /// Opens the file through the preopen that holds it.
    ///
    /// # Errors
    /// `internal` if no preopen does, or the host refuses to open it.
    pub fn open(file: &AdmittedFile) -> Result<Self, Failure> {
        let mut why = "no preopen holds it".to_owned();
        for (directory, root) in get_directories() {
            let Some(path) = below(&root, &file.path) else {
                continue;
            };
            let opened = directory.open_at(PathFlags::empty(), path, OpenFlags::empty(), DescriptorFlags::READ);
            match opened {
                Ok(descriptor) => {
                    return Ok(Self {
                        descriptor,
                        size: file.size,
                    });
                }
                Err(code) => why = code.name().to_owned(),
            }
        }
        Err(Failure::internal(format!(
            "cannot open the admitted file `{}`: {why}",
            file.path
        )))
    }

    /// A stream of the bytes from `offset` on, for providers that read the content themselves.
    ///
    /// # Errors
    /// `internal` if the host refuses.
    pub fn stream(&self, offset: u64) -> Result<InputStream, Failure> {
        self.descriptor
            .read_via_stream(offset)
            .map_err(|code| Failure::internal(format!("cannot read the admitted file: {}", code.name())))
    }

    /// Size in bytes when the host admitted the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// All of it.
    pub fn whole(&self) -> FileRange<'_> {
        self.range(0, self.size)
    }

    /// A part of it; what lies beyond the end is cut off.
    pub fn range(&self, offset: u64, bytes: u64) -> FileRange<'_> {
        FileRange {
            reader: self,
            offset,
            bytes: within(self.size, offset, bytes),
        }
    }

    /// Parts of at most `part_bytes`, in order; none for an empty file.
    pub fn parts(&self, part_bytes: u64) -> impl Iterator<Item = FileRange<'_>> {
        part_offsets(self.size, part_bytes).map(move |offset| self.range(offset, part_bytes))
    }
}

impl FileRange<'_> {
    /// Length in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads the bytes in pieces of at most 256 KiB, for a digest of them. They are then in this component's memory, a
    /// piece at a time.
    ///
    /// # Errors
    /// `internal` if the host refuses, or the file ends early.
    pub fn read(&self, mut take: impl FnMut(&[u8])) -> Result<(), Failure> {
        let stream = self.stream()?;
        let mut left = self.bytes;
        while left > 0 {
            let ended = |_| Failure::internal("the admitted file ended early").with_code("file-changed");
            let piece = stream.blocking_read(left.min(256 << 10)).map_err(ended)?;
            take(&piece);
            left = left.saturating_sub(piece.len() as u64);
        }
        Ok(())
    }

    pub(crate) fn stream(&self) -> Result<InputStream, Failure> {
        self.reader.stream(self.offset)
    }
}

/// How many of `bytes` bytes from `offset` on a file of `size` bytes has.
fn within(size: u64, offset: u64, bytes: u64) -> u64 {
    bytes.min(size.saturating_sub(offset))
}

/// Where parts of `part_bytes` begin.
fn part_offsets(size: u64, part_bytes: u64) -> impl Iterator<Item = u64> {
    let part_bytes = part_bytes.max(1);
    (0..size.div_ceil(part_bytes)).map(move |index| index * part_bytes)
}

/// The path beneath a preopen, if the preopen's root holds it. `/in` holds `/in/a`, not `/inner`.
fn below<'a>(root: &str, path: &'a str) -> Option<&'a str> {
    let rest = path.strip_prefix(root.trim_end_matches('/'))?;
    rest.strip_prefix('/').filter(|rest| !rest.is_empty())
}

/// A failed read as a failure; the error's kind is what the exchange put into it.
pub(crate) fn of_io(error: &std::io::Error, what: &str) -> Failure {
    let kind = match error.kind() {
        std::io::ErrorKind::TimedOut => FailureKind::Timeout,
        _ => FailureKind::Transport,
    };
    Failure::new(kind, format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preopen_holds_whole_segments_only() {
        assert_eq!(below("/in", "/in/a/b"), Some("a/b"));
        assert_eq!(below("/in/", "/in/a"), Some("a"));
        assert_eq!(below("/", "/a"), Some("a"));
        for path in ["/inner/a", "/in", "/in/", "/x"] {
            assert_eq!(below("/in", path), None, "{path}");
        }
    }

    #[test]
    fn parts_cover_the_file_once() {
        let parts = |size, part| -> Vec<_> {
            part_offsets(size, part)
                .map(|offset| (offset, within(size, offset, part)))
                .collect()
        };
        assert_eq!(parts(10, 4), [(0, 4), (4, 4), (8, 2)]);
        assert_eq!(parts(8, 4), [(0, 4), (4, 4)]);
        assert_eq!(parts(0, 4), []);
        assert_eq!(within(5, 4, u64::MAX), 1);
        assert_eq!(within(5, 9, 1), 0);
    }
}
