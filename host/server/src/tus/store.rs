//! A complete upload into the gateway's pipeline.

use loadlock_gateway::{Error, ErrorCode, File, InUse, Principal, Result, Session, Source};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::concat::Kind;
use super::info::{DATA, Info, State};
use super::keyed::{UNNAMED, keyed};
use super::problem::Problem;
use super::session::{Door, Storing};
use crate::app::App;
use crate::uploads::ended;

/// Stores an upload whose bytes are all there, and waits for the end. A client that goes away does not cancel it; a
/// client that comes back waits for the same end.
///
/// # Errors
/// The pipeline's. The bytes stay, and the next call tries again.
pub(crate) async fn store(app: &App, who: &Principal, session: &Session) -> std::result::Result<(), Problem> {
    if session.is_closed() {
        return Err(Problem::not_found());
    }
    if matches!(Info::of(session)?.state, State::Stored { .. }) {
        return Ok(());
    }
    let door = Door::of(session)?;
    let mut end = {
        let mut storing = door.storing();
        match &*storing {
            // One whose task is gone without an answer is none.
            Some(storing) if storing.end.has_changed().is_ok() => storing.end.clone(),
            _ => {
                let (tell, end) = watch::channel(None);
                let cancel = CancellationToken::new();
                *storing = Some(Storing {
                    end: end.clone(),
                    cancel: cancel.clone(),
                });
                let uploads = app.uploads();
                let (app, who, session, door) = (app.clone(), who.clone(), session.clone(), door.clone());
                let task = async move {
                    // However long it takes, it does not expire meanwhile.
                    let _in_use: InUse = session.in_use();
                    let result = run(&app, who, &session, cancel).await;
                    *door.storing() = None;
                    drop(session);
                    let _ = tell.send(Some(result));
                };
                uploads.spawn(task.in_current_span());
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

async fn run(app: &App, who: Principal, session: &Session, cancel: CancellationToken) -> Result<File> {
    let result = upload(app, who, session, cancel).await;
    let expires_ms = session.expires_at_ms();
    let kept = match &result {
        Ok(file) => {
            let stored = |info: &mut Info| {
                info.stored(file);
                Ok(())
            };
            session.end(expires_ms, stored).await
        }
        // What arrived is to be there when the client comes again.
        Err(error) => {
            let failed = |info: &mut Info| {
                info.state = State::Failed {
                    code: error.code.as_str().to_owned(),
                };
                Ok(())
            };
            session.commit(DATA, expires_ms, failed).await
        }
    };
    if let Err(error) = kept {
        tracing::warn!(id = session.id(), %error, "the outcome of an upload cannot be saved");
    }
    result
}

async fn upload(app: &App, who: Principal, session: &Session, cancel: CancellationToken) -> Result<File> {
    let Info { kind, mut options, .. } = session.state()?;
    let sending = Door::of(session)?.take_sending();
    // It may have taken hours; whoever is not trusted any more has nothing stored. What was sent is cancelled then.
    app.gateway().recheck(&who).await?;
    let data = match kind {
        Kind::Final { .. } => session.data().into_keys().collect(),
        Kind::Whole | Kind::Partial => vec![DATA.to_owned()],
    };
    let name = options.name.take().unwrap_or_else(|| UNNAMED.to_owned());
    let staged = session.stage(&data, name, options.media_type.take(), None).await?;
    if let Some(mut sending) = sending {
        if !sending.follows(staged.bytes()) {
            // The key is its own until it has ended.
            sending.give_up().await;
        } else if let Some(end) = sending.end(staged.sha256().to_owned(), &cancel).await {
            return end;
        }
    }
    let request = options.request(Source::Staged(staged));
    // One that nobody was told about is tried once, and needs no key.
    let request = if session.lasts() {
        keyed(session, request)
    } else {
        request
    };
    let started = app.uploads().start_of(who, request, Some(session.id()))?;
    let upload = ended(started.end);
    tokio::pin!(upload);
    tokio::select! {
        result = &mut upload => return result,
        () = cancel.cancelled() => started.cancel.cancel(),
    }
    upload.await
}
