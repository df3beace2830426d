//! `/v1/loadlock/files/{id}/copies`: a file at another provider, and away from it again.

use axum::extract::{Path, Request, State};
use axum::response::IntoResponse;
use axum::routing::{delete, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::identity::Caller;
use crate::openai::{Answer, json as body, object};

/// The routes below their prefix.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/files/{id}/copies", post(make))
        .route("/files/{id}/copies/{provider}", delete(remove))
}

/// Where to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CopyWanted {
    provider: String,
    #[serde(default)]
    purpose: Option<String>,
}

/// The file as it is there: 201 if it was not there before.
async fn make(State(app): State<App>, Caller(who): Caller, Path(id): Path<String>, request: Request) -> Answer {
    let CopyWanted { provider, purpose } = body(request).await?;
    let made = app.uploads().copy(who, id, provider, purpose).await?;
    let status = match made.is_new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    Ok((status, Json(object(app.gateway(), &made.file))).into_response())
}

async fn remove(State(app): State<App>, Caller(who): Caller, Path((id, provider)): Path<(String, String)>) -> Answer {
    app.gateway().delete_copy(&who, &id, &provider).await?;
    Ok(Json(json!({ "id": id, "object": "file.copy", "provider": provider, "deleted": true })).into_response())
}
