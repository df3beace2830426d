//! Every sync in the sources is one that the suite has seen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Crates that keep files of their own. The journal and the audit log have models of their own.
const SOURCES: &[&str] = &["host/gateway/src", "host/server/src"];

/// Not a gateway's promises: a backup is good once its manifest is there, and an unfinished restore is refused by every
/// start and made again (`tests/world/backup.rs`).
const APART: &str = "host/gateway/src/backup/";

/// Syncs that no promise passed, or that go past the model.
pub(crate) fn not_passed<T>(sites: &BTreeMap<String, T>) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut problems = Vec::new();
    for source in SOURCES {
        for file in crate::disk::files(&root.join(source)) {
            let name = relative(&root, &file);
            if name.starts_with(APART) {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            for (number, line) in (1..).zip(text.lines()) {
                let at = format!("{name}:{number}:");
                let ours = ["content(", "data(", "names(", "make_directory("]
                    .iter()
                    .any(|call| line.contains(&format!("loadlock_durable::{call}")));
                if ours && !sites.keys().any(|site| site.starts_with(&at)) {
                    problems.push(format!("no promise passes the sync at {at}"));
                }
                let plain = line.contains(".sync_all()") || line.contains(".sync_data()");
                if plain {
                    problems.push(format!("{at} a sync that the model does not see"));
                }
            }
        }
    }
    problems
}

fn relative(root: &Path, file: &Path) -> String {
    let relative: PathBuf = file.strip_prefix(root).unwrap().into();
    relative.to_string_lossy().into_owned()
}
