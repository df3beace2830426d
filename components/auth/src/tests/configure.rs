//! A policy is taken whole or not at all.

use super::support::*;
use crate::Component;
use crate::bindings::exports::loadlock::upload::auth::{Algorithm, DenialCode, Guest, Policy};
use crate::keys::KeyDefect;
use crate::policy::{Compiled, PolicyDefect};

fn defect(policy: Policy) -> PolicyDefect {
    Compiled::new(policy).err().expect("the policy was accepted")
}

fn key_defect(algorithm: Algorithm, material: &[u8]) -> KeyDefect {
    match defect(policy_of(vec![key("k", algorithm, material)])) {
        PolicyDefect::Key { kid, defect } => {
            assert_eq!(kid, "k");
            defect
        }
        other => panic!("{other}"),
    }
}

#[test]
fn weak_keys_are_refused() {
    assert_eq!(key_defect(Algorithm::Hs256, &SECRET[1..]), KeyDefect::ShortSecret);
    assert_eq!(key_defect(Algorithm::Hs256, RSA_PUB), KeyDefect::PemSecret);
    let small = include_bytes!("keys/rsa1024.pub.pem");
    assert_eq!(key_defect(Algorithm::Rs256, small), KeyDefect::RsaSize(1024));
    let huge = include_bytes!("keys/rsa8192.pub.pem");
    assert_eq!(key_defect(Algorithm::Rs256, huge), KeyDefect::RsaSize(8192));
    let identity = ed25519_pem(&[
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
    assert_eq!(key_defect(Algorithm::Eddsa, &identity), KeyDefect::WeakPoint);
}

#[test]
fn keys_of_another_kind_or_form_are_refused() {
    let p384 = include_bytes!("keys/p384.pub.pem");
    for (algorithm, kind, others) in [
        (Algorithm::Rs256, "RSA", [P256_PUB, ED_PUB]),
        (Algorithm::Es256, "P-256", [RSA_PUB, p384]),
        (Algorithm::Eddsa, "Ed25519", [RSA_PUB, P256_PUB]),
    ] {
        for material in others {
            assert_eq!(key_defect(algorithm, material), KeyDefect::WrongKind(kind));
        }
        let pkcs1 = include_bytes!("keys/rsa2048.pkcs1.pem");
        for material in [RSA, P256, ED, pkcs1, b"", b"not pem", SECRET] {
            assert_eq!(key_defect(algorithm, material), KeyDefect::NotPublicKeyPem);
        }
    }
    let short = ed25519_pem(&[9; 31]);
    assert_eq!(key_defect(Algorithm::Eddsa, &short), KeyDefect::WrongKind("Ed25519"));
    let empty = b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n";
    assert_eq!(key_defect(Algorithm::Eddsa, empty), KeyDefect::WrongKind("Ed25519"));
}

/// A SubjectPublicKeyInfo for Ed25519 around any bytes.
fn ed25519_pem(point: &[u8]) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let length = u8::try_from(point.len()).unwrap();
    let mut der = vec![0x30, length + 10, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, length + 1, 0];
    der.extend_from_slice(point);
    let body = STANDARD.encode(der);
    format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n").into_bytes()
}

#[test]
fn a_kid_is_there_once_and_names_something() {
    let twice = vec![
        key("k", Algorithm::Eddsa, ED_PUB),
        key("k", Algorithm::Eddsa, ED_NEXT_PUB),
    ];
    assert_eq!(defect(policy_of(twice)), PolicyDefect::DuplicateKid("k".into()));
    for kid in ["", "a\nb", &"x".repeat(257)] {
        let odd = policy_of(vec![key(kid, Algorithm::Eddsa, ED_PUB)]);
        assert_eq!(defect(odd), PolicyDefect::BadKid(1));
    }
}

#[test]
fn legacy_credentials_are_checked() {
    let with = |change: fn(&mut crate::bindings::exports::loadlock::upload::auth::LegacyCredential)| {
        let mut policy = policy();
        change(&mut policy.legacy[0]);
        defect(policy)
    };
    assert_eq!(with(|c| c.sha256.push('0')), PolicyDefect::LegacyDigest(1));
    assert_eq!(with(|c| c.sha256.make_ascii_uppercase()), PolicyDefect::LegacyDigest(1));
    assert_eq!(with(|c| c.subject.clear()), PolicyDefect::LegacyName(1));
    assert_eq!(with(|c| c.tenant = "*".into()), PolicyDefect::LegacyName(1));
    assert_eq!(
        with(|c| c.scopes.push("root".into())),
        PolicyDefect::LegacyScope(1, "root".into())
    );
    let mut twice = policy();
    twice.legacy.push(legacy("old-key-0001", "other"));
    assert_eq!(defect(twice), PolicyDefect::LegacyDuplicate(2));
}

#[test]
fn a_leeway_of_more_than_an_hour_is_refused() {
    let mut policy = policy();
    policy.leeway_s = 3601;
    assert_eq!(defect(policy), PolicyDefect::Leeway(3601));
}

// One test, because the policy of the component is one for the process.
#[test]
fn a_refused_policy_leaves_the_old_one_in_force() {
    let good = token(&claims());
    let ask = |credential: &str| Component::authenticate(Some(credential.into()), NOW);
    assert_eq!(ask(&good).unwrap_err().code, DenialCode::UnknownKey);
    Component::configure(policy()).unwrap();
    assert!(ask(&good).is_ok());

    let mut half_bad = policy_of(vec![key("new", Algorithm::Eddsa, ED_PUB)]);
    half_bad.keys.push(key("weak", Algorithm::Hs256, b"secret-of-16-byt"));
    let text = Component::configure(half_bad).unwrap_err();
    assert!(text.contains("\"weak\"") && !text.contains("secret-of"), "{text}");
    assert!(ask(&good).is_ok());

    Component::configure(policy_of(vec![key("new", Algorithm::Eddsa, ED_PUB)])).unwrap();
    assert_eq!(ask(&good).unwrap_err().code, DenialCode::UnknownKey);
}
