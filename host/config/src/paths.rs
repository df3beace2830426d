//! What the configuration must know about this machine, injected so that parsing has no side effect.

use std::path::{Component, Path, PathBuf};

/// Directories of the running process and its user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineFacts {
    /// Current directory, absolute.
    pub cwd: PathBuf,
    /// The user's home directory, for `~/`.
    pub user_home: Option<PathBuf>,
    /// The platform's directory for application data.
    pub data_dir: Option<PathBuf>,
    /// The platform's directory for configuration, where `loadlock/loadlock.toml` is looked for.
    pub config_dir: Option<PathBuf>,
}

/// What is at a path, links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A folder.
    Directory,
    /// A regular file.
    File,
    /// Anything else: a device, a pipe, a socket.
    Other,
}

/// Why a path could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookError {
    /// Nothing is there.
    #[error("does not exist")]
    Missing,
    /// The system refused.
    #[error("cannot be read ({0})")]
    Refused(String),
}

/// Looks at paths.
pub trait Paths {
    /// The canonical form (absolute, no links, no dots) of an existing path, and what is there.
    ///
    /// # Errors
    /// [`LookError`] if nothing is there or the system refuses to say.
    fn look(&self, path: &Path) -> Result<(PathBuf, PathKind), LookError>;
}

/// The real disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskPaths;

impl Paths for DiskPaths {
    fn look(&self, path: &Path) -> Result<(PathBuf, PathKind), LookError> {
        let canonical = std::fs::canonicalize(path).map_err(refused)?;
        let kind = std::fs::metadata(&canonical).map_err(refused)?.file_type();
        let kind = if kind.is_dir() {
            PathKind::Directory
        } else if kind.is_file() {
            PathKind::File
        } else {
            PathKind::Other
        };
        Ok((canonical, kind))
    }
}

fn refused(error: std::io::Error) -> LookError {
    match error.kind() {
        std::io::ErrorKind::NotFound => LookError::Missing,
        _ => LookError::Refused(error.to_string()),
    }
}

/// Makes `written` absolute: `~/` is the user's home, anything relative continues `base`.
pub(crate) fn absolute(written: &str, base: &Path, facts: &MachineFacts) -> PathBuf {
    let rest = written.strip_prefix("~/").or((written == "~").then_some(""));
    match (rest, &facts.user_home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => facts.cwd.join(base).join(written),
    }
}

/// Canonical form of a folder that may not exist yet: the part that exists is canonical, the rest is appended.
pub(crate) fn future(path: &Path, paths: &dyn Paths) -> Result<PathBuf, LookError> {
    let mut rest = Vec::new();
    let mut existing = path;
    loop {
        match paths.look(existing) {
            Ok((_, kind)) if kind != PathKind::Directory => {
                return Err(LookError::Refused("not a folder".to_owned()));
            }
            Ok((canonical, _)) => {
                return Ok(rest.iter().rev().fold(canonical, |path, part| path.join(part)));
            }
            Err(LookError::Missing) => {}
            Err(refused) => return Err(refused),
        }
        match existing.components().next_back() {
            Some(Component::Normal(name)) => rest.push(name),
            // `missing/..` means nothing until `missing` exists.
            Some(Component::ParentDir) => {
                return Err(LookError::Refused("`..` after a missing folder".to_owned()));
            }
            _ => {}
        }
        existing = existing.parent().ok_or(LookError::Missing)?;
    }
}
