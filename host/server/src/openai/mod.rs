//! `/v1/files` and `/v1/uploads`: the files part of OpenAI's API, as its SDKs speak it.
//!
//! | module | one job |
//! |---|---|
//! | `create` | `POST /v1/files`: a form or a path becomes an upload |
//! | `inflow`, `form`, `options` | a body in bounded memory; a form; what it asks for |
//! | `disposition` | what the parts of a form are called |
//! | `files`, `list`, `cursors` | look up, delete, content; pages by the id of the last file |
//! | `conditions`, `reading` | which bytes of a content are wanted; how they reach a client |
//! | `uploads`, `parts` | `/v1/uploads`: an upload in parts, and which of them it consists of |
//! | `orders` | uploads that were answered before they were done |
//! | `json`, `object`, `failure` | what is asked in JSON; answers and refusals |

mod conditions;
mod create;
mod cursors;
mod cut_through;
mod disposition;
mod failure;
mod files;
mod form;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod inflow;
mod json;
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
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::CONTENT_TYPE;

use crate::app::App;
use crate::query::NoQuery;

pub(crate) use self::create::{Subject, order};
pub(crate) use self::cursors::Places;
pub(crate) use self::failure::Answer;
pub(crate) use self::json::json;
pub(crate) use self::object::file as object;
pub(crate) use self::options::of_json as upload_options;
pub(crate) use self::orders::resume;

/// Our own description of this door.
const DOCUMENT: &str = include_str!("../../../../docs/reference/openapi.json");

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
