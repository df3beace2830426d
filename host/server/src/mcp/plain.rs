//! Refusals of the protocol's library, which are plain text: here they get the code that every refusal has.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use http_body_util::{BodyExt, Limited};
use loadlock_gateway::{Error, ErrorCode};

use super::malformed;
use crate::answer;

/// Of a refusal: a sentence.
const TEXT: usize = 16 << 10;

/// The answer as it is, or with a code. `message` is what was sent.
pub(super) async fn explained(response: Response, message: &Bytes, is_json: bool) -> Response {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !(status.is_client_error() || status.is_server_error())
        || kind.is_some_and(|kind| kind.starts_with(b"application/json"))
    {
        return response;
    }
    // The library has one status for another media type and for a message that it cannot read.
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE && is_json {
        return not_understood(message);
    }
    let (parts, body) = response.into_parts();
    let said = Limited::new(body, TEXT).collect().await.map(|said| said.to_bytes());
    let mut said = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
    if said.is_empty() {
        said = status.canonical_reason().unwrap_or("refused").to_lowercase();
    }
    let error = Error::new(code(status), said);
    let mut explained = answer::respond(&error, None);
    *explained.status_mut() = status;
    let kept = parts.headers.iter().filter(|(name, _)| **name != CONTENT_LENGTH);
    let kept: Vec<_> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    for (name, value) in kept {
        explained.headers_mut().entry(name).or_insert(value);
    }
    explained
}

fn not_understood(message: &Bytes) -> Response {
    let answer = malformed::answer(message);
    let Some(answer) = answer else {
        return answer::respond(
            &Error::new(ErrorCode::RequestInvalid, "the message is none of the protocol's"),
            None,
        );
    };
    let mut response = Response::new(Body::from(answer));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn code(status: StatusCode) -> ErrorCode {
    match status.as_u16() {
        404 => ErrorCode::NoSuchEndpoint,
        405 => ErrorCode::MethodNotAllowed,
        413 => ErrorCode::FileTooLarge,
        400..500 => ErrorCode::RequestInvalid,
        _ => ErrorCode::Internal,
    }
}
