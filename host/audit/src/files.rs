//! Names on disk: the files of the chain, the lock, the anchor.
//!
//! ```text
//! audit/lock                         held (flock) while somebody writes
//! audit/head.json                    number and hash of a record that was on the disk: the anchor
//! audit/00000000000000000001.jsonl   records, named by the number of the first
//! ```

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::AuditError;

/// Number and hash of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The record's number.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

const EXTENSION: &str = "jsonl";

/// Makes the directory, mode 0700.
pub(crate) fn make_directory(dir: &Path) -> Result<(), AuditError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| AuditError::io(dir, error))
}

/// The lock file; the caller locks it.
pub(crate) fn lock_file(dir: &Path) -> Result<File, AuditError> {
    let path = dir.join("lock");
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| AuditError::io(&path, error))
}

/// The file whose first record has this number.
pub(crate) fn file_of(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.{EXTENSION}"))
}

/// The files with the number of their first record, in order.
pub(crate) fn list(dir: &Path) -> Result<Vec<(u64, PathBuf)>, AuditError> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(AuditError::io(dir, error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| AuditError::io(dir, error))?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION)
            && let Some(first) = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok())
        {
            files.push((first, path));
        }
    }
    files.sort();
    Ok(files)
}

/// The anchor; `None` if there is none or it cannot be understood.
pub(crate) fn head(dir: &Path) -> Result<Option<Position>, AuditError> {
    let path = dir.join("head.json");
    match std::fs::read(&path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(AuditError::io(&path, error)),
    }
}

/// Replaces the anchor, durable and whole. Only for a record that is on the disk.
pub(crate) fn put_head(dir: &Path, position: &Position) -> Result<(), AuditError> {
    let (path, temporary) = (dir.join("head.json"), dir.join("head.json.new"));
    let write = || -> std::io::Result<()> {
        let mut line = serde_json::to_vec(position)?;
        line.push(b'\n');
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&line)?;
        file.sync_data()?;
        std::fs::rename(&temporary, &path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|error| AuditError::io(&path, error))
}
