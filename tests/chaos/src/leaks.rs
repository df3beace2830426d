//! What is left when everything is over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use loadlock_journal::Journal;
use serde::Serialize;

/// Longest that tasks of dropped connections may take to let go.
const LETTING_GO: Duration = Duration::from_secs(10);

/// Open descriptors by kind (`socket`, `pipe`, `file` …), or nothing where the system does not list them.
pub(crate) type Descriptors = Option<BTreeMap<String, usize>>;

/// What was looked for and found.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Leaks {
    pub(crate) descriptors_before: Descriptors,
    pub(crate) descriptors_after: Descriptors,
    /// Files looked at for leftovers.
    pub(crate) files_examined: usize,
    /// Everything that was left; empty in a good run.
    pub(crate) found: Vec<String>,
}

/// This process's descriptors.
pub(crate) fn descriptors() -> Descriptors {
    let mut kinds = BTreeMap::new();
    for entry in std::fs::read_dir("/proc/self/fd").ok()?.flatten() {
        let Ok(target) = std::fs::read_link(entry.path()) else {
            continue;
        };
        let text = target.to_string_lossy();
        let kind = match text.split_once(':') {
            Some((kind, _)) if !text.starts_with('/') => kind.to_owned(),
            // The directory that is being read.
            _ if text.ends_with("/fd") => continue,
            _ => "file".to_owned(),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    Some(kinds)
}

/// Where descriptors point to, for a leak's description.
fn targets() -> Vec<PathBuf> {
    let all = std::fs::read_dir("/proc/self/fd").into_iter().flatten();
    all.flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .collect()
}

/// Looks, after the gateway was dropped.
pub(crate) async fn look(before: Descriptors, home: &Path, files: &Path, temporary: &Path) -> Result<Leaks, String> {
    let mut leaks = Leaks::default();
    match &before {
        Some(before) => leaks.descriptors_after = Some(let_go(before, &mut leaks.found).await),
        None => eprintln!("open descriptors: NOT CHECKED, this system has no /proc"),
    }
    leaks.descriptors_before = before;
    empty(&home.join("spool"), "a spool entry", &mut leaks)?;
    empty(files, "a file of the run's own", &mut leaks)?;
    empty(temporary, "a temporary file", &mut leaks)?;
    parts(home, &mut leaks)?;
    journal(home, &mut leaks)?;
    Ok(leaks)
}

/// Waits until no more descriptors are open than before.
async fn let_go(before: &BTreeMap<String, usize>, found: &mut Vec<String>) -> BTreeMap<String, usize> {
    let deadline = tokio::time::Instant::now() + LETTING_GO;
    loop {
        let now = descriptors().unwrap_or_default();
        let more: Vec<_> = now
            .iter()
            .filter(|(kind, count)| *count > before.get(*kind).unwrap_or(&0))
            .collect();
        if more.is_empty() {
            return now;
        }
        if tokio::time::Instant::now() >= deadline {
            found.push(format!(
                "open descriptors: {more:?} against {before:?} before; all: {:?}",
                targets()
            ));
            return now;
        }
        // Nothing tells when a task that owned a connection has been dropped.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        all.push(entry.map_err(failed)?.path());
    }
    Ok(all)
}

fn empty(directory: &Path, what: &str, leaks: &mut Leaks) -> Result<(), String> {
    for left in entries(directory)? {
        leaks.found.push(format!("{what}: {}", left.display()));
    }
    Ok(())
}

/// Unfinished files of the provider `local`, and anything that calls itself temporary.
fn parts(directory: &Path, leaks: &mut Leaks) -> Result<(), String> {
    for path in entries(directory)? {
        let kind = path.symlink_metadata().map_err(|error| error.to_string())?;
        if kind.is_dir() {
            parts(&path, leaks)?;
            continue;
        }
        leaks.files_examined += 1;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.contains(".part") || name.contains("tmp") {
            let left = format!("an unfinished file: {}", path.display());
            leaks.found.push(left);
        }
    }
    Ok(())
}

/// Nothing is open in the journal, nothing waits for the tracker, nothing waits to be deleted.
fn journal(home: &Path, leaks: &mut Leaks) -> Result<(), String> {
    let failed = |error: loadlock_journal::JournalError| format!("the journal: {error}");
    let journal = Journal::open(&home.join("journal")).map_err(failed)?;
    let waiting = [
        ("open entries", journal.open_entries().map_err(failed)?.len()),
        (
            "entries that the tracker lacks",
            journal.accepted_not_recorded(10).map_err(failed)?.len(),
        ),
        (
            "deletes that are not done",
            journal.pending_deletes(10).map_err(failed)?.len(),
        ),
    ];
    for (what, count) in waiting {
        if count > 0 {
            leaks.found.push(format!("the journal has {count} {what}"));
        }
    }
    Ok(())
}
