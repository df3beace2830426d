//! `POST`: a new upload, with or without bytes, or of parts.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use loadlock_gateway::Principal;

use super::append::{Announced, write};
use super::concat::{Kind, PREFIX};
use super::door::{Tus, answer};
use super::join::join;
use super::metadata::{Metadata, Wishes};
use super::problem::Problem;
use super::protocol::{OFFSET_OCTETS, UPLOAD_CONCAT, UPLOAD_DEFER_LENGTH, UPLOAD_LENGTH, UPLOAD_METADATA, number, one};
use super::session::Session;
use super::store::store;

/// Makes an upload.
///
/// # Errors
/// See the module `problem`; whatever the pipeline refuses.
pub(crate) async fn create(
    tus: &Tus,
    who: &Principal,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, Problem> {
    let kind = Kind::parse(one(headers, &UPLOAD_CONCAT)?)?;
    let metadata = metadata(tus, headers, &kind)?;
    let length = length(headers)?;
    if let Kind::Final { parts } = &kind {
        if length.is_some() {
            return Err(Problem::invalid("the length of a final upload is that of its parts"));
        }
        let whole = join(tus, who, parts, metadata).await?;
        // What is refused stays joined: the same request tries again.
        store(&tus.app, who, &whole).await?;
        return Ok(created(&whole));
    }
    let Some(length) = length else {
        return Err(Problem::invalid("neither `Upload-Length` nor `Upload-Defer-Length: 1`"));
    };
    if let Length::Known(bytes) = length {
        tus.fits(bytes)?;
        // Held again when it is whole: nobody's room is taken for the hours that this may take.
        drop(tus.app.gateway().allot(who, bytes, None).await?);
    }
    // Other types are what HTTP clients send by themselves.
    let with_bytes = one(headers, &CONTENT_TYPE)? == Some(OFFSET_OCTETS);
    let announced = with_bytes.then(|| Announced::parse(headers)).transpose()?;
    let session = tus
        .sessions
        .create(who, kind, length.known(), metadata, tus.app.gateway().room())
        .await?;
    let filled = async {
        if let Some(announced) = announced {
            let turn = session.take().await?;
            write(tus, &session, announced, body, turn).await?;
        }
        if session.info().storable() {
            store(&tus.app, who, &session).await?;
        }
        Ok(())
    };
    if let Err(problem) = filled.await {
        // Nobody has been told where it is, so nobody could go on with it.
        tus.sessions.remove(&session).await?;
        return Err(problem);
    }
    Ok(created(&session))
}

fn created(session: &Session) -> Response {
    let mut response = answer(StatusCode::CREATED, session);
    // Relative to the host: behind a proxy the client knows another one.
    if let Ok(location) = HeaderValue::try_from(format!("{PREFIX}{}", session.id)) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

#[derive(Clone, Copy)]
enum Length {
    Known(u64),
    Deferred,
}

impl Length {
    fn known(self) -> Option<u64> {
        match self {
            Self::Known(bytes) => Some(bytes),
            Self::Deferred => None,
        }
    }
}

fn length(headers: &HeaderMap) -> Result<Option<Length>, Problem> {
    let deferred = one(headers, &UPLOAD_DEFER_LENGTH)?;
    match (number(headers, &UPLOAD_LENGTH)?, deferred) {
        (Some(_), Some(_)) => Err(Problem::invalid(
            "`Upload-Length` and `Upload-Defer-Length` exclude each other",
        )),
        (Some(bytes), None) => Ok(Some(Length::Known(bytes))),
        (None, Some("1")) => Ok(Some(Length::Deferred)),
        (None, Some(_)) => Err(Problem::invalid("`Upload-Defer-Length` can only be `1`")),
        (None, None) => Ok(None),
    }
}

/// The metadata as it was sent. What would be refused at the end is refused now, before gigabytes are sent.
fn metadata(tus: &Tus, headers: &HeaderMap, kind: &Kind) -> Result<Option<String>, Problem> {
    let Some(header) = one(headers, &UPLOAD_METADATA)?.filter(|header| !header.is_empty()) else {
        return Ok(None);
    };
    let wishes = Wishes::of(&Metadata::parse(header)?)?;
    if *kind != Kind::Partial {
        tus.app.gateway().require_provider(&wishes.target)?;
    }
    Ok(Some(header.to_owned()))
}
