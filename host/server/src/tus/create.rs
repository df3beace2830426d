//! `POST`: a new upload, with or without bytes, or of parts.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use loadlock_gateway::{Announced as Foreseen, Principal, Session};

use super::answer::answer;
use super::append::{Announced, write};
use super::concat::{Kind, PREFIX};
use super::find::{begin_growing, expiry, remove};
use super::info::{DATA, Info, State};
use super::join::join;
use super::keyed::UNNAMED;
use super::metadata::Metadata;
use super::problem::Problem;
use super::protocol::{OFFSET_OCTETS, UPLOAD_CONCAT, UPLOAD_DEFER_LENGTH, UPLOAD_LENGTH, UPLOAD_METADATA, number, one};
use super::session::take;
use super::shared::{Tus, TusCaller};
use super::store::store;
use crate::grants::Granted;
use crate::upload_options::UploadOptions;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Makes an upload.
///
/// # Errors
/// See the module `problem`; whatever the pipeline refuses.
pub(crate) async fn create(
    tus: &Tus,
    caller: &TusCaller,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Response, Problem> {
    let TusCaller { who, granted } = caller;
    let wanted = Wanted::parse(headers)?;
    let Some(granted) = granted else {
        return created(&begin(tus, who, headers, body, wanted, None).await?, "");
    };
    let wanted = wanted.under(tus, granted)?;
    granted.claim(&tus.app).await?;
    match begin(tus, who, headers, body, wanted, Some(granted)).await {
        Ok(session) => created(&session, &granted.query()),
        Err(problem) => {
            granted.release(problem.code()).await;
            Err(problem)
        }
    }
}

/// What a request for an upload says of it.
struct Wanted {
    kind: Kind,
    metadata: Option<String>,
    options: UploadOptions,
    length: Option<Length>,
}

impl Wanted {
    fn parse(headers: &HeaderMap) -> Result<Self, Problem> {
        let kind = Kind::parse(one(headers, &UPLOAD_CONCAT)?)?;
        let (metadata, options) = metadata(headers)?;
        let length = length(headers)?;
        Ok(Self {
            kind,
            metadata,
            options,
            length,
        })
    }

    /// As much of it as a grant allows: one whole file.
    fn under(self, tus: &Tus, granted: &Granted) -> Result<Self, Problem> {
        if self.kind != Kind::Whole {
            return Err(Problem::invalid("an upload grant is for a whole file, not for parts"));
        }
        let bytes = self.length.and_then(Length::known);
        let options = granted.narrow(&tus.app, self.options, bytes)?;
        Ok(Self { options, ..self })
    }
}

async fn begin(
    tus: &Tus,
    who: &Principal,
    headers: &HeaderMap,
    body: &mut Body,
    wanted: Wanted,
    granted: Option<&Granted>,
) -> Result<Session, Problem> {
    let Wanted {
        kind,
        metadata,
        options,
        length,
    } = wanted;
    if let Kind::Final { parts } = &kind {
        if length.is_some() {
            return Err(Problem::invalid("the length of a final upload is that of its parts"));
        }
        foresee(tus, who, &options, None).await?;
        let whole = join(tus, who, parts, metadata, options).await?;
        // What is refused stays joined: the same request tries again.
        store(&tus.app, who, &whole).await?;
        return Ok(whole);
    }
    let Some(length) = length else {
        return Err(Problem::invalid("neither `Upload-Length` nor `Upload-Defer-Length: 1`"));
    };
    if let Length::Known(bytes) = length {
        tus.fits(bytes)?;
    }
    if kind == Kind::Partial {
        if let Length::Known(bytes) = length {
            drop(tus.app.gateway().allot(who, bytes, None).await?);
        }
    } else {
        foresee(tus, who, &options, length.known()).await?;
    }
    // Other types are what HTTP clients send by themselves.
    let with_bytes = one(headers, &CONTENT_TYPE)? == Some(OFFSET_OCTETS);
    let announced = with_bytes.then(|| Announced::parse(headers)).transpose()?;
    let info = Info {
        kind,
        length: length.known(),
        metadata,
        options,
        state: State::Open,
        offset: 0,
        expires_ms: 0,
    };
    let session = begin_growing(tus.app.gateway(), who, &info)?;
    let filled = match granted {
        Some(granted) => granted
            .bind(session.id(), expiry(tus.app.gateway()))
            .await
            .map_err(Problem::from),
        None => Ok(()),
    };
    let filled = match filled {
        Ok(()) => fill(tus, who, &session, announced, body).await,
        Err(problem) => Err(problem),
    };
    if let Err(problem) = filled {
        // Nobody has been told where it is, so nobody could go on with it.
        let turn = take(&session).await?;
        remove(tus.app.gateway(), &session, turn).await?;
        return Err(problem);
    }
    Ok(session)
}

/// The bytes that come with the creation. Nobody knows of the upload until it is answered, so it is made to last once:
/// with the bytes that came, or by the file that they are.
async fn fill(
    tus: &Tus,
    who: &Principal,
    session: &Session,
    announced: Option<Announced>,
    body: &mut Body,
) -> Result<(), Problem> {
    if let Some(announced) = announced {
        let turn = take(session).await?;
        write((tus, who), session, announced, body, turn, false).await?;
    }
    if Info::of(session)?.storable() {
        return store(&tus.app, who, session).await;
    }
    Ok(session
        .commit(DATA, Some(expiry(tus.app.gateway())), |_: &mut Info| Ok(()))
        .await?)
}

/// What would be refused at the end is refused now, before gigabytes are sent.
async fn foresee(tus: &Tus, who: &Principal, options: &UploadOptions, bytes: Option<u64>) -> Result<(), Problem> {
    let announced = Foreseen {
        name: options.name.as_deref().unwrap_or(UNNAMED),
        media_type: options.media_type.as_deref(),
        bytes,
        target: &options.target(),
        purpose: options.purpose.as_deref(),
        idempotency_key: options.idempotency_key.as_deref(),
    };
    Ok(tus.app.gateway().foresee(who, announced).await?)
}

fn created(session: &Session, query: &str) -> Result<Response, Problem> {
    let mut response = answer(StatusCode::CREATED, session)?;
    // Relative to the host: behind a proxy the client knows another one.
    if let Ok(location) = HeaderValue::try_from(format!("{PREFIX}{}{query}", session.id())) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
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

/// The metadata as it was sent, and what it and the header `Idempotency-Key` ask for.
fn metadata(headers: &HeaderMap) -> Result<(Option<String>, UploadOptions), Problem> {
    let header = one(headers, &UPLOAD_METADATA)?.filter(|header| !header.is_empty());
    let metadata = header.map(Metadata::parse).transpose()?.unwrap_or_default();
    let mut options = metadata.options()?;
    if let Some(key) = one(headers, &IDEMPOTENCY_KEY)? {
        if options.idempotency_key.as_deref().is_some_and(|known| known != key) {
            return Err(Problem::invalid(
                "`Idempotency-Key` and `idempotency_key` in `Upload-Metadata` have different values",
            ));
        }
        options.idempotency_key = Some(key.to_owned());
    }
    let options = options.check().map_err(|bad| Problem::from(bad.error))?;
    Ok((header.map(str::to_owned), options))
}
