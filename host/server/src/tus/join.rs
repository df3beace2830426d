//! Parts into one upload.

use std::io::{Seek, SeekFrom};
use std::sync::Arc;

use loadlock_gateway::{Error, ErrorCode, Principal};

use super::blocking;
use super::concat::Kind;
use super::door::Tus;
use super::info::State;
use super::problem::Problem;
use super::session::Session;

/// The final upload of these parts, with every byte synced. The parts' own bytes are gone then. Asking again for the
/// same parts in the same order gives the same upload: a client whose answer was lost asks again.
///
/// # Errors
/// 404 or 410 for a part that is not there, 400 for one that is no part or lacks bytes, 413 and 507 if there is no
/// room.
pub(crate) async fn join(
    tus: &Tus,
    who: &Principal,
    parts: &[String],
    metadata: Option<String>,
) -> Result<Arc<Session>, Problem> {
    let found = parts.iter().map(|id| tus.sessions.find(who, id));
    let found = found.collect::<Result<Vec<_>, _>>()?;
    if let Some(before) = joined_before(tus, who, &found, parts).await? {
        return Ok(before);
    }
    let length = measure(&found)?;
    let most = tus.app.gateway().config().limits.max_upload_size.0;
    if length > most {
        return Err(Problem::too_large(format!(
            "the parts are {length} bytes together, more than {most}"
        )));
    }
    let mut room = tus.app.gateway().room();
    room.grow(length)?;
    let kind = Kind::Final { parts: parts.to_vec() };
    let whole = tus.sessions.create(who, kind, Some(length), metadata, room).await?;
    let _turn = whole.wait().await;
    let joined = async {
        claim(&found, &whole.id)?;
        let copied = copy(&found, &whole).await;
        if copied.is_err() {
            release(&found, &whole.id);
        }
        copied
    };
    if let Err(problem) = joined.await {
        tus.sessions.remove(&whole).await?;
        return Err(problem);
    }
    whole.inner().info.offset = length;
    whole.save().await?;
    for part in &found {
        part.save_without_data().await?;
    }
    Ok(whole)
}

/// The upload that an earlier request made of exactly these parts.
async fn joined_before(
    tus: &Tus,
    who: &Principal,
    found: &[Arc<Session>],
    parts: &[String],
) -> Result<Option<Arc<Session>>, Problem> {
    let into = found.iter().find_map(|part| match part.info().state {
        State::Joined { into } => Some(into),
        _ => None,
    });
    let Some(into) = into else {
        return Ok(None);
    };
    let used = || {
        Problem::from(
            Error::new(ErrorCode::UploadConflict, "a part went into another upload already")
                .hint("send the part again"),
        )
    };
    let whole = tus.sessions.find(who, &into).map_err(|_| used())?;
    if whole.info().kind != (Kind::Final { parts: parts.to_vec() }) {
        return Err(used());
    }
    // The earlier request may still be copying.
    let _turn = whole.wait().await;
    if whole.inner().gone || !whole.info().complete() {
        return Err(used());
    }
    Ok(Some(whole))
}

/// Bytes of all parts together.
fn measure(parts: &[Arc<Session>]) -> Result<u64, Problem> {
    let mut length = 0_u64;
    for part in parts {
        let info = part.info();
        if info.kind != Kind::Partial {
            return Err(Problem::invalid(format!("the upload {} is no part", part.id)));
        }
        if !info.complete() {
            return Err(Problem::invalid(format!("the part {} lacks bytes", part.id)));
        }
        length = length.saturating_add(info.offset);
    }
    Ok(length)
}

/// Every part belongs to one final upload, or none of them does.
fn claim(parts: &[Arc<Session>], into: &str) -> Result<(), Problem> {
    for (index, part) in parts.iter().enumerate() {
        let mut inner = part.inner();
        if inner.gone || inner.info.state != State::Open {
            drop(inner);
            release(&parts[..index], into);
            return Err(Problem::locked("another request is joining one of the parts"));
        }
        inner.info.state = State::Joined { into: into.to_owned() };
    }
    Ok(())
}

fn release(parts: &[Arc<Session>], into: &str) {
    for part in parts {
        let mut inner = part.inner();
        if matches!(&inner.info.state, State::Joined { into: whole } if whole == into) {
            inner.info.state = State::Open;
        }
    }
}

async fn copy(parts: &[Arc<Session>], whole: &Arc<Session>) -> Result<(), Problem> {
    let mut target = whole.data().await?;
    for part in parts {
        let mut source = part.data().await?;
        // The kernel copies, or shares the blocks where the file system can.
        target = blocking(move || {
            target.seek(SeekFrom::End(0))?;
            std::io::copy(&mut source, &mut target)?;
            Ok(target)
        })
        .await?;
    }
    blocking(move || loadlock_durable::content(&target)).await
}
