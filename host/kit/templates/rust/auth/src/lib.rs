//! my-component: an auth component. It verifies HS256 tokens and credentials from before tokens.

use std::cell::RefCell;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

wit_bindgen::generate!({ path: "wit", world: "auth-component" });

use exports::loadlock::upload::auth::*;

const SCOPES: [&str; 4] = ["read", "write", "delete", "admin"];
/// Bytes of a credential.
const LONGEST: usize = 8 * 1024;

thread_local! {
    static POLICY: RefCell<Option<Policy>> = const { RefCell::new(None) };
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

/// The claims, as far as they matter. One that occurs twice or has another type makes the token malformed.
#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
    nbf: Option<f64>,
    iss: Option<String>,
    #[serde(default)]
    aud: Audience,
    sub: Option<String>,
    tenant: Option<String>,
    jti: Option<String>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    scopes: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Audience {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

fn denied(code: DenialCode, message: impl Into<String>) -> Denial {
    let hint = match code {
        DenialCode::Missing => "send `Authorization: Bearer TOKEN`",
        _ => "ask whoever runs this gateway for a new token",
    };
    Denial { code, message: message.into(), hint: hint.to_owned() }
}

fn is_name(text: &str) -> bool {
    (1..=256).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T, Denial> {
    let read = BASE64.decode(text).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    read.ok_or_else(|| denied(DenialCode::Malformed, "a part of the token cannot be read"))
}

fn equal(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

fn token(policy: &Policy, credential: &str, now: u64) -> Result<Principal, Denial> {
    let malformed = || denied(DenialCode::Malformed, "the token has not three parts");
    let (signed, signature) = credential.rsplit_once('.').ok_or_else(malformed)?;
    let (header, payload) = signed.split_once('.').ok_or_else(malformed)?;
    let header: Header = part(header)?;
    if header.rest.contains_key("crit") {
        return Err(denied(DenialCode::Malformed, "the token's header holds `crit`, which is not supported"));
    }
    let fits = |key: &&Key| header.kid.as_ref().is_none_or(|kid| key.kid == *kid);
    let mut keys = policy.keys.iter().filter(fits);
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(denied(DenialCode::UnknownKey, "no key, or more than one, may have signed the token"));
    };
    // The key says how it is used; the token's own `alg` chooses nothing.
    if header.alg != "HS256" {
        return Err(denied(DenialCode::WrongAlgorithm, format!("key {:?} is for HS256", key.kid)));
    }
    let signature = BASE64.decode(signature).map_err(|_| malformed())?;
    let verified = Hmac::<Sha256>::new_from_slice(&key.material).ok().map(|mut mac| {
        mac.update(signed.as_bytes());
        mac.verify_slice(&signature).is_ok()
    });
    if verified != Some(true) {
        return Err(denied(DenialCode::BadSignature, format!("the signature was not made with key {:?}", key.kid)));
    }
    claims(policy, key, part(payload)?, now)
}

fn claims(policy: &Policy, key: &Key, claims: Claims, now: u64) -> Result<Principal, Denial> {
    let leeway = u64::from(policy.leeway_s);
    // `as` saturates at both ends.
    let expires = claims.exp.map(|exp| exp as u64);
    let Some(expires) = expires.filter(|exp| now < exp.saturating_add(leeway)) else {
        return Err(denied(DenialCode::Expired, "the token has expired, or states no expiry"));
    };
    if claims.nbf.is_some_and(|nbf| now.saturating_add(leeway) < nbf as u64) {
        return Err(denied(DenialCode::NotYetValid, "the token is not valid yet"));
    }
    if !claims.iss.as_ref().is_some_and(|issuer| key.issuers.contains(issuer)) {
        return Err(denied(DenialCode::WrongIssuer, format!("key {:?} may not speak for the issuer", key.kid)));
    }
    let for_us = |name: &String| policy.audiences.contains(name);
    let is_for_us = match &claims.aud {
        Audience::None => false,
        Audience::One(name) => for_us(name),
        Audience::Many(names) => names.iter().any(for_us),
    };
    if !is_for_us {
        return Err(denied(DenialCode::WrongAudience, "the token is for somebody else"));
    }
    let name = |claim: Option<String>| claim.filter(|text| is_name(text));
    let (Some(subject), Some(tenant)) = (name(claims.sub), name(claims.tenant)) else {
        return Err(denied(DenialCode::MissingClaim, "`sub` or `tenant` is missing or no name"));
    };
    if tenant == "*" || !key.tenants.iter().any(|one| *one == "*" || *one == tenant) {
        return Err(denied(DenialCode::WrongTenant, format!("key {:?} may not speak for the tenant", key.kid)));
    }
    if claims.jti.as_ref().is_some_and(|id| policy.revoked.contains(id)) {
        return Err(denied(DenialCode::Revoked, "the token has been revoked"));
    }
    let claimed = |scope: &&str| claims.scope.split(' ').any(|one| one == *scope) || claims.scopes.iter().any(|one| one == scope);
    Ok(Principal {
        subject,
        tenant,
        scopes: SCOPES.iter().filter(|scope| claimed(scope)).map(|scope| (*scope).to_owned()).collect(),
        method: Method::Token,
        key_id: Some(key.kid.clone()),
        token_id: claims.jti,
        issuer: claims.iss,
        expires_at: Some(expires),
    })
}

fn legacy(policy: &Policy, credential: &str, now: u64) -> Result<Principal, Denial> {
    let digest: String = Sha256::digest(credential.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    // All are compared, also after a match.
    let found = policy.legacy.iter().filter(|known| equal(&known.sha256, &digest)).last();
    let Some(known) = found else {
        return Err(denied(DenialCode::Malformed, "the credential is neither a token nor a known one"));
    };
    let Some(until) = policy.legacy_until.filter(|until| now < *until) else {
        return Err(denied(DenialCode::LegacyEnded, "such credentials are no longer accepted"));
    };
    Ok(Principal {
        subject: known.subject.clone(),
        tenant: known.tenant.clone(),
        scopes: known.scopes.clone(),
        method: Method::Legacy,
        key_id: None,
        token_id: None,
        issuer: None,
        expires_at: Some(until),
    })
}

struct MyComponent;

impl Guest for MyComponent {
    fn configure(policy: Policy) -> Result<(), String> {
        for (at, key) in policy.keys.iter().enumerate() {
            if !is_name(&key.kid) || policy.keys[..at].iter().any(|other| other.kid == key.kid) {
                return Err(format!("the kid {:?} is no name, or occurs twice", key.kid));
            }
            if key.algorithm != Algorithm::Hs256 {
                return Err(format!("key {:?}: this component verifies HS256 alone", key.kid));
            }
            if key.material.len() < 32 {
                return Err(format!("key {:?} has less than 32 bytes", key.kid));
            }
        }
        if policy.leeway_s > 3_600 {
            return Err(format!("a leeway of {} s is more than an hour", policy.leeway_s));
        }
        POLICY.with_borrow_mut(|held| *held = Some(policy));
        Ok(())
    }

    fn authenticate(credential: Option<String>, now: u64) -> Result<Principal, Denial> {
        let Some(credential) = credential.filter(|credential| !credential.is_empty()) else {
            return Err(denied(DenialCode::Missing, "there is no credential"));
        };
        POLICY.with_borrow(|policy| match policy {
            Some(policy) if credential.len() <= LONGEST => match credential.matches('.').count() {
                2 => token(policy, &credential, now),
                _ => legacy(policy, &credential, now),
            },
            _ => Err(denied(DenialCode::Malformed, "the credential is too long")),
        })
    }
}

export!(MyComponent);
