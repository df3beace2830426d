//! What keeps the log from being written or read.

use std::path::PathBuf;

use thiserror::Error;

/// A failure of the log itself. A broken chain that [`crate::verify`] finds is an answer, not an error.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The disk.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The last record cannot be continued.
    #[error(
        "{}: its last record is damaged ({reason}), so the chain cannot be continued", path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with the record.
        reason: &'static str,
    },
    /// Records cannot be written now; those that were taken are kept and tried again.
    #[error("the audit log cannot be written")]
    Unwritable,
    /// The queue did not move for too long.
    #[error("the audit log cannot keep up")]
    Busy,
}

impl AuditError {
    pub(crate) fn io(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
