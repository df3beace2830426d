//! Walking the chain.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::chain::{self, GENESIS, Record};
use crate::error::AuditError;
use crate::files::{self, Position};
use crate::record::Event;

/// What to check beside the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Check {
    /// Older files were moved away: begin with the oldest that is here.
    pub archived: bool,
    /// A position that was noted elsewhere: the record of that number must have that hash.
    pub contains: Option<Position>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Files read.
    pub files: u64,
    /// Records that are as they were written.
    pub records: u64,
    /// The last good record. Keep it elsewhere: nobody can then change what is before it unnoticed.
    pub last: Option<Position>,
    /// The first thing that is wrong; nothing after it was read.
    pub broken: Option<Broken>,
    /// What happened to the log and was recorded: torn lines that were cut off after a crash.
    pub notes: Vec<String>,
}

/// Where the chain breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The file.
    pub file: PathBuf,
    /// Line in it, from 1.
    pub line: u64,
    /// Number that the record should have.
    pub seq: u64,
    /// What is wrong.
    pub reason: String,
}

/// Longest line that is read.
const MAX_LINE: u64 = 1 << 20;

/// Reads every record of every file. What a running gateway appends meanwhile is not looked at.
///
/// # Errors
/// [`AuditError::Io`] if a file cannot be read; a broken chain is an answer.
pub fn verify(dir: &Path, check: &Check) -> Result<Report, AuditError> {
    let mut report = Report::default();
    if !dir.exists() {
        return Ok(report);
    }
    // Files, length of the last and anchor at one moment.
    let (files, length, head) = snapshot(dir)?;
    let mut walk = Walk {
        last: Position {
            seq: 0,
            hash: GENESIS.to_owned(),
        },
        head,
        check,
        report: &mut report,
    };
    let count = files.len();
    let last_file = files.last().map(|(_, path)| path.clone());
    for (index, (first, path)) in files.into_iter().enumerate() {
        let limit = if index + 1 == count { Some(length) } else { None };
        if !walk.file(first, &path, limit, index == 0)? {
            return Ok(report);
        }
    }
    walk.end(&last_file.unwrap_or_else(|| dir.to_owned()));
    Ok(report)
}

type Snapshot = (Vec<(u64, PathBuf)>, u64, Option<Position>);

fn snapshot(dir: &Path) -> Result<Snapshot, AuditError> {
    let lock = files::lock_file(dir)?;
    lock.lock_shared()
        .map_err(|error| AuditError::io(&dir.join("lock"), error))?;
    let files = files::list(dir)?;
    let length = match files.last() {
        Some((_, path)) => std::fs::metadata(path)
            .map_err(|error| AuditError::io(path, error))?
            .len(),
        None => 0,
    };
    let head = files::head(dir)?;
    Ok((files, length, head))
}

struct Walk<'a> {
    last: Position,
    head: Option<Position>,
    check: &'a Check,
    report: &'a mut Report,
}

impl Walk<'_> {
    fn broken(&mut self, file: &Path, line: u64, reason: impl Into<String>) -> bool {
        self.report.broken = Some(Broken {
            file: file.to_owned(),
            line,
            seq: self.last.seq + 1,
            reason: reason.into(),
        });
        false
    }

    /// One file; false if the walk ends here. `limit`: it is the last, and so long.
    fn file(&mut self, first: u64, path: &Path, limit: Option<u64>, oldest: bool) -> Result<bool, AuditError> {
        let io = |error| AuditError::io(path, error);
        let file = File::open(path).map_err(io)?;
        let mut reader = BufReader::new(file.take(limit.unwrap_or(u64::MAX)));
        self.report.files += 1;
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line).map_err(io)?;
            if read == 0 {
                break;
            }
            let Some(bytes) = line.strip_suffix(b"\n") else {
                if limit.is_some() && (read as u64) < MAX_LINE {
                    // The anchor says whether there was a record.
                    self.report.notes.push(format!(
                        "{}: the last {read} bytes are a torn line; the next start cuts them off",
                        path.display()
                    ));
                    break;
                }
                return Ok(self.broken(path, number, "a line does not end"));
            };
            let record = match chain::read(bytes) {
                Ok(record) => record,
                Err(reason) => return Ok(self.broken(path, number, reason)),
            };
            if number == 1 {
                if oldest && self.check.archived && record.seq > 0 {
                    self.last = Position {
                        seq: record.seq - 1,
                        hash: record.prev.clone(),
                    };
                    if self.check.contains.as_ref().is_some_and(|known| known.seq < record.seq) {
                        return Ok(self.broken(
                            path,
                            number,
                            "the record to look for is in a file that was moved away",
                        ));
                    }
                }
                if record.seq != first && chain::follows(&record, self.last.seq, &self.last.hash).is_ok() {
                    return Ok(self.broken(path, number, "the file has another name than its first record's number"));
                }
            }
            if !self.record(path, number, &record) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn record(&mut self, path: &Path, number: u64, record: &Record) -> bool {
        if let Err(reason) = chain::follows(record, self.last.seq, &self.last.hash) {
            return self.broken(path, number, reason);
        }
        let another = |known: &Position| known.seq == record.seq && known.hash != record.hash;
        if self.head.as_ref().is_some_and(another) || self.check.contains.as_ref().is_some_and(another) {
            let reason = "it is not the record that was there when its hash was noted";
            return self.broken(path, number, reason);
        }
        if record.event == Event::Log {
            let detail = record.what.detail.as_deref().unwrap_or_default();
            match record.code.as_deref() {
                Some("torn_tail") => self.report.notes.push(format!(
                    "record {}, {}: a torn line was found ({detail})",
                    record.seq, record.time
                )),
                _ => {
                    let reason = format!("records were missing when it was written ({detail})");
                    return self.broken(path, number, reason);
                }
            }
        }
        self.last = Position {
            seq: record.seq,
            hash: record.hash.clone(),
        };
        self.report.records += 1;
        self.report.last = Some(self.last.clone());
        true
    }

    fn end(&mut self, last_file: &Path) {
        let last = self.last.seq;
        let missing = |known: &Position| known.seq > last;
        if let Some(head) = self.head.clone().filter(missing) {
            let reason = format!("records up to {} were there and are missing", head.seq);
            self.broken(last_file, 0, reason);
        } else if let Some(known) = self.check.contains.clone().filter(missing) {
            let reason = format!("record {} is missing", known.seq);
            self.broken(last_file, 0, reason);
        } else if self.head.is_none() && last > 0 {
            self.broken(
                last_file,
                0,
                "the anchor `head.json` is missing or cannot be read, so missing records cannot be detected",
            );
        }
    }
}
