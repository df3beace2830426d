//! Sigstore bundles, version 0.3: a DSSE envelope with an in-toto statement, signed by a key.
//!
//! The statement names what is signed by digest, and for a component in a registry the repository by name: what a key
//! signed for one repository is nothing in another.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::{Sha256Digest, SigningKeyPair, TrustedKey};

pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// As it was written before it had a type of its own.
const BUNDLE_OLD: &str = "application/vnd.dev.sigstore.bundle+json;version=0.3";
pub(crate) const PAYLOAD: &str = "application/vnd.in-toto+json";
pub(crate) const STATEMENT: &str = "https://in-toto.io/Statement/v1";
pub(crate) const PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";
/// Largest bundle that is read. A signature has 1 KB, a report some 20.
pub(crate) const BUNDLE_BYTES: u64 = 256 << 10;

/// A bundle as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SigstoreBundle {
    media_type: String,
    verification_material: BundleMaterial,
    dsse_envelope: DsseEnvelope,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BundleMaterial {
    public_key: Option<KeyHint>,
    /// Entries of a transparency log; a key needs none.
    #[serde(default)]
    tlog_entries: Vec<serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeyHint {
    #[serde(default)]
    hint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DsseEnvelope {
    payload: String,
    payload_type: String,
    signatures: Vec<DsseSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct DsseSignature {
    sig: String,
    #[serde(default)]
    keyid: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct InTotoStatement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<InTotoSubject>,
    predicate_type: String,
    #[serde(default)]
    predicate: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
struct InTotoSubject {
    #[serde(default)]
    name: String,
    digest: std::collections::BTreeMap<String, String>,
}

/// What a bundle says once its signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedStatement {
    /// What it is about: the repository, or the name of a file.
    pub name: String,
    /// Its digest.
    pub digest: Sha256Digest,
}

impl SigstoreBundle {
    /// Signs a digest under a name.
    pub fn sign(key: &SigningKeyPair, name: &str, digest: Sha256Digest) -> Self {
        let statement = InTotoStatement {
            kind: STATEMENT.to_owned(),
            subject: vec![InTotoSubject {
                name: name.to_owned(),
                digest: [("sha256".to_owned(), digest.hex())].into(),
            }],
            predicate_type: PREDICATE.to_owned(),
            predicate: serde_json::json!({}),
        };
        // Texts alone: this cannot fail.
        Self::seal(key, &serde_json::to_vec(&statement).unwrap_or_default())
    }

    /// Signs an in-toto statement as it is written.
    pub(crate) fn seal(key: &SigningKeyPair, payload: &[u8]) -> Self {
        let id = key.trusted("").id().to_owned();
        Self {
            media_type: BUNDLE.to_owned(),
            verification_material: BundleMaterial {
                public_key: Some(KeyHint { hint: id.clone() }),
                tlog_entries: Vec::new(),
            },
            dsse_envelope: DsseEnvelope {
                signatures: vec![DsseSignature {
                    sig: STANDARD.encode(key.sign(&authenticated(PAYLOAD, payload))),
                    keyid: id,
                }],
                payload: STANDARD.encode(payload),
                payload_type: PAYLOAD.to_owned(),
            },
        }
    }

    /// Reads a bundle.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() as u64 > BUNDLE_BYTES {
            return Err(format!("it is larger than {BUNDLE_BYTES} bytes"));
        }
        let bundle: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if bundle.media_type != BUNDLE && bundle.media_type != BUNDLE_OLD {
            return Err(format!(
                "it is of type `{}`, not a bundle of version 0.3",
                bundle.media_type
            ));
        }
        if bundle.dsse_envelope.payload_type != PAYLOAD {
            return Err(format!(
                "it signs `{}`, not an in-toto statement",
                bundle.dsse_envelope.payload_type
            ));
        }
        Ok(bundle)
    }

    /// As it is written.
    pub fn json(&self) -> Vec<u8> {
        // Texts alone: this cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Which key it says that it is by. Nothing depends on it.
    pub fn key_hint(&self) -> Option<&str> {
        let hint = self.verification_material.public_key.as_ref();
        hint.map(|key| key.hint.as_str()).filter(|hint| !hint.is_empty())
    }

    /// The statement as it was written, whoever signed it. Nothing may depend on it before it was verified.
    pub(crate) fn payload(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.dsse_envelope.payload).ok()
    }

    /// The statement as it was written, if this key has signed it.
    pub(crate) fn opened(&self, key: &TrustedKey) -> Option<Vec<u8>> {
        let envelope = &self.dsse_envelope;
        // Version 0.3 has exactly one.
        let [signature] = envelope.signatures.as_slice() else {
            return None;
        };
        let payload = self.payload()?;
        let signature = STANDARD.decode(&signature.sig).ok()?;
        let signed = authenticated(&envelope.payload_type, &payload);
        key.verify(&signed, &signature).then_some(payload)
    }

    /// What it says, if this key has signed it.
    pub fn verify(&self, key: &TrustedKey) -> Option<SignedStatement> {
        let payload = self.opened(key)?;
        let statement: InTotoStatement = serde_json::from_slice(&payload).ok()?;
        let [subject] = statement.subject.as_slice() else {
            return None;
        };
        // Any other predicate says something about the component, not that the key stands for it.
        if statement.kind != STATEMENT || statement.predicate_type != PREDICATE {
            return None;
        }
        Some(SignedStatement {
            name: subject.name.clone(),
            digest: Sha256Digest::from_hex(subject.digest.get("sha256")?)?,
        })
    }
}

/// What DSSE signs: the lengths make sure that type and text cannot be confused.
fn authenticated(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut text = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    text.extend_from_slice(payload);
    text
}

/// Where the bundle of a file is: beside it, with `.sigstore.json` after its name.
pub fn bundle_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sigstore.json");
    name.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_what_the_key_signed_is_said() {
        let key = SigningKeyPair::generate();
        let digest = Sha256Digest::of(b"manifest");
        let bundle = SigstoreBundle::parse(&SigstoreBundle::sign(&key, "acme/shelf", digest).json()).unwrap();
        let said = bundle.verify(&key.trusted("a"));
        let name = "acme/shelf".to_owned();
        assert_eq!(said, Some(SignedStatement { name, digest }));
        assert_eq!(bundle.verify(&SigningKeyPair::generate().trusted("b")), None);
        assert_eq!(bundle.key_hint(), Some(key.trusted("").id()));
        assert_eq!(
            SigstoreBundle::sign(&key, "acme/shelf", digest),
            bundle,
            "signing again changes nothing"
        );
    }

    #[test]
    fn every_changed_byte_of_payload_or_signature_is_noticed() {
        let key = SigningKeyPair::generate();
        let trusted = key.trusted("a");
        let good = SigstoreBundle::sign(&key, "acme/shelf", Sha256Digest::of(b"manifest"));
        let payload = STANDARD.decode(&good.dsse_envelope.payload).unwrap();
        for at in 0..payload.len() {
            let mut changed = payload.clone();
            changed[at] ^= 1;
            let mut bundle = good.clone();
            bundle.dsse_envelope.payload = STANDARD.encode(changed);
            assert_eq!(bundle.verify(&trusted), None, "byte {at}");
        }
        let mut twice = good.clone();
        twice
            .dsse_envelope
            .signatures
            .push(good.dsse_envelope.signatures[0].clone());
        assert_eq!(twice.verify(&trusted), None);
        let mut other = good.clone();
        other.dsse_envelope.payload_type = "text/plain".into();
        assert_eq!(other.verify(&trusted), None);
        assert!(SigstoreBundle::parse(&other.json()).is_err());
        let mut none = good;
        none.dsse_envelope.signatures.clear();
        assert_eq!(none.verify(&trusted), None);
        assert!(SigstoreBundle::parse(b"{}").is_err());
        assert!(SigstoreBundle::parse(&vec![b' '; 300 << 10]).is_err());
    }

    #[test]
    fn a_statement_about_a_component_is_no_signature_of_it() {
        let key = SigningKeyPair::generate();
        let mut bundle = SigstoreBundle::sign(&key, "acme/shelf", Sha256Digest::of(b"manifest"));
        let payload = String::from_utf8(STANDARD.decode(&bundle.dsse_envelope.payload).unwrap()).unwrap();
        let payload = payload
            .replace(PREDICATE, "https://example.test/tested/v1")
            .into_bytes();
        bundle.dsse_envelope.signatures[0].sig = STANDARD.encode(key.sign(&authenticated(PAYLOAD, &payload)));
        bundle.dsse_envelope.payload = STANDARD.encode(payload);
        assert_eq!(bundle.verify(&key.trusted("a")), None);
    }
}
