//! Clients that send a body too slowly are let go: each holds a connection, and perhaps a place in the spool.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::Version;
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::early::Left;

/// Within this time a client sends [`STEP`] bytes more, or all that is left. Together some 540 bytes a second: slower
/// than any modem, faster than what slow-body attacks send.
const PATIENCE: Duration = Duration::from_secs(30);
/// See [`PATIENCE`].
const STEP: u64 = 16 << 10;

/// Puts the pace on every request's body, and looks after what its door leaves of it.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let is_http_1 = request.version() <= Version::HTTP_11;
    let left = Left::default();
    let request = request.map(|body| Body::new(Paced::new(body, Some(left.clone()))));
    let mut response = next.run(request).await;
    match is_http_1 {
        true => left.settle(&mut response).await,
        false => left.drain(),
    }
    response
}

struct Paced {
    body: Body,
    /// Where the body goes when its door has done with it.
    left: Option<Left>,
    /// Bytes since the clock was set.
    since: u64,
    /// Only runs while somebody waits for the client: a handler that takes its time is not the client's fault.
    clock: Option<Pin<Box<Sleep>>>,
    patience: Duration,
}

impl Drop for Paced {
    fn drop(&mut self) {
        if let Some(left) = self.left.take() {
            left.put(std::mem::take(&mut self.body));
        }
    }
}

impl Paced {
    fn new(body: Body, left: Option<Left>) -> Self {
        Self {
            body,
            left,
            since: 0,
            clock: None,
            patience: PATIENCE,
        }
    }
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                let bytes = match &frame {
                    Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
                    _ => 0,
                };
                if let Some(clock) = self.clock.take() {
                    self.patience = clock.deadline().saturating_duration_since(Instant::now());
                }
                self.since += bytes;
                if self.since >= STEP {
                    (self.since, self.patience) = (0, PATIENCE);
                }
                Poll::Ready(frame)
            }
            Poll::Pending => {
                let patience = self.patience;
                let clock = self.clock.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
                match clock.as_mut().poll(context) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(axum::Error::new(TooSlow)))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The client sends too slowly.
#[derive(Debug, thiserror::Error)]
#[error("fewer than {STEP} bytes arrived within {} s", PATIENCE.as_secs())]
struct TooSlow;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures::{StreamExt, stream};
    use http_body_util::BodyExt;

    use super::*;

    /// Sends one chunk of `bytes` every ten seconds.
    fn trickle(bytes: usize) -> Paced {
        let chunks = stream::unfold((), move |()| async move {
            tokio::time::sleep(Duration::from_secs(10)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from(vec![0; bytes])), ()))
        });
        Paced::new(Body::from_stream(chunks.take(20)), None)
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_ends_with_an_error_and_a_slow_client_does_not() {
        assert!(trickle(1).collect().await.is_err());
        let whole = trickle(8 << 10).collect().await.unwrap().to_bytes();
        assert_eq!(whole.len(), 20 * (8 << 10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_takes_its_time_is_not_the_clients_fault() {
        let mut body = trickle(100);
        body.frame().await.unwrap().unwrap();
        tokio::time::sleep(PATIENCE * 4).await;
        body.frame().await.unwrap().unwrap();
    }
}
