//! Keys come and go by `kid`.

use super::support::*;
use crate::bindings::exports::loadlock::upload::auth::{Algorithm, DenialCode, Key, Policy};
use jsonwebtoken::{Algorithm as Alg, EncodingKey};

fn current() -> Key {
    key("2026-01", Algorithm::Eddsa, ED_PUB)
}

fn next() -> Key {
    key("2026-02", Algorithm::Eddsa, ED_NEXT_PUB)
}

fn by(private: &[u8], kid: Option<&str>) -> String {
    let encoding = EncodingKey::from_ed_pem(private).unwrap();
    jsonwebtoken::encode(&header(Alg::EdDSA, kid), &claims(), &encoding).unwrap()
}

fn code(policy: &Policy, token: &str) -> Option<DenialCode> {
    ask_of(policy.clone(), token, NOW).err().map(|denial| denial.code)
}

#[test]
fn both_keys_are_good_while_they_overlap() {
    let old = by(ED, Some("2026-01"));
    let new = by(ED_NEXT, Some("2026-02"));
    let before = policy_of(vec![current()]);
    let during = policy_of(vec![current(), next()]);
    let after = policy_of(vec![next()]);
    assert_eq!(
        [code(&before, &old), code(&before, &new)],
        [None, Some(DenialCode::UnknownKey)]
    );
    assert_eq!([code(&during, &old), code(&during, &new)], [None, None]);
    assert_eq!(
        [code(&after, &old), code(&after, &new)],
        [Some(DenialCode::UnknownKey), None]
    );
}

#[test]
fn a_kid_is_not_a_hint() {
    let during = policy_of(vec![current(), next()]);
    let crossed = by(ED_NEXT, Some("2026-01"));
    assert_eq!(code(&during, &crossed), Some(DenialCode::BadSignature));
}

#[test]
fn without_a_kid_the_algorithm_must_have_exactly_one_key() {
    let anonymous = by(ED, None);
    assert_eq!(code(&policy_of(vec![current()]), &anonymous), None);
    let two = policy_of(vec![current(), next()]);
    assert_eq!(code(&two, &anonymous), Some(DenialCode::UnknownKey));
    assert_eq!(code(&policy_of(Vec::new()), &anonymous), Some(DenialCode::UnknownKey));
}
