//! `/v1/uploads`: an upload in parts that a client sends in any order, also at the same time.
//!
//! An upload is a session; each part is a data file of it, named by the part's id, there when it is whole and synced.
//! Completing hashes the named parts in their order and uploads them like any other body, from where they lie. Every
//! step is durable, so after a restart, or a connection that went away, the client asks again and gets on.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::IntoResponse;
use futures::{FutureExt, StreamExt};
use loadlock_gateway::{
    Announced, Body, DataWriter, Error, ErrorCode, NewSession, Principal, Scope, Session, Source, UploadRequest,
    ended_early,
};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::create::inflow;
use super::failure::{Answer, Failure};
use super::json::{json, seconds};
use super::options::{ExpiresAfter, of_json};
use super::{form, object, parts};
use crate::app::App;
use crate::identity::Caller;
use crate::upload_options::UploadOptions;
use crate::uploads::ended;

const KIND: &str = "openai-upload";
/// An upload is completed within an hour, as at OpenAI.
const LIFETIME_MS: u64 = 3_600_000;
/// Bytes of a part, as at OpenAI.
const PART_BYTES: u64 = 64 << 20;
/// Parts of one upload.
const PARTS: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    filename: String,
    purpose: String,
    #[serde(deserialize_with = "crate::integer::whole")]
    bytes: u64,
    mime_type: String,
    expires_after: Option<ExpiresAfter>,
    provider: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Completion {
    pub(super) part_ids: Vec<String>,
    md5: Option<String>,
}

/// What the session remembers.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Upload {
    filename: String,
    purpose: String,
    bytes: u64,
    mime_type: String,
    #[serde(alias = "wish")]
    options: UploadOptions,
    stage: Stage,
}

/// How far it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// Parts may come.
    Pending,
    /// It is known which parts it consists of; they are to be uploaded.
    Assembled { part_ids: Vec<String>, sha256: String },
    /// The file object.
    Completed { part_ids: Vec<String>, file: Value },
}

impl Upload {
    fn object(&self, session: &Session, status: Option<&str>) -> Value {
        let (stage, file) = match &self.stage {
            Stage::Pending | Stage::Assembled { .. } => ("pending", Value::Null),
            Stage::Completed { file, .. } => ("completed", file.clone()),
        };
        json!({
            "id": format!("upload_{}", session.id()),
            "object": "upload",
            "bytes": self.bytes,
            "created_at": seconds(session.created_at_ms()),
            "expires_at": session.expires_at_ms().map(seconds),
            "filename": self.filename,
            "purpose": self.purpose,
            "status": status.unwrap_or(stage),
            "file": file,
        })
    }

    fn require_pending(&self) -> Result<(), Failure> {
        match self.stage {
            Stage::Pending => Ok(()),
            _ => Err(Failure::body("the upload is being completed, or is already complete")),
        }
    }
}

pub(super) async fn create(State(app): State<App>, Caller(who): Caller, request: Request) -> Answer {
    who.require(Scope::Write)?;
    let headers = request.headers().clone();
    let wanted: Wanted = json(request).await?;
    let gateway = app.gateway();
    let purpose = Some(wanted.purpose.clone());
    let options = UploadOptions {
        name: Some(wanted.filename.clone()),
        media_type: Some(wanted.mime_type.clone()),
        ..of_json(&headers, purpose, wanted.provider, wanted.expires_after)?
    };
    let upload = Upload {
        options: options.check()?,
        filename: wanted.filename,
        purpose: wanted.purpose,
        bytes: wanted.bytes,
        mime_type: wanted.mime_type,
        stage: Stage::Pending,
    };
    if let Some(before) = begun_before(&app, &who, &upload)? {
        return Ok(Json(before).into_response());
    }
    // Now, and not after gigabytes of parts.
    let announced = Announced {
        name: &upload.filename,
        media_type: Some(&upload.mime_type),
        bytes: Some(upload.bytes),
        target: &upload.options.target(),
        purpose: Some(&upload.purpose),
        idempotency_key: upload.options.idempotency_key.as_deref(),
    };
    gateway.foresee(&who, announced).await.map_err(|error| {
        let param = match error.code {
            ErrorCode::FileTooLarge => Some("bytes"),
            ErrorCode::FileRejected => Some("filename"),
            _ => return Failure::from(error),
        };
        Failure { error, param }
    })?;
    let new = NewSession {
        kind: KIND,
        expires_at_ms: Some(gateway.now_ms().saturating_add(LIFETIME_MS)),
        state: upload.clone(),
    };
    let session = gateway.open_session(&who, new).await?;
    Ok(Json(upload.object(&session, None)).into_response())
}

/// The upload that an earlier request began under the same idempotency key.
fn begun_before(app: &App, who: &Principal, wanted: &Upload) -> Result<Option<Value>, Failure> {
    if wanted.options.idempotency_key.is_none() {
        return Ok(None);
    }
    let gateway = app.gateway();
    for session in gateway.own_sessions(who, KIND) {
        let same_key = session
            .state()
            .ok()
            .filter(|upload: &Upload| upload.options.idempotency_key == wanted.options.idempotency_key);
        let Some(upload) = same_key else { continue };
        // One that has expired is none.
        if gateway.session(who, Scope::Write, KIND, session.id()).is_err() {
            continue;
        }
        if (&upload.options, upload.bytes) == (&wanted.options, wanted.bytes) {
            return Ok(Some(upload.object(&session, None)));
        }
        return Err(Error::new(
            ErrorCode::IdempotencyConflict,
            "an upload with another name, size, type or purpose was begun under this idempotency key",
        )
        .into());
    }
    Ok(None)
}

