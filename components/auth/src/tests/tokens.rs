//! Every way in which a token is judged.

use super::support::*;
use crate::bindings::exports::loadlock::upload::auth::{DenialCode, Method};
use crate::policy::Compiled;
use jsonwebtoken::Algorithm as Alg;
use serde_json::{Value, json};

#[test]
fn a_good_token_of_each_algorithm_makes_a_principal() {
    for (kid, alg) in [
        ("hs", Alg::HS256),
        ("es", Alg::ES256),
        ("ed", Alg::EdDSA),
        ("rs", Alg::RS256),
    ] {
        let principal = ask(&signed(&header(alg, Some(kid)), &claims())).unwrap();
        assert_eq!(principal.subject, "alice");
        assert_eq!(principal.tenant, "acme");
        assert_eq!(principal.scopes, ["read", "write"]);
        assert_eq!(principal.method, Method::Token);
        assert_eq!(principal.key_id.as_deref(), Some(kid));
        assert_eq!(principal.token_id.as_deref(), Some("token-1"));
        assert_eq!(principal.issuer.as_deref(), Some("https://id.example"));
        assert_eq!(principal.expires_at, Some(NOW + 300));
    }
}

#[test]
fn no_credential_is_missing() {
    let policy = Compiled::new(policy()).unwrap();
    assert_eq!(policy.authenticate(None, NOW).unwrap_err().code, DenialCode::Missing);
    assert_eq!(refusal(""), DenialCode::Missing);
}

