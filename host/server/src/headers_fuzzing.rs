//! Headers that every door reads.

use http::header::AUTHORIZATION;
use http::{HeaderMap, Version};

use crate::fuzz_input::headers_of;
use crate::mcp::Hosts;
use crate::{authority, identity, trace};

/// Credentials, traces, hosts: at most one of each, and only in its own form.
#[allow(clippy::expect_used)]
pub fn headers(bytes: &[u8]) {
    let headers = headers_of(bytes);
    if let Some(credential) = identity::bearer(&headers) {
        assert_eq!(headers.get_all(AUTHORIZATION).iter().count(), 1);
        assert_eq!(credential, credential.trim());
    }
    crate::openai::fuzzing::upload_options(&headers);
    crate::ws::fuzzing::credential(&headers);
    traceparent(&headers);
    host(headers);
}

/// What is understood is written again as it stood.
fn traceparent(headers: &HeaderMap) {
    let Some(text) = headers.get("traceparent").and_then(|value| value.to_str().ok()) else {
        return;
    };
    if let Some(context) = trace::parse(text) {
        let again = format!(
            "-{}-{}-{:02x}",
            context.trace_id(),
            context.span_id(),
            context.trace_flags().to_u8()
        );
        assert_eq!(text.get(2..55), Some(again.as_str()));
        assert!(context.is_valid() && context.is_remote());
    }
}

/// Whoever is answered named one server, by a name that was given, an address or `localhost`.
#[allow(clippy::expect_used)]
fn host(headers: HeaderMap) {
    let target = headers
        .get("x-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or("/");
    let Ok(target) = target.parse() else { return };
    let mut request = http::Request::new(());
    *request.uri_mut() = target;
    *request.headers_mut() = headers;
    let (parts, ()) = request.into_parts();
    if authority::check(Version::HTTP_11, &parts.uri, &parts.headers).is_err() {
        return;
    }
    let host = parts.headers["host"].to_str().expect("it was read as text");
    assert!(!host.contains('@') && !host.is_empty());
    if let Some(target) = parts.uri.authority() {
        assert!(target.as_str().eq_ignore_ascii_case(host));
    }
    let hosts = Hosts::new(&["files.example".to_owned()]);
    if hosts.check(&parts).is_ok() {
        let bare = match host.rsplit_once(':') {
            Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => bare,
            _ => host,
        };
        let known = ["localhost", "files.example"]
            .iter()
            .any(|name| bare.eq_ignore_ascii_case(name));
        let address = bare.trim_matches(['[', ']']);
        assert!(
            known || address.parse::<std::net::IpAddr>().is_ok(),
            "{host:?} is answered"
        );
    }
}
