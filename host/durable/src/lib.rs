//! What makes files and names last.
//!
//! A file's content is on the disk once the file was synced, and its name once its directory was. Everything that must
//! survive a power loss, the stores that have a model of their own (journal, audit log) apart, is synced through here.
//! With the feature `power-loss`, which only the crash suite's own build has, every sync is remembered, so that the
//! suite can look at what a power loss would leave; without it a call is the system's and nothing else.

use std::fs::File;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

#[cfg(feature = "power-loss")]
pub mod power;

/// A sync that is about to be made by somebody else, or here.
///
/// What counts is what the file held before: a write that runs beside the sync may be left out of it.
#[must_use = "a sync that is not said to have been made is none"]
#[derive(Debug)]
pub struct Pending(#[cfg(feature = "power-loss")] power::PendingName);

impl Pending {
    /// Looks at a file or directory that a component is about to sync.
    #[cfg_attr(not(feature = "power-loss"), allow(unused_variables))]
    pub fn of_component(file: &File) -> Self {
        Self(
            #[cfg(feature = "power-loss")]
            power::PendingName::of(file, power::path_of(file)),
        )
    }

    #[track_caller]
    #[cfg_attr(not(feature = "power-loss"), allow(unused_variables))]
    fn here(file: &File) -> Self {
        Self(
            #[cfg(feature = "power-loss")]
            power::PendingName::of(file, std::panic::Location::caller().to_string()),
        )
    }

    /// It was synced.
    pub fn made(self) {
        #[cfg(feature = "power-loss")]
        self.0.made();
    }
}

/// Makes a file's content last.
///
/// # Errors
/// The system's.
#[track_caller]
pub fn content(file: &File) -> io::Result<()> {
    let pending = Pending::here(file);
    file.sync_all()?;
    pending.made();
    Ok(())
}

/// Makes a file's content last, with no more of what is known about the file than that takes.
///
/// # Errors
/// The system's.
#[track_caller]
pub fn data(file: &File) -> io::Result<()> {
    let pending = Pending::here(file);
    file.sync_data()?;
    pending.made();
    Ok(())
}

/// Makes the names in a directory last.
///
/// # Errors
/// The system's.
#[track_caller]
pub fn names(directory: &Path) -> io::Result<()> {
    let opened = File::open(directory)?;
    let pending = Pending::here(&opened);
    opened.sync_all()?;
    pending.made();
    Ok(())
}

/// Makes a directory (mode 0700) unless it is there; answers whether it was not. Its name does not last yet.
///
/// # Errors
/// The system's.
pub fn create(path: &Path) -> io::Result<bool> {
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes a directory (mode 0700) with what is missing above it. Its name lasts, and that of every directory that was
/// made above it.
///
/// # Errors
/// The system's.
#[track_caller]
pub fn make_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent
        && !parent.exists()
    {
        make_directory(parent)?;
    }
    let made = create(path)?;
    match names(parent.unwrap_or(Path::new("."))) {
        // Somebody else's directory, who made this one in it: not ours to make last.
        Err(error) if !made && error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        // One that was there may have been made by a process that died before it came to this.
        synced => synced,
    }
}