#[test]
fn what_is_not_a_token_is_malformed() {
    let good = token(&claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    for credential in [
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("{good}="),
        format!("{message}.!{signature}"),
        format!(" {good}"),
        crafted_text(SECRET, "[]", &claims().to_string()),
        crafted_text(SECRET, "{\"alg\":\"HS256\",\"kid\":\"hs\"}", "not json"),
        crafted_text(SECRET, "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", &claims().to_string()),
        crafted_text(
            SECRET,
            "{\"alg\":\"HS256\",\"kid\":\"hs\"}",
            "{\"exp\":1,\"exp\":9999999999}",
        ),
        "a.b.c.d.e".to_owned(),
        "no dots".to_owned(),
    ] {
        assert_eq!(refusal(&credential), DenialCode::Malformed, "{credential}");
    }
}

#[test]
fn a_credential_over_8_kib_is_malformed_however_good() {
    let padded = |length: usize| token(&claims_with("pad", Value::String("x".repeat(length))));
    assert!(ask(&padded(5000)).is_ok());
    let long = padded(7000);
    assert!(long.len() > 8 * 1024);
    assert_eq!(refusal(&long), DenialCode::Malformed);
}

#[test]
fn a_header_that_brings_keys_or_changes_the_rules_is_malformed() {
    for member in ["crit", "jku", "jwk", "x5u", "x5c", "b64"] {
        for value in [json!("x"), json!(["exp"]), json!(null)] {
            let mut header = json!({"alg": "HS256", "kid": "hs"});
            header[member] = value;
            assert_eq!(refusal(&crafted(&header, &claims())), DenialCode::Malformed, "{header}");
        }
    }
    let thumbprint = json!({"alg": "HS256", "kid": "hs", "typ": "at+jwt", "x5t": "abc"});
    assert!(ask(&crafted(&thumbprint, &claims())).is_ok());
}

#[test]
fn a_changed_payload_or_signature_is_a_bad_signature() {
    for (kid, alg) in [
        ("hs", Alg::HS256),
        ("es", Alg::ES256),
        ("ed", Alg::EdDSA),
        ("rs", Alg::RS256),
    ] {
        let good = signed(&header(alg, Some(kid)), &claims());
        let other = signed(&header(alg, Some(kid)), &claims_with("sub", json!("mallory")));
        let (message, _) = other.rsplit_once('.').unwrap();
        let (_, signature) = good.rsplit_once('.').unwrap();
        assert_eq!(refusal(&format!("{message}.{signature}")), DenialCode::BadSignature);
        assert_eq!(refusal(&format!("{message}.")), DenialCode::BadSignature);
    }
}

#[test]
fn expiry_is_required_and_honoured_to_the_second() {
    let at = |exp: Value, now: u64| ask_of(policy(), &token(&claims_with("exp", exp)), now);
    assert!(at(json!(NOW), NOW + LEEWAY - 1).is_ok());
    for (exp, now) in [
        (json!(NOW), NOW + LEEWAY),
        (json!(NOW), u64::MAX),
        (json!(null), NOW),
        (json!(-1), NOW),
        (json!(0), NOW),
        (json!(NOW as f64 + 0.5), NOW + LEEWAY),
    ] {
        assert_eq!(at(exp, now).unwrap_err().code, DenialCode::Expired);
    }
    assert!(at(json!(u64::MAX), NOW).is_ok());
    assert!(at(json!(1e300), NOW).is_ok());
    assert_eq!(at(json!("2100-01-01"), NOW).unwrap_err().code, DenialCode::Malformed);
}

#[test]
fn a_token_from_the_future_is_not_yet_valid() {
    let at = |nbf: Value| ask(&token(&claims_with("nbf", nbf)));
    assert!(at(json!(NOW + LEEWAY)).is_ok());
    assert!(at(json!(null)).is_ok());
    for nbf in [json!(NOW + LEEWAY + 1), json!(u64::MAX)] {
        assert_eq!(at(nbf).unwrap_err().code, DenialCode::NotYetValid);
    }
}

#[test]
fn the_issuer_must_be_one_of_the_keys() {
    for issuer in [json!(null), json!(""), json!("https://id.example/"), json!("evil")] {
        assert_eq!(refusal(&token(&claims_with("iss", issuer))), DenialCode::WrongIssuer);
    }
    let mut strict = policy();
    strict.keys[0].issuers.clear();
    assert_eq!(refusal_of(strict, &token(&claims()), NOW), DenialCode::WrongIssuer);
}

#[test]
fn the_audience_must_hold_one_of_ours() {
    let at = |aud: Value| ask(&token(&claims_with("aud", aud)));
    assert!(at(json!("loadlock-eu")).is_ok());
    assert!(at(json!(["billing", "loadlock"])).is_ok());
    for aud in [json!(null), json!(""), json!([]), json!("LOADLOCK"), json!(["billing"])] {
        assert_eq!(at(aud).unwrap_err().code, DenialCode::WrongAudience);
    }
    assert_eq!(at(json!(7)).unwrap_err().code, DenialCode::Malformed);
    let mut none = policy();
    none.audiences.clear();
    assert_eq!(refusal_of(none, &token(&claims()), NOW), DenialCode::WrongAudience);
}

#[test]
fn subject_and_tenant_are_required_and_bounded() {
    for claim in ["sub", "tenant"] {
        for value in [
            json!(null),
            json!(""),
            json!("x".repeat(257)),
            json!("a\u{0}b"),
            json!("a\nb"),
        ] {
            assert_eq!(refusal(&token(&claims_with(claim, value))), DenialCode::MissingClaim);
        }
    }
    assert!(ask(&token(&claims_with("sub", json!("x".repeat(256))))).is_ok());
}

#[test]
fn a_key_speaks_for_its_tenants_only() {
    assert!(ask(&token(&claims_with("tenant", json!("beta")))).is_ok());
    let gamma = token(&claims_with("tenant", json!("gamma")));
    let star = token(&claims_with("tenant", json!("*")));
    assert_eq!(refusal(&gamma), DenialCode::WrongTenant);
    assert_eq!(refusal(&star), DenialCode::WrongTenant);
    let mut any = policy();
    any.keys[0].tenants = vec!["*".into()];
    assert!(ask_of(any.clone(), &gamma, NOW).is_ok());
    assert_eq!(refusal_of(any, &star, NOW), DenialCode::WrongTenant);
    let mut none = policy();
    none.keys[0].tenants.clear();
    assert_eq!(refusal_of(none, &gamma, NOW), DenialCode::WrongTenant);
}

#[test]
fn a_revoked_token_is_refused() {
    assert_eq!(
        refusal(&token(&claims_with("jti", json!("token-13")))),
        DenialCode::Revoked
    );
    assert!(ask(&token(&claims_with("jti", json!(null)))).is_ok());
}

#[test]
fn scopes_come_from_either_claim_and_only_known_ones_count() {
    let scopes = |name: &str, value: Value| {
        let mut claims = claims_with("scope", json!(null));
        claims[name] = value;
        ask(&token(&claims)).map(|principal| principal.scopes)
    };
    assert_eq!(
        scopes("scopes", json!(["admin", "read", "root"])).unwrap(),
        ["read", "admin"]
    );
    assert_eq!(scopes("scope", json!("delete  delete")).unwrap(), ["delete"]);
    assert!(scopes("scope", json!("readwrite READ")).unwrap().is_empty());
    assert!(scopes("other", json!("read")).unwrap().is_empty());
    assert_eq!(scopes("scopes", json!("read")).unwrap_err().code, DenialCode::Malformed);
}

#[test]
fn an_unconfigured_component_knows_nobody() {
    let empty = Compiled::default();
    let code = |credential: &str| empty.authenticate(Some(credential), NOW).unwrap_err().code;
    assert_eq!(code(&token(&claims())), DenialCode::UnknownKey);
    assert_eq!(code("old-key-0001"), DenialCode::Malformed);
}
