//! Where a value came from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A position in the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilePosition {
    /// The file as it was named by the flag or the variable.
    pub file: Arc<Path>,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

/// Who set a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provenance {
    /// A line of the configuration file.
    File(FilePosition),
    /// An environment variable, by name.
    Env(String),
    /// Nobody: the built-in default.
    Default,
}

impl Provenance {
    /// The position, if the value stands in the file.
    pub fn place(&self) -> Option<&FilePosition> {
        match self {
            Self::File(place) => Some(place),
            Self::Env(_) | Self::Default => None,
        }
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(place) => write!(f, "{}:{}", place.file.display(), place.line),
            Self::Env(name) => write!(f, "env {name}"),
        }
    }
}

/// Turns byte offsets into positions.
#[derive(Debug)]
pub(crate) struct LineIndex<'a> {
    file: Arc<Path>,
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    pub(crate) fn new(file: &Path, text: &'a str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        Self {
            file: PathBuf::from(file).into(),
            text,
            starts,
        }
    }

    pub(crate) fn at(&self, offset: usize) -> Provenance {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        // A span may in theory end inside a character: count what is whole.
        let column = self
            .text
            .as_bytes()
            .get(start..offset)
            .map_or(0, |before| String::from_utf8_lossy(before).chars().count());
        Provenance::File(FilePosition {
            file: self.file.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        })
    }
}
