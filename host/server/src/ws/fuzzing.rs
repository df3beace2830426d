//! Promises of this door's parsers.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::Value;

use super::{credential, methods};
use crate::rpc;

/// Any text is a call, or an error answer that names no other id than the caller's and is bounded by what was sent.
#[allow(clippy::expect_used)]
pub fn json_rpc(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let sent: Value = serde_json::from_str(text).unwrap_or_default();
    match rpc::parse(text) {
        Ok(call) => {
            assert_eq!(sent["jsonrpc"], "2.0");
            assert_eq!(sent["method"], Value::from(call.method.as_str()));
            assert_eq!(sent.get("id"), call.id.as_ref());
            for fault in methods::faults(&call) {
                check(&sent, &rpc::answer(&call.id.clone().unwrap_or_default(), Err(fault)));
            }
        }
        Err(answer) => check(&sent, &answer),
    }
}

#[allow(clippy::expect_used)]
fn check(sent: &Value, answer: &str) {
    let answer: Value = serde_json::from_str(answer).expect("an answer is JSON");
    assert_eq!(answer["jsonrpc"], "2.0");
    assert!(answer["error"]["code"].is_i64());
    assert!(answer["error"]["message"].is_string());
    assert!(answer["id"].is_null() || answer["id"] == sent["id"]);
}

/// One credential, from one place.
pub(crate) fn credential(headers: &HeaderMap) {
    if let Some(token) = credential::of(headers) {
        let offered = headers
            .get_all("sec-websocket-protocol")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter(|protocol| protocol.trim().starts_with("loadlock.bearer."))
            .count();
        let header = headers.get_all(AUTHORIZATION).iter().count();
        assert_eq!(header + offered, 1);
        assert_eq!(token, token.trim());
    }
}
