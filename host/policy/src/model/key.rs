//! Identity of content at a vendor.

use serde::{Deserialize, Serialize};

/// Identity of content at a vendor account; see `dedup-key` in `wit/tracker.wit`. Two uploads with equal keys may share
/// one remote file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DedupKey {
    /// Whose data it is.
    pub tenant: String,
    /// The provider account: a configured name or a keyed fingerprint of the credential, never the credential.
    pub account: String,
    /// The vendor's purpose.
    pub purpose: String,
    /// What besides the bytes decides the vendor's treatment (an extension, a media type, or empty).
    pub treatment: String,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// A [`DedupKey`] whose content may not have been hashed yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContentKey {
    /// Whose data it is.
    pub tenant: String,
    /// The provider account.
    pub account: String,
    /// The vendor's purpose.
    pub purpose: String,
    /// What besides the bytes decides the vendor's treatment.
    pub treatment: String,
    /// SHA-256, lower-case hexadecimal; absent while it is not known.
    pub sha256: Option<String>,
}

impl ContentKey {
    /// The key with this digest.
    pub fn with_digest(&self, sha256: impl Into<String>) -> DedupKey {
        DedupKey {
            tenant: self.tenant.clone(),
            account: self.account.clone(),
            purpose: self.purpose.clone(),
            treatment: self.treatment.clone(),
            sha256: sha256.into(),
        }
    }

    /// The key with the digest that it has.
    pub fn known(&self) -> Option<DedupKey> {
        self.sha256.as_ref().map(|sha256| self.with_digest(sha256.clone()))
    }

    /// The same place at another account.
    #[must_use]
    pub fn at(&self, account: impl Into<String>) -> Self {
        Self {
            account: account.into(),
            ..self.clone()
        }
    }
}

impl From<DedupKey> for ContentKey {
    fn from(key: DedupKey) -> Self {
        Self {
            tenant: key.tenant,
            account: key.account,
            purpose: key.purpose,
            treatment: key.treatment,
            sha256: Some(key.sha256),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_a_digest_and_back() {
        let unhashed = ContentKey {
            tenant: "t".into(),
            account: "a".into(),
            purpose: "p".into(),
            treatment: "pdf".into(),
            sha256: None,
        };
        assert_eq!(unhashed.known(), None);
        let key = unhashed.with_digest("ab");
        assert_eq!(ContentKey::from(key.clone()).known(), Some(key.clone()));
        assert_eq!(unhashed.at("b").with_digest("ab").account, "b");
        assert_eq!(key.treatment, "pdf");
    }
}
