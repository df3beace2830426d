//! The auth component.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::bindings::exports::loadlock::upload::auth::{Algorithm, Key, LegacyCredential, Method, Policy};
use crate::policy::Compiled;

const NOW: u64 = 1_800_000_000;
const LEEWAY: u32 = 60;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
/// SHA-256 of `old-key-0001`.
const LEGACY: &str = "old-key-0001";

#[allow(clippy::expect_used)]
static POLICY: LazyLock<Compiled> = LazyLock::new(|| {
    let key = |kid: &str, algorithm, material: &[u8]| Key {
        kid: kid.into(),
        algorithm,
        material: material.to_vec(),
        issuers: vec!["me".into()],
        tenants: vec!["acme".into()],
    };
    let public = |name: &'static [u8]| name;
    let legacy = LegacyCredential {
        sha256: hex::encode(<Sha256 as sha2::Digest>::digest(LEGACY)),
        subject: "ops".into(),
        tenant: "acme".into(),
        scopes: vec!["read".into()],
    };
    Compiled::new(Policy {
        keys: vec![
            key("hs", Algorithm::Hs256, SECRET),
            key(
                "ed",
                Algorithm::Eddsa,
                public(include_bytes!(
                    "../../../../components/auth/src/tests/keys/ed25519.pub.pem"
                )),
            ),
            key(
                "es",
                Algorithm::Es256,
                public(include_bytes!(
                    "../../../../components/auth/src/tests/keys/p256.pub.pem"
                )),
            ),
        ],
        audiences: vec!["loadlock".into()],
        leeway_s: LEEWAY,
        legacy: vec![legacy],
        legacy_until: Some(NOW + 1),
        revoked: vec!["gone".into()],
    })
    .expect("a good policy")
});

/// The first byte says whether the rest is a credential as it is, or header and payload, one line each, of a token that
/// is signed with the right key: what nobody else can make is judged by its claims.
pub fn credential(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    if kind % 2 == 0 {
        if let Ok(text) = std::str::from_utf8(rest) {
            judge(text, false);
        }
        return;
    }
    let mut lines = rest.splitn(2, |byte| *byte == b'\n');
    let (Some(header), Some(payload)) = (lines.next(), lines.next()) else {
        return;
    };
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(signature(&message));
    judge(&format!("{message}.{signature}"), true);
}

#[allow(clippy::expect_used)]
fn signature(message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).expect("any length is a key");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Whoever is let in is of the key's tenant, in time, and holds the key; whoever is not is told so without a word of
/// the credential.
#[allow(clippy::expect_used)]
fn judge(credential: &str, signed: bool) {
    match POLICY.authenticate(Some(credential), NOW) {
        Ok(who) => {
            assert_eq!(who.tenant, "acme");
            assert!((1..=256).contains(&who.subject.len()));
            assert!(!who.subject.chars().any(char::is_control));
            let known = ["read", "write", "delete", "admin"];
            assert!(who.scopes.iter().all(|scope| known.contains(&scope.as_str())));
            let end = who.expires_at.expect("everything ends");
            assert!(end.saturating_add(LEEWAY.into()) > NOW);
            if who.method == Method::Legacy {
                return assert_eq!(credential, LEGACY);
            }
            assert_eq!(who.issuer.as_deref(), Some("me"));
            assert_ne!(who.token_id.as_deref(), Some("gone"));
            if !signed {
                let (message, given) = credential.rsplit_once('.').expect("three parts");
                let given = URL_SAFE_NO_PAD.decode(given).expect("it was read");
                assert_eq!(given, signature(message), "a forged token is let in");
            }
        }
        Err(denial) => {
            assert!(!denial.message.is_empty() && denial.message.len() < 1_024);
            assert!(!denial.message.chars().any(char::is_control));
        }
    }
}
