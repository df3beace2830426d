//! The response's body on its way to the guest.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::account::Account;
use crate::classify::classify;
use crate::observe::Tap;
use crate::progress::later;
use crate::request::head_bytes;
use crate::scrub::{Scrubber, Stream};
use crate::{Direction, Error, Limits, Timeouts};

/// A response body: bounded in size and time, counted, searched for the secret, and kept for the receipt.
///
/// It ends in an [`Error`] of its own kind for each bound. Dropping it early closes an HTTP/1.1 connection, or resets
/// an HTTP/2 stream.
pub struct ResponseBody {
    /// Gone after the end or an error.
    inner: Option<Incoming>,
    ready: VecDeque<Frame<Bytes>>,
    scrub: Option<Stream>,
    scrubber: Arc<Scrubber>,
    tap: Option<Tap>,
    received: u64,
    context: Inherited,
    total: Pin<Box<Sleep>>,
    silence: Option<Pin<Box<Sleep>>>,
    _permit: OwnedSemaphorePermit,
}

/// What a response inherits from its request.
pub(crate) struct Inherited {
    pub(crate) origin: String,
    pub(crate) started: Instant,
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: Limits,
    pub(crate) accounts: [Arc<Account>; 2],
}

impl Inherited {
    /// The request is over.
    pub(crate) fn finish(&self) {
        let elapsed = self.started.elapsed();
        for account in &self.accounts {
            account.add_elapsed(elapsed);
        }
    }
}

impl ResponseBody {
    pub(crate) fn new(
        inner: Incoming,
        scrubber: Arc<Scrubber>,
        tap: Option<Tap>,
        permit: OwnedSemaphorePermit,
        context: Inherited,
    ) -> Self {
        let total = later(context.started, context.timeouts.total);
        Self {
            inner: Some(inner),
            ready: VecDeque::new(),
            scrub: (!scrubber.is_empty()).then(|| Stream::new(Arc::clone(&scrubber))),
            scrubber,
            tap,
            received: 0,
            total: Box::pin(sleep_until(total)),
            silence: None,
            context,
            _permit: permit,
        }
    }

    /// Bytes of the body received so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.inner = None;
        self.ready.clear();
        Poll::Ready(Some(Err(error)))
    }

    /// Takes one frame from the connection; what may go on is then in `ready`.
    fn take(&mut self, frame: Frame<Bytes>) -> Result<(), Error> {
        match frame.into_data() {
            Ok(data) => {
                let bytes = data.len() as u64;
                self.received += bytes;
                for account in &self.context.accounts {
                    account.add_received(bytes);
                }
                let limit = self.context.limits.response_body_bytes;
                if self.received > limit {
                    return Err(Error::ResponseBodyTooLarge {
                        origin: self.context.origin.clone(),
                        limit,
                    });
                }
                let data = match &mut self.scrub {
                    Some(scrub) => scrub.push(data),
                    None => data,
                };
                self.give(data);
            }
            Err(frame) => {
                self.flush();
                if let Ok(trailers) = frame.into_trailers() {
                    let trailers = self.trailers(trailers)?;
                    self.ready.push_back(Frame::trailers(trailers));
                }
            }
        }
        Ok(())
    }

    fn trailers(&self, mut trailers: HeaderMap) -> Result<HeaderMap, Error> {
        let limits = &self.context.limits;
        if trailers.len() > limits.response_headers || head_bytes(&trailers) > limits.response_header_bytes {
            return Err(Error::ResponseHeadersTooLarge {
                origin: self.context.origin.clone(),
                headers: limits.response_headers,
                bytes: limits.response_header_bytes,
            });
        }
        for value in trailers.values_mut() {
            *value = self.scrubber.header(value);
        }
        Ok(trailers)
    }

    /// What the scrubber held back.
    fn flush(&mut self) {
        if let Some(mut scrub) = self.scrub.take() {
            let rest = scrub.finish();
            self.give(rest);
        }
    }

    fn give(&mut self, data: Bytes) {
        if data.is_empty() {
            return;
        }
        if let Some(tap) = &self.tap {
            tap.push(&data);
        }
        self.ready.push_back(Frame::data(data));
    }

    /// Whether a clock has run out while the connection has nothing to give.
    fn overdue(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let origin = || self.context.origin.clone();
        if self.total.as_mut().poll(cx).is_ready() {
            let after = self.context.timeouts.total;
            return Poll::Ready(Error::TotalTimeout {
                origin: origin(),
                after,
            });
        }
        let after = self.context.timeouts.between_bytes;
        let silence = self
            .silence
            .get_or_insert_with(|| Box::pin(sleep_until(later(Instant::now(), after))));
        ready!(silence.as_mut().poll(cx));
        Poll::Ready(Error::BetweenBytesTimeout {
            origin: self.context.origin.clone(),
            direction: Direction::Response,
            after,
        })
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        loop {
            if let Some(frame) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(frame)));
            }
            let Some(inner) = &mut this.inner else {
                return Poll::Ready(None);
            };
            match Pin::new(inner).poll_frame(cx) {
                Poll::Pending => {
                    let error = ready!(this.overdue(cx));
                    return this.fail(error);
                }
                Poll::Ready(Some(Ok(frame))) => {
                    this.silence = None;
                    if let Err(error) = this.take(frame) {
                        return this.fail(error);
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    let error = classify(&error, &this.context.origin, &this.context.limits);
                    return this.fail(error);
                }
                Poll::Ready(None) => {
                    this.inner = None;
                    this.flush();
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let held = self.scrub.as_ref().is_some_and(|scrub| scrub.held() > 0);
        self.ready.is_empty() && !held && self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.scrub.as_ref().map_or(0, Stream::held) as u64;
        let ready: u64 = self
            .ready
            .iter()
            .filter_map(|frame| frame.data_ref().map(|data| data.len() as u64))
            .sum();
        let mut hint = self
            .inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
        // Masks are as long as what they cover.
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + held + ready);
        }
        hint.set_lower(hint.lower() + held + ready);
        hint
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.context.finish();
    }
}

impl std::fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseBody")
            .field("origin", &self.context.origin)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
