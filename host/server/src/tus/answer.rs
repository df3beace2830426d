//! What a request is told about its upload.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use loadlock_gateway::Session;

use super::concat::Kind;
use super::info::{Info, State};
use super::problem::Problem;
use super::protocol;
use super::session::Door;

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
pub(super) fn describe(session: &Session) -> Result<Response, Problem> {
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
