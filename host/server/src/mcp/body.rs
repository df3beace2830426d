//! Bodies of requests, which the protocol's library wants whole.

use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use loadlock_gateway::{Error, ErrorCode, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::input::INLINE_BYTES;

/// Of one request: the largest inline upload in base64, and as much again for a name and the rest as nobody needs.
pub(super) const BODY_BYTES: usize = INLINE_BYTES / 3 * 4 + (1 << 20);
/// Of all requests together: ten of the largest uploads. Whoever comes then comes again.
const ROOM: usize = 10 * BODY_BYTES;

/// Memory for bodies. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM)))
    }
}

impl Room {
    /// Reads a whole body. Its bytes count until the permit is dropped.
    ///
    /// # Errors
    /// [`ErrorCode::RequestInvalid`] for a body that ends early or comes too slowly, [`ErrorCode::FileTooLarge`],
    /// [`ErrorCode::Overloaded`].
    pub(super) async fn read(&self, body: Body) -> Result<(Bytes, Option<OwnedSemaphorePermit>)> {
        let mut stream = body.into_data_stream();
        let mut whole = BytesMut::new();
        let mut held: Option<OwnedSemaphorePermit> = None;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| {
                Error::new(ErrorCode::RequestInvalid, "the body ended early, or came too slowly").hint("send it again")
            })?;
            if whole.len() + chunk.len() > BODY_BYTES {
                return Err(Error::new(
                    ErrorCode::FileTooLarge,
                    format!("a request has more than {BODY_BYTES} bytes"),
                )
                .hint("use `upload_path`, or send the file over HTTP: POST /v1/files"));
            }
            let more = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
            let permit = self.0.clone().try_acquire_many_owned(more).map_err(|_| {
                Error::new(ErrorCode::Overloaded, "too many large requests are under way").retry_after(Some(1_000))
            })?;
            match &mut held {
                Some(held) => held.merge(permit),
                None => held = Some(permit),
            }
            whole.extend_from_slice(&chunk);
        }
        Ok((whole.freeze(), held))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    async fn code(room: &Room, bytes: usize) -> Option<ErrorCode> {
        let read = room.read(Body::from(vec![b' '; bytes])).await;
        read.err().map(|error| error.code)
    }

    #[tokio::test]
    async fn one_body_and_all_of_them_have_a_bound() {
        let room = Room::default();
        assert_eq!(code(&room, BODY_BYTES).await, None);
        assert_eq!(code(&room, BODY_BYTES + 1).await, Some(ErrorCode::FileTooLarge));
        let mut held = Vec::new();
        for _ in 0..10 {
            held.push(room.read(Body::from(vec![b' '; BODY_BYTES])).await.unwrap());
        }
        assert_eq!(code(&room, 1).await, Some(ErrorCode::Overloaded));
        held.pop();
        assert_eq!(code(&room, BODY_BYTES).await, None);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_the_clients_fault_and_takes_no_room() {
        let room = Room::default();
        let pieces = [Ok("{"), Err(std::io::Error::other("gone"))];
        let body = Body::from_stream(futures::stream::iter(pieces));
        let error = room.read(body).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::RequestInvalid);
        assert_eq!(room.0.available_permits(), ROOM);
    }
}
