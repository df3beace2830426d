//! What stands in the way of a backup or a restore.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorCode};

#[derive(Debug, thiserror::Error)]
pub(super) enum BackupError {
    #[error("{}: {source}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    #[error("{} is in the home that is to be backed up", .0.display())]
    Inside(PathBuf),
    #[error("{} is not absolute", .0.display())]
    Relative(PathBuf),
    #[error("{} is not whole: {why}", path.display())]
    NotWhole { path: PathBuf, why: String },
    #[error("{} is not what was backed up", .0.display())]
    Changed(PathBuf),
    #[error("{} has state already", .0.display())]
    InUse(PathBuf),
    #[error("the backup {} holds no ledger: it was made of a home whose ledger is shared", .0.display())]
    NoLedger(PathBuf),
    #[error("the journal cannot be held still: {0}")]
    Journal(#[from] loadlock_journal::JournalError),
}

/// An error of the system at a path.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io {
        path: path.clone(),
        source,
    }
}

impl From<BackupError> for Error {
    fn from(error: BackupError) -> Self {
        let (code, hint) = match &error {
            BackupError::Io { .. } | BackupError::Journal(_) => (
                ErrorCode::StateUnavailable,
                "see that there is room, and that this user may read and write there",
            ),
            BackupError::NotEmpty(_) => (ErrorCode::RequestInvalid, "name a folder that is not there yet"),
            BackupError::Inside(_) => (
                ErrorCode::RequestInvalid,
                "name a folder outside of the home, on another disk",
            ),
            BackupError::Relative(_) => (ErrorCode::RequestInvalid, "name it from the root"),
            BackupError::NotWhole { .. } | BackupError::Changed(_) => (
                ErrorCode::StateUnavailable,
                "restore from another backup; nothing was changed",
            ),
            BackupError::InUse(_) => (
                ErrorCode::RequestInvalid,
                "name a new `--home`; a damaged ledger alone is replaced with `--ledger`",
            ),
            BackupError::NoLedger(_) => (ErrorCode::RequestInvalid, "restore the database that the ledger is in"),
        };
        Self::new(code, error.to_string()).hint(hint)
    }
}
