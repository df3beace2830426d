//! Judges a JWT: key, algorithm, signature, then the claims, in that order. The first failure decides.

use crate::bindings::exports::loadlock::upload::auth::{Denial, DenialCode, Method, Principal};
use crate::claims::Claims;
use crate::denial::{denied, quoted};
use crate::header::Header;
use crate::keys::{self, VerifyingKey};
use crate::policy::{Compiled, is_name, is_tenant};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm as Alg, Validation};

/// Judges a credential of three dot-separated parts at the instant `now`.
pub(crate) fn judge(policy: &Compiled, token: &str, now: u64) -> Result<Principal, Denial> {
    let header = token
        .split('.')
        .next()
        .and_then(Header::read)
        .ok_or_else(|| denied(DenialCode::Malformed, "the token's header cannot be read"))?;
    if let Some(member) = header.unsupported() {
        return Err(denied(
            DenialCode::Malformed,
            format!("the token's header holds `{member}`, which is not supported"),
        ));
    }
    let key = choose(policy, &header)?;
    let claims = verify(key, token)?;
    check_times(&claims, policy.leeway_s, now, key)?;
    check_origin(&claims, policy, key)?;
    let (subject, tenant) = check_names(&claims, key)?;
    if let Some(id) = claims.jti.as_ref().filter(|id| policy.revoked.contains(*id)) {
        return Err(denied(
            DenialCode::Revoked,
            format!("token {} has been revoked", quoted(id)),
        ));
    }
    Ok(Principal {
        subject,
        tenant,
        scopes: claims.scopes(),
        method: Method::Token,
        key_id: Some(key.kid.clone()),
        token_id: claims.jti,
        issuer: claims.iss,
        expires_at: claims.exp.map(|date| date.0),
    })
}

/// The one key that may have signed this token.
fn choose<'a>(policy: &'a Compiled, header: &Header) -> Result<&'a VerifyingKey, Denial> {
    if let Some(kid) = &header.kid {
        let key = policy
            .keys
            .iter()
            .find(|key| key.kid == *kid)
            .ok_or_else(|| denied(DenialCode::UnknownKey, format!("no key has the kid {}", quoted(kid))))?;
        if keys::name(key.algorithm) != header.alg {
            return Err(denied(
                DenialCode::WrongAlgorithm,
                format!(
                    "the token claims {}, but key {:?} is for {}",
                    quoted(&header.alg),
                    key.kid,
                    keys::name(key.algorithm)
                ),
            ));
        }
        return Ok(key);
    }
    let algorithm = keys::named(&header.alg).ok_or_else(|| {
        denied(
            DenialCode::WrongAlgorithm,
            format!(
                "the token claims the algorithm {}, which no key has",
                quoted(&header.alg)
            ),
        )
    })?;
    let mut candidates = policy.keys.iter().filter(|key| key.algorithm == algorithm);
    match (candidates.next(), candidates.next()) {
        (Some(key), None) => Ok(key),
        (first, _) => Err(denied(
            DenialCode::UnknownKey,
            format!(
                "the token has no kid and {} keys are for {}",
                if first.is_some() { "several" } else { "no" },
                keys::name(algorithm)
            ),
        )),
    }
}

/// Checks the signature with the key's own algorithm; only then are there claims.
fn verify(key: &VerifyingKey, token: &str) -> Result<Claims, Denial> {
    use crate::bindings::exports::loadlock::upload::auth::Algorithm;
    let mut validation = Validation::new(match key.algorithm {
        Algorithm::Hs256 => Alg::HS256,
        Algorithm::Es256 => Alg::ES256,
        Algorithm::Eddsa => Alg::EdDSA,
        Algorithm::Rs256 => Alg::RS256,
    });
    // The library reads the system's clock; here `now` is an argument, so the claims are checked below.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode(token, &key.decoding, &validation)
        .map(|data| data.claims)
        .map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => denied(
                DenialCode::BadSignature,
                format!("the signature was not made with key {:?}", key.kid),
            ),
            ErrorKind::InvalidAlgorithm => denied(
                DenialCode::WrongAlgorithm,
                format!("key {:?} is for another algorithm", key.kid),
            ),
            // Not the error's own text: it may quote the payload.
            _ => denied(
                DenialCode::Malformed,
                format!(
                    "the token for key {:?} is not well-formed, or a claim has the wrong type",
                    key.kid
                ),
            ),
        })
}

fn check_times(claims: &Claims, leeway_s: u64, now: u64, key: &VerifyingKey) -> Result<(), Denial> {
    let Some(exp) = claims.exp else {
        return Err(denied(
            DenialCode::Expired,
            format!("a token of key {:?} states no expiry", key.kid),
        ));
    };
    if now >= exp.0.saturating_add(leeway_s) {
        return Err(denied(
            DenialCode::Expired,
            format!("a token of key {:?} expired at {}, now is {now}", key.kid, exp.0),
        ));
    }
    match claims.nbf {
        Some(nbf) if now.saturating_add(leeway_s) < nbf.0 => Err(denied(
            DenialCode::NotYetValid,
            format!("a token of key {:?} is valid from {}, now is {now}", key.kid, nbf.0),
        )),
        _ => Ok(()),
    }
}

fn check_origin(claims: &Claims, policy: &Compiled, key: &VerifyingKey) -> Result<(), Denial> {
    match &claims.iss {
        Some(issuer) if key.issuers.contains(issuer) => {}
        Some(issuer) => {
            return Err(denied(
                DenialCode::WrongIssuer,
                format!("key {:?} may not speak for issuer {}", key.kid, quoted(issuer)),
            ));
        }
        None => {
            return Err(denied(
                DenialCode::WrongIssuer,
                format!("a token of key {:?} names no issuer", key.kid),
            ));
        }
    }
    if claims.aud.names().iter().any(|name| policy.audiences.contains(name)) {
        return Ok(());
    }
    Err(denied(
        DenialCode::WrongAudience,
        format!("a token of key {:?} is not for any of our audiences", key.kid),
    ))
}

/// The subject and the tenant, both well-formed, the tenant one that the key may speak for.
fn check_names(claims: &Claims, key: &VerifyingKey) -> Result<(String, String), Denial> {
    let missing = |claim: &str| {
        denied(
            DenialCode::MissingClaim,
            format!(
                "`{claim}` is missing, empty, too long or not printable in a token of key {:?}",
                key.kid
            ),
        )
    };
    let subject = claims.sub.clone().filter(|sub| is_name(sub));
    let subject = subject.ok_or_else(|| missing("sub"))?;
    let tenant = claims.tenant.clone().filter(|tenant| is_name(tenant));
    let tenant = tenant.ok_or_else(|| missing("tenant"))?;
    if !is_tenant(&tenant) || !key.speaks_for(&tenant) {
        return Err(denied(
            DenialCode::WrongTenant,
            format!("key {:?} may not speak for tenant {}", key.kid, quoted(&tenant)),
        ));
    }
    Ok((subject, tenant))
}
