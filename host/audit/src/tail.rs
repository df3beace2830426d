//! The newest records, and those that come.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::chain::{self, Record};
use crate::error::AuditError;
use crate::files;

/// A line as it stands, and what it says; `None` if it is damaged.
type Line = (String, Option<Record>);

fn line(bytes: &[u8]) -> Line {
    (String::from_utf8_lossy(bytes).into_owned(), chain::read(bytes).ok())
}

/// The newest `count` lines, oldest first.
///
/// # Errors
/// [`AuditError::Io`].
pub fn last(dir: &Path, count: usize) -> Result<Vec<Line>, AuditError> {
    let mut newest: VecDeque<Line> = VecDeque::new();
    for (_, path) in files::list(dir)?.into_iter().rev() {
        let missing = count - newest.len();
        if missing == 0 {
            break;
        }
        let io = |error| AuditError::io(&path, error);
        let mut of_file: VecDeque<Vec<u8>> = VecDeque::new();
        for bytes in BufReader::new(File::open(&path).map_err(io)?).split(b'\n') {
            if of_file.len() == missing {
                of_file.pop_front();
            }
            of_file.push_back(bytes.map_err(io)?);
        }
        for bytes in of_file.iter().rev() {
            newest.push_front(line(bytes));
        }
    }
    Ok(newest.into())
}

/// Reads what is appended from now on.
#[derive(Debug)]
pub struct Follow {
    dir: PathBuf,
    /// Number in the name of the file that is read, and how far.
    at: Option<(u64, u64)>,
}

impl Follow {
    /// From the end as it is now.
    ///
    /// # Errors
    /// [`AuditError::Io`].
    pub fn from_end(dir: &Path) -> Result<Self, AuditError> {
        let at = match files::list(dir)?.pop() {
            None => None,
            Some((first, path)) => {
                let length = std::fs::metadata(&path)
                    .map_err(|error| AuditError::io(&path, error))?
                    .len();
                Some((first, length))
            }
        };
        Ok(Self {
            dir: dir.to_owned(),
            at,
        })
    }

    /// Whole lines that came since the last call, over files.
    ///
    /// # Errors
    /// [`AuditError::Io`].
    pub fn next_lines(&mut self) -> Result<Vec<Line>, AuditError> {
        let mut lines = Vec::new();
        for (first, path) in files::list(&self.dir)? {
            let from = match self.at {
                Some((current, _)) if first < current => continue,
                Some((current, offset)) if first == current => offset,
                _ => 0,
            };
            let io = |error| AuditError::io(&path, error);
            let file = File::open(&path).map_err(io)?;
            let length = file.metadata().map_err(io)?.len();
            let mut bytes = vec![0; usize::try_from(length.saturating_sub(from)).unwrap_or(0)];
            file.read_exact_at(&mut bytes, from).map_err(io)?;
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            lines.extend(
                bytes[..whole]
                    .split(|byte| *byte == b'\n')
                    .filter(|bytes| !bytes.is_empty())
                    .map(line),
            );
            self.at = Some((first, from + whole as u64));
        }
        Ok(lines)
    }
}
