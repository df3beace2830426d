//! `/v1/files` and `/v1/uploads`: the files part of OpenAI's API, as its SDKs speak it.
//!
//! | module | one job |
//! |---|---|
//! | `create` | `POST /v1/files`: a form or a path becomes an upload |
//! | `inflow`, `form`, `options` | a body in bounded memory; a form; what it asks for |
//! | `disposition` | what the parts of a form are called |
//! | `files`, `list` | look up, delete, content; pages by the id of the last file |
//! | `conditions`, `reading` | which bytes of a content are wanted; how they reach a client |
//! | `uploads`, `parts` | `/v1/uploads`: an upload in parts, and which of them it consists of |
//! | `orders` | uploads that were answered before they were done |
//! | `object`, `failure` | answers and refusals |

mod conditions;
mod create;
mod disposition;
mod failure;
mod files;
mod form;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod inflow;
#[cfg(any(test, feature = "fuzzing"))]
mod kept;
mod list;
mod object;
mod options;
mod orders;
mod parts;
mod reading;
mod uploads;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use self::failure::Failure;
use crate::app::App;
use crate::query::NoQuery;

pub(crate) use self::create::{Subject, order};
pub(crate) use self::failure::Answer;
pub(crate) use self::list::Places;
pub(crate) use self::options::of_json as upload_options;
pub(crate) use self::orders::resume;

/// Our own description of this door.
const DOCUMENT: &str = include_str!("../../../../docs/reference/openapi.json");
/// Bytes of a JSON body: ten thousand part ids fit.
const JSON: usize = 1 << 20;

/// The routes below its prefix.
pub(crate) fn routes(_: &App) -> Router<App> {
    Router::new()
        .route("/files", get(list::list).post(create::create))
        .route("/files/{id}", get(files::get).delete(files::delete))
        .route("/files/{id}/content", get(files::content).head(files::content_head))
        .route("/uploads", post(uploads::create))
        .route("/uploads/{id}/parts", post(uploads::part))
        .route("/uploads/{id}/complete", post(uploads::complete))
        .route("/uploads/{id}/cancel", post(uploads::cancel))
        .route("/loadlock/uploads/{id}", get(orders::get))
        .route("/openapi.json", get(document))
}

async fn document(_: NoQuery) -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

/// A JSON body.
pub(crate) async fn json<T: DeserializeOwned>(request: Request) -> Result<T, Failure> {
    let bytes = axum::body::to_bytes(request.into_body(), JSON)
        .await
        .map_err(|_| Failure::body(format!("the body ended early or has more than {JSON} bytes")))?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::body(format!("the body is not the expected JSON: {error}")))
}

/// Whole seconds since 1970.
fn seconds(milliseconds: u64) -> u64 {
    milliseconds / 1_000
}
