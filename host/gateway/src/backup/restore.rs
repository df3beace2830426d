//! From a backup to a home.
//!
//! `// Order:` Everything is copied into a folder of the new home, and verified, before anything has the name that a
//! start looks at; while that folder is there no start takes the home ([`Home::open`]). A restore that a crash
//! interrupted is made again.

use std::path::{Path, PathBuf};

use super::BackupSummary;
use super::backup_error::{BackupError, at};
use super::manifest::{self, BackupFile, FOLDERS, LEDGER};
use super::tree::{Extent, compare, copy_file};
use crate::error::Result;
use crate::home::{Home, UNFINISHED_RESTORE};

/// Makes a home from a backup. The home has no state yet; nothing else has to be stopped.
///
/// # Errors
/// [`crate::ErrorCode::RequestInvalid`] if there is state; [`crate::ErrorCode::HomeInUse`]; and
/// [`crate::ErrorCode::StateUnavailable`] if the backup is not whole or something cannot be written. The home is then
/// as it was, or refused by every start until a restore has been finished.
pub fn restore(backup: &Path, home: &Path) -> Result<BackupSummary> {
    let files = verified(backup)?;
    let unfinished = home.join(UNFINISHED_RESTORE);
    if !unfinished.exists() && FOLDERS.iter().any(|folder| has_files(&home.join(folder))) {
        return Err(BackupError::InUse(home.to_owned()).into());
    }
    let _home = Home::open_to_restore(home)?;
    Ok(put_in_place(backup, home, &unfinished, &files)?)
}

fn put_in_place(
    backup: &Path,
    home: &Path,
    unfinished: &Path,
    files: &[BackupFile],
) -> std::result::Result<BackupSummary, BackupError> {
    remove(unfinished)?;
    loadlock_durable::make_directory(unfinished).map_err(at(unfinished))?;
    copy(backup, unfinished, files)?;
    for folder in FOLDERS {
        let (from, to) = (unfinished.join(folder), home.join(folder));
        remove(&to)?;
        loadlock_durable::create(&from).map_err(at(&from))?;
        std::fs::rename(&from, &to).map_err(at(&to))?;
    }
    loadlock_durable::names(home).map_err(at(home))?;
    remove(unfinished)?;
    loadlock_durable::names(home).map_err(at(home))?;
    Ok(BackupSummary::of(files))
}

/// Replaces the ledger of a home that is not served by that of a backup. The files that were there are kept beside it;
/// answers where.
///
/// # Errors
/// [`crate::ErrorCode::HomeInUse`] while somebody has the home; as [`restore`] otherwise.
pub fn restore_ledger(backup: &Path, home: &Path) -> Result<(BackupSummary, PathBuf)> {
    let mut files = verified(backup)?;
    files.retain(|file| file.path.starts_with(LEDGER));
    if files.is_empty() {
        return Err(BackupError::NoLedger(backup.to_owned()).into());
    }
    let _home = Home::open(home)?;
    Ok(replace_ledger(backup, home, &files)?)
}

fn replace_ledger(
    backup: &Path,
    home: &Path,
    files: &[BackupFile],
) -> std::result::Result<(BackupSummary, PathBuf), BackupError> {
    let next = home.join("tracker/restored");
    remove(&next)?;
    loadlock_durable::make_directory(&next).map_err(at(&next))?;
    copy(backup, &next, files)?;
    let ledger = home.join(LEDGER);
    let free = |number: &u32| !home.join(format!("tracker/ledger.damaged-{number}")).exists();
    let number = (1..).find(free).unwrap_or_default();
    let aside = home.join(format!("tracker/ledger.damaged-{number}"));
    if ledger.exists() {
        std::fs::rename(&ledger, &aside).map_err(at(&ledger))?;
    }
    std::fs::rename(next.join(LEDGER), &ledger).map_err(at(&ledger))?;
    remove(&next)?;
    let folder = home.join("tracker");
    loadlock_durable::names(&folder).map_err(at(&folder))?;
    Ok((BackupSummary::of(files), aside))
}

/// The files of a backup that is whole.
fn verified(backup: &Path) -> std::result::Result<Vec<BackupFile>, BackupError> {
    let files = manifest::read(backup)?;
    files.iter().try_for_each(|file| compare(backup, file))?;
    Ok(files)
}

/// Copies, and compares what was written with what was backed up.
fn copy(backup: &Path, to: &Path, files: &[BackupFile]) -> std::result::Result<(), BackupError> {
    for file in files {
        match copy_file(backup, to, file.path.clone(), Extent::All)? {
            Some(copied) if copied == *file => compare(to, file)?,
            _ => return Err(BackupError::Changed(backup.join(&file.path))),
        }
        let folder = to.join(&file.path);
        if let Some(folder) = folder.parent() {
            loadlock_durable::names(folder).map_err(at(folder))?;
        }
    }
    Ok(())
}

fn has_files(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => has_files(&entry.path()),
        _ => true,
    })
}

fn remove(folder: &Path) -> std::result::Result<(), BackupError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at(folder)(error)),
        _ => Ok(()),
    }
}
