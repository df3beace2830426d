//! What an operator asks about webhooks, beneath `/v1/loadlock/webhooks`.

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use loadlock_gateway::{DeadLetter, WebhookView};
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::openai::Answer;
use crate::operate::Operator;

/// The routes below their prefix.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(list))
        .route("/dead-letters", get(letters))
        .route("/dead-letters/resend", post(resend_all))
        .route("/dead-letters/{id}/resend", post(resend))
}

/// A list as OpenAI's API has them.
#[derive(Serialize)]
struct Receivers {
    object: &'static str,
    data: Vec<WebhookView>,
}

/// The same of what was given up.
#[derive(Serialize)]
struct Letters {
    object: &'static str,
    data: Vec<DeadLetter>,
}

async fn list(State(app): State<App>, Operator(who): Operator) -> Answer {
    let (object, data) = ("list", app.gateway().webhooks(&who).await?);
    Ok(Json(Receivers { object, data }).into_response())
}

async fn letters(State(app): State<App>, Operator(who): Operator) -> Answer {
    let (object, data) = ("list", app.gateway().dead_letters(&who).await?);
    Ok(Json(Letters { object, data }).into_response())
}

async fn resend_all(State(app): State<App>, Operator(who): Operator) -> Answer {
    let resent = app.gateway().resend(&who, None).await?;
    Ok(Json(json!({ "resent": resent })).into_response())
}

async fn resend(State(app): State<App>, Operator(who): Operator, Path(id): Path<String>) -> Answer {
    let resent = app.gateway().resend(&who, Some(&id)).await?;
    Ok(Json(json!({ "resent": resent })).into_response())
}
