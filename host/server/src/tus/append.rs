//! `PATCH`: bytes at the end of an upload.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRAILER};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Limited};
use loadlock_gateway::Principal;

use super::checksum::{Checksum, Hasher};
use super::concat::Kind;
use super::door::{Tus, answer};
use super::problem::Problem;
use super::protocol::{OFFSET_OCTETS, UPLOAD_CHECKSUM, UPLOAD_LENGTH, UPLOAD_OFFSET, number, one};
use super::receive::{Check, Ends, IDLE, receive};
use super::session::{Session, Turn};
use super::store::store;

/// How a body that holds bytes of an upload is announced, by `PATCH` or by `POST`.
pub(crate) struct Announced {
    /// Bytes, if they are known before.
    pub(crate) bytes: Option<u64>,
    pub(crate) check: Check,
}

impl Announced {
    /// Reads the headers.
    ///
    /// # Errors
    /// 415 for another type, 400 for a checksum that makes no sense.
    pub(crate) fn parse(headers: &HeaderMap) -> Result<Self, Problem> {
        if one(headers, &CONTENT_TYPE)? != Some(OFFSET_OCTETS) {
            return Err(Problem::media_type());
        }
        let trailing = one(headers, &TRAILER)?.is_some_and(|names| {
            names
                .split(',')
                .any(|name| name.trim().eq_ignore_ascii_case(UPLOAD_CHECKSUM.as_str()))
        });
        let check = match one(headers, &UPLOAD_CHECKSUM)? {
            Some(header) => Check::Known(Checksum::parse(header)?),
            None if trailing => Check::Trailing,
            None => Check::None,
        };
        Ok(Self {
            bytes: number(headers, &CONTENT_LENGTH)?,
            check,
        })
    }
}

/// Appends, and stores the file with its last byte.
///
/// # Errors
/// See the module `problem`; whatever the pipeline refuses.
pub(crate) async fn append(
    tus: &Tus,
    who: &Principal,
    session: &Arc<Session>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, Problem> {
    if matches!(session.info().kind, Kind::Final { .. }) {
        return Err(Problem::final_upload());
    }
    let announced = Announced::parse(headers)?;
    let offset = number(headers, &UPLOAD_OFFSET)?.ok_or_else(|| Problem::invalid("`Upload-Offset` is missing"))?;
    let length = number(headers, &UPLOAD_LENGTH)?;
    let turn = session.take().await?;
    let (is, held, done) = {
        let info = session.info();
        (info.acknowledged(), info.storable(), info.done())
    };
    if offset != is {
        return Err(Problem::offset(offset, is));
    }
    if let Some(length) = length {
        declare(tus, session, length)?;
    }
    if done {
        nothing(body).await?;
    } else if held {
        again(session, &announced.check, body).await?;
        drop(turn);
    } else {
        write(tus, session, announced, body, turn).await?;
    }
    if session.info().storable() {
        let stored = store(&tus.app, who, session).await;
        if stored.is_err() && session.info().length == Some(0) {
            // It has no last byte to ask for again, so its offset would say that it is stored.
            tus.sessions.remove(session).await?;
        }
        stored?;
    }
    Ok(answer(StatusCode::NO_CONTENT, session))
}

/// The length of an upload that was begun without one. It is kept with the bytes of the same request.
fn declare(tus: &Tus, session: &Session, length: u64) -> Result<(), Problem> {
    tus.fits(length)?;
    let mut inner = session.inner();
    match inner.info.length {
        Some(known) if known == length => Ok(()),
        Some(_) => Err(Problem::invalid("`Upload-Length` was another before")),
        None if length < inner.info.offset => {
            Err(Problem::invalid("`Upload-Length` is less than what is here already"))
        }
        None => {
            inner.info.length = Some(length);
            Ok(())
        }
    }
}

/// Takes the bytes in. The turn ends with them: nothing else than bytes needs it.
pub(crate) async fn write(
    tus: &Tus,
    session: &Arc<Session>,
    announced: Announced,
    body: &mut Body,
    turn: Turn,
) -> Result<(), Problem> {
    let info = session.info();
    let most = info.length.unwrap_or_else(|| tus.most()) - info.offset;
    if announced.bytes.is_some_and(|bytes| bytes > most) {
        return Err(Problem::too_large(format!("{most} bytes are missing, not more")));
    }
    let ends = Ends {
        turn: &turn,
        stopping: tus.app.stopping(),
        idle: IDLE,
    };
    let expiry = || tus.sessions.expiry();
    receive(session, body, most, announced.check, ends, expiry).await
}

/// A body for an upload that has every byte already.
async fn nothing(body: &mut Body) -> Result<(), Problem> {
    let read = tokio::time::timeout(IDLE, Limited::new(body, 0).collect()).await;
    match read {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err(Problem::too_large("no bytes are missing")),
        Err(_) => Err(Problem::idle(IDLE.as_secs())),
    }
}

/// The last byte once more, which is here already: it must be the same one.
async fn again(session: &Arc<Session>, check: &Check, body: &mut Body) -> Result<(), Problem> {
    let end = session.info().offset;
    let held = u64::min(end, 1);
    let body = Limited::new(body, 1).collect();
    let body = tokio::time::timeout(IDLE, body)
        .await
        .map_err(|_| Problem::idle(IDLE.as_secs()))?
        .map_err(|_| Problem::too_large("one byte is missing, not more"))?
        .to_bytes();
    if body.len() as u64 != held {
        return Err(Problem::offset(end - held, end - held));
    }
    if let Check::Known(checksum) = check {
        let mut hasher = Hasher::new(checksum.algorithm);
        hasher.update(&body);
        if !checksum.matches(hasher) {
            return Err(Problem::checksum());
        }
    }
    let data = session.data().await?;
    let here = super::blocking(move || {
        let mut last = vec![0; usize::from(held == 1)];
        std::os::unix::fs::FileExt::read_exact_at(&data, &mut last, end - held)?;
        Ok(last)
    })
    .await?;
    if here == body {
        Ok(())
    } else {
        Err(Problem::invalid("the last byte was another one before"))
    }
}
