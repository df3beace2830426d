//! Public keys as an issuer publishes them (RFC 7517), to what the auth component takes.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use loadlock_policy::model::SignatureAlgorithm;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Most keys of a set. Issuers publish two or three; Microsoft some ten.
const MOST_KEYS: usize = 64;
/// Longest name of a key, in bytes; what the auth component takes.
const MOST_NAME: usize = 256;
/// Sizes of an RSA modulus that the auth component takes, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=4_096;

/// What a key of each kind is, in DER: `1.2.840.113549.1.1.1` without parameters, `1.2.840.10045.2.1` on
/// `1.2.840.10045.3.1.7`, and `1.3.101.112`.
const RSA: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
const P256: &[u8] = &[
    0x30, 19, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7,
];
const ED25519: &[u8] = &[0x30, 5, 6, 3, 0x2b, 0x65, 0x70];

const BIT_STRING: u8 = 3;
const INTEGER: u8 = 2;
const SEQUENCE: u8 = 0x30;

/// A key that tokens may be verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublishedKey {
    /// Its name, or one that is made of the key where the issuer gives none.
    pub(crate) kid: String,
    pub(crate) algorithm: SignatureAlgorithm,
    /// SubjectPublicKeyInfo.
    pub(crate) pem: String,
}

#[derive(Deserialize)]
struct JsonWebKeySet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct JsonWebKey {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys of a set that verify one of our algorithms. What is for something else is passed over, as RFC 7517 §5 asks.
///
/// # Errors
/// Why it is no set of keys, or has none that helps.
pub(crate) fn keys_of(document: &[u8]) -> Result<Vec<PublishedKey>, String> {
    let set: JsonWebKeySet =
        serde_json::from_slice(document).map_err(|error| format!("what is published is no set of keys: {error}"))?;
    if set.keys.len() > MOST_KEYS {
        return Err(format!(
            "the set has {} keys; at most {MOST_KEYS} are taken",
            set.keys.len()
        ));
    }
    let mut keys: Vec<PublishedKey> = Vec::new();
    for one in set.keys {
        let Some(key) = serde_json::from_value(one).ok().and_then(|key| usable(&key)) else {
            continue;
        };
        if keys.iter().any(|other| other.kid == key.kid) {
            return Err(format!("the set has the key `{}` twice", key.kid));
        }
        keys.push(key);
    }
    if keys.is_empty() {
        return Err("the set has no key for ES256, EdDSA or RS256".into());
    }
    Ok(keys)
}

fn usable(key: &JsonWebKey) -> Option<PublishedKey> {
    let verifies = key.usage.as_deref().is_none_or(|usage| usage == "sig")
        && key
            .key_ops
            .as_ref()
            .is_none_or(|all| all.iter().any(|one| one == "verify"));
    if !verifies {
        return None;
    }
    let (algorithm, info) = match (key.kty.as_str(), key.crv.as_deref()) {
        ("RSA", None) => (SignatureAlgorithm::Rs256, rsa(key)?),
        ("EC", Some("P-256")) => {
            let (x, y) = (bytes(key.x.as_ref()?, 32)?, bytes(key.y.as_ref()?, 32)?);
            let point = [&[4][..], &x, &y].concat();
            (SignatureAlgorithm::Es256, public_key(P256, &point))
        }
        ("OKP", Some("Ed25519")) => (
            SignatureAlgorithm::EdDsa,
            public_key(ED25519, &bytes(key.x.as_ref()?, 32)?),
        ),
        // A shared secret that is published is none.
        _ => return None,
    };
    // RFC 9864 names the curve.
    let named = |alg: &str| alg == algorithm.as_str() || (alg == "Ed25519" && algorithm == SignatureAlgorithm::EdDsa);
    if !key.alg.as_deref().is_none_or(named) {
        return None;
    }
    let kid = match &key.kid {
        Some(kid) => kid.clone(),
        None => format!("jwk-{}", &hex::encode(Sha256::digest(&info))[..16]),
    };
    let is_name = !kid.is_empty() && kid.len() <= MOST_NAME && !kid.chars().any(char::is_control);
    is_name.then(|| PublishedKey {
        kid,
        algorithm,
        pem: pem(&info),
    })
}

fn rsa(key: &JsonWebKey) -> Option<Vec<u8>> {
    let decode = |text: &String| URL_SAFE_NO_PAD.decode(text).ok();
    let (modulus, exponent) = (decode(key.n.as_ref()?)?, decode(key.e.as_ref()?)?);
    let modulus = &modulus[modulus.iter().position(|byte| *byte != 0)?..];
    let exponent = &exponent[exponent.iter().position(|byte| *byte != 0)?..];
    let bits = modulus.len() * 8 - modulus[0].leading_zeros() as usize;
    if !RSA_BITS.contains(&bits) || exponent.len() > 4 {
        return None;
    }
    let numbers = [integer(modulus), integer(exponent)].concat();
    Some(public_key(RSA, &der(SEQUENCE, &numbers)))
}

/// A number of exactly this many bytes.
fn bytes(text: &str, length: usize) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == length)
}

