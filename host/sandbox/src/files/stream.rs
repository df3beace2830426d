//! The data plane: the stream by which an admitted file leaves the disk.
//!
//! `blocking-splice` moves what this stream reads straight into a request body, host to host. One job on a blocking
//! thread reads and hashes ahead of the guest, and goes on as long as the guest keeps up: where hashing is the slowest
//! part, the thread never stops. Where the network is, the job ends once [`AHEAD`] chunks wait, and the next chunk that
//! is taken starts another: a slow vendor holds no thread. wasmtime-wasi's own stream gives 64 KiB at a time and does
//! not read ahead. Of a file that still grows, what is there is read, and its growth is waited for.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use tokio::sync::Notify;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError, StreamResult};

use super::bytes::FileBytes;
use super::watch::Watch;

/// Bytes per read: large enough that the cost of a hand-over between threads (some 10 µs) disappears beside hashing
/// them (some 200 µs).
pub(crate) const CHUNK: usize = 256 << 10;

/// The least bytes per read, when many files are read at once.
const LEAST_CHUNK: usize = 64 << 10;

/// Chunks that are read ahead of the guest.
const AHEAD: usize = 2;

/// Chunks of one upload between the disk and the socket: read ahead, in the body's pipe, with the connection.
const ON_THE_WAY: usize = AHEAD + SHALLOW + 2;

/// Bytes of all uploads that should be between disk and socket at once: as many as sixteen take with whole chunks.
const BUDGET: usize = 16 * ON_THE_WAY * CHUNK;

/// Writes that a request body's pipe holds while few files are read, and while many are.
const DEEP: usize = 3;
const SHALLOW: usize = 1;

/// Streams that are open, over all stores.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Bytes per read when so many streams are open.
fn chunk_for(open: usize) -> usize {
    (BUDGET / (ON_THE_WAY * open.max(1))).clamp(LEAST_CHUNK, CHUNK)
}

/// Writes that the pipe of a new request body may hold.
pub(crate) fn pipe_depth() -> usize {
    depth_for(OPEN.load(Ordering::Relaxed))
}

fn depth_for(open: usize) -> usize {
    if chunk_for(open + 1) == CHUNK { DEEP } else { SHALLOW }
}

/// A reading position in an admitted file.
pub(crate) struct AdmittedStream {
    shared: Arc<SharedRead>,
    /// Offset of the first byte that the guest has not been given.
    position: u64,
    /// What is left of the chunk that the guest is being given.
    current: Bytes,
}

/// What the guest's side and the reading job share.
struct SharedRead {
    file: FileBytes,
    watch: Watch,
    /// Nothing past this is shown: the file's size at admission. A file that grows meanwhile does not change its
    /// upload.
    end: u64,
    /// Its bytes are in memory: they are read where they are asked for.
    resident: bool,
    ahead: Mutex<Ahead>,
    changed: Notify,
}

struct Ahead {
    ready: VecDeque<Bytes>,
    /// Offset of the first byte of the next read from disk.
    next_read: u64,
    /// Whether a job is reading.
    reading: bool,
    /// Whether there is nothing more to read.
    ended: bool,
    failed: Option<std::io::Error>,
}

/// The reading job, whose word that it reads is taken back however it ends.
struct ReadAhead {
    shared: Arc<SharedRead>,
    /// Its word is taken back already, and may be another job's by now.
    over: bool,
}

impl ReadAhead {
    /// Reads and hashes until the guest does not keep up. Blocking.
    fn run(mut self) {
        while let Some((offset, want)) = self.shared.next() {
            self.shared.read(offset, want);
        }
        self.over = true;
        self.shared.changed.notify_one();
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        if !self.over {
            self.shared.lock().reading = false;
            self.shared.changed.notify_one();
        }
    }
}

impl SharedRead {
    fn lock(&self) -> MutexGuard<'_, Ahead> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where reading ends now: of a file that still grows, where it does.
    fn end_now(&self) -> std::io::Result<u64> {
        match self.file.arriving() {
            Some(arriving) => Ok(self.end.min(arriving.readable()?)),
            None => Ok(self.end),
        }
    }

    /// What to read next; `None` if there is enough, or nothing: then nobody reads any more.
    fn next(&self) -> Option<(u64, usize)> {
        let mut ahead = self.lock();
        let left = ahead.left(self);
        if left == 0 || ahead.is_enough() {
            ahead.reading = false;
            return None;
        }
        let chunk = chunk_for(OPEN.load(Ordering::Relaxed));
        let want = usize::try_from(left).unwrap_or(chunk).min(chunk);
        Some((ahead.next_read, want))
    }

