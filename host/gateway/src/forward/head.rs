//! Which headers go on to a vendor, and which of its answer's come back.

use http::HeaderMap;
use http::header::{self, HeaderName};

/// What says how the request is meant. Nothing else goes on: neither the caller's credential, whatever header it is
/// in, nor a key that makes two requests one, because the account is not the caller's alone.
const ONWARD: [&str; 6] = [
    "accept",
    "content-type",
    "openai-beta",
    "anthropic-version",
    "anthropic-beta",
    "x-goog-api-client",
];

/// What of an answer is about the vendor's own site or the account, and what the gateway says itself.
const NOT_BACK: [&str; 12] = [
    "alt-svc",
    "connection",
    "date",
    "keep-alive",
    "openai-organization",
    "openai-project",
    "server",
    "set-cookie",
    "strict-transport-security",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The headers that go on.
pub(crate) fn onward(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in ONWARD {
        for value in headers.get_all(name) {
            kept.append(HeaderName::from_static(name), value.clone());
        }
    }
    kept
}

/// Takes away of an answer's head what does not come back. The vendor's name for the request stays under another name:
/// the gateway has its own.
pub(crate) fn back(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in listed {
        headers.remove(name);
    }
    for name in NOT_BACK {
        headers.remove(name);
    }
    let foreign: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("access-control-") || name.as_str().starts_with("x-loadlock-"))
        .cloned()
        .collect();
    for name in foreign {
        headers.remove(name);
    }
    if let Some(id) = headers.remove("x-request-id") {
        headers.insert(HeaderName::from_static("x-vendor-request-id"), id);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (HeaderName::from_static(name), (*value).parse().unwrap()))
            .collect()
    }

    #[test]
    fn no_credential_goes_on_in_whatever_header() {
        let sent = headers(&[
            ("authorization", "Bearer secret"),
            ("x-api-key", "secret"),
            ("x-goog-api-key", "secret"),
            ("cookie", "loadlock=secret"),
            ("idempotency-key", "one"),
            ("openai-organization", "org"),
            ("content-type", "application/json"),
            ("openai-beta", "assistants=v2"),
        ]);
        let kept = headers(&[("content-type", "application/json"), ("openai-beta", "assistants=v2")]);
        assert_eq!(onward(&sent), kept);
    }

    #[test]
    fn an_answer_comes_back_without_what_is_the_vendors_own() {
        let mut answer = headers(&[
            ("content-type", "text/event-stream"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("set-cookie", "a=b"),
            ("openai-organization", "org"),
            ("access-control-allow-origin", "*"),
            ("x-request-id", "req_1"),
            ("retry-after", "2"),
        ]);
        back(&mut answer);
        let left = [
            ("content-type", "text/event-stream"),
            ("retry-after", "2"),
            ("x-vendor-request-id", "req_1"),
        ];
        assert_eq!(answer, headers(&left));
    }
}
