//! A configuration that a command writes: one that is right, in a file that was not there.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use loadlock::config::{ComponentLock, Config, ConfigErrors, DiskPaths, Input, MachineFacts};
use loadlock::{Error, ErrorCode};

use super::failure::Failure;

/// Whether the configuration takes a text, by itself: variables of this process are none of the file's.
///
/// # Errors
/// Every mistake in it.
pub(crate) fn check(text: &str, facts: &MachineFacts, name: &Path) -> Result<Config, ConfigErrors> {
    // Where the state is on the machine that it is for is not known here.
    let env = match text.lines().any(|line| line.starts_with("home =")) {
        true => BTreeMap::new(),
        false => BTreeMap::from([("LOADLOCK_HOME".to_owned(), "/var/lib/loadlock".to_owned())]),
    };
    loadlock::config::parse(Input {
        file: Some((name, text)),
        lock: &ComponentLock::default(),
        env: &env,
        facts,
        paths: &DiskPaths,
    })
}

/// Directories of this process.
///
/// # Errors
/// [`ErrorCode::RequestInvalid`] if there is no current directory.
pub(crate) fn facts() -> Result<MachineFacts, Failure> {
    MachineFacts::of_this_process().map_err(|error| unusable("the current directory", &error))
}

/// Writes a new file, for its owner alone; one that is there stays as it is.
///
/// # Errors
/// [`ErrorCode::RequestInvalid`] with what to do.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let open = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let written = open.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| unusable(&path.display().to_string(), &error))
}

fn unusable(what: &str, error: &std::io::Error) -> Failure {
    let hint = match error.kind() {
        ErrorKind::AlreadyExists => "name another file with `--output`, or move that one away",
        _ => "name a place that you may write to",
    };
    Error::new(ErrorCode::RequestInvalid, format!("{what}: {error}"))
        .hint(hint)
        .into()
}
