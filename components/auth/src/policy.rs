//! The policy, compiled: every key parsed, every defect found before anything is replaced.

use crate::bindings::exports::loadlock::upload::auth::{Denial, DenialCode, LegacyCredential, Policy, Principal};
use crate::claims::SCOPES;
use crate::denial::denied;
use crate::keys::{KeyDefect, VerifyingKey};
use crate::{legacy, token};
use std::collections::HashSet;
use zeroize::Zeroize;

/// Longest credential that is looked at, in bytes. A longer one is malformed.
pub(crate) const MAX_CREDENTIAL_BYTES: usize = 8 * 1024;

/// Longest name (`kid`, `sub`, `tenant`), in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 256;

/// Largest leeway, in seconds. Clocks that differ by more than an hour are wrong, not early.
pub(crate) const MAX_LEEWAY_S: u32 = 3600;

/// Why a policy was refused. Names the key, never the material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PolicyDefect {
    #[error(
        "key number {0} has no usable kid; give it a name of 1 to {MAX_NAME_BYTES} bytes without control characters"
    )]
    BadKid(usize),
    #[error("key {0:?} occurs twice; give each key its own kid")]
    DuplicateKid(String),
    #[error("key {kid:?}: {defect}")]
    Key { kid: String, defect: KeyDefect },
    #[error("leeway of {0} s is more than {MAX_LEEWAY_S} s; set the clocks right instead")]
    Leeway(u32),
    #[error(
        "legacy credential number {0}: sha256 is not 64 lower-case hexadecimal characters; compute it with `sha256sum`"
    )]
    LegacyDigest(usize),
    #[error("legacy credential number {0} occurs twice; remove one")]
    LegacyDuplicate(usize),
    #[error(
        "legacy credential number {0}: subject and tenant must be 1 to {MAX_NAME_BYTES} bytes without control \
         characters, and the tenant no `*`"
    )]
    LegacyName(usize),
    #[error("legacy credential number {0}: unknown scope {1:?}; use read, write, delete or admin")]
    LegacyScope(usize, String),
}

/// A policy that can be asked. The default one knows nobody.
#[derive(Default)]
pub(crate) struct Compiled {
    pub(crate) keys: Vec<VerifyingKey>,
    pub(crate) audiences: Vec<String>,
    pub(crate) leeway_s: u64,
    pub(crate) revoked: HashSet<String>,
    legacy: Vec<legacy::Known>,
    legacy_until: Option<u64>,
}

impl Compiled {
    /// Checks and parses everything, or names the first defect. The material given is wiped either way.
    pub(crate) fn new(mut policy: Policy) -> Result<Self, PolicyDefect> {
        let compiled = Self::compile(&mut policy);
        for key in &mut policy.keys {
            key.material.zeroize();
        }
        compiled
    }

    fn compile(policy: &mut Policy) -> Result<Self, PolicyDefect> {
        if policy.leeway_s > MAX_LEEWAY_S {
            return Err(PolicyDefect::Leeway(policy.leeway_s));
        }
        let mut keys: Vec<VerifyingKey> = Vec::with_capacity(policy.keys.len());
        for (index, key) in policy.keys.iter_mut().enumerate() {
            if !is_name(&key.kid) {
                return Err(PolicyDefect::BadKid(index + 1));
            }
            if keys.iter().any(|other| other.kid == key.kid) {
                return Err(PolicyDefect::DuplicateKid(key.kid.clone()));
            }
            let kid = key.kid.clone();
            keys.push(VerifyingKey::new(key).map_err(|defect| PolicyDefect::Key { kid, defect })?);
        }
        Ok(Self {
            keys,
            audiences: std::mem::take(&mut policy.audiences),
            leeway_s: policy.leeway_s.into(),
            revoked: policy.revoked.drain(..).collect(),
            legacy: compile_legacy(std::mem::take(&mut policy.legacy))?,
            legacy_until: policy.legacy_until,
        })
    }

    /// Who presents this credential, at the instant `now` (seconds since 1970).
    pub(crate) fn authenticate(&self, credential: Option<&str>, now: u64) -> Result<Principal, Denial> {
        let credential = match credential {
            None | Some("") => {
                return Err(denied(DenialCode::Missing, "no credential was presented"));
            }
            Some(text) => text,
        };
        if credential.len() > MAX_CREDENTIAL_BYTES {
            return Err(denied(
                DenialCode::Malformed,
                format!(
                    "the credential has {} bytes, the limit is {MAX_CREDENTIAL_BYTES}",
                    credential.len()
                ),
            ));
        }
        // What has the shape of a token is never looked up as a legacy credential: a forged token must not get a second
        // chance.
        if credential.split('.').count() == 3 {
            token::judge(self, credential, now)
        } else {
            legacy::judge(&self.legacy, self.legacy_until, credential, now)
        }
    }
}

fn compile_legacy(credentials: Vec<LegacyCredential>) -> Result<Vec<legacy::Known>, PolicyDefect> {
    let mut known: Vec<legacy::Known> = Vec::with_capacity(credentials.len());
    for (index, credential) in credentials.into_iter().enumerate() {
        let number = index + 1;
        let digest = decode_digest(&credential.sha256).ok_or(PolicyDefect::LegacyDigest(number))?;
        if known.iter().any(|other| other.digest == digest) {
            return Err(PolicyDefect::LegacyDuplicate(number));
        }
        if !is_name(&credential.subject) || !is_tenant(&credential.tenant) {
            return Err(PolicyDefect::LegacyName(number));
        }
        if let Some(odd) = credential.scopes.iter().find(|scope| !SCOPES.contains(&scope.as_str())) {
            return Err(PolicyDefect::LegacyScope(number, odd.clone()));
        }
        known.push(legacy::Known { digest, credential });
    }
    Ok(known)
}

fn decode_digest(text: &str) -> Option<[u8; 32]> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).ok()?;
    Some(digest)
}

/// Whether the text can name a key, a subject or a tenant: 1 to 256 bytes, no control characters.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME_BYTES && !text.chars().any(char::is_control)
}

/// Whether the text can name one tenant; `*` means any of them, so no one may be called that.
pub(crate) fn is_tenant(text: &str) -> bool {
    is_name(text) && text != "*"
}
