//! Keys, policies and tokens for the tests. The keys were made for these tests and open nothing.

use crate::bindings::exports::loadlock::upload::auth::{
    Algorithm, Denial, DenialCode, Key, LegacyCredential, Policy, Principal,
};
use crate::policy::Compiled;
use jsonwebtoken::{Algorithm as Alg, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The instant at which the tests take place.
pub(crate) const NOW: u64 = 1_800_000_000;

/// Leeway of [`policy`], in seconds.
pub(crate) const LEEWAY: u64 = 60;

pub(crate) const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
pub(crate) const RSA: &[u8] = include_bytes!("keys/rsa2048.pem");
pub(crate) const RSA_PUB: &[u8] = include_bytes!("keys/rsa2048.pub.pem");
pub(crate) const P256: &[u8] = include_bytes!("keys/p256.pem");
pub(crate) const P256_PUB: &[u8] = include_bytes!("keys/p256.pub.pem");
pub(crate) const ED: &[u8] = include_bytes!("keys/ed25519.pem");
pub(crate) const ED_PUB: &[u8] = include_bytes!("keys/ed25519.pub.pem");
pub(crate) const ED_NEXT: &[u8] = include_bytes!("keys/ed25519-next.pem");
pub(crate) const ED_NEXT_PUB: &[u8] = include_bytes!("keys/ed25519-next.pub.pem");

/// A key that may speak for issuer `https://id.example` and for the tenants `acme` and `beta`.
pub(crate) fn key(kid: &str, algorithm: Algorithm, material: &[u8]) -> Key {
    Key {
        kid: kid.into(),
        algorithm,
        material: material.to_vec(),
        issuers: vec!["https://id.example".into()],
        tenants: vec!["acme".into(), "beta".into()],
    }
}

/// One key of each algorithm: `hs`, `es`, `ed`, `rs`.
pub(crate) fn policy() -> Policy {
    Policy {
        keys: vec![
            key("hs", Algorithm::Hs256, SECRET),
            key("es", Algorithm::Es256, P256_PUB),
            key("ed", Algorithm::Eddsa, ED_PUB),
            key("rs", Algorithm::Rs256, RSA_PUB),
        ],
        audiences: vec!["loadlock".into(), "loadlock-eu".into()],
        leeway_s: 60,
        legacy: vec![legacy("old-key-0001", "ops")],
        legacy_until: Some(NOW + 1000),
        revoked: vec!["token-13".into()],
    }
}

/// The policy with some of its keys only.
pub(crate) fn policy_of(keys: Vec<Key>) -> Policy {
    Policy { keys, ..policy() }
}

pub(crate) fn legacy(credential: &str, subject: &str) -> LegacyCredential {
    LegacyCredential {
        sha256: hex::encode(Sha256::digest(credential)),
        subject: subject.into(),
        tenant: "acme".into(),
        scopes: vec!["read".into()],
    }
}

/// Claims that [`policy`] accepts.
pub(crate) fn claims() -> Value {
    json!({
        "iss": "https://id.example",
        "aud": "loadlock",
        "sub": "alice",
        "tenant": "acme",
        "scope": "read write openid",
        "jti": "token-1",
        "exp": NOW + 300,
        "nbf": NOW - 300,
    })
}

/// [`claims`] with one of them replaced, or removed if `value` is null.
pub(crate) fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let map = claims.as_object_mut().unwrap();
    if value.is_null() {
        map.remove(name);
    } else {
        map.insert(name.into(), value);
    }
    claims
}

pub(crate) fn header(alg: Alg, kid: Option<&str>) -> Header {
    let mut header = Header::new(alg);
    header.kid = kid.map(Into::into);
    header
}

/// A token of the key `hs`.
pub(crate) fn token(claims: &Value) -> String {
    signed(&header(Alg::HS256, Some("hs")), claims)
}

/// A token signed with the private key of [`policy`] that belongs to the header's algorithm.
pub(crate) fn signed(header: &Header, claims: &Value) -> String {
    let key = match header.alg {
        Alg::ES256 => EncodingKey::from_ec_pem(P256).unwrap(),
        Alg::EdDSA => EncodingKey::from_ed_pem(ED).unwrap(),
        Alg::RS256 => EncodingKey::from_rsa_pem(RSA).unwrap(),
        _ => EncodingKey::from_secret(SECRET),
    };
    jsonwebtoken::encode(header, claims, &key).unwrap()
}

/// A token with a header of one's own, signed with [`SECRET`] whatever the header says.
pub(crate) fn crafted(header: &Value, claims: &Value) -> String {
    crafted_with(SECRET, header, claims)
}

pub(crate) fn crafted_with(secret: &[u8], header: &Value, claims: &Value) -> String {
    crafted_text(secret, &header.to_string(), &claims.to_string())
}

/// Like [`crafted`] for texts that `serde_json` would not write.
pub(crate) fn crafted_text(secret: &[u8], header: &str, claims: &str) -> String {
    let message = format!("{}.{}", b64(header.as_bytes()), b64(claims.as_bytes()));
    let key = EncodingKey::from_secret(secret);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Alg::HS256).unwrap();
    format!("{message}.{signature}")
}

pub(crate) fn b64(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What [`policy`] says about the credential at [`NOW`].
pub(crate) fn ask(credential: &str) -> Result<Principal, Denial> {
    ask_of(policy(), credential, NOW)
}

pub(crate) fn ask_of(policy: Policy, credential: &str, now: u64) -> Result<Principal, Denial> {
    Compiled::new(policy).unwrap().authenticate(Some(credential), now)
}

/// The code with which [`policy`] refuses the credential at [`NOW`]. Checks what holds for every refusal.
pub(crate) fn refusal(credential: &str) -> DenialCode {
    refusal_of(policy(), credential, NOW)
}

pub(crate) fn refusal_of(policy: Policy, credential: &str, now: u64) -> DenialCode {
    let denial = ask_of(policy, credential, now).expect_err("the credential was accepted");
    assert!(!denial.hint.is_empty());
    for text in [&denial.message, &denial.hint] {
        assert!(
            credential.is_empty() || !text.contains(credential),
            "the credential was quoted"
        );
        assert!(text.len() < 1024);
    }
    denial.code
}
