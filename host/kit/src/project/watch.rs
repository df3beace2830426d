//! Whether a project's sources changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Files that are made by builds, or by tools for themselves.
const MADE: [&str; 6] = [
    "target",
    "node_modules",
    "bindings",
    "__pycache__",
    "wit_world",
    "vendor",
];
/// Files that are looked at.
const MOST: usize = 10_000;

/// The sources of a project as they were at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources(BTreeMap<PathBuf, (u64, Option<SystemTime>)>);

/// The sources of the project in `folder` now: neither what a build makes, nor hidden files, nor links.
pub fn sources(folder: &Path) -> Sources {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if name.starts_with('.') || name.ends_with(".wasm") || MADE.contains(&&*name) || found.len() >= MOST {
                continue;
            }
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.is_file() {
                found.insert(entry.path(), (metadata.len(), metadata.modified().ok()));
            }
        }
    }
    Sources(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_seen_and_what_a_build_makes_is_not() {
        let place = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = place.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        };
        write("src/lib.rs");
        let before = sources(place.path());
        for made in ["shelf.wasm", "target/release/x", ".venv/bin/pip", "node_modules/a/b.js"] {
            write(made);
        }
        assert_eq!(sources(place.path()), before);
        write("src/http.rs");
        assert_ne!(sources(place.path()), before);
    }
}
