//! A root that the operator grants.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::HardLinks;

/// One granted root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathGrant {
    /// Absolute path of the root. Symbolic links in it are the operator's: it is opened once, at start.
    pub root: PathBuf,
    /// The providers that may be given files beneath it. Empty: all that are configured.
    pub providers: BTreeSet<String>,
    /// The tenants that may name paths beneath it over the network. Empty: none, only the local command line may.
    pub tenants: BTreeSet<String>,
    /// What to do with a file that has more than one name.
    #[serde(default)]
    pub hard_links: HardLinks,
}

/// Why a root is not granted. Correct the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PathGrantError {
    /// A relative root would depend on where the process was started.
    #[error("the root `{}` is not absolute", .root.display())]
    Relative {
        /// The root.
        root: PathBuf,
    },
    /// `..` in a root means another directory after a link than before it.
    #[error("the root `{}` holds `..`; write the directory that is meant", .root.display())]
    Parent {
        /// The root.
        root: PathBuf,
    },
    /// The whole file system.
    #[error("the root is the whole file system; grant the directories that hold the files")]
    Everything,
    /// Not files: processes, devices and the kernel's settings.
    #[error("the root `{}` is in `{system}`, which holds no files to upload", .root.display())]
    System {
        /// The root.
        root: PathBuf,
        /// Where it is.
        system: &'static str,
    },
}

/// Trees that look like files and are not.
const SYSTEM: [&str; 3] = ["/proc", "/sys", "/dev"];

impl PathGrant {
    /// A grant of `root` for all providers and the local command line.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            providers: BTreeSet::new(),
            tenants: BTreeSet::new(),
            hard_links: HardLinks::default(),
        }
    }

    /// Checks the root's words. Whether it exists and is a directory is the caller's to find out.
    ///
    /// # Errors
    /// [`PathGrantError`] says what is wrong.
    pub fn check(&self) -> Result<(), PathGrantError> {
        let root = || self.root.clone();
        if !self.root.is_absolute() {
            return Err(PathGrantError::Relative { root: root() });
        }
        let mut components = self.root.components().filter(|c| *c != Component::CurDir).peekable();
        if components.clone().any(|c| c == Component::ParentDir) {
            return Err(PathGrantError::Parent { root: root() });
        }
        if !components.any(|c| matches!(c, Component::Normal(_))) {
            return Err(PathGrantError::Everything);
        }
        // Shared memory is a directory like any other.
        let shared_memory = self.root.starts_with(Path::new("/dev/shm"));
        match SYSTEM.into_iter().find(|system| self.root.starts_with(system)) {
            Some(system) if !shared_memory => Err(PathGrantError::System { root: root(), system }),
            _ => Ok(()),
        }
    }

    /// Whether files beneath it may be given to this provider.
    pub fn allows_provider(&self, provider: &str) -> bool {
        self.providers.is_empty() || self.providers.contains(provider)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_one_real_directory() {
        use PathGrantError as E;
        let check = |root: &str| PathGrant::new(root).check();
        assert_eq!(check("/srv/files"), Ok(()));
        assert_eq!(check("/dev/shm/x"), Ok(()));
        assert_eq!(check("/process"), Ok(()));
        assert_eq!(check("/"), Err(E::Everything));
        assert_eq!(check("/."), Err(E::Everything));
        assert!(matches!(check("files"), Err(E::Relative { .. })));
        assert!(matches!(check(""), Err(E::Relative { .. })));
        assert!(matches!(check("/srv/../etc"), Err(E::Parent { .. })));
        assert!(matches!(
            check("/proc/self/root"),
            Err(E::System { system: "/proc", .. })
        ));
        assert!(matches!(check("/sys"), Err(E::System { .. })));
        assert!(matches!(check("/dev"), Err(E::System { .. })));
    }
}
