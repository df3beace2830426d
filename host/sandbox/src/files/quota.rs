//! How much a component may keep in its own directory.
//!
//! Counted are names (files and directories) and the length of files, holes included: what a hole does not take now, it
//! may take by the next write. The count is made by a walk when something is first written, and kept by addition;
//! before a refusal it is made anew, so what was removed behind the component's back is room again.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use crate::limits::Limits;

/// Bytes of a limit for which one name may be there.
const BYTES_PER_NAME: u64 = 16 << 10;
/// Names that may be there whatever the limit.
const LEAST_NAMES: u64 = 1_000;
/// Folders within folders that are counted. A guest cannot name deeper ones than a path is long.
const MAX_DEPTH: usize = 2_048;

/// What is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateUse {
    /// Bytes of files, holes included.
    pub bytes: u64,
    /// Files and directories.
    pub names: u64,
    /// Changes that were refused since the component was loaded.
    pub refused: u64,
}

/// The quota of one component's directory, shared by its calls.
#[derive(Debug)]
pub(crate) struct Quota {
    directory: Arc<File>,
    max_bytes: u64,
    counted: Mutex<DirectoryCount>,
}

#[derive(Debug, Default)]
struct DirectoryCount {
    /// Absent until somebody writes.
    there: Option<StateUse>,
    /// Whether it has to be counted anew before it is believed.
    is_stale: bool,
    /// Bytes of files without a name that a call still holds open.
    nameless: u64,
    refused: u64,
}

