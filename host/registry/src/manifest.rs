//! The documents of a registry: manifests, indexes, configurations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{RegistryError, Sha256Digest};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const WASM: &str = "application/wasm";
pub(crate) const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
pub(crate) const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The annotation that has the version.
pub(crate) const VERSION: &str = "org.opencontainers.image.version";

/// A reference to bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OciDescriptor {
    /// What the bytes are.
    pub media_type: String,
    /// Their digest.
    #[serde(with = "text")]
    pub digest: Sha256Digest,
    /// Their number.
    pub size: u64,
    /// What a manifest holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What is said about them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl OciDescriptor {
    pub(crate) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Sha256Digest::of(bytes),
            size: bytes.len() as u64,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }

    /// Whether these are the bytes.
    pub(crate) fn check(&self, what: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        let what = || what.to_owned();
        if bytes.len() as u64 != self.size {
            let (expected, got) = (self.size, bytes.len() as u64);
            return Err(RegistryError::WrongSize {
                what: what(),
                expected,
                got,
            });
        }
        let got = Sha256Digest::of(bytes);
        if got != self.digest {
            let expected = self.digest;
            return Err(RegistryError::WrongDigest {
                what: what(),
                expected,
                got,
            });
        }
        Ok(())
    }
}

/// An image manifest, version 1 of OCI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OciManifest {
    schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    /// What describes the layers.
    pub config: OciDescriptor,
    /// What it consists of.
    pub layers: Vec<OciDescriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<OciDescriptor>,
    /// What is said about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl OciManifest {
    pub(crate) fn new(config: OciDescriptor, layer: OciDescriptor) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MANIFEST.to_owned()),
            artifact_type: None,
            config,
            layers: vec![layer],
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    pub(crate) fn parse(what: &str, bytes: &[u8]) -> Result<Self, RegistryError> {
        let manifest: Self = document(what, bytes)?;
        let other = manifest
            .media_type
            .as_deref()
            .filter(|media_type| *media_type != MANIFEST);
        match other {
            None if manifest.schema_version == 2 => Ok(manifest),
            None => Err(malformed(
                what,
                format!("it is of schema version {}", manifest.schema_version),
            )),
            Some(media_type) => Err(malformed(what, format!("it is of type `{media_type}`"))),
        }
    }
}

/// An image index.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OciIndex {
    schema_version: u32,
    media_type: Option<String>,
    pub(crate) manifests: Vec<OciDescriptor>,
}

impl OciIndex {
    pub(crate) fn new(manifests: Vec<OciDescriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(INDEX.to_owned()),
            manifests,
        }
    }
}

/// The configuration of the CNCF's layout for wasm. It says what a component speaks before the component is fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WasmConfig {
    /// RFC 3339.
    pub created: String,
    /// `wasm`.
    pub architecture: String,
    /// `wasip2`.
    pub os: String,
    /// Digests of the layers.
    pub layer_digests: Vec<String>,
    /// What the component imports and exports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<WasmConfigComponent>,
}

/// The outermost level of a component.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WasmConfigComponent {
    /// Interfaces, for example `loadlock:upload/provider@0.1.0`.
    #[serde(default)]
    pub exports: Vec<String>,
    /// Interfaces, for example `wasi:http/types@0.2.12`.
    #[serde(default)]
    pub imports: Vec<String>,
    /// The world that it was built for.
    #[serde(default)]
    pub target: Option<String>,
}

pub(crate) fn document<'d, T: Deserialize<'d>>(what: &str, bytes: &'d [u8]) -> Result<T, RegistryError> {
    serde_json::from_slice(bytes).map_err(|error| malformed(what, error.to_string()))
}

pub(crate) fn malformed(what: &str, reason: impl Into<String>) -> RegistryError {
    RegistryError::Malformed {
        what: what.to_owned(),
        reason: reason.into(),
    }
}

/// JSON of a document of ours.
pub(crate) fn json(value: &impl Serialize) -> Result<Vec<u8>, RegistryError> {
    serde_json::to_vec(value).map_err(|error| malformed("a document", error.to_string()))
}

mod text {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::Sha256Digest;

    pub(super) fn serialize<S: Serializer>(digest: &Sha256Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(digest)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Sha256Digest, D::Error> {
        let text = std::borrow::Cow::<'d, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
