//! Which signatures do. A decision without I/O.

use std::collections::BTreeSet;

use crate::{ImageReference, Sha256Digest, SigstoreBundle, TrustedKey};

/// The keys that are trusted for something, and how many of them have to sign.
#[derive(Clone, Debug)]
pub struct KeyRing {
    keys: Vec<TrustedKey>,
    revoked: BTreeSet<String>,
    threshold: usize,
}

/// Why the signatures of a component do not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureRefused {
    /// Nobody is trusted for it.
    #[error("no key is trusted for `{what}`")]
    NobodyTrusted {
        /// The reference.
        what: String,
    },
    /// There is no signature.
    #[error("`{what}` is not signed; {wanted}")]
    Unsigned {
        /// The reference.
        what: String,
        /// Which keys would do.
        wanted: String,
    },
    /// Too few of those that there are count.
    #[error("`{what}` is signed by {counted} of the {threshold} keys that it takes: {}; {wanted}", reasons.join(", "))]
    TooFew {
        /// The reference.
        what: String,
        /// Keys whose signature counts.
        counted: usize,
        /// Keys that it takes.
        threshold: usize,
        /// What is wrong with the others, at most five.
        reasons: Vec<String>,
        /// Which keys would do.
        wanted: String,
    },
}

impl SignatureRefused {
    /// What to do, one sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::NobodyTrusted { what } => {
                let pattern = what.split(['@']).next().unwrap_or(what);
                let (host, path) = pattern.split_once('/').unwrap_or((pattern, ""));
                let folder = path
                    .rsplit_once('/')
                    .map_or(String::new(), |(folder, _)| format!("/{folder}"));
                format!(
                    "if you trust its maker, add to the configuration: [[components.trust]] match = \"{host}{folder}/*\", \
                     keys = [\"maker.pub\"]"
                )
            }
            Self::Unsigned { .. } | Self::TooFew { .. } => {
                "ask its maker to sign it (`loadlock component sign`), or trust the key that did".to_owned()
            }
        }
    }
}

impl KeyRing {
    /// Keys, the ids of those that are revoked, and how many different ones have to sign (at least one).
    pub fn new(keys: Vec<TrustedKey>, revoked: impl IntoIterator<Item = String>, threshold: usize) -> Self {
        Self {
            keys,
            revoked: revoked.into_iter().collect(),
            threshold: threshold.max(1),
        }
    }

    /// Decides on the bundles of a manifest in a registry; the ids of the keys that count.
    ///
    /// # Errors
    /// [`SignatureRefused`] names the keys that would do.
    pub fn judge_manifest(
        &self,
        reference: &ImageReference,
        manifest: Sha256Digest,
        bundles: &[SigstoreBundle],
    ) -> Result<Vec<String>, SignatureRefused> {
        let repository = &reference.repository;
        // A mirror may have a path before it.
        let same = |name: &str| repository == name || repository.ends_with(&format!("/{name}")) && !name.is_empty();
        self.judge(&reference.to_string(), manifest, bundles, |name| match same(name) {
            true => None,
            false if name.is_empty() => Some("it names no repository".to_owned()),
            false => Some(format!("it is for the repository `{name}`")),
        })
    }

    /// Decides on the bundles beside a file; the ids of the keys that count.
    ///
    /// # Errors
    /// [`SignatureRefused`] names the keys that would do.
    pub fn judge_file(
        &self,
        file: &str,
        digest: Sha256Digest,
        bundles: &[SigstoreBundle],
    ) -> Result<Vec<String>, SignatureRefused> {
        self.judge(file, digest, bundles, |_| None)
    }

    /// The id of the key that signed a statement, and the statement as it was written; `None` if no key did that is
    /// trusted and not revoked.
    pub(crate) fn opened(&self, bundle: &SigstoreBundle) -> Option<(String, Vec<u8>)> {
        let mut keys = self.keys.iter().filter(|key| !self.revoked.contains(key.id()));
        keys.find_map(|key| Some((key.id().to_owned(), bundle.opened(key)?)))
    }

    fn judge(
        &self,
        what: &str,
        digest: Sha256Digest,
        bundles: &[SigstoreBundle],
        misnamed: impl Fn(&str) -> Option<String>,
    ) -> Result<Vec<String>, SignatureRefused> {
        let what = what.to_owned();
        if self.keys.is_empty() {
            return Err(SignatureRefused::NobodyTrusted { what });
        }
        if bundles.is_empty() {
            return Err(SignatureRefused::Unsigned {
                what,
                wanted: self.wanted(),
            });
        }
        let (mut good, mut reasons) = (BTreeSet::new(), Vec::new());
        for bundle in bundles {
            match self.one(bundle, digest, &misnamed) {
                Ok(id) => {
                    good.insert(id);
                }
                Err(reason) if !reasons.contains(&reason) => reasons.push(reason),
                Err(_) => {}
            }
        }
        if good.len() >= self.threshold {
            return Ok(good.into_iter().collect());
        }
        if reasons.is_empty() {
            reasons.push("the others are missing".to_owned());
        }
        reasons.truncate(5);
        Err(SignatureRefused::TooFew {
            what,
            counted: good.len(),
            threshold: self.threshold,
            reasons,
            wanted: self.wanted(),
        })
    }

