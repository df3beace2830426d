//! Writing under the lock.
//!
//! Every append takes the lock and looks whether the disk is as this process left it, because `loadlock token issue`
//! writes beside a running gateway. The chain on the disk is the only state: whoever holds the lock continues it from
//! there.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::chain::{self, GENESIS};
use crate::error::AuditError;
use crate::files::{self, Position};
use crate::record::{Entry, Event, Outcome};

/// How the log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// A file that has as many bytes gets no further record.
    pub rotate_at: u64,
}

impl Default for Options {
    /// 64 MiB: some 150,000 records, read in a second, and small enough to ship away.
    fn default() -> Self {
        Self { rotate_at: 64 << 20 }
    }
}

/// No record is longer: fourteen texts of some 4,096 bytes, at most twice as long in JSON, and the rest.
const MAX_LINE: u64 = 128 << 10;

/// Writes records at the end of the chain. Blocks: async callers use [`crate::AuditLog`].
///
/// ```
/// use loadlock_audit::{Appender, Check, Entry, Event, Options, Outcome, verify};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let place = tempfile::tempdir()?;
/// # let dir = place.path().join("audit");
/// let mut log = Appender::open(&dir, Options::default())?;
/// log.append(&mut vec![Entry::new(1_700_000_000_000, Event::Token, Outcome::Ok)])?;
/// log.anchor()?;
/// let report = verify(&dir, &Check::default())?;
/// assert_eq!((report.records, report.broken), (1, None));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Appender {
    dir: PathBuf,
    options: Options,
    lock: File,
    current: Option<Current>,
    /// What has to be said about the log itself and is not written yet.
    repairs: Vec<Entry>,
}

/// The file that is written to, as this process left it.
#[derive(Debug)]
struct Current {
    file: File,
    path: PathBuf,
    length: u64,
    /// The last record of the chain; number 0 if there is none.
    last: Position,
    /// Whether something may not be on the disk yet.
    dirty: bool,
}

