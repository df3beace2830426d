//! Sessions of other gateways. A session stays at the gateway whose disk has its bytes; its id says which one that is,
//! and a gateway that is asked for another's sends the client there.
//!
//! Whether there is such a session, and whose it is, only its own gateway knows: it answers 404 to everybody else. So
//! an id that was made up is answered like a real one here, and nothing is learnt from it. Who has no valid credential
//! is refused before.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode, Uri};
use loadlock_gateway::{Error, ErrorCode};

use crate::answer::Refusal;
use crate::app::App;

/// Turns "no such session" into where it is.
pub(crate) async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.gateway().session_tag().is_none() {
        return next.run(request).await;
    }
    let uri = request.uri().clone();
    let response = next.run(request).await;
    if response.status() != StatusCode::NOT_FOUND {
        return response;
    }
    let Some(owner) = session_id(uri.path()).and_then(|id| app.gateway().session_elsewhere(id)) else {
        return response;
    };
    match owner.url.as_deref().and_then(|base| location(base, &uri)) {
        Some(location) => sent_to(response, location),
        None => Refusal(
            Error::new(
                ErrorCode::SessionElsewhere,
                format!("this upload is at the gateway {}", owner.gateway),
            )
            .hint("send all requests of an upload to the gateway that began it, or give that gateway a `gateway_url`"),
        )
        .into_response(),
    }
}

/// The session that a path names.
fn session_id(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/v1/")?;
    let id = rest
        .strip_prefix("tus/")
        .or_else(|| rest.strip_prefix("uploads/upload_"))
        .or_else(|| rest.strip_prefix("loadlock/uploads/"))?;
    id.split('/').next().filter(|id| !id.is_empty())
}

/// The same path at another gateway.
fn location(base: &str, uri: &Uri) -> Option<HeaderValue> {
    let parsed: Uri = base.parse().ok()?;
    let is_web = matches!(parsed.scheme_str(), Some("http" | "https"));
    let path = uri.path_and_query()?;
    is_web
        .then(|| format!("{}{path}", base.trim_end_matches('/')))?
        .parse()
        .ok()
}

/// 307: the same method with the same body. Headers of the door stay.
fn sent_to(response: Response, location: HeaderValue) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.status = StatusCode::TEMPORARY_REDIRECT;
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.remove(CONTENT_TYPE);
    parts.headers.insert(LOCATION, location);
    Response::from_parts(parts, Body::empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_path_names_at_most_one_session() {
        assert_eq!(session_id("/v1/tus/abc"), Some("abc"));
        assert_eq!(session_id("/v1/uploads/upload_abc/parts"), Some("abc"));
        for path in [
            "/v1/tus/",
            "/v1/files/abc",
            "/v1/uploads",
            "/tus/abc",
            "/v1/uploads/abc",
        ] {
            assert_eq!(session_id(path), None, "{path}");
        }
    }

    #[test]
    fn the_same_path_is_asked_for_elsewhere_and_only_on_the_web() {
        let uri: Uri = "/v1/tus/abc?x=1".parse().unwrap();
        let there = location("https://two.example/", &uri).unwrap();
        assert_eq!(there, "https://two.example/v1/tus/abc?x=1");
        for base in ["two.example", "javascript:alert(1)", "file:///etc", "https://two\r\nx"] {
            assert_eq!(location(base, &uri), None, "{base}");
        }
    }
}
