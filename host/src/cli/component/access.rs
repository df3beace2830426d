//! From arguments and configuration to a registry; what goes wrong there, as a user reads it.

use std::path::Path;

use loadlock::config::{Config, trust_for};
use loadlock::{Error, ErrorCode};
use loadlock_egress::tls::Roots;
use loadlock_registry::{
    DockerConfig, ImageReference, KeyError, RegistryClient, RegistryError, RegistryOptions, SignatureRefused,
    StoreError,
};

use super::sharing_args::RegistryAccess;
use crate::cli::failure::Failure;

/// Largest component that is loaded, and so the largest that is fetched or pushed.
pub(super) fn largest() -> u64 {
    loadlock::sandbox::CompileOptions::default().max_bytes
}

/// A client for the repository of a reference, with the credentials of this user. `config`: for the hosts that the
/// configuration allows for it.
pub(super) fn client(
    access: &RegistryAccess,
    config: Option<&Config>,
    reference: &ImageReference,
    push: bool,
) -> Result<RegistryClient, Failure> {
    let host = reference.registry.host_header();
    let kept = DockerConfig::of_environment(&|name| std::env::var(name).ok())?;
    if kept.kept_by_helper(&host) {
        tracing::warn!(
            "the credentials for {host} are kept by a helper that {} names; it is not asked",
            kept.path().display()
        );
    }
    let rule = config.and_then(|config| trust_for(&config.trust, &reference.source()));
    let hosts = rule.map(|rule| rule.hosts.as_slice()).unwrap_or_default();
    let options = RegistryOptions {
        hosts: access.allow_host.iter().chain(hosts).cloned().collect(),
        roots: access.ca_file.clone().map_or(Roots::Platform, Roots::File),
        login: kept.login(&host).cloned(),
        ..RegistryOptions::default()
    };
    Ok(RegistryClient::new(reference, push, options)?)
}

/// A component's bytes from a file, at most as many as are loaded.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let refused = |what: String| Failure::usage(format!("{}: {what}", file.display()), "name a component file");
    let metadata = std::fs::metadata(file).map_err(|error| refused(error.to_string()))?;
    if !metadata.is_file() {
        return Err(refused("this is not a file".to_owned()));
    }
    if metadata.len() > largest() {
        return Err(refused(format!(
            "it has {} bytes; at most {} are loaded",
            metadata.len(),
            largest()
        )));
    }
    std::fs::read(file).map_err(|error| refused(error.to_string()))
}

/// Whether a target is a file rather than a reference.
pub(super) fn is_file(target: &str) -> bool {
    Path::new(target).is_file()
}

/// The reference that a target is, which is no file.
pub(super) fn reference(target: &str, access: &RegistryAccess) -> Result<ImageReference, Failure> {
    Ok(ImageReference::parse(target, access.plain_http)?)
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        let code = match error {
            RegistryError::Reference { .. } | RegistryError::PlainHttp { .. } | RegistryError::Host { .. } => {
                ErrorCode::RequestInvalid
            }
            _ => ErrorCode::RegistryFailed,
        };
        Error::new(code, error.to_string()).hint(error.hint()).into()
    }
}

impl From<SignatureRefused> for Failure {
    fn from(error: SignatureRefused) -> Self {
        Error::new(ErrorCode::SignatureRefused, error.to_string())
            .hint(error.hint())
            .into()
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::usage(error.to_string(), error.hint())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Error::new(ErrorCode::StateUnavailable, format!("the components: {error}")).into()
    }
}
