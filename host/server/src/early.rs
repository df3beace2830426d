//! Answers that come before the request's body is whole. The connection cannot carry another request then: the answer
//! says so, and the connection is closed in stages (`listen::linger`), so that the client can read it. Over HTTP/2 the
//! rest of the stream is drained: many clients take a reset of what they are still sending for a failure.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::CONNECTION;
use http::{HeaderValue, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::sync::Semaphore;

/// What may follow the last byte that a door wanted, such as the end of a form and of its last chunk.
const REST: usize = 64 << 10;
/// For that to arrive: the client has sent everything else.
const SOON: Duration = Duration::from_secs(1);

/// A client that sends nothing for this long has read the answer, or never will.
const SILENCE: Duration = Duration::from_secs(5);
/// For all of what is drained; as `listen::linger` has them.
const LONGEST: Duration = Duration::from_secs(15);
const DRAINED: usize = 32 << 20;
/// Streams that are drained at once.
static DRAINING: Semaphore = Semaphore::const_new(1_024);

/// Where a request's body is put when its door is done with it.
#[derive(Clone, Default)]
pub(crate) struct Left(Arc<Mutex<Option<Body>>>);

impl Left {
    pub(crate) fn put(&self, body: Body) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
    }

    fn take(&self) -> Option<Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Reads what still comes on a stream of HTTP/2 and throws it away, in a task of its own and within bounds.
    pub(crate) fn drain(&self) {
        let Some(body) = self.take().filter(|body| !body.is_end_stream()) else {
            return;
        };
        if let Ok(place) = DRAINING.try_acquire() {
            tokio::spawn(async move {
                let _ = tokio::time::timeout(LONGEST, drained(body)).await;
                drop(place);
            });
        }
    }

    /// Marks an HTTP/1 answer as the connection's last, unless the body is whole.
    pub(crate) async fn settle(&self, response: &mut Response) {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return;
        }
        let whole = match self.take() {
            Some(body) if body.is_end_stream() => true,
            // Who was refused may not be about to end.
            Some(body) if response.status().is_success() => {
                matches!(tokio::time::timeout(SOON, ends(body)).await, Ok(true))
            }
            _ => false,
        };
        if !whole {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
    }
}

/// To its end, or as far as it goes.
async fn drained(mut body: Body) {
    let mut left = DRAINED;
    while let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENCE, body.frame()).await {
        match left.checked_sub(frame.data_ref().map_or(0, bytes::Bytes::len)) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// Whether little more than the end comes.
async fn ends(mut body: Body) -> bool {
    let mut left = REST;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        match left.checked_sub(frame.data_ref().map_or(0, bytes::Bytes::len)) {
            Some(rest) => left = rest,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;
    use futures::stream;

    use super::*;

    /// Whether the answer with this status is the last one of its connection.
    async fn closes(status: u16, left: Option<Body>) -> bool {
        let place = Left::default();
        if let Some(body) = left {
            place.put(body);
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        place.settle(&mut response).await;
        response.headers().get(CONNECTION).is_some_and(|value| value == "close")
    }

    fn more(bytes: usize) -> Body {
        Body::from_stream(stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![0; bytes]))]))
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_is_drained_within_bounds() {
        let sent = Arc::new(Mutex::new(0));
        let counted = sent.clone();
        let endless = stream::repeat_with(move || {
            *counted.lock().unwrap() += 1 << 20;
            Ok::<_, std::io::Error>(Bytes::from_static(&[0; 1 << 20]))
        });
        drained(Body::from_stream(endless)).await;
        assert_eq!(*sent.lock().unwrap(), DRAINED + (1 << 20));
        let began = tokio::time::Instant::now();
        drained(Body::from_stream(stream::pending::<std::io::Result<Bytes>>())).await;
        assert_eq!(began.elapsed(), SILENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_whole_body_keeps_the_connection() {
        assert!(!closes(200, Some(Body::empty())).await);
        assert!(!closes(401, Some(Body::empty())).await);
        assert!(!closes(200, Some(more(2))).await);
        assert!(closes(401, Some(more(2))).await);
        assert!(closes(200, Some(more(REST + 1))).await);
        assert!(
            closes(
                200,
                Some(Body::from_stream(stream::pending::<std::io::Result<Bytes>>()))
            )
            .await
        );
        // Somebody still has it.
        assert!(closes(200, None).await);
        assert!(!closes(101, None).await);
    }
}
