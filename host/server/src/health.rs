//! Whether the process lives, and whether uploads can be served.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::json;

use crate::app::App;
use crate::query::NoQuery;

/// `/healthz` and `/readyz`. They need no credential and say nothing about anybody.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/healthz", get(|_: NoQuery| async { Json(json!({ "status": "ok" })) }))
        .route("/readyz", get(ready))
}

async fn ready(State(app): State<App>, _: NoQuery) -> Response {
    if app.stopping().is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "stopping" }))).into_response();
    }
    Json(json!({ "status": "ready" })).into_response()
}
