//! What an operator asks of a gateway that runs, beneath `/v1/loadlock`. The command line asks here when one runs on
//! its home.
//!
//! Components' paths, accounts, what all tenants together have stored, and the ledger as a whole are no tenant's
//! business: over the network all of it needs the scope `admin`. On this machine's socket a command needs what it needs
//! without a gateway beside it, and the gateway asks for that itself.
//!
//! A client that goes away ends what it asked for where it is. That is safe at every step: the rounds of upkeep give
//! the same steps up when a vendor is slow, and take them up again.

use std::path::PathBuf;

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use loadlock_gateway::{
    Announced, Door, EgressView, Error, ErrorCode, Principal, ProviderView, Reconcile, Scope, SwapRequest,
};
use serde::{Deserialize, Deserializer, Serialize};

use crate::answer::Refusal;
use crate::app::App;
use crate::events::stream;
use crate::identity::Caller;
use crate::openai::{Answer, Subject, json, order, upload_options};
use crate::query::{Asking, only};
use crate::upload_options::UploadOptions;

/// The routes below their prefix.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/providers", get(providers))
        .route("/providers/{name}/probe", post(probe))
        .route("/components/{name}/swap", post(swap))
        .route("/components/{name}/rollback", post(rollback))
        .route("/route", post(route))
        .route("/reconcile", post(reconcile))
        .route("/fsck", get(fsck))
        .route("/backup", post(backup))
        .route("/audit", get(audit))
        .route("/events", get(stream))
}

/// Extracts a caller who may ask here.
pub(crate) struct Operator(pub(crate) Principal);

impl FromRequestParts<App> for Operator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let Caller(who) = Caller::from_request_parts(parts, app).await?;
        Self::of(who)
    }
}

impl Operator {
    fn of(who: Principal) -> Result<Self, Refusal> {
        if who.door() == Door::Network {
            who.require(Scope::Admin)?;
        }
        Ok(Self(who))
    }
}

/// A list as OpenAI's API has them.
#[derive(Serialize)]
struct Providers {
    object: &'static str,
    data: Vec<ProviderView>,
}

async fn providers(State(app): State<App>, Operator(who): Operator) -> Answer {
    let (object, data) = ("list", app.gateway().providers(&who).await?);
    Ok(Json(Providers { object, data }).into_response())
}

async fn probe(State(app): State<App>, Operator(who): Operator, Path(name): Path<String>) -> Answer {
    Ok(Json(app.gateway().probe(&who, &name).await?).into_response())
}

/// A file that might be uploaded: on the gateway's own disk, or announced by its name, size and first bytes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CandidateReply {
    path: Option<PathBuf>,
    purpose: Option<String>,
    /// Another display name.
    filename: Option<String>,
    provider: Option<String>,
    #[serde(default, deserialize_with = "crate::integer::maybe")]
    bytes: Option<u64>,
    media_type: Option<String>,
    /// The first bytes, Base64; more than the validator looks at are left out.
    head: Option<String>,
}

async fn route(State(app): State<App>, Caller(who): Caller, request: Request) -> Answer {
    let headers = request.headers().clone();
    let mut wanted: CandidateReply = json(request).await?;
    let options = upload_options(&headers, wanted.purpose.take(), wanted.provider.take(), None)?;
    app.gateway().require_provider(&options.target())?;
    if let Some(path) = wanted.path {
        if wanted.bytes.is_some() || wanted.media_type.is_some() || wanted.head.is_some() {
            let message = "`bytes`, `media_type` and `head` are of a file without a `path`";
            return Err(Error::new(ErrorCode::RequestInvalid, message).into());
        }
        let Operator(who) = Operator::of(who)?;
        let filename = wanted.filename;
        let request = order(Subject::Path { path, filename }, &options);
        return Ok(Json(app.gateway().route(&who, request).await?).into_response());
    }
    announced(&app, who, wanted, &options).await
}

