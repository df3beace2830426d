//! `/v1/tus`: resumable uploads, tus 1.0.
//!
//! An upload is a session of the gateway that belongs to one tenant. Its bytes are synced before they are acknowledged,
//! and the last of them is acknowledged when a provider has the file, which reads them where they lie.
//!
//! | module | one job |
//! |---|---|
//! | `protocol` | the words of tus |
//! | `metadata`, `checksum`, `concat` | a header each, pure |
//! | `info` | what is known of an upload, and what follows from it, pure |
//! | `problem` | why a request is refused, with tus's status |
//! | `session` | who may write to an upload |
//! | `find` | the uploads of a tenant: making, finding, ending |
//! | `receive` | a request's bytes to the disk |
//! | `join` | parts into one upload |
//! | `store` | a complete upload into the pipeline |
//! | `shared`, `answer` | what every request shares; what it is answered |
//! | `create`, `append`, `door` | `POST`, `PATCH`, and the rest |

mod answer;
mod append;
mod checksum;
mod concat;
mod create;
mod door;
mod find;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod info;
mod join;
mod keyed;
mod metadata;
mod problem;
mod protocol;
mod receive;
mod sending;
mod session;
mod shared;
mod store;

use axum::Router;
use axum::extract::Request;
use axum::routing::{MethodRouter, any};

pub(crate) use self::join::resume;
use self::shared::Tus;
use crate::app::App;

/// The routes, with their prefix.
pub(crate) fn routes(app: &App) -> Router<App> {
    let tus = Tus { app: app.clone() };
    below(any(async move |request: Request| tus.serve(request).await))
}

/// Clients put a slash at the end or do not.
fn below(handler: MethodRouter<App>) -> Router<App> {
    Router::new()
        .route("/v1/tus", handler.clone())
        .route("/v1/tus/", handler.clone())
        .route("/v1/tus/{*id}", handler)
}
