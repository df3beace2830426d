//! Components in OCI registries: how they are pushed, found, signed, verified and kept.
//!
//! A registry is hostile, and so is every byte that it sends: sizes are bounded before they are read, digests are
//! compared before anything is used, and nothing is believed that no trusted key has signed. Nothing here compiles or
//! runs a component.
//!
//! | module | one job |
//! |---|---|
//! | `reference`, `digest` | what a component is called, and what its bytes are |
//! | `wire`, `challenge`, `docker_config` | requests to a registry and the hosts that it may send us to; tokens; credentials |
//! | `client`, `manifest` | the endpoints of the OCI distribution specification that components need |
//! | `package` | a component as the CNCF's layout for wasm has it |
//! | `key`, `bundle` | ECDSA P-256 keys, Sigstore bundles |
//! | `trust` | which signatures do, as a decision without I/O |
//! | `report` | reports of tests, as statements about a component |
//! | `attach` | signatures and reports beside a manifest in a registry |
//! | `select` | which version of several |
//! | `store` | components on this machine, by digest |

mod attach;
mod bundle;
mod challenge;
mod client;
mod digest;
mod docker_config;
mod error;
mod key;
mod manifest;
mod package;
mod reference;
mod report;
mod select;
mod store;
mod trust;
mod wire;

pub use bundle::{SignedStatement, SigstoreBundle, bundle_path};
pub use client::RegistryClient;
pub use digest::Sha256Digest;
pub use docker_config::{DockerConfig, Login};
pub use error::RegistryError;
pub use key::{KeyError, SigningKeyPair, TrustedKey};
pub use manifest::{OciDescriptor, OciManifest, WasmConfig, WasmConfigComponent};
pub use package::{ComponentContents, FoundPackage, PushedPackage};
pub use reference::{ImageReference, ImageTarget};
pub use report::{FoundReport, TestReport};
pub use select::{newest, versions};
pub use store::{ComponentStore, StoreError};
pub use trust::{KeyRing, SignatureRefused};
pub use wire::{RegistryOptions, RetryWaits};
