//! More requests at once than the gateway can serve: a burst waits for a moment in a bounded queue, so that nobody is
//! refused because many came at the same instant; what lasts longer is refused.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use loadlock_gateway::{Error, ErrorCode};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::answer::Refusal;

/// Requests under way at once beside the uploads in flight. Each holds a few buffers of 64 KiB: some 100 MiB at the
/// most.
const REQUESTS: usize = 512;
/// Requests that wait for one of those places at once; each holds its head, at most 64 KiB.
const WAITING: usize = 512;
/// Longest wait. A burst that is refused by whatever is behind the places is over sooner.
const PATIENCE: Duration = Duration::from_secs(1);

/// The places for requests.
#[derive(Debug, Clone)]
pub(crate) struct RequestPlaces {
    serving: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    all: usize,
}

impl RequestPlaces {
    /// For a gateway with so many uploads in flight at most.
    pub(crate) fn beside(uploads: u32) -> Self {
        let all = REQUESTS.saturating_add(uploads as usize);
        Self {
            serving: Arc::new(Semaphore::new(all)),
            waiting: Arc::new(Semaphore::new(WAITING)),
            all,
        }
    }

    /// A place, in the order of coming; none if too many wait, or for too long.
    async fn place(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(place) = self.serving.try_acquire() {
            return Some(place);
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        tokio::time::timeout(PATIENCE, self.serving.acquire()).await.ok()?.ok()
    }
}

/// Takes a place, or answers 503.
pub(crate) async fn layer(State(places): State<RequestPlaces>, request: Request, next: Next) -> Response {
    match places.place().await {
        Some(_place) => next.run(request).await,
        None => {
            let error = Error::new(ErrorCode::Overloaded, format!("{} requests are under way", places.all));
            Refusal(error.retry_after(Some(1_000))).into_response()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_waits_for_a_moment_and_in_its_order() {
        let places = RequestPlaces::beside(0);
        let mut served: Vec<_> = (0..REQUESTS).map(|_| places.serving.try_acquire().unwrap()).collect();
        let (mut first, mut second) = (Box::pin(places.place()), Box::pin(places.place()));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        served.pop();
        let first = first.await;
        assert!(first.is_some());
        assert!(second.await.is_none(), "nobody left, so its patience ends");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_wait_than_may() {
        let places = RequestPlaces::beside(0);
        let _served: Vec<_> = (0..REQUESTS).map(|_| places.serving.try_acquire().unwrap()).collect();
        let _waiting: Vec<_> = (0..WAITING).map(|_| places.waiting.try_acquire().unwrap()).collect();
        assert!(
            places.place().now_or_never().unwrap().is_none(),
            "it is refused at once"
        );
    }
}
