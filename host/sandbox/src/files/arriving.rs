//! A file that is read while it grows: what its writer says of it is how far it may be read.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

use loadlock_policy::tee::{Readable, Tee};
use tokio::sync::watch;

use super::identity::Identity;

/// A body on its way into the spool. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ArrivingFile {
    pub(super) file: Arc<File>,
    /// With the size that was announced.
    pub(super) identity: Identity,
    tee: watch::Receiver<Tee>,
}

impl ArrivingFile {
    /// `file` as far as `tee` says. Its writer has to end the tee before it is dropped.
    ///
    /// # Errors
    /// If `fstat` fails.
    pub fn new(file: Arc<File>, tee: watch::Receiver<Tee>) -> Result<Self> {
        let now = Identity::of(&file)?;
        let size = tee.borrow().size();
        let identity = Identity {
            size,
            // They change with every chunk, and nobody but the writer can reach the file.
            modified_ns: 0,
            changed_ns: 0,
            ..now
        };
        Ok(Self { file, identity, tee })
    }

    /// What identifies it: the inode, and the size that it will have.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Offset of the first byte that cannot be read now.
    ///
    /// # Errors
    /// If it will never be whole.
    pub fn readable(&self) -> Result<u64> {
        match self.tee.borrow().readable() {
            Readable::UpTo(end) => Ok(end),
            Readable::Never => Err(Error::new(ErrorKind::UnexpectedEof, "the body broke off")),
        }
    }

    /// Waits until there is something to read at `offset`, or never will be.
    pub async fn answers(&self, offset: u64) {
        let mut tee = self.tee.clone();
        // A writer that is gone has ended the tee.
        let _ = tee.wait_for(|tee| tee.answers(offset)).await;
    }
}
