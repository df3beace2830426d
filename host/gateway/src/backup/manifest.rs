//! What a backup holds: one JSON object a line, a head, each file, and at last how many there are. Without the last
//! line it is not a backup but the rest of one.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::backup_error::{BackupError, at};

/// Where the embedded ledger is.
pub(super) const LEDGER: &str = "tracker/ledger";
/// What of a home is state. Bodies on their way, compiled components and digests of files are not: an upload that was
/// under way is settled as after a crash, the rest is made again.
pub(super) const FOLDERS: [&str; 6] = ["keys", "components", "journal", "tracker", "providers", "audit"];

/// Its name in the backup.
pub(super) const MANIFEST: &str = "manifest.jsonl";
/// The layout of a backup.
const FORMAT: u32 = 1;
/// Longest line: a path has at most 4096 bytes.
const LINE: u64 = 64 << 10;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupFile {
    /// Beneath the home.
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestHead {
    format: u32,
    made_by: String,
    made_at_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestEnd {
    files: u64,
    bytes: u64,
}

/// Writes it, with everything that it names already in place and synced.
pub(super) fn write(folder: &Path, files: &[BackupFile], now_ms: u64) -> Result<(), BackupError> {
    let path = folder.join(MANIFEST);
    let work = || -> std::io::Result<()> {
        let mut out = BufWriter::new(File::create_new(&path)?);
        let head = ManifestHead {
            format: FORMAT,
            made_by: concat!("loadlock ", env!("CARGO_PKG_VERSION")).to_owned(),
            made_at_ms: now_ms,
        };
        let end = ManifestEnd {
            files: files.len() as u64,
            bytes: files.iter().fold(0, |sum, file| u64::saturating_add(sum, file.bytes)),
        };
        let mut line = |value: String| writeln!(out, "{value}");
        line(serde_json::to_string(&head)?)?;
        for file in files {
            line(serde_json::to_string(file)?)?;
        }
        line(serde_json::to_string(&end)?)?;
        let file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        loadlock_durable::content(&file)
    };
    work().map_err(at(&path))?;
    loadlock_durable::names(folder).map_err(at(folder))
}

/// Reads it; each path is one that may be in a home.
pub(super) fn read(folder: &Path) -> Result<Vec<BackupFile>, BackupError> {
    let path = folder.join(MANIFEST);
    let broken = |why: String| BackupError::NotWhole {
        path: path.clone(),
        why,
    };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(broken("there is none".to_owned())),
        Err(error) => return Err(at(&path)(error)),
    };
    let mut lines = ManifestLines(BufReader::new(file));
    let mut next = || lines.next().map_err(at(&path));
    let head = next()?.ok_or_else(|| broken("it is empty".to_owned()))?;
    let head: ManifestHead = serde_json::from_str(&head).map_err(|error| broken(error.to_string()))?;
    if head.format != FORMAT {
        let why = format!("its format is {}, and this program knows {FORMAT}", head.format);
        return Err(broken(why));
    }
    let mut files: Vec<BackupFile> = Vec::new();
    while let Some(line) = next()? {
        if let Ok(end) = serde_json::from_str::<ManifestEnd>(&line) {
            let bytes = files.iter().fold(0, |sum, file| u64::saturating_add(sum, file.bytes));
            let counts = (end.files, end.bytes) == (files.len() as u64, bytes);
            return match counts && next()?.is_none() {
                true => Ok(files),
                false => Err(broken("its last line does not agree with the others".to_owned())),
            };
        }
        let file: BackupFile = serde_json::from_str(&line).map_err(|error| broken(error.to_string()))?;
        let plain = file.path.components().all(|part| matches!(part, Component::Normal(_)));
        let first = file.path.components().next().map(|part| part.as_os_str().to_owned());
        if !plain || !first.is_some_and(|first| FOLDERS.iter().any(|folder| first == *folder)) {
            return Err(broken(format!("{} is no place in a home", file.path.display())));
        }
        files.push(file);
    }
    Err(broken(
        "it ends before its last line: the backup was not finished".to_owned(),
    ))
}

/// Lines of a bounded length.
struct ManifestLines(BufReader<File>);

impl ManifestLines {
    fn next(&mut self) -> std::io::Result<Option<String>> {
        let mut line = String::new();
        let read = self.0.by_ref().take(LINE).read_line(&mut line)?;
        Ok((read > 0).then(|| line.trim_end().to_owned()))
    }
}
