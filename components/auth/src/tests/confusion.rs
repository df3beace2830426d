//! A token's own `alg` never chooses how it is verified.

use super::support::*;
use crate::bindings::exports::loadlock::upload::auth::{Algorithm, DenialCode};
use jsonwebtoken::Algorithm as Alg;
use serde_json::json;

#[test]
fn a_public_key_is_never_a_secret() {
    for (kid, material) in [("rs", RSA_PUB), ("es", P256_PUB), ("ed", ED_PUB)] {
        let forged = crafted_with(material, &json!({"alg": "HS256", "kid": kid}), &claims());
        assert_eq!(refusal(&forged), DenialCode::WrongAlgorithm);
    }
    let anonymous = crafted_with(RSA_PUB, &json!({"alg": "HS256"}), &claims());
    assert_eq!(refusal(&anonymous), DenialCode::BadSignature);
    let only_rsa = policy_of(vec![key("rs", Algorithm::Rs256, RSA_PUB)]);
    assert_eq!(refusal_of(only_rsa, &anonymous, NOW), DenialCode::UnknownKey);
}

#[test]
fn no_algorithm_is_the_wrong_algorithm() {
    let payload = b64(claims().to_string().as_bytes());
    for alg in ["none", "None", "NONE", "nOnE", "", "HS384", "PS256", "hs256"] {
        for header in [json!({"alg": alg}), json!({"alg": alg, "kid": "hs"})] {
            let message = format!("{}.{payload}", b64(header.to_string().as_bytes()));
            assert_eq!(refusal(&format!("{message}.")), DenialCode::WrongAlgorithm);
            assert_eq!(refusal(&crafted(&header, &claims())), DenialCode::WrongAlgorithm);
        }
    }
    let absent = crafted(&json!({"kid": "hs"}), &claims());
    assert_eq!(refusal(&absent), DenialCode::Malformed);
}

#[test]
fn each_key_takes_its_own_algorithm_only() {
    let algorithms = [
        ("hs", Alg::HS256),
        ("es", Alg::ES256),
        ("ed", Alg::EdDSA),
        ("rs", Alg::RS256),
    ];
    for (kid, own) in algorithms {
        for (_, alg) in algorithms.into_iter().filter(|(_, alg)| *alg != own) {
            let token = signed(&header(alg, Some(kid)), &claims());
            assert_eq!(refusal(&token), DenialCode::WrongAlgorithm, "{kid} {alg:?}");
        }
    }
}
