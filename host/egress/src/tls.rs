//! TLS: the platform's roots, or one CA file and nothing else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use loadlock_policy::egress::Host;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::{BuildError, Error, TlsFault};

/// Whose certificates are believed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Roots {
    /// Those of the operating system (`SSL_CERT_FILE` and `SSL_CERT_DIR` are respected on Unix).
    #[default]
    Platform,
    /// Those in this PEM file, and no others.
    File(PathBuf),
}

/// TLS 1.2 and 1.3 with certificate and name checked. One per provider: session tickets would tell one provider's
/// upstream about another's.
#[derive(Clone)]
pub(crate) struct Tls {
    /// Offers HTTP/2 and HTTP/1.1.
    pub(crate) both: Arc<ClientConfig>,
    /// Offers HTTP/1.1 alone.
    pub(crate) http1: Arc<ClientConfig>,
}

impl Tls {
    pub(crate) fn new(roots: &Roots) -> Result<Self, BuildError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = |reason: rustls::Error| BuildError::PlatformRoots {
            reason: reason.to_string(),
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(versions)?;
        let mut http1 = match roots {
            Roots::Platform => builder
                .dangerous()
                .with_custom_certificate_verifier(platform(provider)?)
                .with_no_client_auth(),
            Roots::File(path) => builder.with_root_certificates(only(path)?).with_no_client_auth(),
        };
        http1.resumption = Resumption::in_memory_sessions(32);
        http1.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut both = http1.clone();
        both.resumption = Resumption::in_memory_sessions(32);
        both.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            both: Arc::new(both),
            http1: Arc::new(http1),
        })
    }
}

fn platform(provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, BuildError> {
    rustls_platform_verifier::Verifier::new(provider)
        .map(|verifier| Arc::new(verifier) as Arc<dyn ServerCertVerifier>)
        .map_err(|error| BuildError::PlatformRoots {
            reason: error.to_string(),
        })
}

fn only(path: &Path) -> Result<RootCertStore, BuildError> {
    let unusable = |reason: String| BuildError::CaFile {
        path: path.to_owned(),
        reason,
    };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))? {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        store.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if store.is_empty() {
        return Err(unusable("it holds no certificate".to_owned()));
    }
    Ok(store)
}

/// The name that the certificate must carry: the granted host, whatever it resolves to.
pub(crate) fn server_name(host: &Host) -> Result<ServerName<'static>, Error> {
    match host {
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|error| Error::Tls {
            host: name.clone(),
            fault: TlsFault::Protocol,
            reason: error.to_string(),
        }),
        Host::V4(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::V6(address) => Ok(ServerName::IpAddress((*address).into())),
    }
}

/// Gives a failed handshake its name.
pub(crate) fn handshake_error(host: &Host, error: &std::io::Error) -> Error {
    let rustls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let fault = match rustls {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => TlsFault::Certificate,
        Some(rustls::Error::AlertReceived(_)) => TlsFault::Alert,
        _ => TlsFault::Protocol,
    };
    Error::Tls {
        host: host.to_string(),
        fault,
        reason: error.to_string(),
    }
}
