//! A request body on its way into a parser: paced, and bounded where nothing is stored.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use loadlock_gateway::{Error, ErrorCode};

/// Bytes that may arrive while no file is being stored: preamble, part headers and text fields. One read of a fast
/// connection is up to 400 KiB, and may hold the file's first bytes too.
pub(crate) const HEAD: u64 = 1 << 20;

/// How many bytes may arrive, and what has come before the file; shared by the body and who reads it.
#[derive(Debug, Clone)]
pub(crate) struct Allowance(Arc<AtomicU64>, Arc<Mutex<Vec<Bytes>>>);

impl Allowance {
    /// Nothing is stored now: memory is all there is for what arrives.
    pub(crate) fn head(&self) {
        self.0.store(HEAD, Ordering::Relaxed);
    }

    /// What arrives is stored and counted elsewhere. Answers what has come so far, once.
    pub(crate) fn stored(&self) -> Vec<Bytes> {
        self.0.store(u64::MAX, Ordering::Relaxed);
        std::mem::take(&mut self.came())
    }

    fn came(&self) -> MutexGuard<'_, Vec<Bytes>> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So much of it may come; what does before the file is stored is kept.
    fn take(&self, chunk: &Bytes) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        let Some(rest) = left.checked_sub(chunk.len() as u64) else {
            return false;
        };
        self.0.store(rest, Ordering::Relaxed);
        if left <= HEAD {
            self.came().push(chunk.clone());
        }
        true
    }
}

/// A request body. It yields one chunk per poll: a parser that reads until nothing is ready would else take a fast
/// sender's whole body into memory.
pub(crate) struct Inflow {
    body: BoxStream<'static, std::io::Result<Bytes>>,
    /// A broken body is not asked again.
    ended: bool,
    allowance: Allowance,
    yielded: bool,
}

impl Inflow {
    pub(crate) fn new(body: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static) -> (Self, Allowance) {
        let allowance = Allowance(Arc::new(AtomicU64::new(HEAD)), Arc::default());
        let inflow = Self {
            body: body.boxed(),
            ended: false,
            allowance: allowance.clone(),
            yielded: false,
        };
        (inflow, allowance)
    }
}

impl Stream for Inflow {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.yielded) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.ended {
            return Poll::Ready(None);
        }
        match std::task::ready!(self.body.poll_next_unpin(cx)) {
            Some(Ok(chunk)) => {
                if !self.allowance.take(&chunk) {
                    return Poll::Ready(Some(Err(std::io::Error::other(Error::new(
                        ErrorCode::RequestInvalid,
                        format!("the form has more than {HEAD} bytes besides its file"),
                    )))));
                }
                self.yielded = true;
                Poll::Ready(Some(Ok(chunk)))
            }
            ended => {
                self.ended = true;
                Poll::Ready(ended)
            }
        }
    }
}
