//! The operator's grants, opened once at start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use loadlock_config::Grant;
use loadlock_policy::paths::PathGrant;
use loadlock_sandbox::files::{GrantRoot, OpenedFile, Protected, RootError};

use crate::error::{Error, ErrorCode, Result};

/// One root that shows the file.
#[derive(Debug, Clone)]
pub(crate) struct Cover {
    pub(crate) root: Arc<GrantRoot>,
    pub(crate) relative: PathBuf,
    /// Providers that may read beneath it; `None` is all.
    pub(crate) providers: Option<Vec<String>>,
}

/// The path allowlist.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    roots: Vec<Arc<GrantRoot>>,
    providers: Vec<Option<Vec<String>>>,
    rules: Vec<PathGrant>,
}

impl Grants {
    /// Opens every root. One that cannot be used refuses the start.
    pub(crate) fn open(grants: &[Grant], protected: &Protected) -> Result<Self> {
        let mut opened = Self::default();
        for grant in grants {
            let root = GrantRoot::open(&grant.root, protected.clone()).map_err(|error| {
                Error::new(ErrorCode::ConfigInvalid, format!("{}: {error}", grant.origin)).hint(match error {
                    RootError::Open { .. } => "create the directory, or remove the grant",
                    RootError::Protected { .. } => "grant a directory outside of `$LOADLOCK_HOME`",
                    RootError::Everything { .. } => "name the directories that hold files to upload",
                })
            })?;
            let mut rule = PathGrant::new(root.path());
            rule.tenants = grant.tenants.iter().cloned().collect();
            rule.providers = grant.providers.iter().flatten().cloned().collect();
            rule.check()
                .map_err(|error| Error::new(ErrorCode::ConfigInvalid, format!("{}: {error}", grant.origin)))?;
            opened.rules.push(rule);
            opened.providers.push(grant.providers.clone());
            opened.roots.push(Arc::new(root));
        }
        Ok(opened)
    }

    /// In the order of [`Grants::cover`]'s indices.
    pub(crate) fn rules(&self) -> &[PathGrant] {
        &self.rules
    }

    pub(crate) fn cover(&self, grant: usize, relative: PathBuf) -> Option<Cover> {
        Some(Cover {
            root: self.roots.get(grant)?.clone(),
            relative,
            providers: self.providers.get(grant)?.clone(),
        })
    }

    /// Opens a file again that was admitted earlier beneath a root that is still granted.
    pub(crate) fn reopen(&self, root: &Path, relative: &Path) -> Option<OpenedFile> {
        self.roots
            .iter()
            .find(|granted| granted.path() == root)?
            .open_file(relative)
            .ok()
    }

    /// The roots that one provider may read.
    pub(crate) fn roots_of(&self, provider: &str) -> Vec<Arc<GrantRoot>> {
        self.roots
            .iter()
            .zip(&self.providers)
            .filter(|(_, providers)| {
                providers
                    .as_ref()
                    .is_none_or(|names| names.iter().any(|name| name == provider))
            })
            .map(|(root, _)| root.clone())
            .collect()
    }
}

/// The spool as a root: what lies in it is ours, so nothing in it is protected.
pub(crate) fn spool_root(path: &Path) -> Result<Arc<GrantRoot>> {
    GrantRoot::open(path, Protected::default())
        .map(Arc::new)
        .map_err(|error| Error::new(ErrorCode::StateUnavailable, error.to_string()))
}
