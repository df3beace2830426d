//! A component as the CNCF's layout for wasm has it: a manifest, a configuration that says what the component speaks,
//! and one layer with the component itself.
//!
//! What other tools push is read as well if its one layer is `application/wasm`, as `oras push …
//! x.wasm:application/wasm` makes it: then nothing is known of the component before it was fetched.

use bytes::Bytes;
use semver::Version;

use crate::client::RegistryClient;
use crate::manifest::{
    MANIFEST, OciDescriptor, OciManifest, VERSION, WASM, WASM_CONFIG, WasmConfig, WasmConfigComponent,
};
use crate::manifest::{document, json, malformed};
use crate::{ImageReference, ImageTarget, RegistryError, Sha256Digest};

/// Largest configuration. Ours have 1 KB.
const CONFIG_BYTES: u64 = 256 << 10;

/// What is pushed.
#[derive(Debug, Clone)]
pub struct ComponentContents {
    /// The component.
    pub wasm: Bytes,
    /// What it imports and exports, read from it.
    pub component: WasmConfigComponent,
    /// Its version, where the tag is one.
    pub version: Option<Version>,
    /// A name for people.
    pub title: String,
}

/// What was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedPackage {
    /// Of the manifest: what is signed.
    pub manifest: Sha256Digest,
    /// Of the component.
    pub wasm: Sha256Digest,
    /// Everything was there already.
    pub unchanged: bool,
}

/// A component that was found in a registry; its bytes are not fetched yet.
#[derive(Debug, Clone)]
pub struct FoundPackage {
    /// Where it was found.
    pub reference: ImageReference,
    /// Of the manifest: what a signature is of.
    pub manifest: Sha256Digest,
    /// Its descriptor, with the size.
    pub(crate) descriptor: OciDescriptor,
    /// The layer with the component.
    pub layer: OciDescriptor,
    config: Option<OciDescriptor>,
    /// What its maker says that its version is.
    pub annotated: Option<Version>,
}

impl FoundPackage {
    /// Whether it was pushed without the configuration that says what the component speaks.
    pub fn is_plain(&self) -> bool {
        self.config.is_none()
    }

    /// Its version: what the tag says, which the signed manifest may not contradict.
    ///
    /// # Errors
    /// [`RegistryError::Malformed`] if tag and manifest name different versions, or neither names one.
    pub fn version(&self) -> Result<Version, RegistryError> {
        let what = self.reference.to_string();
        let tagged = match &self.reference.target {
            ImageTarget::Tag(tag) => Version::parse(tag).ok(),
            ImageTarget::Any | ImageTarget::Digest(_) => None,
        };
        match (tagged, &self.annotated) {
            (Some(tagged), Some(annotated)) if tagged != *annotated => Err(malformed(
                &what,
                format!("its maker says that it is version {annotated}: the tag was moved to it"),
            )),
            (Some(version), _) => Ok(version),
            (None, Some(annotated)) => Ok(annotated.clone()),
            (None, None) => Err(malformed(
                &what,
                "neither its tag nor its manifest names a version such as `1.2.0`",
            )),
        }
    }
}

impl RegistryClient {
    /// Pushes a component. A tag that is a version is never moved to other bytes.
    ///
    /// # Errors
    /// [`RegistryError`]; [`RegistryError::Taken`] for such a tag.
    pub async fn push(
        &self,
        reference: &ImageReference,
        contents: ComponentContents,
    ) -> Result<PushedPackage, RegistryError> {
        let ImageTarget::Tag(tag) = &reference.target else {
            return Err(RegistryError::Reference {
                text: reference.to_string(),
                reason: "it has no tag to push to",
            });
        };
        let layer = OciDescriptor::of(WASM, &contents.wasm);
        let config = json(&WasmConfig {
            // The same component is the same manifest, whenever it is pushed.
            created: "1970-01-01T00:00:00Z".to_owned(),
            architecture: "wasm".to_owned(),
            os: "wasip2".to_owned(),
            layer_digests: vec![layer.digest.to_string()],
            component: Some(contents.component),
        })?;
        let mut manifest = OciManifest::new(OciDescriptor::of(WASM_CONFIG, &config), layer.clone());
        let title = ("org.opencontainers.image.title".to_owned(), contents.title);
        let version = contents.version.as_ref();
        let version = version.map(|version| (VERSION.to_owned(), version.to_string()));
        manifest.annotations.extend([title].into_iter().chain(version));
        let manifest = json(&manifest)?;
        let digest = Sha256Digest::of(&manifest);
        let there = self
            .manifest(&reference.target, "the tag")
            .await?
            .map(|(digest, _)| digest);
        let pushed = PushedPackage {
            manifest: digest,
            wasm: layer.digest,
            unchanged: there == Some(digest),
        };
        match there {
            Some(there) if there == digest => return Ok(pushed),
            Some(_) if contents.version.is_some() => {
                let reference = reference.to_string();
                return Err(RegistryError::Taken { reference });
            }
            _ => {}
        }
        self.put_blob(contents.wasm, "the component").await?;
        self.put_blob(config.into(), "the configuration").await?;
        self.put_manifest(tag, MANIFEST, manifest, "the manifest").await?;
        Ok(pushed)
    }

    /// Finds the component that a reference names. Fetches the manifest alone.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn find(&self, reference: &ImageReference) -> Result<FoundPackage, RegistryError> {
        let name = reference.to_string();
        let found = self.manifest(&reference.target, &name).await?;
        let (digest, bytes) = found.ok_or_else(|| RegistryError::NotFound {
            host: reference.registry.host_header(),
            what: format!("`{name}`"),
        })?;
        let manifest = OciManifest::parse(&name, &bytes)?;
        let [layer] = manifest.layers.as_slice() else {
            let layers = manifest.layers.len();
            return Err(malformed(
                &name,
                format!("it has {layers} layers, and a component is one"),
            ));
        };
        if layer.media_type != WASM {
            return Err(malformed(
                &name,
                format!("its layer is `{}`, not `{WASM}`", layer.media_type),
            ));
        }
        let annotated = manifest
            .annotations
            .get(VERSION)
            .and_then(|text| Version::parse(text).ok());
        let mut descriptor = OciDescriptor::of(MANIFEST, &bytes);
        descriptor.digest = digest;
        Ok(FoundPackage {
            reference: reference.clone(),
            manifest: digest,
            descriptor,
            layer: layer.clone(),
            config: Some(manifest.config).filter(|config| config.media_type == WASM_CONFIG),
            annotated,
        })
    }

    /// What its maker says that it imports and exports; `None` for one that was pushed plainly.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn interfaces(&self, found: &FoundPackage) -> Result<Option<WasmConfigComponent>, RegistryError> {
        let Some(config) = &found.config else {
            return Ok(None);
        };
        let what = format!("the configuration of `{}`", found.reference);
        let bytes = self.blob(config, CONFIG_BYTES, &what).await?;
        let config: WasmConfig = document(&what, &bytes)?;
        Ok(config.component)
    }

    /// The component's bytes, whole and as the manifest announces them; at most `limit`.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn component(&self, found: &FoundPackage, limit: u64) -> Result<Bytes, RegistryError> {
        self.blob(&found.layer, limit, &format!("`{}`", found.reference)).await
    }
}
