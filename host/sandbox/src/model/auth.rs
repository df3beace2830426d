//! Who may ask, and who asks; see `wit/auth.wit`.

use loadlock_policy::model::SignatureAlgorithm;
use sha2::{Digest, Sha256};

/// A verification key; see `key` in `wit/auth.wit`.
#[derive(Clone)]
pub struct Key {
    /// Key id.
    pub kid: String,
    /// The only algorithm it verifies.
    pub algorithm: SignatureAlgorithm,
    /// Secret bytes or public PEM.
    pub material: Vec<u8>,
    /// Issuers that it may speak for.
    pub issuers: Vec<String>,
    /// Tenants that it may speak for; `*` is any.
    pub tenants: Vec<String>,
}

impl Key {
    /// Tells this key from another one under the same id. A part of a digest, from which no key can be had.
    pub fn digest(&self) -> String {
        let digest = Sha256::new()
            .chain_update(self.algorithm.as_str())
            .chain_update([0])
            .chain_update(&self.material)
            .finalize();
        hex::encode(digest.iter().take(8).copied().collect::<Vec<u8>>())
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// A credential from before tokens.
#[derive(Debug, Clone)]
pub struct LegacyCredential {
    /// SHA-256 of the credential, lower-case hexadecimal.
    pub sha256: String,
    /// Whom it stands for.
    pub subject: String,
    /// Tenant.
    pub tenant: String,
    /// Scopes.
    pub scopes: Vec<String>,
}

/// What authentication depends on.
#[derive(Debug, Clone, Default)]
pub struct AuthPolicy {
    /// Verification keys.
    pub keys: Vec<Key>,
    /// Accepted audiences.
    pub audiences: Vec<String>,
    /// Seconds by which clocks may differ.
    pub leeway_s: u32,
    /// Credentials from before tokens.
    pub legacy: Vec<LegacyCredential>,
    /// Until when they are accepted, in seconds since 1970.
    pub legacy_until: Option<u64>,
    /// Token ids that are no longer good.
    pub revoked: Vec<String>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// Subject.
    pub subject: String,
    /// Tenant.
    pub tenant: String,
    /// Scopes.
    pub scopes: Vec<String>,
    /// Recognised by a credential from before tokens.
    pub legacy: bool,
    /// Key that verified the token.
    pub key_id: Option<String>,
    /// What that key was, see [`Key::digest`]; nothing where that is not known.
    pub key_digest: Option<String>,
    /// Token id.
    pub token_id: Option<String>,
    /// Until when it is good, in seconds since 1970.
    pub expires_at: Option<u64>,
}

/// Who does not get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Stable, snake case: `expired`, `bad_signature` …
    pub code: &'static str,
    /// For the log.
    pub message: String,
    /// For the client.
    pub hint: String,
}
