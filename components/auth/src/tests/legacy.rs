//! Credentials from before tokens.

use super::support::*;
use crate::bindings::exports::loadlock::upload::auth::{DenialCode, Method};
use serde_json::json;

#[test]
fn a_known_credential_is_good_until_the_date() {
    let principal = ask("old-key-0001").unwrap();
    assert_eq!(principal.subject, "ops");
    assert_eq!(principal.tenant, "acme");
    assert_eq!(principal.scopes, ["read"]);
    assert_eq!(principal.method, Method::Legacy);
    assert_eq!(principal.key_id, None);
    assert_eq!(principal.expires_at, Some(NOW + 1000));
    assert!(ask_of(policy(), "old-key-0001", NOW + 999).is_ok());
    for now in [NOW + 1000, u64::MAX] {
        assert_eq!(refusal_of(policy(), "old-key-0001", now), DenialCode::LegacyEnded);
    }
}

#[test]
fn without_a_date_none_is_accepted() {
    let mut undated = policy();
    undated.legacy_until = None;
    assert_eq!(refusal_of(undated, "old-key-0001", 0), DenialCode::LegacyEnded);
}

#[test]
fn an_unknown_credential_is_malformed_before_and_after() {
    for now in [NOW, NOW + 5000] {
        for credential in ["old-key-0002", "old-key-000", "old-key-0001 ", "OLD-KEY-0001"] {
            assert_eq!(refusal_of(policy(), credential, now), DenialCode::Malformed);
        }
    }
}

#[test]
fn a_bad_token_is_refused_even_if_it_is_a_known_credential() {
    let forged = crafted_with(&[7; 32], &json!({"alg": "HS256", "kid": "hs"}), &claims());
    let mut lenient = policy();
    lenient.legacy.push(legacy(&forged, "mallory"));
    lenient.legacy.push(legacy("a.b.c", "mallory"));
    assert_eq!(refusal_of(lenient.clone(), &forged, NOW), DenialCode::BadSignature);
    assert_eq!(refusal_of(lenient, "a.b.c", NOW), DenialCode::Malformed);
}
