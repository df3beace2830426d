//! The one file that a call may read.

use std::path::PathBuf;
use std::sync::{Arc, Weak};

use thiserror::Error;

use super::bytes::FileBytes;
use super::identity::Identity;
use super::opened::OpenError;
use super::root::GrantRoot;
use super::watch::Watch;

/// A file that the host admitted, ready to be shown to one call.
#[derive(Debug, Clone)]
pub struct AdmittedInput {
    /// The root that it lies beneath.
    pub root: Arc<GrantRoot>,
    /// Its path beneath the root.
    pub relative: PathBuf,
    /// What admission opened and checked.
    pub file: FileBytes,
    /// The file as admission saw it.
    pub identity: Identity,
    /// Whether its bytes are in memory: reading it never waits for a disk.
    pub resident: bool,
    /// Counts and hashes what is read.
    pub watch: Watch,
}

/// An input that the sandbox does not take, although admission did.
#[derive(Debug, Error)]
pub enum InputError {
    /// The provider has no grant for the root.
    #[error("the provider may not read beneath {0}")]
    NotGranted(PathBuf),
    /// What lies at the path is not what was admitted.
    #[error("the file was replaced or moved after it was admitted")]
    Replaced,
    /// The path cannot be opened any more.
    #[error("the admitted path cannot be opened: {0}")]
    Open(#[from] OpenError),
    /// WASI paths are UTF-8.
    #[error("the path is not valid UTF-8")]
    NotUtf8,
}

impl AdmittedInput {
    /// The sandbox's own check, made with nothing but what it holds itself: the provider is granted the root, and the
    /// path beneath it leads to the inode that was admitted. Answers the guest's path relative to its preopen.
    pub(crate) fn check(&self, granted: &[Weak<GrantRoot>]) -> Result<String, InputError> {
        let here = Arc::as_ptr(&self.root);
        if !granted.iter().any(|root| Weak::as_ptr(root) == here) {
            return Err(InputError::NotGranted(self.root.path().to_owned()));
        }
        let relative = self.relative.to_str().ok_or(InputError::NotUtf8)?;
        let again = self.root.open_file(&self.relative)?;
        if !again.identity.same_inode(&self.identity) {
            return Err(InputError::Replaced);
        }
        let held = self.file.identity().map_err(OpenError::Io)?;
        if !held.same_inode(&self.identity) {
            return Err(InputError::Replaced);
        }
        Ok(relative.to_owned())
    }
}
