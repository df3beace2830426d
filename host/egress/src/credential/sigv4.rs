//! AWS Signature Version 4, in headers: what S3 and its kin ask for.
//!
//! A request is signed after the policy has rebuilt it, so what is signed is what leaves: path and query are written
//! in the one encoding that every server computes the signature from, and the host is the granted one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::escape::{decoded, encoded};
use crate::Secret;

/// SHA-256 of nothing.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The body is not part of the signature. It is covered by TLS, and by a checksum header where the sender knows one.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// An access key, in force until its source says otherwise.
#[derive(Clone, Debug)]
pub(super) struct AwsKeys {
    pub(super) key_id: String,
    pub(super) secret: Secret,
    pub(super) session_token: Option<Secret>,
}

impl AwsKeys {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let token = |keys: &Self| keys.session_token.clone();
        self.key_id == other.key_id
            && self.secret.expose() == other.secret.expose()
            && token(self).as_ref().map(Secret::expose) == token(other).as_ref().map(Secret::expose)
    }
}

/// Signs requests for one region and service.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(super) region: String,
    pub(super) service: String,
    pub(super) keys: AwsKeys,
    /// What the store's clock is ahead of ours, in milliseconds.
    pub(super) ahead_ms: Arc<AtomicI64>,
}

/// A request as the policy lets it leave.
pub(crate) struct Unsigned<'a> {
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    pub(crate) path_and_query: &'a str,
    /// Whether it has no body.
    pub(crate) is_empty: bool,
    /// Milliseconds since 1970.
    pub(crate) now_ms: u64,
}

/// What was signed.
#[derive(Debug)]
pub(crate) struct SignedTarget {
    /// What to send in place of the path and query.
    pub(crate) path_and_query: String,
    /// SHA-256 that the signature promises of the body.
    pub(crate) digest: Option<[u8; 32]>,
    /// Names of headers and parameters that the guest had set and that are the signer's.
    pub(crate) taken: Vec<String>,
}

impl Signer {
    /// Takes away what belongs to a signature, and signs what is left.
    pub(crate) fn sign(&self, request: &Unsigned<'_>, headers: &mut HeaderMap) -> Result<SignedTarget, &'static str> {
        let mut taken = taken_headers(headers);
        let (path, query) = request
            .path_and_query
            .split_once('?')
            .unwrap_or((request.path_and_query, ""));
        // What servers compute after they have decoded the path.
        let path = encoded(&decoded(path), true);
        let pairs = parameters(query, &mut taken);
        let digest = headers.remove(&CONTENT_SHA256).and_then(|value| digest_of(&value));
        let payload = match digest {
            _ if request.is_empty => EMPTY.to_owned(),
            Some(digest) => hex::encode(digest),
            None => UNSIGNED.to_owned(),
        };
        let date = timestamp(request.now_ms, self.ahead_ms.load(Ordering::Relaxed))?;
        let set = |headers: &mut HeaderMap, name: HeaderName, value: &str, secret: bool| {
            let mut value = HeaderValue::from_str(value).map_err(|_| "a credential holds a control character")?;
            value.set_sensitive(secret);
            headers.insert(name, value);
            Ok::<(), &'static str>(())
        };
        set(headers, CONTENT_SHA256, &payload, false)?;
        set(headers, DATE, &date, false)?;
        if let Some(token) = &self.keys.session_token {
            set(headers, SECURITY_TOKEN, token.expose(), true)?;
        }
        let signed = signed_headers(request.host, headers);
        let canonical_path = if self.service == "s3" {
            path.clone()
        } else {
            encoded(path.as_bytes(), true)
        };
        let authorization = self.authorization(&CanonicalParts {
            method: request.method,
            path: &canonical_path,
            query: &canonical_query(&pairs),
            headers: &signed,
            payload: &payload,
            date: &date,
        });
        set(headers, header::AUTHORIZATION, &authorization, true)?;
        Ok(SignedTarget {
            path_and_query: with_query(path, &pairs),
            digest: digest.filter(|_| !request.is_empty),
            taken,
        })
    }

    /// The value of the `Authorization` header.
    fn authorization(&self, parts: &CanonicalParts<'_>) -> String {
        let names: Vec<&str> = parts.headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let mut canonical = format!("{}\n{}\n{}\n", parts.method, parts.path, parts.query).into_bytes();
        for (name, value) in parts.headers {
            canonical.extend_from_slice(name.as_bytes());
            canonical.push(b':');
            canonical.extend_from_slice(value);
            canonical.push(b'\n');
        }
        canonical.extend_from_slice(format!("\n{names}\n{}", parts.payload).as_bytes());
        let day = parts.date.get(..8).unwrap_or(parts.date);
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let hash = hex::encode(Sha256::digest(&canonical));
        let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hash}", parts.date);
        let secret = Secret::new(format!("AWS4{}", self.keys.secret.expose()));
        let mut key = keyed(secret.expose().as_bytes(), day);
        for step in [self.region.as_str(), self.service.as_str(), "aws4_request"] {
            key = keyed(&key, step);
        }
        let signature = hex::encode(keyed(&key, &text));
        let key_id = &self.keys.key_id;
        format!("AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }
}

/// What a signature is of.
struct CanonicalParts<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    /// Sorted, lower case.
    headers: &'a [(String, Vec<u8>)],
    payload: &'a str,
    date: &'a str,
}

fn keyed(key: &[u8], text: &str) -> [u8; 32] {
    // Any key length is valid for HMAC.
    Hmac::<Sha256>::new_from_slice(key).map_or([0; 32], |mut mac| {
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    })
}

/// `20261129T160000Z`, at the store.
fn timestamp(now_ms: u64, ahead_ms: i64) -> Result<String, &'static str> {
    const RANGE: &str = "this machine's clock shows no year that a signature could have";
    let now = i64::try_from(now_ms).map_err(|_| RANGE)?.saturating_add(ahead_ms);
    let now = jiff::Timestamp::from_millisecond(now).map_err(|_| RANGE)?;
    Ok(now.strftime("%Y%m%dT%H%M%SZ").to_string())
}