pub(super) async fn part(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let session = find(&app, &who, &id)?;
    session.state::<Upload>()?.require_pending()?;
    if session.data().len() >= PARTS {
        return Err(Failure::body(format!("the upload already has {PARTS} parts")));
    }
    let part = format!("part_{}", hex::encode(rand::rng().random::<[u8; 12]>()));
    let headers = request.headers().clone();
    let (into, name) = (session, part.clone());
    let store = move |part: form::FilePart| keep(into, name, part.body).boxed();
    // The part counts once the whole form is right.
    let form = form::read(&headers, inflow(request), "data", store).await?;
    if let Some(unknown) = form.fields.keys().next() {
        let unknown = unknown.escape_debug();
        return Err(Failure::body(format!("the form has an unknown field `{unknown}`")));
    }
    form.file.finish().await?;
    Ok(Json(json!({
        "id": part,
        "object": "upload.part",
        "created_at": seconds(app.gateway().now_ms()),
        "upload_id": id,
    }))
    .into_response())
}

/// Writes a part; it is there once the writer is finished.
async fn keep(session: Session, name: String, body: Body) -> Result<DataWriter, Error> {
    let mut stream = body.stream;
    let mut writer = session.create(&name, PART_BYTES).await?;
    while let Some(chunk) = stream.next().await {
        writer.write(&chunk.map_err(ended_early)?).await?;
    }
    Ok(writer)
}

pub(super) async fn cancel(State(app): State<App>, Caller(who): Caller, Path(id): Path<String>) -> Answer {
    let session = find(&app, &who, &id)?;
    // Whoever completes it is let finish: cancelling a half-uploaded file would leave two answers.
    let _alone = session.exclusively().await;
    let upload: Upload = session.state()?;
    if let Stage::Completed { .. } = upload.stage {
        return Err(Failure::body("the upload is already complete"));
    }
    app.gateway().close_session(&session)?;
    Ok(Json(upload.object(&session, Some("cancelled"))).into_response())
}

pub(super) async fn complete(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let session = find(&app, &who, &id)?;
    let completion: Completion = json(request).await?;
    // A client that goes away and asks again finds what was done meanwhile.
    let task = tokio::spawn(async move { finish(&app, who, &session, completion).await });
    let done = task
        .await
        .map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))?;
    Ok(Json(done?).into_response())
}

async fn finish(
    app: &App,
    who: Principal,
    session: &Session,
    Completion { part_ids, md5 }: Completion,
) -> Result<Value, Failure> {
    let _alone = session.exclusively().await;
    let mut upload: Upload = session.state()?;
    let sha256 = match upload.stage.clone() {
        Stage::Pending => {
            parts::check(&part_ids, &session.data(), upload.bytes)?;
            let sha256 = parts::digest(session, &part_ids, md5.as_deref()).await?;
            let stage = Stage::Assembled {
                part_ids: part_ids.clone(),
                sha256: sha256.clone(),
            };
            upload = reached(session, stage).await?;
            sha256
        }
        Stage::Assembled { part_ids: before, .. } | Stage::Completed { part_ids: before, .. } if before != part_ids => {
            return Err(Failure::param("part_ids", "the upload was completed with other parts"));
        }
        Stage::Assembled { sha256, .. } => sha256,
        Stage::Completed { .. } => return Ok(upload.object(session, None)),
    };
    let body = parts::body(session, &part_ids)?;
    let (name, media_type) = (upload.filename.clone(), Some(upload.mime_type.clone()));
    let staged = session.stage(&body, name, media_type, Some(sha256)).await?;
    let mut options = upload.options.clone();
    // Nobody else can guess the id, so no client's key is this one.
    options
        .idempotency_key
        .get_or_insert_with(|| format!("loadlock:upload:{}", session.id()));
    let request: UploadRequest = options.request(Source::Staged(staged));
    let file = ended(app.uploads().start(who, request)?.end).await?;
    upload.stage = Stage::Completed {
        part_ids,
        file: object::file(app.gateway(), &file),
    };
    let completed = upload.clone();
    let end = |upload: &mut Upload| {
        *upload = completed;
        Ok(())
    };
    session.end(session.expires_at_ms(), end).await?;
    Ok(upload.object(session, None))
}

/// Keeps a stage.
async fn reached(session: &Session, stage: Stage) -> Result<Upload, Error> {
    let change = |upload: &mut Upload| {
        upload.stage = stage;
        Ok(upload.clone())
    };
    session.update(change).await
}

fn find(app: &App, who: &Principal, id: &str) -> Result<Session, Failure> {
    let inner = id.strip_prefix("upload_").unwrap_or_default();
    let found = app.gateway().session(who, Scope::Write, KIND, inner);
    found.map_err(|mut error| {
        if error.code == ErrorCode::FileNotFound {
            error.message = format!("there is no upload `{id}`");
        }
        Failure {
            error,
            param: Some("upload_id"),
        }
    })
}
