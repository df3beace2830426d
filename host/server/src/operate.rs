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
use http::request::Parts;
use loadlock_gateway::{Door, Error, ErrorCode, Principal, ProviderView, Reconcile, Scope};
use serde::{Deserialize, Deserializer, Serialize};

use crate::answer::Refusal;
use crate::app::App;
use crate::identity::Caller;
use crate::openai::{Answer, Subject, json, order, upload_options};
use crate::query::{Asking, only};

/// The routes below their prefix.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/providers", get(providers))
        .route("/providers/{name}/probe", post(probe))
        .route("/route", post(route))
        .route("/reconcile", post(reconcile))
        .route("/fsck", get(fsck))
        .route("/backup", post(backup))
}

/// Extracts a caller who may ask here.
struct Operator(Principal);

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

/// A file on the gateway's own disk that might be uploaded.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CandidateReply {
    path: PathBuf,
    purpose: Option<String>,
    /// Another display name.
    filename: Option<String>,
    provider: Option<String>,
}

async fn route(State(app): State<App>, Operator(who): Operator, request: Request) -> Answer {
    let headers = request.headers().clone();
    let CandidateReply {
        path,
        purpose,
        filename,
        provider,
    } = json(request).await?;
    let options = upload_options(&headers, purpose, provider, None)?;
    app.gateway().require_provider(&options.target())?;
    let request = order(Subject::Path { path, filename }, &options);
    Ok(Json(app.gateway().route(&who, request).await?).into_response())
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
