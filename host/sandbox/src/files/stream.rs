//! The data plane: the stream by which an admitted file leaves the disk.
//!
//! `blocking-splice` moves what this stream reads straight into a request body, host to host. The stream reads [`CHUNK`] bytes at a time on a blocking thread and starts the next read
//! before the guest asks, so that the disk and the digest overlap the network. wasmtime-wasi's own stream gives 64 KiB at a time and does not read ahead.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError, StreamResult};

use super::watch::Watch;

/// Bytes per read: large enough that the cost of a hand-over between threads (some 10 µs) disappears beside hashing them (some 200 µs).
pub(crate) const CHUNK: usize = 256 << 10;

/// A reading position in an admitted file.
pub(crate) struct AdmittedStream {
    file: Arc<File>,
    watch: Watch,
    /// Offset of the first byte of the next read from disk.
    next_read: u64,
    /// Nothing past this is shown: the file's size at admission. A file that grows meanwhile does not change its upload.
    end: u64,
    ready: Bytes,
    pending: Option<JoinHandle<std::io::Result<Bytes>>>,
    failed: Option<std::io::Error>,
    closed: bool,
}

impl AdmittedStream {
    pub(crate) fn new(file: Arc<File>, watch: Watch, offset: u64, end: u64) -> Self {
        let mut stream = Self {
            file,
            watch,
            next_read: offset,
            end,
            ready: Bytes::new(),
            pending: None,
            failed: None,
            closed: false,
        };
        stream.read_ahead();
        stream
    }

    /// Starts the next read unless one is under way or the end is reached.
    fn read_ahead(&mut self) {
        if self.pending.is_some() || self.failed.is_some() || self.closed {
            return;
        }
        let left = self.end.saturating_sub(self.next_read);
        if left == 0 {
            self.closed = true;
            return;
        }
        let (file, watch, offset) = (self.file.clone(), self.watch.clone(), self.next_read);
        let want = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        self.pending = Some(tokio::task::spawn_blocking(move || {
            let chunk = read_at(&file, offset, want)?;
            watch.hash(offset, &chunk);
            Ok(chunk)
        }));
    }

    fn take(&mut self, read: Result<std::io::Result<Bytes>, tokio::task::JoinError>) {
        match read {
            // Truncated since admission: the receipt will find fewer bytes than the admitted size.
            Ok(Ok(chunk)) if chunk.is_empty() => self.closed = true,
            Ok(Ok(chunk)) => {
                self.next_read += chunk.len() as u64;
                self.ready = chunk;
                self.read_ahead();
            }
            Ok(Err(error)) => self.failed = Some(error),
            Err(join) => self.failed = Some(std::io::Error::other(join)),
        }
    }
}

/// Reads up to `want` bytes at `offset`; empty at the end.
pub(crate) fn read_at(file: &File, offset: u64, want: usize) -> std::io::Result<Bytes> {
    let mut buffer = BytesMut::zeroed(want);
    let mut filled = 0;
    while filled < want {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(buffer.freeze())
}

#[async_trait]
impl Pollable for AdmittedStream {
    async fn ready(&mut self) {
        if !self.ready.is_empty() || self.closed || self.failed.is_some() {
            return;
        }
        self.read_ahead();
        if let Some(pending) = &mut self.pending {
            let read = pending.await;
            self.pending = None;
            self.take(read);
        }
    }
}

#[async_trait]
impl InputStream for AdmittedStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        if !self.ready.is_empty() {
            let offset = self.next_read - self.ready.len() as u64;
            let chunk = self.ready.split_to(self.ready.len().min(size));
            self.watch.gave(offset, chunk.len());
            return Ok(chunk);
        }
        if let Some(error) = self.failed.take() {
            self.closed = true;
            return Err(StreamError::LastOperationFailed(error.into()));
        }
        // A finished read is taken by `ready`; an empty answer here means "not yet".
        if self.closed && self.pending.is_none() {
            return Err(StreamError::Closed);
        }
        Ok(Bytes::new())
    }

    async fn cancel(&mut self) {
        if let Some(pending) = self.pending.take() {
            let _ = pending.await;
        }
    }
}

impl Drop for AdmittedStream {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            pending.abort();
        }
    }
}
