//! Scrubbing one body, chunk by chunk.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use zeroize::Zeroizing;

use super::Scrubber;

/// The scrubbing of one body. Holds back only what may still turn out to be a secret, at most
/// [`Scrubber::held_at_most`] bytes; a chunk that holds nothing passes without a copy.
///
/// ```
/// use std::sync::Arc;
/// use bytes::Bytes;
/// use loadlock_egress::{Secret, scrub::{Scrubber, Stream}};
///
/// let scrubber = Arc::new(Scrubber::new([&Secret::new("sk-0123456789".to_owned())]));
/// let mut stream = Stream::new(scrubber);
/// let mut out = Vec::new();
/// out.extend(stream.push(Bytes::from_static(b"a sk-01234")));
/// out.extend(stream.push(Bytes::from_static(b"56789 b")));
/// out.extend(stream.finish());
/// assert_eq!(out, b"a ************* b");
/// ```
#[derive(Debug)]
pub struct Stream {
    scrubber: Arc<Scrubber>,
    held: Zeroizing<Vec<u8>>,
}

impl Stream {
    /// A stream with nothing held back.
    pub fn new(scrubber: Arc<Scrubber>) -> Self {
        Self {
            scrubber,
            held: Zeroizing::new(Vec::new()),
        }
    }

    /// Takes the next chunk, gives what can be passed on now: perhaps nothing.
    pub fn push(&mut self, chunk: Bytes) -> Bytes {
        if self.scrubber.is_empty() {
            return chunk;
        }
        let text = self.with_held(chunk);
        let found = self.scrubber.scan(&text, false);
        if let Some(rest) = text.get(found.held..) {
            self.held.extend_from_slice(rest);
        }
        let ready = text.slice(..found.held);
        if found.matches.is_empty() {
            return ready;
        }
        // Unique when the chunk came straight from the connection: then this masks in place.
        drop(text);
        let mut masked = BytesMut::from(ready);
        found.mask(&mut masked, self.scrubber.mask);
        masked.freeze()
    }

    /// The end of the body: gives what was held back.
    pub fn finish(&mut self) -> Bytes {
        let held = std::mem::take(&mut *self.held);
        match self.scrubber.bytes(&held) {
            Some(masked) => Bytes::from(masked),
            None => Bytes::from(held),
        }
    }

    /// Bytes held back at the moment.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn with_held(&mut self, chunk: Bytes) -> Bytes {
        if self.held.is_empty() {
            return chunk;
        }
        let mut text = BytesMut::with_capacity(self.held.len() + chunk.len());
        text.extend_from_slice(&self.held);
        text.extend_from_slice(&chunk);
        self.held.clear();
        text.freeze()
    }
}
