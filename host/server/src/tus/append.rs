//! `PATCH`: bytes at the end of an upload.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRAILER};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Limited};
use loadlock_gateway::{Principal, Session};

use super::answer::answer;
use super::checksum::{Checksum, Hasher};
use super::concat::Kind;
use super::find::{expiry, remove};
use super::info::{DATA, Info};
use super::problem::Problem;
use super::protocol::{OFFSET_OCTETS, UPLOAD_CHECKSUM, UPLOAD_LENGTH, UPLOAD_OFFSET, number, one};
use super::receive::{Check, Ends, IDLE, Incoming, receive};
use super::sending::SendingSession;
use super::session::{Door, Turn, take};
use super::shared::Tus;
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
    session: &Session,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, Problem> {
    if matches!(Info::of(session)?.kind, Kind::Final { .. }) {
        return Err(Problem::final_upload());
    }
    let announced = Announced::parse(headers)?;
    let offset = number(headers, &UPLOAD_OFFSET)?.ok_or_else(|| Problem::invalid("`Upload-Offset` is missing"))?;
    let length = number(headers, &UPLOAD_LENGTH)?;
    let turn = take(session).await?;
    settled(session).await?;
    let mut info = Info::of(session)?;
    if offset != info.acknowledged() {
        return Err(Problem::offset(offset, info.acknowledged()));
    }
    let (held, done) = (info.storable(), info.done());
    let declared = length.map(|length| declare(tus, &mut info, length)).transpose()?;
    if let Some(true) = declared {
        let length = info.length;
        let change = |info: &mut Info| {
            info.length = length;
            Ok(())
        };
        session.commit(DATA, Some(info.expires_ms), change).await?;
    }
    if done {
        nothing(body).await?;
    } else if held {
        again(session, &info, &announced.check, body).await?;
        drop(turn);
    } else {
        write((tus, who), session, announced, body, turn, true).await?;
    }
    if Info::of(session)?.storable() {
        let stored = store(&tus.app, who, session).await;
        if stored.is_err() && info.length == Some(0) {
            // It has no last byte to ask for again, so its offset would say that it is stored.
            let turn = take(session).await?;
            remove(tus.app.gateway(), session, turn).await?;
        }
        stored?;
    }
    answer(StatusCode::NO_CONTENT, session)
}

/// Makes the offset last before a client is told of it: while a file is being stored, its last bytes may not be synced
/// yet.
///
/// # Errors
/// The disk's.
pub(crate) async fn settled(session: &Session) -> Result<(), Problem> {
    if session.is_committed(DATA) {
        return Ok(());
    }
    let commit = session.commit(DATA, session.expires_at_ms(), |_: &mut Info| Ok(()));
    match commit.await {
        // It was stored in this moment, and the file lasts.
        Err(_) if session.has_ended() => Ok(()),
        committed => Ok(committed?),
    }
}

/// The length of an upload that was begun without one; answers whether it is news.
fn declare(tus: &Tus, info: &mut Info, length: u64) -> Result<bool, Problem> {
    tus.fits(length)?;
    match info.length {
        Some(known) if known == length => Ok(false),
        Some(known) => Err(Problem::invalid(format!(
            "`Upload-Length` is {length}, but {known} was declared earlier"
        ))),
        None if length < info.offset => Err(Problem::invalid(format!(
            "`Upload-Length` is {length}, but {} bytes have arrived already",
            info.offset
        ))),
        None => {
            info.length = Some(length);
            Ok(true)
        }
    }
}

/// Takes the bytes in; `known` tells whether somebody knows of the upload. The turn ends with them: nothing else than
/// bytes needs it.
pub(crate) async fn write(
    (tus, who): (&Tus, &Principal),
    session: &Session,
    announced: Announced,
    body: &mut Body,
    turn: Turn,
    known: bool,
) -> Result<(), Problem> {
    let info = Info::of(session)?;
    let most = info.length.unwrap_or_else(|| tus.most()).saturating_sub(info.offset);
    if announced.bytes.is_some_and(|bytes| bytes > most) {
        return Err(Problem::too_large(format!("{most} bytes are missing, not more")));
    }
    let ends = Ends {
        taken_over: turn.taken_over,
        stopping: tus.app.stopping(),
        idle: IDLE,
    };
    let writer = session.append(turn.alone, DATA, info.offset + most).await?;
    let door = Door::of(session)?;
    let mut sending = door.take_sending();
    if sending.as_mut().is_some_and(|sending| !sending.follows(info.offset)) {
        sending = None;
    }
    if sending.is_none() && announced.check == Check::None {
        sending = SendingSession::begin(&tus.app, who, session, &info, known);
    }
    let incoming = Incoming {
        session,
        most,
        check: announced.check,
        known,
        stored_at: (info.kind != Kind::Partial).then_some(info.length).flatten(),
    };
    let gateway = tus.app.gateway();
    let received = receive(incoming, writer, body, ends, || expiry(gateway), &mut sending).await;
    // One that nobody knows of yet has no key that a second request could go on with.
    let complete = session.len_of(DATA) == info.length;
    if let Some(mut sending) = sending
        && (known || complete)
        && sending.follows(session.len_of(DATA).unwrap_or_default())
    {
        door.keep_sending(sending);
    }
    received
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
async fn again(session: &Session, info: &Info, check: &Check, body: &mut Body) -> Result<(), Problem> {
    let end = info.offset;
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
    let data = session.open(DATA)?;
    let here = super::shared::blocking(move || {
        let mut last = vec![0; usize::from(held == 1)];
        std::os::unix::fs::FileExt::read_exact_at(&data, &mut last, end - held)?;
        Ok(last)
    })
    .await?;
    if here == body {
        Ok(())
    } else {
        Err(Problem::invalid("the last byte is not the one that was sent before"))
    }
}
