//! Where a client may put its token: the `Authorization` header, or, for browsers, which cannot set one, a subprotocol.

use http::HeaderMap;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};

use crate::identity::bearer;

/// Before the token in `Sec-WebSocket-Protocol`.
const PREFIX: &str = "loadlock.bearer.";

/// The one credential of an upgrade request. Two are none: which of them counts would be a guess.
pub(super) fn of(headers: &HeaderMap) -> Option<String> {
    let mut offered = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|protocol| protocol.trim().strip_prefix(PREFIX));
    match (headers.contains_key(AUTHORIZATION), offered.next(), offered.next()) {
        (true, None, _) => bearer(headers).map(str::to_owned),
        // The name of a subprotocol holds no space (RFC 6455, section 4.1).
        (false, Some(token), None) if !token.is_empty() && !token.contains([' ', '\t']) => Some(token.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_header_or_a_subprotocol_and_never_both() {
        let (header, protocol) = ("authorization", "sec-websocket-protocol");
        for (given, token) in [
            (&[(header, "Bearer abc")][..], Some("abc")),
            (&[(protocol, "loadlock.v1, loadlock.bearer.abc")], Some("abc")),
            (
                &[(protocol, "loadlock.v1"), (protocol, "loadlock.bearer.abc")],
                Some("abc"),
            ),
            (&[(header, "Bearer abc"), (protocol, "loadlock.v1")], Some("abc")),
            (&[], None),
            (&[(protocol, "loadlock.v1")], None),
            (&[(protocol, "loadlock.bearer.")], None),
            (&[(protocol, "loadlock.bearer. a")], None),
            (&[(protocol, "loadlock.bearer.a, loadlock.bearer.b")], None),
            (&[(header, "Bearer a"), (protocol, "loadlock.bearer.a")], None),
            (&[(header, "Basic a"), (protocol, "loadlock.bearer.a")], None),
        ] {
            assert_eq!(of(&headers(given)).as_deref(), token, "{given:?}");
        }
    }
}
