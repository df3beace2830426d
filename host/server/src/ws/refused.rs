//! Requests that are no handshake of WebSocket, or one of another version (RFC 6455 §4.4).

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::request::Parts;
use http::{HeaderValue, StatusCode, Version};
use loadlock_gateway::{Error, ErrorCode};

use crate::answer::{self, Refusal};

/// What such a request is answered.
pub(super) fn answer(parts: &Parts, rejection: &WebSocketUpgradeRejection) -> Response {
    use WebSocketUpgradeRejection as R;
    match rejection {
        R::MethodNotGet(_) | R::MethodNotConnect(_) => {
            let mut response = answer::respond(&answer::wrong_method(&parts.method), None);
            let methods = if is_http_2(parts) { "CONNECT" } else { "GET" };
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
            response
        }
        R::WebSocketKeyHeaderMissing(_) => {
            Refusal::invalid("the header `Sec-WebSocket-Key` is missing").into_response()
        }
        _ => upgrade_required(parts),
    }
}

fn upgrade_required(parts: &Parts) -> Response {
    let error = Error::new(
        ErrorCode::RequestInvalid,
        "the request does not ask for WebSocket of version 13, which alone is spoken here",
    )
    .hint("send a handshake of WebSocket: `Connection: Upgrade`, `Upgrade: websocket`, `Sec-WebSocket-Version: 13`");
    let mut response = answer::respond(&error, None);
    *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
    let headers = response.headers_mut();
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    // A header of the connection, which HTTP/2 does not have.
    if !is_http_2(parts) {
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    response
}

fn is_http_2(parts: &Parts) -> bool {
    parts.version >= Version::HTTP_2
}
