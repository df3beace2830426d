//! More requests at once than the gateway can serve get an answer at once, instead of memory and a place in a queue.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use loadlock_gateway::{Error, ErrorCode};
use tokio::sync::Semaphore;

use crate::answer::Refusal;

/// Requests under way at once. Each holds a few buffers of 64 KiB: some 100 MiB at the most.
const REQUESTS: usize = 512;

/// The places for requests.
#[derive(Debug, Clone)]
pub(crate) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(REQUESTS)))
    }
}

/// Takes a place, or answers 503.
pub(crate) async fn layer(State(places): State<Places>, request: Request, next: Next) -> Response {
    match places.0.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => {
            let error = Error::new(ErrorCode::Overloaded, format!("{REQUESTS} requests are under way"));
            Refusal(error.retry_after(Some(1_000))).into_response()
        }
    }
}