impl Quota {
    pub(crate) fn new(directory: Arc<File>, max_bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            directory,
            max_bytes,
            counted: Mutex::default(),
        })
    }

    /// The quota of a directory, where there is one and a limit for it.
    pub(crate) fn of(directory: Option<&Arc<File>>, limits: &Limits) -> Option<Arc<Self>> {
        Some(Self::new(directory?.clone(), limits.state_bytes?))
    }

    /// The limit.
    pub(crate) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// What is there, if it has been counted.
    pub(crate) fn used(&self) -> Option<StateUse> {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.there.map(|there| StateUse {
            refused: counted.refused,
            ..there
        })
    }

    fn fits(&self, there: StateUse, nameless: u64, more: StateUse) -> bool {
        let max_names = (self.max_bytes / BYTES_PER_NAME).max(LEAST_NAMES);
        let bytes = there.bytes.saturating_add(nameless).saturating_add(more.bytes);
        (more.bytes == 0 || bytes <= self.max_bytes)
            && (more.names == 0 || there.names.saturating_add(more.names) <= max_names)
    }

    /// Takes room, or says that there is none.
    fn take(&self, bytes: u64, names: u64, has_name: bool) -> Result<(), ErrorCode> {
        let more = StateUse {
            bytes,
            names,
            refused: 0,
        };
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut there = match counted.there {
            Some(there) if !counted.is_stale => there,
            _ => self.count()?,
        };
        counted.is_stale = false;
        if !self.fits(there, counted.nameless, more) {
            there = self.count()?;
        }
        if !self.fits(there, counted.nameless, more) {
            counted.there = Some(there);
            counted.refused += 1;
            return Err(ErrorCode::InsufficientSpace);
        }
        there.names += names;
        if has_name {
            there.bytes += bytes;
        } else {
            counted.nameless += bytes;
        }
        counted.there = Some(there);
        Ok(())
    }

    fn give_back(&self, bytes: u64, names: u64) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = &mut counted.there {
            there.bytes = there.bytes.saturating_sub(bytes);
            there.names = there.names.saturating_sub(names);
        }
    }

    /// What is in the directory. Follows no link; there are none but what was planted from outside.
    fn count(&self) -> Result<StateUse, ErrorCode> {
        let mut there = StateUse::default();
        let mut waiting = vec![(self.directory.try_clone().map_err(|_| ErrorCode::Io)?, 0)];
        while let Some((directory, depth)) = waiting.pop() {
            let entries = Dir::read_from(&directory).map_err(|_| ErrorCode::Io)?;
            for entry in entries.flatten() {
                let name = entry.file_name();
                if matches!(name.to_bytes(), b"." | b"..") {
                    continue;
                }
                // What has gone meanwhile takes no room.
                let Ok(stat) = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) else {
                    continue;
                };
                there.names += 1;
                match FileType::from_raw_mode(stat.st_mode) {
                    FileType::RegularFile => there.bytes += u64::try_from(stat.st_size).unwrap_or_default(),
                    FileType::Directory if depth < MAX_DEPTH => {
                        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                        if let Ok(child) = rustix::fs::openat(&directory, name, flags, Mode::empty()) {
                            waiting.push((File::from(child), depth + 1));
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(there)
    }
}

/// What one call has to do with a quota. Cheap to clone; the files that it removed count until all clones are gone, as
/// the call may hold them open.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spending(Option<Arc<Call>>);

#[derive(Debug)]
struct Call {
    quota: Arc<Quota>,
    spent: Mutex<Spent>,
}

#[derive(Debug, Default)]
struct Spent {
    written: u64,
    nameless: u64,
    /// Whether room was given back. Calls that do so at once may count it twice, so it is counted anew after them.
    has_freed: bool,
}

impl Spending {
    /// A call under a quota, or under none.
    pub(crate) fn of(quota: Option<&Arc<Quota>>) -> Self {
        Self(quota.map(|quota| {
            Arc::new(Call {
                quota: quota.clone(),
                spent: Mutex::default(),
            })
        }))
    }

    /// Whether there is a quota at all.
    pub(crate) fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// A write of `length` bytes into a file that is `now` bytes long and will be `then`.
    pub(crate) fn write(&self, file: &File, length: u64, then: u64, now: u64) -> Result<(), ErrorCode> {
        let Some(call) = &self.0 else {
            return Ok(());
        };
        let mut spent = call.spent.lock().unwrap_or_else(PoisonError::into_inner);
        // In one call a component may write as much as it may keep: a disk has only so many writes.
        let written = spent.written.saturating_add(length);
        if written > call.quota.max_bytes {
            call.quota
                .counted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .refused += 1;
            return Err(ErrorCode::InsufficientSpace);
        }
        let grows = then.saturating_sub(now);
        if grows > 0 {
            let has_name = file.metadata().is_ok_and(|metadata| metadata.nlink() > 0);
            call.quota.take(grows, 0, has_name)?;
            if !has_name {
                spent.nameless += grows;
            }
        }
        spent.written = written;
        Ok(())
    }

    /// Another name.
    pub(crate) fn name(&self) -> Result<(), ErrorCode> {
        self.0.as_ref().map_or(Ok(()), |call| call.quota.take(0, 1, true))
    }

    /// A name that came to nothing.
    pub(crate) fn no_name(&self) {
        self.freed(0, 1);
    }

    /// Room that is free at once.
    pub(crate) fn freed(&self, bytes: u64, names: u64) {
        if let Some(call) = &self.0
            && (bytes, names) != (0, 0)
        {
            call.quota.give_back(bytes, names);
            call.spent.lock().unwrap_or_else(PoisonError::into_inner).has_freed = true;
        }
    }

    /// A file of that length lost its name, and may be open still.
    pub(crate) fn removed(&self, bytes: u64) {
        let Some(call) = &self.0 else {
            return;
        };
        call.quota.give_back(bytes, 1);
        call.quota
            .counted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .nameless += bytes;
        let mut spent = call.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.nameless += bytes;
        spent.has_freed = true;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let spent = self.spent.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut counted = self.quota.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.nameless = counted.nameless.saturating_sub(spent.nameless);
        if spent.has_freed {
            counted.is_stale = true;
        }
    }
}

/// A refusal as a stream of wasmtime-wasi's reports one.
pub(super) fn full() -> std::io::Error {
    ErrorKind::StorageFull.into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn quota(directory: &tempfile::TempDir, max_bytes: u64) -> Arc<Quota> {
        Quota::new(Arc::new(File::open(directory.path()).unwrap()), max_bytes)
    }

    #[test]
    fn what_is_there_counts_and_what_went_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b");
        std::fs::create_dir(directory.path().join("a")).unwrap();
        std::fs::write(&path, [0; 60]).unwrap();
        let quota = quota(&directory, 100);
        let call = Spending::of(Some(&quota));
        let file = File::open(&path).unwrap();
        assert_eq!(call.write(&file, 1, 101, 60), Err(ErrorCode::InsufficientSpace));
        assert_eq!(call.write(&file, 40, 100, 60), Ok(()));
        let used = quota.used().unwrap();
        assert_eq!((used.bytes, used.names, used.refused), (100, 2, 1));
        // It was not written after all, and what was there is removed by an operator.
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Spending::of(Some(&quota)).write(&file, 90, 90, 0), Ok(()));
    }

    #[test]
    fn a_file_without_a_name_counts_as_long_as_the_call() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        std::fs::write(&path, [0; 60]).unwrap();
        let quota = quota(&directory, 100);
        let call = Spending::of(Some(&quota));
        let file = File::open(&path).unwrap();
        call.name().unwrap();
        std::fs::remove_file(&path).unwrap();
        call.removed(60);
        assert_eq!(call.write(&file, 41, 101, 60), Err(ErrorCode::InsufficientSpace));
        call.write(&file, 30, 90, 60).unwrap();
        let other = Spending::of(Some(&quota));
        assert_eq!(other.write(&file, 20, 20, 0), Err(ErrorCode::InsufficientSpace));
        drop(call);
        other.write(&file, 20, 20, 0).unwrap();
    }

    #[test]
    fn names_and_what_is_written_over_and_over_have_their_ends() {
        let directory = tempfile::tempdir().unwrap();
        let quota = quota(&directory, 1 << 10);
        let call = Spending::of(Some(&quota));
        for _ in 0..LEAST_NAMES {
            call.name().unwrap();
            // They are not made: the count by addition holds until the room seems to be full.
        }
        let path = directory.path().join("a");
        std::fs::write(&path, [0; 100]).unwrap();
        let file = File::open(&path).unwrap();
        let writes = (0..).take_while(|_| call.write(&file, 100, 100, 100).is_ok()).count();
        assert_eq!(writes, 10);
    }
}
