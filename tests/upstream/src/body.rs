//! Reading a request body: counted, digested, slowed down, cut.

use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::recorder::Requests;

/// A delimiter of multipart is at most 70 characters and six more.
const EDGE: usize = 80;

/// Why a body could not be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum BodyError {
    /// The client went away or its framing is wrong.
    #[error("the client's body broke off")]
    Broken,
    /// A fault ends it here.
    #[error("the body is cut by a fault")]
    Cut,
}

/// A request body that tells the recorder what passes.
pub(crate) struct Tap {
    body: Option<Incoming>,
    requests: Requests,
    number: u64,
    bytes: u64,
    digest: Option<Sha256>,
    head: Vec<u8>,
    tail: Vec<u8>,
    rate: Option<u64>,
    cut_at: Option<u64>,
    failed: Option<BodyError>,
}

impl Tap {
    pub(crate) fn new(body: Incoming, requests: Requests, number: u64, digest: bool) -> Self {
        Self {
            body: Some(body),
            requests,
            number,
            bytes: 0,
            digest: digest.then(Sha256::new),
            head: Vec::new(),
            tail: Vec::new(),
            rate: None,
            cut_at: None,
            failed: None,
        }
    }

    /// At most so many bytes a second from here on.
    pub(crate) fn slow_down(&mut self, rate: u64) {
        self.rate = Some(rate.max(1));
    }

    /// Fails with [`BodyError::Cut`] once so many bytes have arrived, or at the end if there are fewer.
    pub(crate) fn cut_after(&mut self, bytes: u64) {
        self.cut_at = Some(bytes);
    }

    /// The next piece; `None` at the end.
    pub(crate) async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        if let Some(error) = self.failed {
            return Some(Err(error));
        }
        if self.cut_at.is_some_and(|at| self.bytes >= at) {
            return Some(Err(self.fail(BodyError::Cut)));
        }
        loop {
            let frame = match self.body.as_mut()?.frame().await {
                Some(Ok(frame)) => frame,
                Some(Err(_)) => return Some(Err(self.fail(BodyError::Broken))),
                None if self.cut_at.is_some() => return Some(Err(self.fail(BodyError::Cut))),
                None => {
                    self.finish();
                    return None;
                }
            };
            // Trailers carry no bytes.
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if data.is_empty() {
                continue;
            }
            self.note(&data);
            if let Some(rate) = self.rate {
                let millis = data.len() as u64 * 1000 / rate;
                tokio::time::sleep(Duration::from_millis(millis)).await;
            }
            return Some(Ok(data));
        }
    }

    /// Reads and drops what is left.
    pub(crate) async fn drain(&mut self) -> Result<(), BodyError> {
        while let Some(piece) = self.chunk().await {
            piece?;
        }
        Ok(())
    }

    /// Reads and drops until so many bytes have arrived, or the end.
    pub(crate) async fn skip_to(&mut self, bytes: u64) -> Result<(), BodyError> {
        while self.bytes < bytes {
            match self.chunk().await {
                Some(piece) => drop(piece?),
                None => break,
            }
        }
        Ok(())
    }

    /// The whole body, if it is not longer than `limit`.
    pub(crate) async fn collect(&mut self, limit: usize) -> Result<Option<Vec<u8>>, BodyError> {
        let mut whole = Vec::new();
        while let Some(piece) = self.chunk().await {
            let piece = piece?;
            if whole.len() + piece.len() <= limit {
                whole.extend_from_slice(&piece);
            }
        }
        Ok((whole.len() as u64 == self.bytes).then_some(whole))
    }

    /// The rest as a stream.
    pub(crate) fn stream(&mut self) -> impl Stream<Item = Result<Bytes, BodyError>> + Send + '_ {
        futures::stream::unfold(self, |tap| async {
            let piece = tap.chunk().await?;
            Some((piece, tap))
        })
    }

    /// Why reading stopped, if it did.
    pub(crate) fn failure(&self) -> Option<BodyError> {
        self.failed
    }

    /// The first bytes of the body.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The last bytes of the body so far.
    pub(crate) fn tail(&self) -> &[u8] {
        &self.tail
    }

    fn note(&mut self, data: &Bytes) {
        self.bytes += data.len() as u64;
        if let Some(digest) = &mut self.digest {
            digest.update(data);
        }
        if self.head.len() < EDGE {
            let missing = EDGE - self.head.len();
            let part = data.get(..missing).unwrap_or(data);
            self.head.extend_from_slice(part);
        }
        let last = data.len().saturating_sub(EDGE);
        self.tail.extend_from_slice(data.get(last..).unwrap_or(data));
        let over = self.tail.len().saturating_sub(EDGE);
        self.tail.drain(..over);
        let bytes = self.bytes;
        self.requests.update(self.number, |request| request.body_bytes = bytes);
    }

    fn fail(&mut self, error: BodyError) -> BodyError {
        self.failed = Some(error);
        self.body = None;
        error
    }

    fn finish(&mut self) {
        self.body = None;
        let sha256 = self.digest.take().map(|digest| hex::encode(digest.finalize()));
        self.requests.update(self.number, |request| {
            request.body_complete = true;
            request.body_sha256 = sha256;
        });
    }
}