impl Appender {
    /// Makes the directory if it is missing; reads and repairs nothing before the first append.
    ///
    /// # Errors
    /// [`AuditError::Io`].
    pub fn open(dir: &Path, options: Options) -> Result<Self, AuditError> {
        files::make_directory(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            options,
            lock: files::lock_file(dir)?,
            current: None,
            repairs: Vec::new(),
        })
    }

    /// Writes records, in order, and takes them out of `entries`: after an error those that are left are not in the
    /// log. What is written survives the end of this process, but not a power loss before [`Self::sync`].
    ///
    /// # Errors
    /// [`AuditError::Io`]; [`AuditError::Damaged`] if the chain cannot be continued.
    pub fn append(&mut self, entries: &mut Vec<Entry>) -> Result<(), AuditError> {
        self.locked(|this| {
            this.repair()?;
            this.write(entries)
        })
    }

    /// Reads the chain's end and repairs it, without a record of one's own.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn check(&mut self) -> Result<(), AuditError> {
        self.append(&mut Vec::new())
    }

    /// Makes what was written survive a power loss.
    ///
    /// # Errors
    /// [`AuditError::Io`].
    pub fn sync(&mut self) -> Result<(), AuditError> {
        match &mut self.current {
            Some(current) if current.dirty => {
                current
                    .file
                    .sync_data()
                    .map_err(|error| AuditError::io(&current.path, error))?;
                current.dirty = false;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// [`Self::sync`], and moves the anchor to the last record: from now on its loss is found.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn anchor(&mut self) -> Result<(), AuditError> {
        self.locked(|this| {
            this.repair()?;
            this.put_head()
        })
    }

    /// Under the lock, with `current` as the disk is.
    fn put_head(&mut self) -> Result<(), AuditError> {
        self.sync()?;
        match &self.current {
            Some(current) if current.last.seq > 0 => {
                if files::head(&self.dir)?.as_ref() == Some(&current.last) {
                    return Ok(());
                }
                files::put_head(&self.dir, &current.last)
            }
            _ => Ok(()),
        }
    }

    /// Under the lock: looks at the disk, and says at once what was wrong with it.
    fn repair(&mut self) -> Result<(), AuditError> {
        self.refresh()?;
        if self.repairs.is_empty() {
            return Ok(());
        }
        let mut repairs = std::mem::take(&mut self.repairs);
        let written = self.write(&mut repairs);
        self.repairs = repairs;
        written?;
        self.put_head()
    }

    fn locked<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, AuditError>) -> Result<T, AuditError> {
        let io = |error| AuditError::io(&self.dir.join("lock"), error);
        self.lock.lock().map_err(io)?;
        let done = work(self);
        let unlocked = self.lock.unlock();
        let done = done?;
        unlocked.map_err(|error| AuditError::io(&self.dir.join("lock"), error))?;
        Ok(done)
    }

    /// Makes `current` what the disk says.
    fn refresh(&mut self) -> Result<(), AuditError> {
        if let Some(current) = &self.current {
            let metadata = current
                .file
                .metadata()
                .map_err(|error| AuditError::io(&current.path, error))?;
            // Others rotate by the same length, so a file below it is the last one as long as it has a name.
            if metadata.len() == current.length && metadata.nlink() > 0 && current.length < self.options.rotate_at {
                return Ok(());
            }
        }
        self.sync()?;
        self.current = None;
        let mut last = Position {
            seq: 0,
            hash: GENESIS.to_owned(),
        };
        let files = files::list(&self.dir)?;
        let mut current = None;
        for (_, path) in files.iter().rev() {
            let file = open(path)?;
            let end = end_of(path, &file)?;
            if current.is_none() {
                if end.torn > 0 {
                    file.set_len(end.length).map_err(|error| AuditError::io(path, error))?;
                    self.repairs
                        .push(repair("torn_tail", format!("{} bytes cut off", end.torn)));
                }
                current = Some((file, path.clone(), end.length));
            }
            if let Some(position) = end.last {
                last = position;
                break;
            }
        }
        match files::head(&self.dir)? {
            Some(head) if head.seq > last.seq => self.repairs.push(repair(
                "records_missing",
                format!("the last was {}, found is {}", head.seq, last.seq),
            )),
            Some(head) if head.seq == last.seq && head.hash != last.hash => self
                .repairs
                .push(repair("records_missing", format!("record {} is another one", head.seq))),
            _ => {}
        }
        self.current = current.map(|(file, path, length)| Current {
            file,
            path,
            length,
            last: last.clone(),
            // An earlier process may not have come to its sync.
            dirty: true,
        });
        if self.current.is_none() {
            self.begin_file(last)?;
        }
        Ok(())
    }

    /// A new file for the record after `last`.
    fn begin_file(&mut self, last: Position) -> Result<(), AuditError> {
        self.sync()?;
        if last.seq == 0 && files::head(&self.dir)?.is_none() {
            // From the start there is an anchor, so that its absence means something.
            files::put_head(&self.dir, &last)?;
        }
        let path = files::file_of(&self.dir, last.seq + 1);
        let create = || -> std::io::Result<File> {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            File::open(&self.dir)?.sync_all()?;
            Ok(file)
        };
        let file = create().map_err(|error| AuditError::io(&path, error))?;
        self.current = Some(Current {
            file,
            path,
            length: 0,
            last,
            dirty: false,
        });
        Ok(())
    }

    fn write(&mut self, entries: &mut Vec<Entry>) -> Result<(), AuditError> {
        while !entries.is_empty() {
            if let Some(current) = &self.current
                && current.length >= self.options.rotate_at
            {
                let last = current.last.clone();
                self.begin_file(last)?;
            }
            let rotate_at = self.options.rotate_at;
            let Some(current) = &mut self.current else {
                return Err(AuditError::Unwritable);
            };
            let (mut bytes, mut last, mut taken) = (Vec::new(), current.last.clone(), 0);
            for entry in entries.iter() {
                let (line, hash) = chain::line(&entry.clone().clean(), last.seq + 1, &last.hash)
                    .map_err(|error| AuditError::io(&current.path, error.into()))?;
                bytes.extend_from_slice(&line);
                last = Position {
                    seq: last.seq + 1,
                    hash,
                };
                taken += 1;
                if current.length + bytes.len() as u64 >= rotate_at {
                    break;
                }
            }
            if let Err(error) = current.file.write_all_at(&bytes, current.length) {
                let error = AuditError::io(&current.path, error);
                // What of it reached the file is taken back; if that fails too, the next append finds a torn line.
                let _ = current.file.set_len(current.length);
                self.current = None;
                return Err(error);
            }
            current.length += bytes.len() as u64;
            current.last = last;
            current.dirty = true;
            entries.drain(..taken);
        }
        Ok(())
    }
}

fn repair(code: &str, detail: String) -> Entry {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .unwrap_or_default();
    let mut entry = Entry::new(now, Event::Log, Outcome::Failed);
    entry.code = Some(code.to_owned());
    entry.what.detail = Some(detail);
    entry
}

fn open(path: &Path) -> Result<File, AuditError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|error| AuditError::io(path, error))
}

/// How a file ends.
struct AppendEnd {
    /// Bytes up to and with the last newline.
    length: u64,
    /// Bytes after it.
    torn: u64,
    last: Option<Position>,
}

fn end_of(path: &Path, file: &File) -> Result<AppendEnd, AuditError> {
    let io = |error| AuditError::io(path, error);
    let size = file.metadata().map_err(io)?.len();
    // The last whole line and a torn one after it are within twice the longest line.
    let start = size.saturating_sub(2 * MAX_LINE);
    let mut tail = vec![0; usize::try_from(size - start).unwrap_or(0)];
    file.read_exact_at(&mut tail, start).map_err(io)?;
    let newline = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n');
    let Some(end) = newline(&tail) else {
        if start > 0 {
            let reason = "no line ends where one must";
            return Err(AuditError::Damaged {
                path: path.to_owned(),
                reason,
            });
        }
        return Ok(AppendEnd {
            length: 0,
            torn: size,
            last: None,
        });
    };
    let lines = &tail[..end];
    let line = newline(lines).map_or(lines, |before| &lines[before + 1..]);
    let record = chain::read(line).map_err(|reason| AuditError::Damaged {
        path: path.to_owned(),
        reason,
    })?;
    let length = start + end as u64 + 1;
    Ok(AppendEnd {
        length,
        torn: size - length,
        last: Some(Position {
            seq: record.seq,
            hash: record.hash,
        }),
    })
}
