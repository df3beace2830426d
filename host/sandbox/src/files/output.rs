//! The stream by which a long-lived component writes into its own directory.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// Writes of a component into its own directory, on the thread that called: only for instances that have a thread to themselves. wasmtime-wasi's own stream hands every write to another thread and waits for it, which
/// costs a store of 4 KiB pages more than the writes do.
pub(crate) struct DirectOutput {
    file: Arc<File>,
    position: u64,
    failed: Option<std::io::Error>,
    closed: bool,
}

/// Bytes of one write at most; wasmtime-wasi's own number.
const WRITE: usize = 64 << 10;

impl DirectOutput {
    pub(crate) fn new(file: Arc<File>, position: u64) -> Self {
        Self {
            file,
            position,
            failed: None,
            closed: false,
        }
    }
}

#[async_trait]
impl Pollable for DirectOutput {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for DirectOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if self.closed {
            return Err(StreamError::Closed);
        }
        match self.file.write_all_at(&bytes, self.position) {
            Ok(()) => self.position += bytes.len() as u64,
            Err(error) => self.failed = Some(error),
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.check_write().map(|_| ())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        if let Some(error) = self.failed.take() {
            self.closed = true;
            return Err(StreamError::LastOperationFailed(error.into()));
        }
        if self.closed {
            return Err(StreamError::Closed);
        }
        Ok(WRITE)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_fails_is_told_once_and_then_the_stream_is_closed() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let mut output = DirectOutput::new(file.clone(), 3);
        output.write(Bytes::from_static(b"abc")).unwrap();
        output.write(Bytes::from_static(b"def")).unwrap();
        let mut read = [0; 9];
        file.read_exact_at(&mut read, 0).unwrap();
        assert_eq!(&read, b"\0\0\0abcdef");
        let read_only = Arc::new(File::open("/dev/null").unwrap());
        let mut output = DirectOutput::new(read_only, 0);
        output.write(Bytes::from_static(b"abc")).unwrap();
        assert!(matches!(
            output.check_write(),
            Err(StreamError::LastOperationFailed(_))
        ));
        assert!(matches!(output.check_write(), Err(StreamError::Closed)));
    }
}
