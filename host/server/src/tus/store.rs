//! A complete upload into the gateway's pipeline.

use std::sync::Arc;

use futures::StreamExt;
use loadlock_gateway::{Body, Error, ErrorCode, File, Principal, Result, Source, UploadRequest};
use tokio::sync::watch;
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::info::State;
use super::metadata::{Metadata, Wishes};
use super::problem::Problem;
use super::session::{Session, Storing};
use crate::app::App;
use crate::uploads::ended;

/// One read of the bytes.
const READ: usize = 256 << 10;

/// Stores an upload whose bytes are all there, and waits for the end. A client that goes away does not cancel it; a
/// client that comes back waits for the same end.
///
/// # Errors
/// The pipeline's. The bytes stay, and the next call tries again.
pub(crate) async fn store(app: &App, who: &Principal, session: &Arc<Session>) -> Result<(), Problem> {
    let mut end = {
        let mut inner = session.inner();
        if inner.gone {
            return Err(Problem::not_found());
        }
        if matches!(inner.info.state, State::Stored { .. }) {
            return Ok(());
        }
        match &inner.storing {
            // One whose task is gone without an answer is none.
            Some(storing) if storing.end.has_changed().is_ok() => storing.end.clone(),
            _ => {
                let (tell, end) = watch::channel(None);
                let cancel = CancellationToken::new();
                inner.storing = Some(Storing {
                    end: end.clone(),
                    cancel: cancel.clone(),
                });
                let task = run(app.clone(), who.clone(), session.clone(), cancel);
                let session = session.clone();
                let task = async move {
                    let result = task.await;
                    session.inner().storing = None;
                    let _ = tell.send(Some(result));
                };
                tokio::spawn(task.in_current_span());
                end
            }
        }
    };
    let result = end.wait_for(Option::is_some).await;
    let result = result.ok().and_then(|result| result.clone());
    match result {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(error.into()),
        None => Err(Error::new(ErrorCode::Internal, "the upload's task ended").into()),
    }
}

async fn run(app: App, who: Principal, session: Arc<Session>, cancel: CancellationToken) -> Result<File> {
    let result = upload(&app, who, &session, cancel).await;
    let kept = match &result {
        Ok(file) => {
            session.inner().info.stored(file);
            session.save_without_data().await
        }
        Err(error) => {
            session.inner().info.state = State::Failed {
                code: error.code.as_str().to_owned(),
            };
            session.save().await
        }
    };
    if let Err(problem) = kept {
        tracing::warn!(id = %session.id, ?problem, "what became of an upload cannot be kept");
    }
    result
}

async fn upload(app: &App, who: Principal, session: &Arc<Session>, cancel: CancellationToken) -> Result<File> {
    let request = request(session).await?;
    let started = app.uploads().start(who, request)?;
    let upload = ended(started.end);
    tokio::pin!(upload);
    tokio::select! {
        result = &mut upload => return result,
        () = cancel.cancelled() => started.cancel.cancel(),
    }
    upload.await
}

/// What the gateway is asked for.
async fn request(session: &Arc<Session>) -> Result<UploadRequest> {
    let unreadable = |what: &str| {
        Error::new(
            ErrorCode::StateUnavailable,
            format!("the upload's {what} cannot be read"),
        )
    };
    let header = session.info().metadata;
    let metadata = header
        .as_deref()
        .map_or_else(|| Ok(Metadata::default()), Metadata::parse);
    let wishes = metadata.and_then(|metadata| Wishes::of(&metadata));
    let wishes = wishes.map_err(|_| unreadable("metadata"))?;
    let data = session.data().await.map_err(|_| unreadable("data"))?;
    let body = Body {
        stream: ReaderStream::with_capacity(tokio::fs::File::from_std(data), READ).boxed(),
        name: wishes.name,
        media_type: wishes.media_type,
    };
    let mut request = UploadRequest::from(Source::Body(body));
    request.target = wishes.target;
    request.purpose = wishes.purpose;
    request.expires_in_s = wishes.expires_in_s;
    // An upload is one file however often its end has to be tried, before and after a restart.
    request.idempotency_key = wishes.idempotency_key.or_else(|| Some(format!("tus_{}", session.id)));
    Ok(request)
}
