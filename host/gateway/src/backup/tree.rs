//! Copies files, and knows their digests.

use std::fs::{DirEntry, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

use super::backup_error::{BackupError, at};
use super::manifest::BackupFile;

const BUFFER: usize = 256 << 10;

/// How much of a file is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    All,
    /// Up to the last line feed: the line behind it is being written.
    WholeLines,
}

/// What is at a place and below it: folders before what they hold, all by their path from the home.
#[derive(Debug, Default)]
pub(super) struct Listing {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

/// Lists every file at or below `folder` of `from`. What goes away meanwhile was deleted; what is neither a file nor a
/// folder is no state.
pub(super) fn list(from: &Path, folder: &Path) -> Result<Listing, BackupError> {
    let mut listing = Listing::default();
    list_into(from, folder, &mut listing)?;
    Ok(listing)
}

fn list_into(from: &Path, folder: &Path, listing: &mut Listing) -> Result<(), BackupError> {
    let source = from.join(folder);
    let entries = match std::fs::read_dir(&source) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at(&source)(error)),
    };
    listing.folders.push(folder.to_owned());
    let mut entries = entries
        .collect::<std::io::Result<Vec<DirEntry>>>()
        .map_err(at(&source))?;
    entries.sort_by_key(DirEntry::file_name);
    for entry in entries {
        let path = folder.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list_into(from, &path, listing)?,
            Ok(kind) if kind.is_file() => listing.files.push(path),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(at(&entry.path())(error)),
        }
    }
    Ok(())
}

/// Copies what was listed to the same places in `to`.
pub(super) fn copy_listed(
    from: &Path,
    to: &Path,
    listing: &Listing,
    files: &mut Vec<BackupFile>,
) -> Result<(), BackupError> {
    let targets: Vec<PathBuf> = listing.folders.iter().map(|folder| to.join(folder)).collect();
    for target in &targets {
        loadlock_durable::create(target).map_err(at(target))?;
    }
    for path in &listing.files {
        files.extend(copy_file(from, to, path.clone(), Extent::All)?);
    }
    for target in &targets {
        loadlock_durable::names(target).map_err(at(target))?;
    }
    Ok(())
}

/// Copies every file at or below `folder` of `from` to the same place in `to`.
pub(super) fn copy_tree(from: &Path, to: &Path, folder: &Path, files: &mut Vec<BackupFile>) -> Result<(), BackupError> {
    copy_listed(from, to, &list(from, folder)?, files)
}

/// Copies one file; `None` if it is not there any more.
pub(super) fn copy_file(
    from: &Path,
    to: &Path,
    path: PathBuf,
    extent: Extent,
) -> Result<Option<BackupFile>, BackupError> {
    let source = from.join(&path);
    let mut input = match no_link(&source) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(&source)(error)),
    };
    let target = to.join(&path);
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder).map_err(at(folder))?;
    }
    let length = match extent {
        Extent::All => u64::MAX,
        Extent::WholeLines => whole_lines(&mut input).map_err(at(&source))?,
    };
    let mut output = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&target)
        .map_err(at(&target))?;
    let (bytes, sha256) = pump(&mut input.take(length), &mut output).map_err(at(&source))?;
    loadlock_durable::content(&output).map_err(at(&target))?;
    Ok(Some(BackupFile { path, bytes, sha256 }))
}

/// Reads a file again, and compares it with what was written.
pub(super) fn compare(folder: &Path, file: &BackupFile) -> Result<(), BackupError> {
    let path = folder.join(&file.path);
    let mut input = match no_link(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(BackupError::Changed(path)),
        Err(error) => return Err(at(&path)(error)),
    };
    let found = pump(&mut input, &mut std::io::sink()).map_err(at(&path))?;
    match found == (file.bytes, file.sha256.clone()) {
        true => Ok(()),
        false => Err(BackupError::Changed(path)),
    }
}

fn no_link(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// Bytes up to the last line feed; the file is at its beginning again.
fn whole_lines(file: &mut File) -> std::io::Result<u64> {
    use std::io::Seek;
    let mut buffer = vec![0; BUFFER];
    let (mut at, mut whole) = (0u64, 0u64);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        if let Some(last) = buffer[..read].iter().rposition(|byte| *byte == b'\n') {
            whole = at.saturating_add(last as u64).saturating_add(1);
        }
        at = at.saturating_add(read as u64);
    }
    file.rewind()?;
    Ok(whole)
}

fn pump(input: &mut impl Read, output: &mut impl Write) -> std::io::Result<(u64, String)> {
    let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0u64, vec![0; BUFFER]);
    loop {
        let read = match input.read(&mut buffer) {
            Ok(0) => return Ok((bytes, hex::encode(digest.finalize()))),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        output.write_all(&buffer[..read])?;
        digest.update(&buffer[..read]);
        bytes = bytes.saturating_add(read as u64);
    }
}
