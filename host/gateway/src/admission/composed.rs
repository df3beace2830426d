//! A body that consists of several files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use loadlock_sandbox::files::GrantRoot;

/// The path beneath a root that shows several files as one, until this is dropped.
#[derive(Debug)]
pub(crate) struct Composed {
    root: Arc<GrantRoot>,
    relative: PathBuf,
}

impl Composed {
    pub(super) fn new(root: Arc<GrantRoot>, relative: PathBuf) -> Self {
        Self { root, relative }
    }

    pub(crate) fn relative(&self) -> &Path {
        &self.relative
    }
}

impl Drop for Composed {
    fn drop(&mut self) {
        self.root.let_go(&self.relative);
    }
}
