//! The gateway's errors on the wire: OpenAI's shape with all four keys, and ours beside it.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use loadlock_gateway::{Error, ErrorCode};
use serde_json::{Value, json};

use crate::advice;

/// Tells OpenAI's SDKs whether to send the same request again. The gateway has retried what can be retried.
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// A refused request.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Error);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl Refusal {
    /// A request that makes no sense.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self(Error::new(ErrorCode::RequestInvalid, message))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        respond(&self.0, None)
    }
}

/// OpenAI's four keys, and ours beside them.
pub(crate) fn body(error: &Error, param: Option<&str>) -> Value {
    let error = advice::for_reader(error);
    let message = match advice::is_worth_saying(&error) {
        true => format!("{} ({})", error.message, error.hint),
        false => error.message.clone(),
    };
    json!({
        "message": message,
        "type": kind(status(error.code)),
        "param": param,
        "code": error.code,
        "loadlock": { "message": error.message, "hint": error.hint, "retry_after_ms": error.retry_after_ms },
    })
}

/// The whole answer to a refused request; `param` names the parameter that is wrong.
pub(crate) fn respond(error: &Error, param: Option<&str>) -> Response {
    let answer = Json(json!({ "error": body(error, param) }));
    let mut response = (status(error.code), answer).into_response();
    let headers = response.headers_mut();
    let again = again(error.code);
    headers.insert(
        X_SHOULD_RETRY,
        HeaderValue::from_static(if again { "true" } else { "false" }),
    );
    if let Some(milliseconds) = error.retry_after_ms {
        headers.insert(RETRY_AFTER, HeaderValue::from(milliseconds.div_ceil(1_000)));
    }
    if error.code == ErrorCode::Unauthenticated {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// A method that a path does not have; the answer says in `Allow` which ones it has (RFC 9110 §15.5.6).
pub(crate) fn wrong_method(method: &Method) -> Error {
    Error::new(
        ErrorCode::MethodNotAllowed,
        format!("this path does not accept the method {method}"),
    )
}

/// The code's status.
pub(crate) fn status(code: ErrorCode) -> StatusCode {
    StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Whether the same request may succeed later although the gateway did what it could: only where nothing was tried
/// upstream.
pub(crate) fn again(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::Overloaded | ErrorCode::StateUnavailable | ErrorCode::TrackerFailed
    )
}

/// OpenAI's `type`.
fn kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..500 => "invalid_request_error",
        _ => "server_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_to_come_back_after_more_than_a_day() {
        for (asked, told) in [(Some(1), Some("1")), (Some(u64::MAX), Some("86400")), (None, None)] {
            let error = Error::new(ErrorCode::ProviderRateLimited, "later").retry_after(asked);
            let answer = Refusal(error).into_response();
            let header = answer.headers().get(RETRY_AFTER).map(HeaderValue::as_bytes);
            assert_eq!(header, told.map(str::as_bytes), "{asked:?}");
        }
    }
}
