//! Uploads that were answered before they were done: `Prefer: respond-async`.
//!
//! An order is a session: the body and what was asked for are durable before the 202. A start goes on with every order
//! that has no end. Each is uploaded under an idempotency key (the client's, or one made from its id), so an order that
//! ended in the journal but not in its session answers the same file again. Each attempt asks first whether the
//! credential that placed the order is still one that would be accepted but for its age: an order of a revoked token
//! ends as `unauthenticated`.

use std::path::PathBuf;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use http::header::LOCATION;
use http::{HeaderName, HeaderValue, StatusCode};
use loadlock_gateway::{Error, ErrorCode, File, NewSession, Principal, Result, STAGED_BODY, Scope, Session};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::create::{Subject, order};
use super::failure::{Answer, Failure};
use super::json::seconds;
use super::object;
use crate::answer;
use crate::app::App;
use crate::identity::Caller;
use crate::upload_options::UploadOptions;
use crate::uploads::ended;

const KIND: &str = "order";
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// How long an order can be asked about after its end.
const KEPT: Duration = Duration::from_secs(3_600);
/// First wait before a background upload is tried again that nothing was wrong with; doubled each time.
const AGAIN: Duration = Duration::from_secs(1);
/// Longest wait.
const AGAIN_MOST: Duration = Duration::from_secs(60);

/// What the session remembers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    /// A file on the gateway's disk; else the session has the body.
    pub(super) path: Option<PathBuf>,
    pub(super) filename: Option<String>,
    pub(super) media_type: Option<String>,
    pub(super) sha256: Option<String>,
    #[serde(alias = "wish")]
    pub(super) options: UploadOptions,
    pub(super) end: Option<End>,
}

/// How it ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum End {
    /// The file object.
    Done(Value),
    /// The error object.
    Failed(Value),
}

/// Makes the order durable, starts it, and answers where to ask about it.
pub(super) async fn accept(app: &App, who: &Principal, subject: Subject, options: UploadOptions) -> Answer {
    let new = NewSession {
        kind: KIND,
        expires_at_ms: None,
        state: Order::of(&subject, options),
    };
    let gateway = app.gateway();
    let session = match subject {
        Subject::Body(staged) => gateway.keep(who, staged, new).await?,
        Subject::Path { .. } => gateway.open_session(who, new).await?,
    };
    let mut response = (StatusCode::ACCEPTED, Json(view(&session)?)).into_response();
    let headers = response.headers_mut();
    if let Ok(place) = HeaderValue::try_from(format!("/v1/loadlock/uploads/{}", session.id())) {
        headers.insert(LOCATION, place);
    }
    headers.insert(PREFERENCE_APPLIED, HeaderValue::from_static("respond-async"));
    start(app, session);
    Ok(response)
}

pub(super) async fn get(State(app): State<App>, Caller(who): Caller, Path(id): Path<String>) -> Answer {
    let session = app.gateway().session(&who, Scope::Read, KIND, &id)?;
    Ok(Json(view(&session)?).into_response())
}

fn view(session: &Session) -> Result<Value, Failure> {
    let order: Order = session.state()?;
    let (status, file, error) = match order.end {
        None => ("in_progress", Value::Null, Value::Null),
        Some(End::Done(file)) => ("completed", file, Value::Null),
        Some(End::Failed(error)) => ("failed", Value::Null, error),
    };
    Ok(json!({
        "id": session.id(),
        "object": "loadlock.upload",
        "created_at": seconds(session.created_at_ms()),
        "status": status,
        "file": file,
        "error": error,
    }))
}

/// Goes on with every order that an earlier process left open.
pub(crate) fn resume(app: &App) {
    for session in app.gateway().sessions(KIND) {
        match session.state::<Order>() {
            Ok(Order { end: None, .. }) => start(app, session),
            Ok(_) => {}
            Err(error) => tracing::error!(%error, id = session.id(), "a background upload cannot be read"),
        }
    }
}

fn start(app: &App, session: Session) {
    let app = app.clone();
    tokio::spawn(async move {
        if let Err(error) = carry_out(&app, &session).await {
            tracing::error!(
                %error,
                id = session.id(),
                "the end of a background upload cannot be saved; the next start resumes it"
            );
        }
    });
}

/// Uploads until there is an end that waiting cannot change, and keeps it.
async fn carry_out(app: &App, session: &Session) -> Result<()> {
    let mut wait = AGAIN;
    let result = loop {
        let result = attempt(app, session).await;
        match &result {
            Err(error) if app.stopping().is_cancelled() => {
                tracing::info!(%error, id = session.id(), "a background upload waits for the next start");
                return Ok(());
            }
            // Nothing was sent, and the reason may pass.
            Err(error) if answer::again(error.code) => {
                tracing::warn!(%error, id = session.id(), "a background upload is tried again");
            }
            _ => break result,
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = app.stopping().cancelled() => return Ok(()),
        }
        wait = (wait * 2).min(AGAIN_MOST);
        // What an earlier process left under the same key is settled here, if its vendor answers by now.
        let _ = app.gateway().settle().await;
    };
    let end = match result {
        Ok(file) => End::Done(object::file(app.gateway(), &file)),
        Err(error) => {
            let failure = Failure::from(error);
            End::Failed(answer::body(&failure.error, failure.param))
        }
    };
    let kept = u64::try_from(KEPT.as_millis()).unwrap_or(u64::MAX);
    let known_until = app.gateway().now_ms().saturating_add(kept);
    session
        .end(Some(known_until), |order: &mut Order| {
            order.end = Some(end);
            Ok(())
        })
        .await
}

async fn attempt(app: &App, session: &Session) -> Result<File> {
    app.gateway().recheck(session.owner()).await?;
    let Order {
        path,
        filename,
        media_type,
        sha256,
        mut options,
        ..
    } = session.state()?;
    let subject = match path {
        Some(path) => Subject::Path { path, filename },
        None => {
            let name = filename.unwrap_or_default();
            Subject::Body(
                session
                    .stage(&[STAGED_BODY.to_owned()], name, media_type, sha256)
                    .await?,
            )
        }
    };
    // Nobody else can guess the id, so no client's key is this one.
    options
        .idempotency_key
        .get_or_insert_with(|| format!("loadlock:order:{}", session.id()));
    let _place = app
        .orders()
        .acquire()
        .await
        .map_err(|_| Error::new(ErrorCode::Overloaded, "the gateway is stopping"))?;
    let started = app.uploads().start(session.owner().clone(), order(subject, &options))?;
    ended(started.end).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// As versions before this one wrote it.
    #[test]
    fn an_order_of_an_earlier_version_is_read() {
        let order = json!({
            "path": null,
            "filename": "a.txt",
            "media_type": "text/plain",
            "sha256": "00",
            "wish": { "purpose": "batch", "provider": "kimi", "expires_in_s": 60, "idempotency_key": null },
            "end": null,
        });
        let order: Order = serde_json::from_value(order).unwrap();
        let options = UploadOptions {
            purpose: Some("batch".into()),
            provider: Some("kimi".into()),
            expires_in_s: Some(60),
            ..UploadOptions::default()
        };
        assert_eq!(order.options, options);
    }
}
