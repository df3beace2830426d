//! One request: who asks, which method, which upload.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, EXPECT};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use loadlock_gateway::{Error, ErrorCode, Principal, Scope, Session};
use tracing::Instrument;

use super::append::{append, settled};
use super::checksum::ALGORITHMS;
use super::concat::{Kind, PREFIX};
use super::create::create;
use super::find::{find, remove};
use super::info::{Info, State};
use super::problem::Problem;
use super::protocol::{self, VERSION, one};
use super::session::{Door, take};
use crate::app::App;
use crate::identity::authenticate;

/// Most that is read of a refused request's body, and for how long.
const DRAIN_BYTES: usize = 64 << 20;
const DRAIN: Duration = Duration::from_secs(5);

/// What every request shares.
#[derive(Clone)]
pub(crate) struct Tus {
    pub(crate) app: App,
}

impl Tus {
    /// Bytes of the largest upload.
    pub(crate) fn most(&self) -> u64 {
        self.app.gateway().largest_upload()
    }

    /// Whether an upload of this length may be.
    ///
    /// # Errors
    /// 413.
    pub(crate) fn fits(&self, length: u64) -> Result<(), Problem> {
        if length > self.most() {
            return Err(Problem::too_large(format!(
                "the upload has {length} bytes; at most {} are allowed",
                self.most()
            )));
        }
        Ok(())
    }