    /// The key whose signature counts, or why it does not.
    fn one(
        &self,
        bundle: &SigstoreBundle,
        digest: Sha256Digest,
        misnamed: impl Fn(&str) -> Option<String>,
    ) -> Result<String, String> {
        let found = self.keys.iter().find_map(|key| Some((key, bundle.verify(key)?)));
        let Some((key, statement)) = found else {
            let short = bundle.key_hint().map(|hint| hint.chars().take(12).collect::<String>());
            return Err(match short {
                Some(hint) => format!("one says that it is by the key {hint}, and is by no trusted key"),
                None => "one is by no trusted key".to_owned(),
            });
        };
        if self.revoked.contains(key.id()) {
            return Err(format!("the one by {key} does not count: the key is revoked"));
        }
        if statement.digest != digest {
            return Err(format!("the one by {key} is of something else"));
        }
        if let Some(reason) = misnamed(&statement.name) {
            return Err(format!("the one by {key} does not count: {reason}"));
        }
        Ok(key.id().to_owned())
    }

    fn wanted(&self) -> String {
        let keys = self.keys.iter().filter(|key| !self.revoked.contains(key.id()));
        let keys: Vec<String> = keys.map(ToString::to_string).collect();
        match (keys.as_slice(), self.threshold) {
            ([], _) => "every key that is trusted for it is revoked".to_owned(),
            ([one], _) => format!("{one} would do"),
            (several, 1) => format!("any of {} would do", several.join(", ")),
            (several, threshold) => format!("it takes {threshold} of {}", several.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::SigningKeyPair;

    fn shelf() -> ImageReference {
        ImageReference::parse("registry.example/acme/shelf:1.2.0", false).unwrap()
    }

    #[test]
    fn rotation_threshold_and_revocation() {
        let (old, new, foreign) = (
            SigningKeyPair::generate(),
            SigningKeyPair::generate(),
            SigningKeyPair::generate(),
        );
        let digest = Sha256Digest::of(b"manifest");
        let by = |key: &SigningKeyPair| SigstoreBundle::sign(key, "acme/shelf", digest);
        let keys = || vec![old.trusted("old.pub"), new.trusted("new.pub")];
        let judge = |ring: &KeyRing, bundles: &[SigstoreBundle]| ring.judge_manifest(&shelf(), digest, bundles);

        let rotation = KeyRing::new(keys(), [], 1);
        for key in [&old, &new] {
            let id = key.trusted("").id().to_owned();
            assert_eq!(judge(&rotation, &[by(&foreign), by(key)]), Ok(vec![id]));
        }
        let unsigned = judge(&rotation, &[]).unwrap_err().to_string();
        assert!(
            unsigned.contains("is not signed; any of old.pub (") && unsigned.contains("new.pub"),
            "{unsigned}"
        );
        let by_foreign = judge(&rotation, &[by(&foreign)]).unwrap_err().to_string();
        let hint = foreign.trusted("").id()[..12].to_owned();
        assert!(
            by_foreign.contains(&hint) && by_foreign.contains("no trusted key"),
            "{by_foreign}"
        );

        let revoked = KeyRing::new(keys(), [old.trusted("").id().to_owned()], 1);
        let refused = judge(&revoked, &[by(&old)]).unwrap_err().to_string();
        assert!(
            refused.contains("the key is revoked") && refused.contains("new.pub ("),
            "{refused}"
        );
        assert!(judge(&revoked, &[by(&old), by(&new)]).is_ok());

        let two = KeyRing::new(keys(), [], 2);
        let refused = judge(&two, &[by(&old), by(&old)]).unwrap_err().to_string();
        assert!(refused.contains("1 of the 2 keys"), "{refused}");
        assert_eq!(judge(&two, &[by(&old), by(&new)]).unwrap().len(), 2);
        assert!(matches!(
            judge(&KeyRing::new(vec![], [], 1), &[by(&old)]),
            Err(SignatureRefused::NobodyTrusted { .. })
        ));
    }

    #[test]
    fn a_signature_is_for_one_manifest_of_one_repository() {
        let key = SigningKeyPair::generate();
        let ring = KeyRing::new(vec![key.trusted("a.pub")], [], 1);
        let digest = Sha256Digest::of(b"manifest");
        let judge = |name: &str, of: &[u8]| {
            let bundle = SigstoreBundle::sign(&key, name, Sha256Digest::of(of));
            ring.judge_manifest(&shelf(), digest, &[bundle])
        };
        assert!(judge("acme/shelf", b"manifest").is_ok());
        assert!(
            judge("acme/shelf", b"another")
                .unwrap_err()
                .to_string()
                .contains("is of something else")
        );
        for foreign in ["acme/drawer", "elf", "", "shelf/acme", "other/acme/shelf"] {
            let refused = judge(foreign, b"manifest").unwrap_err().to_string();
            assert!(refused.contains("repository"), "{foreign}: {refused}");
        }
        let mirrored = ImageReference::parse("mirror.example/proxy/acme/shelf:1", false).unwrap();
        let bundle = SigstoreBundle::sign(&key, "acme/shelf", digest);
        assert!(ring.judge_manifest(&mirrored, digest, &[bundle]).is_ok());
    }
}
