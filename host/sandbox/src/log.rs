//! Standard output and error of a component.
//!
//! wasmtime-wasi's in-memory pipe makes a write past its capacity fail, and a Rust guest that fails to print panics: an
//! honest provider would die of its own log. These streams never fail: past the cap standard error is counted and
//! dropped, and standard output ends the call.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// What a component wrote to standard error in one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<LogState>>);

#[derive(Debug, Default)]
struct LogState {
    kept: Vec<u8>,
    cap: usize,
    dropped: u64,
}

impl Log {
    pub(crate) fn new(cap: usize) -> Self {
        Self(Arc::new(Mutex::new(LogState {
            cap,
            ..LogState::default()
        })))
    }

    fn write(&self, bytes: &[u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = state.cap.saturating_sub(state.kept.len());
        let keep = bytes.len().min(room);
        state.kept.extend_from_slice(&bytes[..keep]);
        state.dropped += (bytes.len() - keep) as u64;
    }

    /// Takes the lines that were kept, control characters replaced, and the number of bytes that were not kept.
    pub(crate) fn take(&self) -> (Vec<String>, u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (kept, dropped) = (std::mem::take(&mut state.kept), std::mem::take(&mut state.dropped));
        drop(state);
        let lines = String::from_utf8_lossy(&kept)
            .lines()
            .map(|line| {
                line.chars()
                    .map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c })
                    .collect()
            })
            .collect();
        (lines, dropped)
    }
}

/// Where `content` goes: a bounded channel, so that a slow reader slows the component, and a cap.
#[derive(Debug, Clone)]
pub(crate) struct ContentPipe {
    chunks: mpsc::Sender<Bytes>,
    state: Arc<Mutex<ContentState>>,
}

#[derive(Debug, Default)]
struct ContentState {
    written: u64,
    cap: u64,
    over: bool,
}

impl ContentPipe {
    pub(crate) fn new(chunks: mpsc::Sender<Bytes>, cap: u64) -> Self {
        Self {
            chunks,
            state: Arc::new(Mutex::new(ContentState {
                cap,
                ..ContentState::default()
            })),
        }
    }

    /// Bytes written so far, and whether the cap was met.
    pub(crate) fn written(&self) -> (u64, bool) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.written, state.over)
    }
}

/// Largest single write that is asked of a component; it decides the memory of one `content` call together with the
/// channel's depth.
const WRITE: usize = 256 << 10;

struct LogStream(Log);

#[async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.write(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE)
    }
}

impl IsTerminal for Log {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Log {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(LogWriter(self.clone()))
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(LogStream(self.clone()))
    }
}

struct LogWriter(Log);

impl AsyncWrite for LogWriter {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.0.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct ContentStream {
    pipe: ContentPipe,
    permit: Option<mpsc::OwnedPermit<Bytes>>,
}

#[async_trait]
impl Pollable for ContentStream {
    async fn ready(&mut self) {
        if self.permit.is_none() {
            self.permit = self.pipe.chunks.clone().reserve_owned().await.ok();
        }
    }
}

impl OutputStream for ContentStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        {
            let mut state = self.pipe.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.written = state.written.saturating_add(bytes.len() as u64);
            if state.written > state.cap {
                state.over = true;
                return Err(StreamError::trap("more content than the limit"));
            }
        }
        match self.permit.take() {
            Some(permit) => {
                permit.send(bytes);
                Ok(())
            }
            None => Err(StreamError::trap("write without a permit")),
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        if self.permit.is_some() {
            return Ok(WRITE);
        }
        match self.pipe.chunks.clone().try_reserve_owned() {
            Ok(permit) => {
                self.permit = Some(permit);
                Ok(WRITE)
            }
            Err(mpsc::error::TrySendError::Full(_)) => Ok(0),
            // The client is gone: nobody wants the rest.
            Err(mpsc::error::TrySendError::Closed(_)) => Err(StreamError::Closed),
        }
    }
}

impl IsTerminal for ContentPipe {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for ContentPipe {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.2 streams are linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(ContentStream {
            pipe: self.clone(),
            permit: None,
        })
    }
}
