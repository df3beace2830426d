//! Parts into one upload.

use loadlock_gateway::{Error, ErrorCode, Gateway, Principal, Session};

use super::concat::Kind;
use super::find::{KIND, begin, find, remove};
use super::info::{DATA, Info, State};
use super::problem::Problem;
use super::session::{Turn, take};
use super::shared::Tus;
use crate::upload_options::UploadOptions;

/// The final upload of these parts; it has their bytes from then on. Asking again for the same parts in the same order
/// gives the same upload: a client whose answer was lost asks again.
///
/// # Errors
/// 404 or 410 for a part that is not there, 400 for one that is no part or lacks bytes, 413 if they are too large
/// together.
pub(crate) async fn join(
    tus: &Tus,
    who: &Principal,
    parts: &[String],
    metadata: Option<String>,
    options: UploadOptions,
) -> Result<Session, Problem> {
    let gateway = tus.app.gateway();
    let found = parts.iter().map(|id| find(gateway, who, id));
    let found = found.collect::<Result<Vec<_>, _>>()?;
    // One that lacks bytes may be getting them: whoever sends them is not disturbed.
    measure(&found)?;
    // No two requests join the same part, and none writes to it. Always in the same order, so that no two wait for each
    // other.
    let mut sorted: Vec<&Session> = found.iter().collect();
    sorted.sort_by_key(|session| session.id());
    let mut held: Vec<Turn> = Vec::with_capacity(sorted.len());
    for part in sorted {
        held.push(take(part).await?);
    }
    if let Some(before) = joined_before(gateway, who, &found, parts)? {
        return Ok(before);
    }
    let length = measure(&found)?;
    if length > tus.most() {
        return Err(Problem::too_large(format!(
            "the parts have {length} bytes in total; at most {} are allowed",
            tus.most()
        )));
    }
    let info = Info {
        kind: Kind::Final { parts: parts.to_vec() },
        length: Some(length),
        metadata,
        options,
        state: State::Open,
        offset: 0,
        expires_ms: 0,
    };
    let whole = begin(gateway, who, &info)?;
    let turn = take(&whole).await?;
    if let Err(error) = whole.join(&found, DATA).await {
        remove(gateway, &whole, turn).await?;
        return Err(error.into());
    }
    for part in &found {
        end(part, whole.id()).await;
    }
    Ok(whole)
}

/// Ends a part. Whatever goes wrong, it is joined: the next start ends it.
async fn end(part: &Session, into: &str) {
    let change = |info: &mut Info| {
        info.state = State::Joined { into: into.to_owned() };
        Ok(())
    };
    if let Err(error) = part.end_joined(DATA, part.expires_at_ms(), change).await {
        tracing::warn!(%error, id = part.id(), "a joined part cannot be ended");
    }
}

/// Ends the parts of every final upload that a crash left unended. Before anybody asks for them.
pub(crate) async fn resume(gateway: &Gateway) {
    let sessions = gateway.sessions(KIND);
    for whole in &sessions {
        let Ok(Info {
            kind: Kind::Final { parts },
            ..
        }) = Info::of(whole)
        else {
            continue;
        };
        let same = |part: &&Session| part.owner().tenant() == whole.owner().tenant() && !part.has_ended();
        let left = sessions
            .iter()
            .filter(same)
            .filter(|part| parts.iter().any(|id| id == part.id()));
        for part in left {
            end(part, whole.id()).await;
        }
    }
}

/// The upload that an earlier request made of exactly these parts.
fn joined_before(
    gateway: &Gateway,
    who: &Principal,
    found: &[Session],
    parts: &[String],
) -> Result<Option<Session>, Problem> {
    let mut into = None;
    for part in found {
        if let State::Joined { into: whole } = Info::of(part)?.state {
            into = Some(whole);
        }
    }
    let Some(into) = into else {
        return Ok(None);
    };
    let used = || {
        Problem::from(
            Error::new(ErrorCode::UploadConflict, "a part is already used by another upload")
                .hint("send the part again"),
        )
    };
    let whole = find(gateway, who, &into).map_err(|_| used())?;
    if Info::of(&whole)?.kind != (Kind::Final { parts: parts.to_vec() }) {
        return Err(used());
    }
    Ok(Some(whole))
}

/// Bytes of all parts together.
fn measure(parts: &[Session]) -> Result<u64, Problem> {
    let mut length = 0_u64;
    for part in parts {
        let info = Info::of(part)?;
        if info.kind != Kind::Partial {
            return Err(Problem::invalid(format!(
                "the upload {} is not a part: it was created without `Upload-Concat: partial`",
                part.id()
            )));
        }
        if !info.complete() {
            return Err(Problem::invalid(format!("the part {} is incomplete", part.id())));
        }
        length = length.saturating_add(info.offset);
    }
    Ok(length)
}
