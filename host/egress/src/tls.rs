//! TLS: the platform's roots, or one CA file and nothing else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use loadlock_policy::egress::{Host, Origin};
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, RootCertStore};

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
pub(crate) fn server_name(origin: &Origin) -> Result<ServerName<'static>, Error> {
    match &origin.host {
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|error| Error::Tls {
            origin: origin.to_string(),
            fault: TlsFault::Protocol,
            reason: error.to_string(),
        }),
        Host::V4(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::V6(address) => Ok(ServerName::IpAddress((*address).into())),
    }
}

/// Gives a failed handshake its name, and says what is wrong in words for a person.
pub(crate) fn handshake_error(origin: &Origin, error: &std::io::Error) -> Error {
    let rustls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let (fault, reason) = match rustls {
        Some(rustls::Error::InvalidCertificate(fault)) => (TlsFault::Certificate, certificate(fault)),
        Some(rustls::Error::NoCertificatesPresented) => {
            (TlsFault::Certificate, "the server presented no certificate".to_owned())
        }
        Some(rustls::Error::AlertReceived(alert)) => (
            TlsFault::Alert,
            format!("the server refused the handshake: {}", words(&format!("{alert:?}"))),
        ),
        Some(rustls::Error::InvalidMessage(_)) => (
            TlsFault::Protocol,
            "the server at this port does not speak TLS".to_owned(),
        ),
        Some(rustls::Error::PeerIncompatible(why)) => (
            TlsFault::Protocol,
            format!("there is no common way to speak TLS: {}", words(&format!("{why:?}"))),
        ),
        Some(rustls::Error::PeerMisbehaved(why)) => (
            TlsFault::Protocol,
            format!("the server does not keep to TLS: {}", words(&format!("{why:?}"))),
        ),
        Some(other) => (TlsFault::Protocol, other.to_string()),
        None => (
            TlsFault::Protocol,
            format!("the connection ended in the handshake: {}", error.kind()),
        ),
    };
    Error::Tls {
        origin: origin.to_string(),
        fault,
        reason,
    }
}

/// What is wrong with a certificate.
fn certificate(fault: &CertificateError) -> String {
    match fault {
        CertificateError::Expired => "its certificate has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("its certificate expired on {}", day(*not_after))
        }
        CertificateError::NotValidYet => "its certificate is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("its certificate is not valid before {}", day(*not_before))
        }
        CertificateError::NotValidForName => "its certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<_> = presented.iter().filter_map(|name| presented_name(name)).collect();
            match names.len() {
                0 => "its certificate has no host name or address as its `subjectAltName`, and the common name is none"
                    .to_owned(),
                _ => format!(
                    "its certificate is for another name: {}",
                    names[..names.len().min(NAMES)].join(", ")
                ),
            }
        }
        CertificateError::UnknownIssuer => {
            "its certificate is signed by an authority that is not trusted here".to_owned()
        }
        CertificateError::BadSignature => "the signature of its certificate is not valid".to_owned(),
        CertificateError::Revoked => "its certificate is revoked".to_owned(),
        CertificateError::BadEncoding => "its certificate cannot be read".to_owned(),
        CertificateError::UnhandledCriticalExtension => UNKNOWN_EXTENSION.to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not one for servers".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its certificate is signed in a way that is not safe enough, or not known here".to_owned()
        }
        CertificateError::Other(other) => of_library(&format!("{:?}", other.0)),
        other => of_library(&format!("{other:?}")),
    }
}

const UNKNOWN_EXTENSION: &str = "its certificate has a critical extension that is not known here";

/// By the name that the library has for what is wrong.
fn of_library(fault: &str) -> String {
    let fault = fault
        .split(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    match fault {
        "CaUsedAsEndEntity" => {
            "its certificate is an authority's and not a server's: a self-signed one must have been \
                                made with `basicConstraints=CA:FALSE`"
                .to_owned()
        }
        "UnsupportedCriticalExtension" => UNKNOWN_EXTENSION.to_owned(),
        "UnsupportedCertVersion" => "its certificate is not of version 3".to_owned(),
        _ => format!("its certificate is not valid: {}", words(fault)),
    }
}

/// `SomeName` as "some name".
fn words(name: &str) -> String {
    let mut text = String::new();
    let mut before = None;
    for character in name.chars() {
        if character.is_ascii_uppercase() && before.is_some_and(|before: char| before.is_ascii_lowercase()) {
            text.push(' ');
        }
        text.push(character.to_ascii_lowercase());
        before = Some(character);
    }
    text
}

/// A name as the library shows it, `DnsName("example.com")`; names of persons and paths are none of a host.
fn presented_name(shown: &str) -> Option<&str> {
    let bare = ["DnsName(", "IpAddress("]
        .iter()
        .find_map(|kind| shown.strip_prefix(kind))?;
    Some(bare.strip_suffix(')')?.trim_matches('"'))
}

/// Names of a certificate that an error shows: a shared one has hundreds.
const NAMES: usize = 3;

/// A day in UTC.
fn day(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| "a day out of range".to_owned(),
        |timestamp| timestamp.strftime("%Y-%m-%d").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_words() {
        let names = |presented: &[&str]| {
            certificate(&CertificateError::NotValidForNameContext {
                expected: ServerName::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()),
                presented: presented.iter().map(|name| (*name).to_owned()).collect(),
            })
        };
        assert_eq!(
            names(&["DnsName(\"*.example.com\")", "IpAddress(127.0.0.1)", "DirectoryName"]),
            "its certificate is for another name: *.example.com, 127.0.0.1"
        );
        assert!(names(&[]).contains("`subjectAltName`"));
        for (fault, part) in [
            ("CaUsedAsEndEntity", "authority's"),
            ("UnsupportedCriticalExtension", "critical extension"),
            ("MissingOrMalformedExtensions", ": missing or malformed extensions"),
            ("MaximumPathDepthExceeded { depth: 3 }", ": maximum path depth exceeded"),
        ] {
            let said = of_library(fault);
            assert!(said.ends_with(part) || said.contains(part), "{said}");
        }
        assert_eq!(words("HandshakeFailure"), "handshake failure");
    }
}