fn public_key(kind: &[u8], key: &[u8]) -> Vec<u8> {
    let whole_bytes = [&[0][..], key].concat();
    der(SEQUENCE, &[kind, &der(BIT_STRING, &whole_bytes)].concat())
}

/// A number without leading zeros, which is positive.
fn integer(magnitude: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if magnitude[0] & 0x80 == 0 { &[] } else { &[0] };
    der(INTEGER, &[sign, magnitude].concat())
}

/// One value (X.690 §8.1): its kind, its length, its content.
fn der(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    let mut value = vec![kind];
    if content.len() >= 0x80 {
        // How many bytes the length has; never more than eight.
        value.push(0x80 | u8::try_from(length.len()).unwrap_or_default());
    }
    value.extend_from_slice(length);
    value.extend_from_slice(content);
    value
}

fn pem(info: &[u8]) -> String {
    let text = STANDARD.encode(info);
    let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END PUBLIC KEY-----\n");
    pem
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The keys of RFC 7517 §A.1 and RFC 8037 §A.2.
    const SET: &str = r#"{"keys":[
        {"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"},
        {"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","kid":"2"},
        {"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"},
        {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow","kid":"secret"},
        {"kty":"RSA","n":"AQAB","e":"AQAB","kid":"short"},
        {"kty":"EC","crv":"P-521","x":"AA","y":"AA","kid":"other"},
        {"kty":"new"}, 7]}"#;

    #[test]
    fn keys_for_our_algorithms_are_taken_and_no_secret_is() {
        let keys = keys_of(SET.as_bytes()).unwrap();
        let named: Vec<_> = keys.iter().map(|key| (key.kid.as_str(), key.algorithm)).collect();
        assert_eq!(
            named[..2],
            [
                ("2", SignatureAlgorithm::Es256),
                ("2011-04-29", SignatureAlgorithm::Rs256)
            ]
        );
        assert!(named[2].0.starts_with("jwk-") && named[2].1 == SignatureAlgorithm::EdDsa);
        assert_eq!(named.len(), 3);
        // As in RFC 8410 §10.1, but for the key itself.
        assert!(keys[2].pem.contains("\nMCowBQYDK2VwAyEA"));
    }

    #[test]
    fn what_is_no_set_of_keys_or_helps_nobody_is_refused() {
        let twice = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"},
            {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}]}"#;
        let many = format!("{{\"keys\":[{}7]}}", "7,".repeat(MOST_KEYS));
        for (document, reason) in [
            ("<html>", "no set of keys"),
            (r#"{"keys":[]}"#, "no key for"),
            (twice, "`a` twice"),
            (&many, "65 keys"),
        ] {
            let why = keys_of(document.as_bytes()).unwrap_err();
            assert!(why.contains(reason), "{why}");
        }
    }
}