    fn read(&self, offset: u64, want: usize) {
        let read = read_at(&self.file, offset, want);
        if let Ok(chunk) = &read {
            self.watch.hash(offset, chunk);
        }
        let mut ahead = self.lock();
        match read {
            // Truncated since admission: the receipt will find fewer bytes than the admitted size.
            Ok(chunk) if chunk.is_empty() => ahead.ended = true,
            Ok(chunk) => {
                ahead.next_read += chunk.len() as u64;
                ahead.ready.push_back(chunk);
            }
            Err(error) => ahead.failed = Some(error),
        }
        drop(ahead);
        self.changed.notify_one();
    }
}

impl Ahead {
    /// Bytes that can be read now. Notes the end, and what can never be read to its end.
    fn left(&mut self, shared: &SharedRead) -> u64 {
        self.ended |= self.next_read >= shared.end;
        match shared.end_now() {
            Ok(end) => end.saturating_sub(self.next_read),
            Err(error) => {
                if !self.ended && self.failed.is_none() {
                    self.failed = Some(error);
                }
                0
            }
        }
    }

    /// Whether nothing should be read now.
    fn is_enough(&self) -> bool {
        self.ended || self.failed.is_some() || self.ready.len() >= AHEAD
    }
}

impl AdmittedStream {
    pub(crate) fn new(file: FileBytes, watch: Watch, offset: u64, end: u64, resident: bool) -> Self {
        OPEN.fetch_add(1, Ordering::Relaxed);
        let stream = Self {
            shared: Arc::new(SharedRead {
                file,
                watch,
                end,
                resident,
                ahead: Mutex::new(Ahead {
                    ready: VecDeque::new(),
                    next_read: offset,
                    reading: false,
                    ended: offset >= end,
                    failed: None,
                }),
                changed: Notify::new(),
            }),
            position: offset,
            current: Bytes::new(),
        };
        stream.read_ahead();
        stream
    }

    /// Starts reading unless that is under way, or there is enough or nothing to read.
    fn read_ahead(&self) {
        let mut ahead = self.shared.lock();
        if ahead.left(&self.shared) == 0 || ahead.is_enough() || std::mem::replace(&mut ahead.reading, true) {
            return;
        }
        drop(ahead);
        let reading = ReadAhead {
            shared: self.shared.clone(),
            over: false,
        };
        if self.shared.resident {
            // Another thread would be woken for longer than this takes.
            reading.run();
        } else {
            tokio::task::spawn_blocking(move || reading.run());
        }
    }

    /// Whether `read` has an answer.
    fn has_answer(&self) -> bool {
        let ahead = self.shared.lock();
        !self.current.is_empty() || !ahead.ready.is_empty() || ahead.ended || ahead.failed.is_some()
    }
}

/// Reads up to `want` bytes at `offset`; empty at the end.
pub(crate) fn read_at(file: &FileBytes, offset: u64, want: usize) -> std::io::Result<Bytes> {
    let mut buffer = Vec::with_capacity(want);
    while buffer.len() < want {
        let at = offset + buffer.len() as u64;
        let Some(place) = file.locate(at)? else {
            break;
        };
        let before = buffer.len();
        // Into memory that nobody has filled with zeros first.
        match rustix::io::pread(&*place.file, spare_capacity(&mut buffer), place.offset) {
            Ok(0) => break,
            // What a segment's file may have behind its end is not the content's.
            Ok(_) => buffer.truncate(before + usize::try_from(place.left).unwrap_or(want).min(want)),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    buffer.truncate(want);
    Ok(buffer.into())
}

#[async_trait]
impl Pollable for AdmittedStream {
    async fn ready(&mut self) {
        while !self.has_answer() {
            self.read_ahead();
            let starved = {
                let ahead = self.shared.lock();
                (!ahead.reading).then_some(ahead.next_read)
            };
            match (starved, self.shared.file.arriving()) {
                (Some(offset), Some(arriving)) if !self.has_answer() => arriving.answers(offset).await,
                (Some(_), _) => {}
                (None, _) => self.shared.changed.notified().await,
            }
        }
    }
}

#[async_trait]
impl InputStream for AdmittedStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        if self.current.is_empty() {
            let mut ahead = self.shared.lock();
            match ahead.ready.pop_front() {
                Some(chunk) => self.current = chunk,
                None => {
                    if let Some(error) = ahead.failed.take() {
                        ahead.ended = true;
                        return Err(StreamError::LastOperationFailed(error.into()));
                    }
                    if ahead.ended {
                        return Err(StreamError::Closed);
                    }
                    // Not yet; `ready` waits.
                    return Ok(Bytes::new());
                }
            }
        }
        self.read_ahead();
        let chunk = self.current.split_to(self.current.len().min(size));
        self.shared.watch.gave(self.position, chunk.len());
        self.position += chunk.len() as u64;
        Ok(chunk)
    }

    async fn cancel(&mut self) {
        self.shared.lock().ended = true;
        // The guest cannot leave reads behind by dropping streams.
        while self.shared.lock().reading {
            self.shared.changed.notified().await;
        }
    }
}

