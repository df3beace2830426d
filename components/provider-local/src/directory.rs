//! A directory handle that follows no link and names its children by one segment at a time.

use loadlock_sdk::types::Failure;
use loadlock_sdk::wasip2::filesystem::preopens::get_directories;
use loadlock_sdk::wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};

use crate::fault;

/// The guest path of the provider's own directory.
const ROOT: &str = "/state";

/// No `SYMLINK_FOLLOW`: opening a link is an error.
const NO_FOLLOW: PathFlags = PathFlags::empty();

pub(crate) struct Directory(Descriptor);

impl Directory {
    /// The provider's own directory.
    pub(crate) fn root() -> Result<Self, Failure> {
        get_directories()
            .into_iter()
            .find(|(_, path)| path == ROOT)
            .map(|(descriptor, _)| Self(descriptor))
            .ok_or_else(|| {
                Failure::internal(format!(
                    "the host gave no directory at {ROOT}; this provider needs one of its own"
                ))
            })
    }

    /// Opens a subdirectory, if it is there.
    pub(crate) fn child(&self, name: &str) -> Result<Option<Self>, Failure> {
        let flags = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
        let opened = self.0.open_at(NO_FOLLOW, name, OpenFlags::DIRECTORY, flags);
        present(opened.map(Self), &format!("open the directory `{name}`"))
    }

    /// Opens a subdirectory whose name lasts, making it if need be.
    pub(crate) fn child_or_new(&self, name: &str) -> Result<Self, Failure> {
        if let Some(child) = self.child(name)? {
            // Whoever puts something in has synced the name before. An empty one may be of a call that was cut off in
            // between, or has not come to it yet.
            if child.is_empty()? {
                self.sync()?;
            }
            return Ok(child);
        }
        let child = self.scratch(name)?;
        self.sync()?;
        Ok(child)
    }

    /// Opens a subdirectory that a power loss may take, making it if need be.
    pub(crate) fn scratch(&self, name: &str) -> Result<Self, Failure> {
        if let Some(child) = self.child(name)? {
            return Ok(child);
        }
        match self.0.create_directory_at(name) {
            // If it is there now, another call was faster.
            Ok(()) | Err(ErrorCode::Exist) => {}
            Err(code) => return Err(fault::of(code, &format!("make the directory `{name}`"))),
        }
        self.child(name)?
            .ok_or_else(|| Failure::internal(format!("the directory `{name}` vanished as it was made")))
    }

    /// Makes a new file for writing; it must not exist.
    pub(crate) fn create(&self, name: &str) -> Result<Descriptor, Failure> {
        let flags = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
        self.0
            .open_at(NO_FOLLOW, name, flags, DescriptorFlags::WRITE)
            .map_err(|code| fault::of(code, "create a file"))
    }

    /// Opens a file for reading, if it is there.
    pub(crate) fn open(&self, name: &str) -> Result<Option<Descriptor>, Failure> {
        let opened = self
            .0
            .open_at(NO_FOLLOW, name, OpenFlags::empty(), DescriptorFlags::READ);
        present(opened, "open a file")
    }

    /// What a name stands for, if it is there.
    pub(crate) fn stat(&self, name: &str) -> Result<Option<DescriptorStat>, Failure> {
        present(self.0.stat_at(NO_FOLLOW, name), "look a file up")
    }

    /// Size of a regular file, if it is there and is one.
    pub(crate) fn file_bytes(&self, name: &str) -> Result<Option<u64>, Failure> {
        let stat = self.stat(name)?;
        Ok(stat
            .filter(|stat| stat.type_ == DescriptorType::RegularFile)
            .map(|stat| stat.size))
    }

    fn is_empty(&self) -> Result<bool, Failure> {
        let broken = |code| fault::of(code, "read a directory");
        let entries = self.0.read_directory().map_err(broken)?;
        Ok(entries.read_directory_entry().map_err(broken)?.is_none())
    }

    /// All names, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>, Failure> {
        let broken = |code| fault::of(code, "read a directory");
        let entries = self.0.read_directory().map_err(broken)?;
        let mut names = Vec::new();
        while let Some(entry) = entries.read_directory_entry().map_err(broken)? {
            names.push(entry.name);
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Moves a file to `name` in `target`, replacing what is there.
    pub(crate) fn rename(&self, from: &str, target: &Self, name: &str) -> Result<(), Failure> {
        self.0
            .rename_at(from, &target.0, name)
            .map_err(|code| fault::of(code, "rename a file"))
    }

    /// Removes a file; whether there was one.
    pub(crate) fn remove(&self, name: &str) -> Result<bool, Failure> {
        let removed = present(self.0.unlink_file_at(name), "remove a file")?;
        Ok(removed.is_some())
    }

    /// Makes the names in this directory durable.
    pub(crate) fn sync(&self) -> Result<(), Failure> {
        self.0.sync().map_err(|code| fault::of(code, "sync a directory"))
    }
}

fn present<T>(result: Result<T, ErrorCode>, what: &str) -> Result<Option<T>, Failure> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(ErrorCode::NoEntry) => Ok(None),
        Err(code) => Err(fault::of(code, what)),
    }
}
