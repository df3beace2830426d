//! A request body on its way into a parser: paced, and bounded where nothing is stored.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use loadlock_gateway::{Error, ErrorCode};

/// Bytes that may arrive while no file is being stored: preamble, part headers and text fields. One read of a fast
/// connection is up to 400 KiB, and may hold the file's first bytes too.
pub(crate) const HEAD: u64 = 1 << 20;

/// How many bytes may arrive; shared by the body and who reads it.
#[derive(Debug, Clone)]
pub(crate) struct Allowance(Arc<AtomicU64>);

impl Allowance {
    /// Nothing is stored now: memory is all there is for what arrives.
    pub(crate) fn head(&self) {
        self.0.store(HEAD, Ordering::Relaxed);
    }

    /// What arrives is stored and counted elsewhere.
    pub(crate) fn stored(&self) {
        self.0.store(u64::MAX, Ordering::Relaxed);
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
        let allowance = Allowance(Arc::new(AtomicU64::new(HEAD)));
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
                let left = self.allowance.0.load(Ordering::Relaxed);
                let Some(rest) = left.checked_sub(chunk.len() as u64) else {
                    return Poll::Ready(Some(Err(std::io::Error::other(Error::new(
                        ErrorCode::RequestInvalid,
                        format!("the form has more than {HEAD} bytes besides its file"),
                    )))));
                };
                self.allowance.0.store(rest, Ordering::Relaxed);
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
