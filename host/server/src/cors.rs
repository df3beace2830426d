//! Pages of other origins that ask from a browser (CORS, <https://fetch.spec.whatwg.org/#http-cors-protocol>).
//!
//! A preflight carries no credential, so it is answered before anybody is asked for one; it says which requests a
//! browser lets a page send and decides nothing else. No origin is ever given credentials of the browser's own: a page
//! of another origin that asks needs a token or an upload grant.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use loadlock_gateway::{Error, ErrorCode};
use loadlock_policy::web_origins::WebOrigins;

use crate::answer::Refusal;

/// Every method of every door.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
/// What a page may read of an answer beside its body: tus's state, ours, and what `fetch` is otherwise not shown.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Location, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Upload-Offset, \
     Upload-Length, Upload-Defer-Length, Upload-Metadata, Upload-Expires, Upload-Concat, Loadlock-Status, \
     Loadlock-Error, Loadlock-File-Id, Loadlock-Provider, X-Request-Id, X-Should-Retry, Retry-After, ETag, \
     Content-Range, Accept-Ranges, Content-Disposition, Preference-Applied, Mcp-Session-Id",
);
/// Headers that a preflight is answered, if a page asks for none.
const HEADERS: HeaderValue = HeaderValue::from_static("Authorization, Content-Type");
/// Bytes of a list of headers that is repeated.
const LIST: usize = 4 << 10;
/// Seconds for which a browser remembers a preflight: the most that any does.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Answers preflights, and says on every other answer whether the page that asked may read it.
pub(crate) async fn layer(State(origins): State<Arc<WebOrigins>>, request: Request, next: Next) -> Response {
    let Some(origin) = asking(request.headers()) else {
        return varying(&origins, next.run(request).await);
    };
    let allowed = origin.to_str().is_ok_and(|origin| origins.allows(origin));
    if is_preflight(&request) {
        return match allowed {
            true => permission(origin, request.headers()),
            false => varying(&origins, refusal()),
        };
    }
    let mut response = varying(&origins, next.run(request).await);
    if allowed {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

/// The one origin that asks. Several are none: which of them counts would be a guess.
fn asking(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) => Some(origin.clone()),
        _ => None,
    }
}

fn is_preflight(request: &Request) -> bool {
    *request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// A cache must not give one page's answer to another.
fn varying(origins: &WebOrigins, mut response: Response) -> Response {
    if !origins.is_empty() {
        response.headers_mut().append(VARY, HeaderValue::from_static("Origin"));
    }
    response
}

fn permission(origin: HeaderValue, asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    // Which headers a request may have is each door's to say; a browser only wants to hear their names.
    let named = asked.get(ACCESS_CONTROL_REQUEST_HEADERS);
    let named = named.filter(|list| list.len() <= LIST).cloned().unwrap_or(HEADERS);
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, named);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    headers.insert(VARY, HeaderValue::from_static("Origin, Access-Control-Request-Headers"));
    response
}

fn refusal() -> Response {
    let error = Error::new(ErrorCode::Forbidden, "pages of this `Origin` may not use this gateway");
    Refusal(error.hint("ask the operator to add it to the gateway's allowed origins")).into_response()
}
