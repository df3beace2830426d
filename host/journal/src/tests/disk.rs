//! A disk that remembers everything that happened to it, so that a power loss can be had at any moment afterwards.
//!
//! What it assumes of real disks and file systems: a 512-byte sector is written wholly or not at all; a sync makes the
//! file's content and length durable, and nothing else does; a directory's changes reach the disk in order, at any time
//! until the directory is synced; and everything not yet synced may be there or not, in any combination.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex};

use redb::StorageBackend;

use crate::place::StorePlace;

pub(crate) const SECTOR: usize = 512;

/// Something that happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Write {
        file: usize,
        offset: usize,
        data: Vec<u8>,
    },
    SetLen {
        file: usize,
        len: usize,
    },
    Sync {
        file: usize,
    },
    Create {
        name: String,
        file: usize,
    },
    Rename {
        from: String,
        to: String,
    },
    Remove {
        name: String,
    },
    SyncDirectory,
    /// The test is about to take step n.
    Issued(usize),
    /// The journal answered step n.
    Acknowledged(usize),
}

/// Which write or sync fails, and how.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Writes and growths fail for want of space after this many more.
    pub(crate) space_for: Option<usize>,
    /// Syncs fail after this many more.
    pub(crate) syncs_for: Option<usize>,
    /// Syncs of the directory fail after this many more.
    pub(crate) directory_syncs_for: Option<usize>,
    /// The directory refuses every change.
    pub(crate) read_only: bool,
    /// What the directory says is free.
    pub(crate) free: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) events: Vec<Event>,
    pub(crate) files: Vec<Vec<u8>>,
    pub(crate) names: BTreeMap<String, usize>,
    pub(crate) faults: Faults,
    /// While true, syncs wait.
    pub(crate) hold: bool,
}

impl Disk {
    fn charge(counter: &mut Option<usize>, kind: io::ErrorKind) -> io::Result<()> {
        match counter {
            Some(0) => Err(kind.into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn change(&self) -> io::Result<()> {
        if self.faults.read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        Ok(())
    }
}

/// The disk's one directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct DiskPlace {
    shared: Arc<(Mutex<Disk>, Condvar)>,
}

impl DiskPlace {
    pub(crate) fn with(names: BTreeMap<String, usize>, mut files: Vec<Vec<u8>>) -> Self {
        let place = Self::default();
        // A name may have reached the disk before any of its content.
        let named = names.values().max().map_or(0, |last| last + 1);
        files.resize(files.len().max(named), Vec::new());
        place.disk(|disk| (disk.names, disk.files) = (names, files));
        place
    }

    /// Looks at the disk or changes it behind the journal's back.
    pub(crate) fn disk<T>(&self, work: impl FnOnce(&mut Disk) -> T) -> T {
        let (disk, changed) = &*self.shared;
        let result = work(&mut disk.lock().unwrap());
        changed.notify_all();
        result
    }

    pub(crate) fn note(&self, event: Event) {
        self.disk(|disk| disk.events.push(event));
    }

    fn backend(&self, file: usize) -> Box<dyn StorageBackend> {
        Box::new(DiskFile {
            place: self.clone(),
            file,
        })
    }
}

impl StorePlace for DiskPlace {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn StorageBackend>>> {
        Ok(self
            .disk(|disk| disk.names.get(name).copied())
            .map(|file| self.backend(file)))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        let file = self.disk(|disk| {
            disk.change()?;
            assert!(!disk.names.contains_key(name), "{name} exists");
            let file = disk.files.len();
            disk.files.push(Vec::new());
            disk.names.insert(name.into(), file);
            disk.events.push(Event::Create {
                name: name.into(),
                file,
            });
            io::Result::Ok(file)
        })?;
        Ok(self.backend(file))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk(|disk| {
            if disk.names.contains_key(name) {
                disk.change()?;
                disk.names.remove(name);
                disk.events.push(Event::Remove { name: name.into() });
            }
            Ok(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk(|disk| {
            disk.change()?;
            let file = disk.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            disk.names.insert(to.into(), file);
            let (from, to) = (from.into(), to.into());
            disk.events.push(Event::Rename { from, to });
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.disk(|disk| {
            Disk::charge(&mut disk.faults.directory_syncs_for, io::ErrorKind::Other)?;
            disk.events.push(Event::SyncDirectory);
            Ok(())
        })
    }

    fn free(&self) -> Option<u64> {
        self.disk(|disk| disk.faults.free)
    }
}

#[derive(Debug)]
struct DiskFile {
    place: DiskPlace,
    file: usize,
}

impl StorageBackend for DiskFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.place.disk(|disk| disk.files[self.file].len()) as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.place.disk(|disk| {
            let end = offset.checked_add(out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            let from = disk.files[self.file]
                .get(offset..end)
                .ok_or(io::ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(from);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.place.disk(|disk| {
            if len > disk.files[self.file].len() {
                Disk::charge(&mut disk.faults.space_for, io::ErrorKind::StorageFull)?;
            }
            disk.files[self.file].resize(len, 0);
            disk.events.push(Event::SetLen { file: self.file, len });
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        let (disk, changed) = &*self.place.shared;
        let mut disk = disk.lock().unwrap();
        while disk.hold {
            disk = changed.wait(disk).unwrap();
        }
        Disk::charge(&mut disk.faults.syncs_for, io::ErrorKind::Other)?;
        disk.events.push(Event::Sync { file: self.file });
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.place.disk(|disk| {
            disk.change()?;
            Disk::charge(&mut disk.faults.space_for, io::ErrorKind::StorageFull)?;
            let content = &mut disk.files[self.file];
            if content.len() < offset + data.len() {
                content.resize(offset + data.len(), 0);
            }
            content[offset..offset + data.len()].copy_from_slice(data);
            let data = data.to_vec();
            disk.events.push(Event::Write {
                file: self.file,
                offset,
                data,
            });
            Ok(())
        })
    }
}