/// Where an announced file would go. What an operator alone may know is left out for everybody else.
async fn announced(app: &App, who: Principal, wanted: CandidateReply, options: &UploadOptions) -> Answer {
    let (Some(name), Some(_)) = (&wanted.filename, wanted.bytes) else {
        let message = "there is neither a `path`, nor a `filename` and its `bytes`";
        return Err(Error::new(ErrorCode::RequestInvalid, message).into());
    };
    let head = STANDARD.decode(wanted.head.as_deref().unwrap_or_default());
    let head = head.map_err(|_| Error::new(ErrorCode::RequestInvalid, "`head` is not Base64"))?;
    let announced = Announced {
        name,
        media_type: wanted.media_type.as_deref(),
        bytes: wanted.bytes,
        target: &options.target(),
        purpose: options.purpose.as_deref(),
        idempotency_key: None,
    };
    let mut view = app.gateway().route_announced(&who, announced, head).await?;
    if Operator::of(who).is_err() {
        view.eligible
            .iter_mut()
            .for_each(|one| one.egress = EgressView::default());
        view.refused.iter_mut().for_each(|one| one.detail.clear());
    }
    Ok(Json(view).into_response())
}

/// The end of the audit log.
async fn audit(State(app): State<App>, Asking(who): Asking, request: Request) -> Answer {
    let Operator(who) = Operator::of(who)?;
    only(request.uri(), &["lines", "chain"])?;
    let (mut lines, mut chain) = (100, false);
    for pair in request
        .uri()
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        let wrong = || {
            Error::new(
                ErrorCode::RequestInvalid,
                "`lines` is not a number, or `chain` not `true` or `false`",
            )
        };
        match pair.split_once('=') {
            Some(("lines", number)) => lines = number.parse().map_err(|_| wrong())?,
            Some(("chain", word)) => chain = word.parse().map_err(|_| wrong())?,
            _ => return Err(wrong().into()),
        }
    }
    Ok(Json(app.gateway().audit_tail(&who, lines, chain).await?).into_response())
}

/// What to reconcile.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ComparisonReply {
    #[serde(default, deserialize_with = "named")]
    provider: Option<String>,
    /// Whoever asks has to say whether anything may be changed.
    dry_run: bool,
    #[serde(default)]
    allow_mass: bool,
}

/// A name that is there. `null` is none: whoever sends it may have meant one provider, and not all of them.
fn named<'de, D: Deserializer<'de>>(name: D) -> Result<Option<String>, D::Error> {
    String::deserialize(name).map(Some)
}

async fn reconcile(State(app): State<App>, Operator(who): Operator, request: Request) -> Answer {
    let ComparisonReply {
        provider,
        dry_run,
        allow_mass,
    } = json(request).await?;
    let request = Reconcile {
        provider,
        dry_run,
        allow_mass,
    };
    Ok(Json(app.gateway().reconcile(&who, request).await?).into_response())
}

/// On this machine's socket alone, as what follows: the gateway says so.
async fn swap(State(app): State<App>, Operator(who): Operator, Path(name): Path<String>, request: Request) -> Answer {
    let wanted: SwapRequest = json(request).await?;
    Ok(Json(app.gateway().swap(&who, &name, wanted).await?).into_response())
}

/// How to go back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WayBack {
    #[serde(default)]
    accept: bool,
}

async fn rollback(
    State(app): State<App>,
    Operator(who): Operator,
    Path(name): Path<String>,
    request: Request,
) -> Answer {
    let WayBack { accept } = json(request).await?;
    Ok(Json(app.gateway().roll_back(&who, &name, accept).await?).into_response())
}

/// Where to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupPlace {
    /// On the gateway's own disk.
    folder: PathBuf,
}

/// On this machine's socket alone: the gateway says so.
async fn backup(State(app): State<App>, Operator(who): Operator, request: Request) -> Answer {
    let BackupPlace { folder } = json(request).await?;
    Ok(Json(app.gateway().backup(&who, &folder).await?).into_response())
}

/// Books that do not agree are an answer, not a failure of asking.
async fn fsck(State(app): State<App>, Asking(who): Asking, request: Request) -> Answer {
    let Operator(who) = Operator::of(who)?;
    only(request.uri(), &["deep"])?;
    let gateway = app.gateway();
    let sheet = match request.uri().query() {
        None | Some("" | "deep=false") => gateway.fsck(&who).await?,
        Some("deep=true") => gateway.fsck_deep(&who).await?,
        Some(_) => {
            let error = Error::new(
                ErrorCode::RequestInvalid,
                "the query is not `deep=true` or `deep=false`",
            );
            return Err(error.into());
        }
    };
    Ok(Json(sheet).into_response())
}
