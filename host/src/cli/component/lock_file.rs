//! The lock, written by one process at a time, whole or not at all.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use loadlock::config::{ComponentLock, Config, LockedComponent};
use loadlock::{Error, ErrorCode};
use loadlock_registry::ComponentStore;

use crate::cli::failure::Failure;

/// Where the lock of the configuration is.
pub(super) fn place(config: &Config) -> Result<PathBuf, Failure> {
    let file = config.file.as_deref().ok_or_else(|| {
        Failure::from(
            Error::new(
                ErrorCode::ConfigInvalid,
                "there is no configuration, and the lock stands beside it",
            )
            .hint("write one with `loadlock init`, or name one with `--config`"),
        )
    })?;
    Ok(ComponentLock::beside(file))
}

/// Changes the lock while nobody else does. It is read again: another process may have changed it since this one
/// started.
pub(super) fn change<T>(
    config: &Config,
    change: impl FnOnce(&ComponentStore, &mut ComponentLock) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let path = place(config)?;
    let store = ComponentStore::open(&config.component_store())?;
    let mut lock = ComponentLock::read(&path).map_err(|what| {
        Error::new(ErrorCode::ConfigInvalid, format!("the lock {} {what}", path.display()))
            .hint("put back the one that belongs to this configuration")
    })?;
    let before = lock.clone();
    let answer = change(&store, &mut lock)?;
    if lock != before {
        // A component could say what no lock can hold, and nothing would start any more.
        if ComponentLock::parse(&lock.to_string()).as_ref() != Ok(&lock) {
            let message = "the component imports or asks for what the lock cannot hold";
            return Err(Error::new(ErrorCode::ComponentRefused, message)
                .hint("ask its maker")
                .into());
        }
        write(&path, &lock).map_err(|error| {
            Error::new(
                ErrorCode::StateUnavailable,
                format!("the lock {}: {error}", path.display()),
            )
            .hint("make its folder writable for you, and free space on its disk")
        })?;
    }
    Ok(answer)
}

fn write(path: &Path, lock: &ComponentLock) -> std::io::Result<()> {
    let unfinished = path.with_extension("lock.part");
    let mut file = std::fs::File::create(&unfinished)?;
    file.write_all(lock.to_string().as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The components of these names, or all of them; each name must be in the lock.
pub(super) fn named<'l>(lock: &'l ComponentLock, names: &[String]) -> Result<Vec<&'l LockedComponent>, Failure> {
    if names.is_empty() {
        return Ok(lock.components.iter().collect());
    }
    let known = || {
        let names: Vec<String> = lock.components.iter().map(|one| format!("`{}`", one.name)).collect();
        match names.as_slice() {
            [] => "nothing is locked; add one with `loadlock component add HOST/REPOSITORY`".to_owned(),
            names => format!("locked are {}", names.join(", ")),
        }
    };
    let find = |name: &String| {
        lock.component(name)
            .ok_or_else(|| Failure::usage(format!("`{name}` is not in the lock"), known()))
    };
    names.iter().map(find).collect()
}