/// Takes away what a guest may not have signed: a credential of its own, and the order to copy another object, which
/// would read it. Of these names only those that it had set are given back.
fn taken_headers(headers: &mut HeaderMap) -> Vec<String> {
    let mut taken = Vec::new();
    let theirs: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let name = name.as_str();
            name == "authorization"
                || name.starts_with("x-amz-copy-source")
                || [DATE, SECURITY_TOKEN].iter().any(|own| own == name)
        })
        .cloned()
        .collect();
    for name in theirs {
        headers.remove(&name);
        taken.push(name.to_string());
    }
    taken
}

/// The digest that the guest knows of its body: 64 digits in lower case and nothing else, such as one of the words for
/// bodies in signed chunks.
fn digest_of(value: &HeaderValue) -> Option<[u8; 32]> {
    let text = value
        .to_str()
        .ok()
        .filter(|text| !text.bytes().any(|byte| byte.is_ascii_uppercase()))?;
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).ok()?;
    Some(digest)
}

/// The query's parameters in strict encoding, without those that are a credential (of a presigned URL, in version 4 or
/// 2) or stand for a header.
fn parameters(query: &str, taken: &mut Vec<String>) -> Vec<(String, Option<String>)> {
    let mut kept = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (part, None),
        };
        let plain = decoded(name).to_ascii_lowercase();
        if plain.starts_with(b"x-amz-") || plain == b"awsaccesskeyid" || plain == b"signature" {
            taken.push(String::from_utf8_lossy(&plain).into_owned());
            continue;
        }
        let strict = |text: &str| encoded(&decoded(text), false);
        kept.push((strict(name), value.map(strict)));
    }
    kept
}

fn canonical_query(pairs: &[(String, Option<String>)]) -> String {
    let value = |pair: &(String, Option<String>)| pair.1.clone().unwrap_or_default();
    let mut sorted: Vec<(String, String)> = pairs.iter().map(|pair| (pair.0.clone(), value(pair))).collect();
    sorted.sort();
    let joined: Vec<String> = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
    joined.join("&")
}

fn with_query(mut path: String, pairs: &[(String, Option<String>)]) -> String {
    for (index, (name, value)) in pairs.iter().enumerate() {
        path.push(if index == 0 { '?' } else { '&' });
        path.push_str(name);
        if let Some(value) = value {
            path.push('=');
            path.push_str(value);
        }
    }
    path
}

/// The headers that are signed: the host, everything of Amazon's, and what says which bytes are meant. Not those that
/// the way may change.
fn signed_headers(host: &str, headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let is_signed = |name: &str| {
        name.starts_with("x-amz-")
            || name.starts_with("if-")
            || matches!(name, "content-type" | "content-md5" | "range")
    };
    let mut signed: Vec<(String, Vec<u8>)> = headers
        .keys()
        .filter(|name| is_signed(name.as_str()))
        .map(|name| {
            let values: Vec<Vec<u8>> = headers
                .get_all(name)
                .iter()
                .map(|value| trimmed(value.as_bytes()))
                .collect();
            (name.to_string(), values.join(b",".as_slice()))
        })
        .collect();
    signed.push(("host".to_owned(), host.as_bytes().to_vec()));
    signed.sort();
    signed
}

/// Without spaces at the ends, and with one for each run of them.
fn trimmed(value: &[u8]) -> Vec<u8> {
    let words = value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(b" ".as_slice())
}

#[cfg(test)]
#[path = "sigv4_tests.rs"]
mod tests;
