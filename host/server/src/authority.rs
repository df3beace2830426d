//! Which server a request is for, and how long it is: where one of HTTP/1.1's parts says it twice, or in words that
//! proxies read in different ways, the request is refused and the connection closed (RFC 9112 §3.2, §6.1).

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri, Version};

use crate::answer::Refusal;

/// Refuses what is ambiguous.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    match check(request.version(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(reason) => {
            let mut response = Refusal::invalid(reason).into_response();
            // What follows on this connection may not be what its sender took for a request.
            if request.version() <= Version::HTTP_11 {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            response
        }
    }
}

pub(crate) fn check(version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), &'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_11 => return Err("the `Host` header is missing"),
        (_, Some(_)) => return Err("there are several `Host` headers"),
        (None, None) => {}
        (Some(host), None) => {
            let host: Option<Authority> = host.to_str().ok().and_then(|host| host.parse().ok());
            let host = host.filter(names_a_server).ok_or("the `Host` header is malformed")?;
            if uri.authority().is_some_and(|target| *target != host) {
                return Err("the request's target and its `Host` header name different servers");
            }
        }
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err("the only transfer coding is `chunked`, once"),
    }
}

/// A host and perhaps a port, which the parser of authorities takes for any text; no user.
fn names_a_server(authority: &Authority) -> bool {
    let rest = authority.as_str().strip_prefix(authority.host());
    rest.is_some_and(|rest| {
        rest.is_empty()
            || rest
                .strip_prefix(':')
                .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn answers(version: Version, target: &str, headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        check(version, &target.parse().unwrap(), &map).is_ok()
    }

    #[test]
    fn one_server_and_one_framing() {
        let host = ("host", "files.example:8420");
        for (target, headers) in [
            ("/", &[host][..]),
            ("/", &[("host", "[::1]:8420")]),
            ("http://files.example:8420/x", &[host]),
            ("http://FILES.example:8420/x", &[host]),
            ("/", &[host, ("transfer-encoding", "Chunked")]),
        ] {
            assert!(answers(Version::HTTP_11, target, headers), "{headers:?}");
        }
        for (target, headers) in [
            ("/", &[][..]),
            ("/", &[host, host]),
            ("/", &[("host", "a b")]),
            ("/", &[("host", "")]),
            ("/", &[("host", "user@files.example")]),
            ("/", &[("host", "files.example:")]),
            ("/", &[("host", "files.example:http")]),
            ("/", &[("host", "[::1]:65536")]),
            ("http://other.example/", &[host]),
            ("http://files.example/", &[host]),
            ("/", &[host, ("transfer-encoding", "gzip, chunked")]),
            ("/", &[host, ("transfer-encoding", "chunked, chunked")]),
            (
                "/",
                &[host, ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
            ),
        ] {
            assert!(!answers(Version::HTTP_11, target, headers), "{headers:?}");
        }
    }

    #[test]
    fn other_versions_need_no_host() {
        assert!(answers(Version::HTTP_10, "/", &[]));
        assert!(answers(Version::HTTP_2, "https://files.example/", &[]));
        let host = ("host", "other.example");
        assert!(!answers(Version::HTTP_2, "https://files.example/", &[host]));
    }
}
