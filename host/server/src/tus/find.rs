//! Uploads of a tenant: making, finding, ending them.

use std::time::Duration;

use loadlock_gateway::{ErrorCode, Gateway, NewSession, Principal, Scope, Session};

use super::info::{DATA, Info};
use super::problem::Problem;
use super::session::{Door, Turn};

/// The word of this door.
pub(crate) const KIND: &str = "tus";
/// Most uploads of one tenant that wait for bytes or for a provider.
const UNFINISHED: usize = 1_000;

/// When an upload goes that gets a byte now.
pub(crate) fn expiry(gateway: &Gateway) -> u64 {
    let keep = gateway.config().limits.tus_expiry;
    gateway.now_ms().saturating_add(milliseconds(keep))
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Makes an upload that nobody is told about yet: nothing of it is on the disk.
///
/// # Errors
/// The gateway's.
pub(crate) fn begin(gateway: &Gateway, who: &Principal, info: &Info) -> Result<Session, Problem> {
    let session = gateway.begin_session(
        who,
        NewSession {
            kind: KIND,
            expires_at_ms: Some(expiry(gateway)),
            state: info,
        },
    )?;
    Ok(session)
}

/// As [`begin`], for one that clients send bytes to.
///
/// # Errors
/// 429 if the tenant has too many unfinished ones.
pub(crate) fn begin_growing(gateway: &Gateway, who: &Principal, info: &Info) -> Result<Session, Problem> {
    let own = gateway.own_sessions(who, KIND);
    let unfinished = own.iter().filter(|session| !session.has_ended()).count();
    if unfinished >= UNFINISHED {
        return Err(Problem::too_many(unfinished));
    }
    let session = begin(gateway, who, info)?;
    session.grows(DATA);
    Ok(session)
}

/// The tenant's own upload of that id.
///
/// # Errors
/// 410 if it expired, 404 if there is none or it is somebody else's.
pub(crate) fn find(gateway: &Gateway, who: &Principal, id: &str) -> Result<Session, Problem> {
    gateway
        .session(who, Scope::Write, KIND, id)
        .map_err(|error| match error.code {
            ErrorCode::FileNotFound if gateway.session_expired(who, id) => Problem::expired(),
            ErrorCode::FileNotFound => Problem::not_found(),
            _ => error.into(),
        })
}

/// Ends an upload; its bytes are gone when this returns.
///
/// # Errors
/// The disk's.
pub(crate) async fn remove(gateway: &Gateway, session: &Session, turn: Turn) -> Result<(), Problem> {
    drop(Door::of(session)?.take_sending());
    Ok(gateway.discard_session(session, turn.alone).await?)
}