    /// Answers a request.
    pub(crate) async fn serve(self, request: Request) -> Response {
        let mut response = self.dispatch(request).await.unwrap_or_else(IntoResponse::into_response);
        let headers = response.headers_mut();
        headers.insert(protocol::TUS_RESUMABLE, HeaderValue::from_static(VERSION));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    async fn dispatch(self, request: Request) -> Result<Response, Problem> {
        let (parts, body) = request.into_parts();
        let who = authenticate(&self.app, &parts.headers).await?;
        crate::query::only(&parts.uri, &[])?;
        let method = match one(&parts.headers, &protocol::X_HTTP_METHOD_OVERRIDE)? {
            None => parts.method.clone(),
            // For clients and proxies that know no `PATCH`.
            Some(name) => Method::from_bytes(name.to_ascii_uppercase().as_bytes())
                .map_err(|_| Problem::invalid("`X-HTTP-Method-Override` is not an HTTP method"))?,
        };
        if method == Method::OPTIONS {
            return Ok(self.options());
        }
        match one(&parts.headers, &protocol::TUS_RESUMABLE)? {
            Some(VERSION) => {}
            other => return Err(Problem::version(other)),
        }
        who.require(Scope::Write)?;
        let path = parts.uri.path();
        let id = path.strip_prefix(PREFIX).unwrap_or_default().to_owned();
        let app = self.app.clone();
        // A task of its own: a connection that breaks must not stop bytes on their way to the disk, or a file on its
        // way to a provider.
        let task = async move {
            let mut body = body;
            let result = self.act(&method, &id, &who, &parts, &mut body).await;
            if result.is_err() && !parts.headers.contains_key(EXPECT) {
                tokio::spawn(drain(body));
            }
            result
        };
        let task = app.uploads().spawn(task.in_current_span());
        task.await.unwrap_or_else(|error| {
            let message = format!("the request's task ended: {error}");
            Err(Error::new(ErrorCode::Internal, message).into())
        })
    }

    async fn act(
        &self,
        method: &Method,
        id: &str,
        who: &Principal,
        parts: &Parts,
        body: &mut Body,
    ) -> Result<Response, Problem> {
        if id.is_empty() {
            return match *method {
                Method::POST => create(self, who, &parts.headers, body).await,
                _ => Err(Problem::method(method, "OPTIONS, POST")),
            };
        }
        let session = find(self.app.gateway(), who, id)?;
        match *method {
            Method::HEAD => {
                // Whoever asks for the offset goes on from there: an earlier request must not move it any more.
                let _turn = take(&session).await?;
                settled(&session).await?;
                describe(&session)
            }
            Method::PATCH => append(self, who, &session, &parts.headers, body).await,
            Method::DELETE => self.terminate(session).await,
            _ => Err(Problem::method(method, "OPTIONS, HEAD, PATCH, DELETE")),
        }
    }

    fn options(&self) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        for (name, value) in [
            (protocol::TUS_VERSION, VERSION),
            (protocol::TUS_EXTENSION, protocol::EXTENSIONS),
            (protocol::TUS_CHECKSUM_ALGORITHM, ALGORITHMS),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(protocol::TUS_MAX_SIZE, self.most().into());
        response
    }

    /// Ends an upload. A file that is stored already is none of this: it is deleted at `/v1/files`.
    async fn terminate(&self, session: Session) -> Result<Response, Problem> {
        let turn = take(&session).await?;
        let storing = Door::of(&session)?.storing().clone();
        if let Some(mut storing) = storing {
            storing.cancel.cancel();
            // However it ends: a file that was stored in this moment stays one.
            let _ = storing.end.wait_for(Option::is_some).await;
        }
        remove(self.app.gateway(), &session, turn).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
}

/// Reads what a client still sends while it is answered: a connection that is closed over unread bytes is reset, and
/// the client would lose the answer.
async fn drain(mut body: Body) {
    let mut left = DRAIN_BYTES;
    let all = async {
        while let Some(Ok(frame)) = body.frame().await {
            let bytes = frame.data_ref().map_or(0, bytes::Bytes::len);
            match left.checked_sub(bytes) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN, all).await;
}

/// An answer about an upload: how far it is.
///
/// # Errors
/// A session that cannot be read.
pub(crate) fn answer(status: StatusCode, session: &Session) -> Result<Response, Problem> {
    let (info, storing) = (Info::of(session)?, Door::of(session)?.is_storing());
    let mut response = status.into_response();
    let headers = response.headers_mut();
    // A final upload has an offset when it is whole, says the protocol; for clients that is when it is stored.
    if !matches!(info.kind, Kind::Final { .. }) || info.done() {
        headers.insert(protocol::UPLOAD_OFFSET, info.acknowledged().into());
    }
    if let Some(date) = http_date(info.expires_ms) {
        text(headers, protocol::UPLOAD_EXPIRES, &date);
    }
    text(headers, protocol::LOADLOCK_STATUS, info.status(storing));
    match &info.state {
        State::Stored { file, provider } => {
            text(headers, protocol::LOADLOCK_FILE_ID, file);
            text(headers, protocol::LOADLOCK_PROVIDER, provider);
        }
        State::Failed { code } => text(headers, protocol::LOADLOCK_ERROR, code),
        State::Open | State::Joined { .. } => {}
    }
    Ok(response)
}

/// The answer with everything that the client said about the upload as well.
fn describe(session: &Session) -> Result<Response, Problem> {
    let mut response = answer(StatusCode::OK, session)?;
    let (headers, info) = (response.headers_mut(), Info::of(session)?);
    match info.length {
        Some(length) => headers.insert(protocol::UPLOAD_LENGTH, length.into()),
        None => headers.insert(protocol::UPLOAD_DEFER_LENGTH, HeaderValue::from_static("1")),
    };
    if let Some(metadata) = &info.metadata {
        text(headers, protocol::UPLOAD_METADATA, metadata);
    }
    if let Some(concat) = info.kind.format() {
        text(headers, protocol::UPLOAD_CONCAT, &concat);
    }
    Ok(response)
}

/// Sets a header whose value was made here or was a header of the client's before.
fn text(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// RFC 9110 §5.6.7.
fn http_date(milliseconds: u64) -> Option<String> {
    let seconds = i64::try_from(milliseconds / 1_000).ok()?;
    let instant = jiff::Timestamp::from_second(seconds).ok()?;
    Some(instant.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

#[cfg(test)]
mod tests {
    use super::http_date;

    #[test]
    fn dates_are_those_of_http() {
        assert_eq!(
            http_date(784_111_777_000).as_deref(),
            Some("Sun, 06 Nov 1994 08:49:37 GMT")
        );
        assert_eq!(http_date(u64::MAX), None);
    }
}
