//! `/v1/tus`: resumable uploads, tus 1.0.
//!
//! An upload is a folder below `$LOADLOCK_HOME/sessions/tus` that belongs to one tenant. Its bytes are synced before
//! they are acknowledged, and the last of them is acknowledged when a provider has the file.
//!
//! | module | one job |
//! |---|---|
//! | `protocol` | the words of tus |
//! | `metadata`, `checksum`, `concat` | a header each, pure |
//! | `info` | what is known of an upload, and what follows from it, pure |
//! | `problem` | why a request is refused, with tus's status |
//! | `disk` | an upload's folder |
//! | `session` | one upload: who may write to it |
//! | `sessions` | all uploads: making, finding, expiring |
//! | `receive` | a request's bytes to the disk |
//! | `join` | parts into one upload |
//! | `store` | a complete upload into the pipeline |
//! | `create`, `append`, `door` | `POST`, `PATCH`, and the rest |

mod append;
mod checksum;
mod concat;
mod create;
mod disk;
mod door;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod info;
mod join;
mod metadata;
mod problem;
mod protocol;
mod receive;
mod session;
mod sessions;
mod store;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, any};

use self::door::Tus;
use self::problem::Problem;
use self::sessions::Sessions;
use crate::app::App;

/// The routes, with their prefix. What an earlier process left is taken over, and what expires is removed from now on.
pub(crate) fn routes(app: &App) -> Router<App> {
    let sessions = match Sessions::open(app) {
        Ok(sessions) => Arc::new(sessions),
        Err(error) => {
            tracing::error!(%error, "tus uploads are not served");
            let problem = Problem::disk(&error);
            return below(any(async move || problem.into_response()));
        }
    };
    tokio::spawn(Sessions::sweep_for_ever(Arc::downgrade(&sessions), app.clone()));
    let tus = Tus {
        app: app.clone(),
        sessions,
    };
    below(any(async move |request: Request| tus.serve(request).await))
}

/// Clients put a slash at the end or do not.
fn below(handler: MethodRouter<App>) -> Router<App> {
    Router::new()
        .route("/v1/tus", handler.clone())
        .route("/v1/tus/", handler.clone())
        .route("/v1/tus/{*id}", handler)
}

/// Runs what blocks on the disk.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T, Problem> {
    let result = tokio::task::spawn_blocking(work).await;
    let result = result.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    result.map_err(|error| Problem::disk(&error))
}
