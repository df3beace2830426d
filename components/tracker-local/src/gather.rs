//! Writes that wait for the next sync, so that pages side by side are one call.
//!
//! Nothing is promised about a write before it is synced: after a crash it may be there or not, in whatever order. What
//! waits here is lost by the end of the process as by that of the power, and redb is made for that.

use redb::StorageBackend;
use std::io;
use std::sync::{Mutex, PoisonError};

/// Bytes that wait at most. A transaction of one file has some 80 KiB.
const MAX_BYTES: usize = 1 << 20;

/// A storage whose writes wait for the next sync.
#[derive(Debug)]
pub(crate) struct Gathered<S> {
    below: S,
    waiting: Mutex<Waiting>,
}

/// Writes that do not overlap.
#[derive(Debug, Default)]
struct Waiting {
    writes: Vec<Write>,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Write {
    offset: u64,
    /// Where its bytes are among those of all.
    start: usize,
    length: usize,
}

impl Write {
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.length as u64)
    }
}

impl Waiting {
    fn overlaps(&self, offset: u64, length: usize) -> bool {
        let end = offset.saturating_add(length as u64);
        let overlaps = |write: &Write| write.offset < end && offset < write.end();
        self.writes.iter().any(overlaps)
    }

    fn add(&mut self, offset: u64, data: &[u8]) {
        self.writes.push(Write {
            offset,
            start: self.bytes.len(),
            length: data.len(),
        });
        self.bytes.extend_from_slice(data);
    }

    /// Writes everything, neighbours together. After an error nothing waits any more: redb gives up then, and must not
    /// be followed by what it had in mind.
    fn write_to(&mut self, storage: &impl StorageBackend) -> io::Result<()> {
        self.writes.sort_unstable_by_key(|write| write.offset);
        let outcome = self
            .writes
            .chunk_by(|one, next| one.end() == next.offset)
            .try_for_each(|run| self.write_run(run, storage));
        self.writes.clear();
        self.bytes.clear();
        outcome
    }

    fn write_run(&self, run: &[Write], storage: &impl StorageBackend) -> io::Result<()> {
        let bytes = |write: &Write| &self.bytes[write.start..write.start + write.length];
        match run {
            [] => Ok(()),
            [one] => storage.write(one.offset, bytes(one)),
            [first, ..] => {
                let together: Vec<&[u8]> = run.iter().map(bytes).collect();
                storage.write(first.offset, &together.concat())
            }
        }
    }
}

impl<S: StorageBackend> Gathered<S> {
    /// A storage over another.
    pub(crate) fn over(below: S) -> Self {
        Self {
            below,
            waiting: Mutex::default(),
        }
    }

    /// Runs something on the waiting writes, which are written first if `must_write` says so.
    fn with<T>(
        &self,
        must_write: impl FnOnce(&Waiting) -> bool,
        run: impl FnOnce(&mut Waiting) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if must_write(&waiting) {
            waiting.write_to(&self.below)?;
        }
        run(&mut waiting)
    }
}

impl<S: StorageBackend> StorageBackend for Gathered<S> {
    fn len(&self) -> io::Result<u64> {
        self.with(|_| true, |_| self.below.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|waiting| waiting.overlaps(offset, out.len()), |_| Ok(()))?;
        self.below.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.with(|_| true, |_| self.below.set_len(length))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|_| true, |_| self.below.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(
            |waiting| waiting.overlaps(offset, data.len()) || waiting.bytes.len() + data.len() > MAX_BYTES,
            |waiting| {
                waiting.add(offset, data);
                Ok(())
            },
        )
    }

    fn close(&self) -> io::Result<()> {
        self.below.close()
    }
}
