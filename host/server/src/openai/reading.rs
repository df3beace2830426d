//! A file's content on its way to a client that must not take a part for the whole.

use std::ops::Range;

use axum::body::Body;
use bytes::Bytes;
use futures::Stream;
use loadlock_gateway::{Content, Error, ErrorCode, Result};

/// The content, or a part of a file's own bytes.
///
/// # Errors
/// Of whatever fails before the first byte.
pub(super) async fn body(mut content: Content, part: Option<Range<u64>>) -> Result<Body> {
    let Some(first) = content.chunks.recv().await else {
        ended(content).await?;
        return Ok(Body::empty());
    };
    let length = content.file.bytes;
    let part = part.or(content.raw.then_some(0..length));
    let reading = Reading {
        first: Some(first),
        skip: part.as_ref().map_or(0, |part| part.start),
        left: part.as_ref().map(|part| part.end - part.start),
        // Whoever reads the last byte learns whether everything was as it should be.
        to_end: part.is_none_or(|part| part.end == length),
        held: None,
        content,
    };
    Ok(Body::from_stream(reading.stream()))
}

struct Reading {
    content: Content,
    first: Option<Bytes>,
    /// Bytes before the wanted ones.
    skip: u64,
    /// Wanted bytes that have not come yet, where their number is known.
    left: Option<u64>,
    to_end: bool,
    /// The last piece waits until the end is known to be good: with it a client whose answer has a length has
    /// everything, and would not hear of a failure any more.
    held: Option<Bytes>,
}

impl Reading {
    fn stream(self) -> impl Stream<Item = Result<Bytes>> {
        futures::stream::unfold(Some(self), async |state| {
            let mut reading = state?;
            match reading.next().await {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(reading))),
                Ok(None) => reading.last().await.map(|last| (last, None)),
                Err(error) => Some((Err(logged(error)), None)),
            }
        })
    }

    /// The next piece that is not the last.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if self.left == Some(0) && !self.to_end {
                return Ok(None);
            }
            let chunk = match self.first.take() {
                Some(chunk) => Some(chunk),
                None => self.content.chunks.recv().await,
            };
            let Some(mut chunk) = chunk else {
                return Ok(None);
            };
            let before = usize::try_from(self.skip).unwrap_or(usize::MAX).min(chunk.len());
            drop(chunk.split_to(before));
            self.skip -= before as u64;
            if let Some(left) = self.left {
                if chunk.len() as u64 > left && self.to_end {
                    return Err(Error::new(
                        ErrorCode::ProviderFailed,
                        format!(
                            "`{}` answers with more bytes than the file has",
                            self.content.file.provider
                        ),
                    ));
                }
                chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                self.left = Some(left - chunk.len() as u64);
            }
            if chunk.is_empty() {
                continue;
            }
            if let Some(ready) = self.held.replace(chunk) {
                return Ok(Some(ready));
            }
        }
    }

    /// The last piece, or why the content is not whole.
    async fn last(self) -> Option<Result<Bytes>> {
        if self.to_end
            && let Err(error) = ended(self.content).await
        {
            return Some(Err(logged(error)));
        }
        self.held.map(Ok)
    }
}

fn logged(error: Error) -> Error {
    tracing::warn!(%error, "content ended early; the connection is aborted");
    error
}

async fn ended(content: Content) -> Result<()> {
    let ended = content.end.await;
    ended
        .map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))?
        .map(|_| ())
}
