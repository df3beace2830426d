//! Making, listing and revoking grants; and `PUT`, for a browser that speaks no tus.

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::IntoResponse;
use axum::routing::{delete, post, put};
use axum::{Json, body::Body as HttpBody};
use futures::{StreamExt, TryStreamExt};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use loadlock_gateway::{Body, Error, ErrorCode, File, NewSession, Principal, Scope, Session, Source};
use rand::RngExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::granted::{GrantState, Granted, KIND, fingerprint, presented};
use super::terms::GrantTerms;
use crate::app::App;
use crate::identity::Caller;
use crate::openai::{Answer, json as read_json, object};
use crate::upload_options::UploadOptions;

/// How long a grant holds, unless its maker says so.
const LIFE: u64 = 15 * 60;
/// The longest: a week.
const LONGEST: u64 = 7 * 86_400;
/// Grants of one tenant that are neither used nor over.
const OPEN: usize = 1_000;
/// The name of a file whose grant and holder give none.
const UNNAMED: &str = "upload";

/// Below `/v1/loadlock/upload-grants`, for those who have a token.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", post(make).get(list))
        .route("/{id}", delete(revoke))
}

/// Below `/v1/loadlock/granted`, for those who have a grant.
pub(crate) fn put_routes() -> Router<App> {
    Router::new().route("/{name}", put(store))
}

/// What a grant is to allow.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantWish {
    max_bytes: Option<u64>,
    #[serde(default)]
    media_types: Vec<String>,
    purpose: Option<String>,
    provider: Option<String>,
    filename: Option<String>,
    /// Of the file.
    file_expires_in: Option<u64>,
    /// Of the grant.
    expires_in: Option<u64>,
    /// Who is told of the upload's end.
    callback: Option<String>,
}

async fn make(State(app): State<App>, Caller(who): Caller, request: Request) -> Answer {
    who.require(Scope::Write)?;
    let wish: GrantWish = read_json(request).await?;
    let gateway = app.gateway();
    let options = UploadOptions {
        name: wish.filename,
        purpose: wish.purpose,
        expires_in_s: wish.file_expires_in,
        ..UploadOptions::default()
    };
    let largest = gateway.largest_upload();
    let terms = GrantTerms {
        max_bytes: wish.max_bytes.unwrap_or(largest),
        media_types: wish.media_types,
        options: options.to(wish.provider),
        callback: wish.callback,
    };
    let terms = terms.check(largest)?;
    gateway.require_provider(&terms.options.target())?;
    if let Some(url) = &terms.callback {
        gateway.callback(url, "")?;
    }
    let life = wish.expires_in.unwrap_or(LIFE);
    if !(1..=LONGEST).contains(&life) {
        let message = format!("a grant can last 1 to {LONGEST} seconds, not {life}");
        return Err(Error::new(ErrorCode::RequestInvalid, message).into());
    }
    let open = gateway.own_sessions(&who, KIND).into_iter().filter(is_open).count();
    if open >= OPEN {
        let message = format!("the tenant has {open} upload grants that were not used");
        return Err(Error::new(ErrorCode::QuotaExceeded, message)
            .hint("revoke some, or let them expire")
            .into());
    }
    let secret = hex::encode(rand::rng().random::<[u8; 32]>());
    let until_ms = ends(&who, gateway.now_ms(), Duration::from_secs(life));
    let new = NewSession {
        kind: KIND,
        expires_at_ms: Some(until_ms),
        state: GrantState {
            terms,
            fingerprint: fingerprint(&secret),
            until_ms,
            used: None,
        },
    };
    let session = gateway.open_session(&who, new).await?;
    if let Err(error) = gateway.note_grant(&who, session.id(), "made").await {
        // What is not recorded is not given out.
        let _ = gateway.close_session(&session);
        return Err(error.into());
    }
    let mut view = view(&session)?;
    let presented = format!("{}.{secret}", session.id());
    view["tus_url"] = format!("/v1/tus?grant={presented}").into();
    view["put_url"] = format!("/v1/loadlock/granted/{{filename}}?grant={presented}").into();
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// No grant outlives the token that made it.
fn ends(who: &Principal, now_ms: u64, life: Duration) -> u64 {
    let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
    let token = who
        .identity()
        .expires_at
        .map_or(u64::MAX, |seconds| seconds.saturating_mul(1_000));
    now_ms.saturating_add(life).min(token)
}

fn is_open(grant: &Session) -> bool {
    grant.state::<GrantState>().is_ok_and(|state| state.used.is_none())
}

fn view(session: &Session) -> Result<Value, Error> {
    let state: GrantState = session.state()?;
    let GrantTerms {
        max_bytes,
        media_types,
        options,
        callback,
    } = state.terms;
    Ok(json!({
        "id": session.id(),
        "object": "loadlock.upload_grant",
        "created_at": session.created_at_ms() / 1_000,
        "expires_at": session.expires_at_ms().map(|end| end / 1_000),
        "max_bytes": max_bytes,
        "media_types": media_types,
        "filename": options.name,
        "purpose": options.purpose,
        "provider": options.provider,
        "callback": callback,
        "used": state.used,
    }))
}

async fn list(State(app): State<App>, Caller(who): Caller) -> Answer {
    who.require(Scope::Write)?;
    let grants = app.gateway().own_sessions(&who, KIND);
    let data = grants.iter().map(view).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(json!({ "object": "list", "data": data })).into_response())
}

async fn revoke(State(app): State<App>, Caller(who): Caller, Path(id): Path<String>) -> Answer {
    let gateway = app.gateway();
    let session = gateway.session(&who, Scope::Write, KIND, &id)?;
    gateway.note_grant(&who, session.id(), "revoked").await?;
    gateway.close_session(&session)?;
    Ok(Json(json!({ "id": id, "object": "loadlock.upload_grant", "deleted": true })).into_response())
}

/// The bytes of the one file, as a browser's `fetch` sends them.
async fn store(State(app): State<App>, Path(name): Path<String>, request: Request) -> Answer {
    let uri = request.uri().clone();
    let Some(presented) = presented(&uri) else {
        let error = Error::new(ErrorCode::Unauthenticated, "there is no upload grant in the query");
        return Err(error.into());
    };
    let granted = Granted::find(&app, &uri, presented).await?;
    let headers = request.headers().clone();
    let asked = UploadOptions {
        name: Some(name),
        media_type: text(&headers).map(str::to_owned),
        ..UploadOptions::default()
    };
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let options = granted.narrow(&app, asked.check()?, length)?;
    granted.claim(&app).await?;
    let stored = received(&app, &granted, options, request.into_body()).await;
    match &stored {
        Ok(file) => granted.stored(&file.id).await?,
        Err(error) => granted.release(error.code).await,
    }
    let object: Value = object(app.gateway(), &stored?);
    Ok(Json(object).into_response())
}

async fn received(app: &App, granted: &Granted, options: UploadOptions, body: HttpBody) -> Result<File, Error> {
    let owner = granted.owner();
    let body = Body {
        stream: body.into_data_stream().map_err(std::io::Error::other).boxed(),
        name: options.name.clone().unwrap_or_else(|| UNNAMED.to_owned()),
        media_type: options.media_type.clone(),
    };
    let staged = app.gateway().stage(&owner, body).await?;
    granted.recheck(app).await?;
    app.uploads().run(owner, options.request(Source::Staged(staged))).await
}

fn text(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok())
}
