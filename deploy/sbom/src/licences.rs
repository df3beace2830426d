//! The licence texts of everything in the program that is somebody else's, each once.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::packages::Packages;

/// How the names of such files begin.
const NAMES: [&str; 5] = ["licen", "copying", "copyright", "notice", "unlicense"];

pub(crate) fn texts(packages: &Packages) -> Result<String> {
    // What came from a registry; the rest is Loadlock, whose licence lies beside.
    let others = packages.values().filter(|package| package.checksum.is_some());
    let mut list = String::new();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in others {
        let name = format!("{} {}", package.name, package.version);
        let files = files(&package.folder).with_context(|| name.clone())?;
        let without = if files.is_empty() {
            "; its archive holds no text"
        } else {
            ""
        };
        let licence = package.licence.as_deref().unwrap_or("see its text");
        let _ = writeln!(list, "{name}: {licence}{without}");
        for text in files {
            texts.entry(text).or_default().push(name.clone());
        }
    }
    let mut groups: Vec<(Vec<String>, String)> = texts.into_iter().map(|(text, names)| (names, text)).collect();
    groups.sort();
    let mut all = format!("Loadlock contains these packages, under these licences.\n\n{list}");
    for (names, text) in groups {
        let _ = write!(all, "\n{}\n{}\n\n{}\n", "=".repeat(80), names.join(", "), text.trim());
    }
    Ok(all)
}

/// The texts at the top of an unpacked archive, by name.
fn files(folder: &Path) -> Result<Vec<String>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            path.is_file() && NAMES.iter().any(|begin| name.starts_with(begin))
        })
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
            Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))
        })
        .collect()
}
