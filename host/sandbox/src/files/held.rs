//! Files without a place of their own on the disk.
//!
//! A small body is in and out again within milliseconds, and making a folder and a file for it and removing them costs
//! more than everything else that its bytes meet. It lies in an anonymous file in memory instead, sealed against every
//! change; beneath its root it has a path like any other, so the sandbox's check of what it shows is the same. A body
//! that consists of segments has such a path as well.

use std::collections::HashMap;
use std::fs::File;
use std::io::Result;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use super::identity::Identity;
use super::opened::OpenedFile;

/// Files that a root shows although no name leads to them, by their path beneath it.
#[derive(Debug, Default)]
pub(super) struct Held(RwLock<HashMap<PathBuf, OpenedFile>>);

impl Held {
    pub(super) fn find(&self, relative: &Path) -> Option<OpenedFile> {
        let files = self.0.read().unwrap_or_else(PoisonError::into_inner);
        files.get(relative).cloned()
    }

    /// `None` where the system has no such files.
    pub(super) fn hold(&self, relative: &Path, content: &[u8]) -> Result<Option<OpenedFile>> {
        let Some(file) = sealed(content)? else {
            return Ok(None);
        };
        let opened = OpenedFile {
            identity: Identity::of(&file)?,
            file: file.into(),
            links: 1,
            owner: rustix::process::geteuid().as_raw(),
            resident: true,
        };
        self.show(relative, opened.clone());
        Ok(Some(opened))
    }

    /// Shows what was opened already.
    pub(super) fn show(&self, relative: &Path, opened: OpenedFile) {
        let mut files = self.0.write().unwrap_or_else(PoisonError::into_inner);
        files.insert(relative.to_owned(), opened);
    }

    pub(super) fn let_go(&self, relative: &Path) {
        let mut files = self.0.write().unwrap_or_else(PoisonError::into_inner);
        files.remove(relative);
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn sealed(content: &[u8]) -> Result<Option<File>> {
    use rustix::fs::{MemfdFlags, SealFlags};
    use std::io::Write;
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = match rustix::fs::memfd_create("loadlock-body", flags) {
        Ok(descriptor) => File::from(descriptor),
        // Sandboxes of containers may forbid the call.
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    file.write_all(content)?;
    rustix::fs::fcntl_add_seals(
        &file,
        SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
    )?;
    Ok(Some(file))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn sealed(_: &[u8]) -> Result<Option<File>> {
    Ok(None)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::files::{GrantRoot, OpenError, Protected};

    #[test]
    #[cfg_attr(not(target_os = "linux"), ignore = "no anonymous files")]
    fn what_is_held_is_shown_beneath_its_root_alone_and_cannot_change() {
        let directory = tempfile::tempdir().unwrap();
        let open = || GrantRoot::open(directory.path(), Protected::default()).unwrap();
        let (root, other) = (open(), open());
        let path = Path::new("mark/body");
        let held = root.hold(path, b"bytes").unwrap().unwrap();
        let shown = root.open_file(path).unwrap();
        assert!(shown.resident && shown.identity == held.identity);
        assert_eq!(shown.identity.size, 5);
        let mut bytes = [0; 5];
        assert_eq!(shown.file.read_at(&mut bytes, 0).unwrap(), 5);
        assert_eq!(&bytes, b"bytes");
        let mut file: &File = held.file.single().unwrap();
        assert!(file.write_all(b"more").is_err());
        assert!(file.set_len(0).is_err() && file.set_len(9).is_err());
        assert!(matches!(other.open_file(path), Err(OpenError::NotFound)));
        root.let_go(path);
        assert!(matches!(root.open_file(path), Err(OpenError::NotFound)));
    }
}
