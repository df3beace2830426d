//! Credentials from before tokens: known by digest, good until an absolute date.

use crate::bindings::exports::loadlock::upload::auth::{Denial, DenialCode, LegacyCredential, Method, Principal};
use crate::denial::denied;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// One credential, its digest decoded.
pub(crate) struct Known {
    pub(crate) digest: [u8; 32],
    pub(crate) credential: LegacyCredential,
}

/// Finds the credential among the known ones and holds it against the date.
///
/// Every known digest is compared in constant time, also after a match.
pub(crate) fn judge(known: &[Known], until: Option<u64>, credential: &str, now: u64) -> Result<Principal, Denial> {
    let digest: [u8; 32] = Sha256::digest(credential.as_bytes()).into();
    let mut found = None;
    for candidate in known {
        let equal: Choice = candidate.digest.ct_eq(&digest);
        if bool::from(equal) {
            found = Some(&candidate.credential);
        }
    }
    let Some(credential) = found else {
        return Err(denied(
            DenialCode::Malformed,
            "the credential is neither a token nor a known legacy credential",
        ));
    };
    match until {
        Some(end) if now < end => Ok(Principal {
            subject: credential.subject.clone(),
            tenant: credential.tenant.clone(),
            scopes: credential.scopes.clone(),
            method: Method::Legacy,
            key_id: None,
            token_id: None,
            issuer: None,
            expires_at: Some(end),
        }),
        Some(end) => Err(denied(
            DenialCode::LegacyEnded,
            format!(
                "the legacy credential of {:?} was used at {now}, but such credentials ended at {end}",
                credential.subject
            ),
        )),
        None => Err(denied(
            DenialCode::LegacyEnded,
            format!(
                "the legacy credential of {:?} was used, but the policy states no end date and so accepts none",
                credential.subject
            ),
        )),
    }
}
