//! `POST /v1/files`: a form or a path becomes an upload, now or later.

use std::path::PathBuf;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::IntoResponse;
use futures::{FutureExt, TryStreamExt};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use loadlock_gateway::{Allotment, Principal, Scope, Source, Staged, UploadRequest};
use serde::Deserialize;

use super::cut_through::{TakenFile, TakingFile};
use super::failure::{Answer, Failure};
use super::inflow::{Allowance, HEAD, Inflow};
use super::json::json;
use super::options::{ExpiresAfter, idempotency_key, of_form, of_json, respond_async};
use super::orders::{self, Order};
use super::{form, object};
use crate::app::App;
use crate::identity::Caller;
use crate::upload_options::UploadOptions;

/// A file on the gateway's own disk, for tenants that a grant names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByPath {
    path: PathBuf,
    purpose: Option<String>,
    /// Another display name.
    filename: Option<String>,
    provider: Option<String>,
    expires_after: Option<ExpiresAfter>,
}

/// What is to be uploaded.
pub(crate) enum Subject {
    Body(Staged),
    Path { path: PathBuf, filename: Option<String> },
}

pub(super) async fn create(State(app): State<App>, Caller(who): Caller, request: Request) -> Answer {
    who.require(Scope::Write)?;
    let headers = request.headers().clone();
    let (subject, options) = if is_json(&headers) {
        let ByPath {
            path,
            purpose,
            filename,
            provider,
            expires_after,
        } = json(request).await?;
        let options = of_json(&headers, purpose, provider, expires_after)?;
        (Subject::Path { path, filename }, options)
    } else {
        let taking = TakingFile {
            allotment: allotment(&app, &who, &headers).await?,
            app: app.clone(),
            who: who.clone(),
            headers: headers.clone(),
        };
        let store = move |part| taking.take(part).boxed();
        let form = form::read(&headers, inflow(request), form::FILE, store).await?;
        let options = of_form(&headers, form.fields)?;
        match form.file {
            TakenFile::Whole(staged) => (Subject::Body(staged), options),
            TakenFile::Sending(sending) => match sending.end(&app, &options).await? {
                Ok(file) => return Ok(Json(object::file(app.gateway(), &file)).into_response()),
                Err(staged) => (Subject::Body(staged), options),
            },
        }
    };
    app.gateway().require_provider(&options.target())?;
    if respond_async(&headers) {
        return orders::accept(&app, &who, subject, options).await;
    }
    now(&app, who, subject, options).await
}

/// Room for the file of a form whose length is known. How much of it is the file is not: at least what cannot be
/// anything else.
async fn allotment(app: &App, who: &Principal, headers: &HeaderMap) -> Result<Option<Allotment>, Failure> {
    let Some(length) = form::length(headers) else {
        return Ok(None);
    };
    let key = idempotency_key(headers)?;
    let at_least = length.saturating_sub(HEAD);
    let allotment = app.gateway().allot(who, at_least, key.as_deref()).await?;
    Ok(Some(allotment))
}

async fn now(app: &App, who: Principal, subject: Subject, options: UploadOptions) -> Answer {
    let file = app.uploads().run(who, order(subject, &options)).await?;
    Ok(Json(object::file(app.gateway(), &file)).into_response())
}

/// The gateway's request for a subject and its options.
pub(crate) fn order(subject: Subject, options: &UploadOptions) -> UploadRequest {
    match subject {
        Subject::Body(staged) => options.request(Source::Staged(staged)),
        Subject::Path { path, filename } => UploadRequest {
            name: filename,
            // A relative path has nothing to be relative to.
            ..options.request(Source::Path {
                path,
                current_dir: None,
            })
        },
    }
}

impl Order {
    /// What is known about a subject when it is put off.
    pub(super) fn of(subject: &Subject, options: UploadOptions) -> Self {
        match subject {
            Subject::Body(staged) => Self {
                path: None,
                filename: Some(staged.name()),
                media_type: staged.media_type().map(str::to_owned),
                sha256: Some(staged.sha256().to_owned()),
                options,
                end: None,
            },
            Subject::Path { path, filename } => Self {
                path: Some(path.clone()),
                filename: filename.clone(),
                media_type: None,
                sha256: None,
                options,
                end: None,
            },
        }
    }
}

/// The body of a request, for a form.
pub(super) fn inflow(request: Request) -> (Inflow, Allowance) {
    let body = request.into_body().into_data_stream();
    Inflow::new(body.map_err(std::io::Error::other))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

impl From<crate::answer::Refusal> for Failure {
    fn from(refusal: crate::answer::Refusal) -> Self {
        refusal.0.into()
    }
}