impl Drop for AdmittedStream {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
        let mut ahead = self.shared.lock();
        // The job stops after the chunk that it is reading.
        ahead.ended = true;
        ahead.ready.clear();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(bytes: usize) -> (FileBytes, Vec<u8>) {
        let content: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        (file.into(), content)
    }

    async fn all(stream: &mut AdmittedStream, size: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            stream.ready().await;
            match stream.read(size) {
                Ok(chunk) => bytes.extend_from_slice(&chunk),
                Err(StreamError::Closed) => return bytes,
                Err(other) => unreachable!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn every_byte_comes_in_order_and_is_hashed_once() {
        let (file, content) = file(5 * CHUNK + 17);
        for (offset, size) in [(0, usize::MAX), (0, 10_000), (CHUNK + 5, CHUNK)] {
            let watch = Watch::default();
            let end = content.len() as u64;
            let mut stream = AdmittedStream::new(file.clone(), watch.clone(), offset as u64, end, size == CHUNK);
            assert!(all(&mut stream, size).await == content[offset..]);
            let report = watch.finish(&file, end).unwrap();
            assert_eq!(report.covered, end - offset as u64);
            assert_eq!(report.sha256.is_some(), offset == 0);
        }
    }

    #[tokio::test]
    async fn no_more_than_is_admitted_is_shown_and_no_more_than_two_chunks_are_read_ahead() {
        let (file, content) = file(8 * CHUNK);
        let watch = Watch::default();
        let mut stream = AdmittedStream::new(file, watch, 0, 7 * CHUNK as u64, false);
        stream.ready().await;
        // The job ends by itself although nobody takes anything.
        while stream.shared.lock().reading {
            stream.shared.changed.notified().await;
        }
        assert_eq!(stream.shared.lock().ready.len(), AHEAD);
        assert!(all(&mut stream, usize::MAX).await == content[..7 * CHUNK]);
    }

    #[tokio::test]
    async fn a_cancelled_stream_leaves_no_reader_behind() {
        let (file, _) = file(8 * CHUNK);
        let mut stream = AdmittedStream::new(file, Watch::default(), 0, 8 * CHUNK as u64, false);
        stream.cancel().await;
        let ahead = stream.shared.lock();
        assert!(!ahead.reading && ahead.next_read <= (AHEAD * CHUNK) as u64);
    }

    #[tokio::test]
    async fn what_still_grows_is_read_as_it_grows_and_a_body_that_breaks_off_fails() {
        use std::os::unix::fs::FileExt;

        use loadlock_policy::tee::Tee;
        use tokio::sync::watch;

        for breaks in [false, true] {
            let (written, content) = (tempfile::tempfile().unwrap(), file(2 * CHUNK).1);
            let size = content.len() as u64;
            let (tee, reading) = watch::channel(Tee::new(size));
            let written = Arc::new(written);
            let bytes = FileBytes::from(super::super::ArrivingFile::new(written.clone(), reading).unwrap());
            let watch = Watch::default();
            let mut stream = AdmittedStream::new(bytes.clone(), watch.clone(), 0, size, false);
            let (mut got, mut at) = (Vec::new(), 0);
            for step in [10, CHUNK, content.len() - CHUNK - 10] {
                written.write_all_at(&content[at..at + step], at as u64).unwrap();
                at += step;
                tee.send_modify(|tee| tee.wrote(step as u64));
                let held_back = usize::from(at == content.len());
                while got.len() < at - held_back {
                    stream.ready().await;
                    got.extend(stream.read(usize::MAX).unwrap());
                }
                assert!(stream.read(usize::MAX).unwrap().is_empty(), "nothing more has come");
            }
            tee.send_modify(|tee| if breaks { tee.broke() } else { tee.finished() });
            stream.ready().await;
            if breaks {
                assert!(matches!(stream.read(1), Err(StreamError::LastOperationFailed(_))));
                continue;
            }
            got.extend(all(&mut stream, usize::MAX).await);
            assert!(got == content);
            let report = watch.finish(&bytes, size).unwrap();
            assert!(report.covered == size && report.sha256.is_some());
        }
    }

    #[test]
    fn many_streams_share_a_budget() {
        assert_eq!((chunk_for(1), depth_for(0)), (CHUNK, DEEP));
        assert_eq!((chunk_for(16), depth_for(15)), (CHUNK, DEEP));
        assert!(chunk_for(20) < CHUNK && depth_for(20) == SHALLOW);
        assert_eq!(chunk_for(10_000), LEAST_CHUNK);
    }
}
