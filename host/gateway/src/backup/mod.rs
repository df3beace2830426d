//! A copy of the home from which a gateway can be opened again, made while it serves.
//!
//! `// Order:` Journal and ledger are copied at one moment, at which nobody writes to either: each copy is what a crash
//! then would have left, which every start recovers from. What components store is listed at that moment and copied
//! after it: whatever is listed has an entry in the journal or a record in the ledger, and what comes later has
//! neither.
//!
//! | module | one job |
//! |---|---|
//! | `tree` | copies files and knows their digests |
//! | `manifest` | what the backup holds; it is written last |
//! | `restore` | the way back |
//! | `backup_error` | what stands in the way |

mod backup_error;
mod manifest;
pub(crate) mod restore;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode, Result, answered};
use crate::principal::{Door, Principal, Scope};
use crate::state::gateway::{Gateway, GatewayState};
use backup_error::{BackupError, at};
use manifest::{BackupFile, LEDGER};
use tree::{Extent, compare, copy_file, copy_listed, copy_tree, list};

/// What a backup or a restore copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSummary {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether the ledger is in it. One that several gateways share is in their database.
    pub ledger: bool,
}

impl BackupSummary {
    fn of(files: &[BackupFile]) -> Self {
        Self {
            files: files.len() as u64,
            bytes: files.iter().fold(0, |sum, file| u64::saturating_add(sum, file.bytes)),
            ledger: files.iter().any(|file| file.path.starts_with(LEDGER)),
        }
    }
}

impl Gateway {
    /// Copies the state of the home to `folder`, which is not there yet or empty, and verifies the copy. Uploads go on
    /// meanwhile; those under way at this moment are settled by the gateway that is opened from it.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`] without the scope `admin`, and for everybody over a network: the copy holds the key of
    /// the installation. [`ErrorCode::TrackerFailed`] if the ledger is damaged; [`ErrorCode::RequestInvalid`] for a
    /// folder that cannot be one; [`ErrorCode::StateUnavailable`] if something cannot be read or written.
    pub async fn backup(&self, who: &Principal, folder: &Path) -> Result<BackupSummary> {
        who.require(Scope::Admin)?;
        if who.door() == Door::Network {
            return Err(
                Error::new(ErrorCode::Forbidden, "a backup is made on the gateway's own machine")
                    .hint("run `loadlock backup DIR` there"),
            );
        }
        let state = &self.0;
        // A damaged ledger is no backup, and is not to replace a good one.
        answered(state.ledger.tracker.verify().await)?;
        let (home, folder) = (self.home().to_owned(), folder.to_owned());
        let made = make(state, &home, &folder).await;
        if made.is_err() {
            // Without its manifest nobody takes it for a backup, but a folder that is empty can be tried again.
            tracing::warn!("the backup to {} was not finished", folder.display());
        }
        Ok(made?)
    }
}

async fn make(
    state: &Arc<GatewayState>,
    home: &Path,
    folder: &Path,
) -> std::result::Result<BackupSummary, BackupError> {
    let (from, to) = (home.to_owned(), folder.to_owned());
    let (state, now_ms) = (state.clone(), state.clock.wall_ms());
    let runtime = tokio::runtime::Handle::current();
    blocking(move || {
        prepare(&from, &to)?;
        let mut files = Vec::new();
        copy_tree(&from, &to, Path::new("keys"), &mut files)?;
        {
            let _nothing_is_swapped = runtime.block_on(state.config.changing());
            copy_tree(&from, &to, Path::new("components"), &mut files)?;
        }
        let stored = state.journal.held_still(|| {
            copy_tree(&from, &to, Path::new("journal"), &mut files)?;
            files.extend(runtime.block_on(copied_ledger(&state, &from, &to))?);
            list(&from, Path::new("providers"))
        })??;
        copy_listed(&from, &to, &stored, &mut files)?;
        // The anchor first: a record that it names is in the log, and one line may be half written.
        loadlock_durable::create(&to.join("audit")).map_err(at(&to))?;
        files.extend(copy_file(&from, &to, PathBuf::from("audit/head.json"), Extent::All)?);
        audit(&from, &to, &mut files)?;
        for file in &files {
            compare(&to, file)?;
        }
        manifest::write(&to, &files, now_ms)?;
        Ok(BackupSummary::of(&files))
    })
    .await
}

/// Copies the ledger between two calls of its tracker.
async fn copied_ledger(
    state: &GatewayState,
    from: &Path,
    to: &Path,
) -> std::result::Result<Vec<BackupFile>, BackupError> {
    let (home, folder) = (from.to_owned(), to.to_owned());
    let copy = move || {
        let mut files = Vec::new();
        copy_tree(&home, &folder, Path::new("tracker"), &mut files).map(|()| files)
    };
    let copied = state.ledger.tracker.held_still(copy).await;
    copied.map_err(|error| at(from)(std::io::Error::other(error.to_string())))?
}

/// The files of the chain.
fn audit(from: &Path, to: &Path, files: &mut Vec<BackupFile>) -> std::result::Result<(), BackupError> {
    let folder = from.join("audit");
    let entries = std::fs::read_dir(&folder)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .map_err(at(&folder))?;
    let mut names: Vec<PathBuf> = entries
        .iter()
        .map(|entry| PathBuf::from("audit").join(entry.file_name()))
        .collect();
    names.retain(|name| name.extension().is_some_and(|extension| extension == "jsonl"));
    names.sort();
    for name in names {
        files.extend(copy_file(from, to, name, Extent::WholeLines)?);
    }
    loadlock_durable::names(&to.join("audit")).map_err(at(&to.join("audit")))
}

/// A new folder, for its owner alone.
fn prepare(home: &Path, folder: &Path) -> std::result::Result<(), BackupError> {
    if !folder.is_absolute() {
        return Err(BackupError::Relative(folder.to_owned()));
    }
    loadlock_durable::make_directory(folder).map_err(at(folder))?;
    let place = folder.canonicalize().map_err(at(folder))?;
    if place.starts_with(home) {
        return Err(BackupError::Inside(place));
    }
    match std::fs::read_dir(&place).map_err(at(&place))?.next() {
        None => Ok(()),
        Some(_) => Err(BackupError::NotEmpty(place)),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::result::Result<T, BackupError> + Send + 'static,
) -> std::result::Result<T, BackupError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(at(Path::new("backup"))(std::io::Error::other(error))))
}
