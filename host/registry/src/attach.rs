//! Signatures and reports beside a manifest in a registry.
//!
//! Each is a manifest of its own that names the component's as its subject. Registries that know the referrers
//! endpoint list it there; for all others an index under the tag `sha256-<hex>` does, which is written and read too.

use bytes::Bytes;

use crate::bundle::{BUNDLE, BUNDLE_BYTES, PAYLOAD, PREDICATE};
use crate::client::RegistryClient;
use crate::manifest::{EMPTY, INDEX, MANIFEST, OciDescriptor, OciIndex, OciManifest, json};
use crate::report::{TEST_RESULT, is_report};
use crate::{
    FoundPackage, FoundReport, ImageTarget, KeyRing, RegistryError, Sha256Digest, SigningKeyPair, SigstoreBundle,
    TestReport,
};

/// Attachments of a kind that are looked at. Whoever can push could add any number.
const MOST: usize = 64;
/// What errors call the index.
const LIST: &str = "the list of what is beside the component";
/// Times that the index is written again because somebody else wrote it too.
const TRIES: usize = 3;

/// `sha256-<hex>`.
fn fallback_tag(subject: Sha256Digest) -> ImageTarget {
    ImageTarget::Tag(format!("sha256-{}", subject.hex()))
}

impl RegistryClient {
    /// Adds a signature.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn attach(&self, found: &FoundPackage, bundle: &SigstoreBundle) -> Result<(), RegistryError> {
        self.put_beside(found, BUNDLE, bundle.json(), &sealed(PREDICATE)).await
    }

    /// Adds a report of a test, signed if there is a key.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn attach_report(
        &self,
        found: &FoundPackage,
        report: &TestReport,
        key: Option<&SigningKeyPair>,
    ) -> Result<(), RegistryError> {
        match key {
            Some(key) => {
                let bundle = report.signed(key).json();
                self.put_beside(found, BUNDLE, bundle, &sealed(TEST_RESULT)).await
            }
            None => {
                let said = [("in-toto.io/predicate-type", TEST_RESULT)];
                self.put_beside(found, PAYLOAD, report.text().to_vec(), &said).await
            }
        }
    }

    async fn put_beside(
        &self,
        found: &FoundPackage,
        kind: &str,
        bytes: Vec<u8>,
        annotations: &[(&str, &str)],
    ) -> Result<(), RegistryError> {
        let what = "what is put beside the component";
        let empty = Bytes::from_static(b"{}");
        let mut manifest = OciManifest::new(OciDescriptor::of(EMPTY, &empty), OciDescriptor::of(kind, &bytes));
        manifest.artifact_type = Some(kind.to_owned());
        manifest.subject = Some(found.descriptor.clone());
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        manifest.annotations = annotations.iter().map(owned).collect();
        let text = json(&manifest)?;
        let mut entry = OciDescriptor::of(MANIFEST, &text);
        entry.artifact_type = manifest.artifact_type.clone();
        entry.annotations = manifest.annotations.clone();
        self.put_blob(empty, what).await?;
        self.put_blob(bytes.into(), what).await?;
        self.put_manifest(&entry.digest.to_string(), MANIFEST, text, what)
            .await?;
        self.list_in_fallback(found.manifest, entry).await
    }

    /// Adds a line to the index. Somebody else may write it at the same time, and the last one wins: it is read again.
    async fn list_in_fallback(&self, subject: Sha256Digest, entry: OciDescriptor) -> Result<(), RegistryError> {
        let tag = fallback_tag(subject);
        let ImageTarget::Tag(name) = &tag else {
            return Ok(());
        };
        for _ in 0..TRIES {
            let mut index = self.fallback(&tag).await?.unwrap_or_else(|| OciIndex::new(Vec::new()));
            if index.manifests.iter().any(|one| one.digest == entry.digest) {
                return Ok(());
            }
            index.manifests.push(entry.clone());
            self.put_manifest(name, INDEX, json(&OciIndex::new(index.manifests))?, LIST)
                .await?;
        }
        match self.fallback(&tag).await? {
            Some(index) if index.manifests.iter().any(|one| one.digest == entry.digest) => Ok(()),
            _ => Err(RegistryError::Malformed {
                what: LIST.to_owned(),
                reason: "what is written to it does not stay".to_owned(),
            }),
        }
    }

    async fn fallback(&self, tag: &ImageTarget) -> Result<Option<OciIndex>, RegistryError> {
        let found = self.manifest(tag, LIST).await?;
        Ok(found.and_then(|(_, bytes)| serde_json::from_slice(&bytes).ok()))
    }

    /// The signatures of a manifest, in either way that registries list them. What cannot be read is none: a bundle
    /// that somebody else put there must not hide one that is good.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn bundles(&self, found: &FoundPackage) -> Result<Vec<SigstoreBundle>, RegistryError> {
        let attached = self.beside(found, BUNDLE).await?;
        let bundles = attached.iter().filter_map(|bytes| SigstoreBundle::parse(bytes).ok());
        Ok(bundles.filter(|bundle| !is_report(bundle)).collect())
    }

    /// The reports of tests of a component, with the key of the ring that signed each.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn reports(&self, found: &FoundPackage, ring: &KeyRing) -> Result<Vec<FoundReport>, RegistryError> {
        let component = found.layer.digest;
        let signed = self.beside(found, BUNDLE).await?;
        let signed = signed.iter().filter_map(|bytes| SigstoreBundle::parse(bytes).ok());
        let mut reports: Vec<FoundReport> = signed
            .filter_map(|bundle| FoundReport::of_bundle(&bundle, component, ring))
            .collect();
        let unsigned = self.beside(found, PAYLOAD).await?;
        reports.extend(
            unsigned
                .iter()
                .filter_map(|bytes| FoundReport::of_text(bytes, component)),
        );
        Ok(reports)
    }

    /// What is of a kind beside a manifest.
    async fn beside(&self, found: &FoundPackage, kind: &str) -> Result<Vec<Bytes>, RegistryError> {
        let listed = self.referrers(found.manifest, kind).await?;
        let fallback = self.fallback(&fallback_tag(found.manifest)).await?;
        let entries = listed.into_iter().chain(fallback).flat_map(|index| index.manifests);
        let mut seen: Vec<Sha256Digest> = Vec::new();
        let mut attached = Vec::new();
        for entry in entries {
            let other = entry.artifact_type.as_deref().is_some_and(|other| other != kind);
            if other || seen.contains(&entry.digest) {
                continue;
            }
            if seen.len() == MOST {
                break;
            }
            seen.push(entry.digest);
            match self.attached(entry.digest, found.manifest, kind).await {
                Ok(bytes) => attached.extend(bytes),
                // What the registry lists and cannot show, or shows wrongly, is nothing.
                Err(
                    RegistryError::NotFound { .. }
                    | RegistryError::Malformed { .. }
                    | RegistryError::WrongDigest { .. }
                    | RegistryError::WrongSize { .. }
                    | RegistryError::TooLarge { .. },
                ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(attached)
    }

    async fn attached(
        &self,
        digest: Sha256Digest,
        subject: Sha256Digest,
        kind: &str,
    ) -> Result<Option<Bytes>, RegistryError> {
        let what = "what is beside the component";
        let Some((_, bytes)) = self.manifest(&ImageTarget::Digest(digest), what).await? else {
            return Ok(None);
        };
        let manifest = OciManifest::parse(what, &bytes)?;
        let of_subject = manifest.subject.as_ref().is_some_and(|of| of.digest == subject);
        match manifest.layers.as_slice() {
            [layer] if of_subject && layer.media_type == kind => Ok(Some(self.blob(layer, BUNDLE_BYTES, what).await?)),
            _ => Ok(None),
        }
    }
}

/// What is said of a bundle where it is listed.
fn sealed(predicate: &'static str) -> [(&'static str, &'static str); 2] {
    [
        ("dev.sigstore.bundle.content", "dsse-envelope"),
        ("dev.sigstore.bundle.predicateType", predicate),
    ]
}
