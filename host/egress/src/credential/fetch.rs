//! Asking an endpoint for a credential.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use loadlock_policy::credential::TokenUrl;
use loadlock_policy::egress::{Host, Method, Origin};

use super::error::CredentialError;
use super::secret_file::read_file;
use super::token_client::{EndpointAddresses, TokenAnswer, TokenClient, TokenRequest};
use crate::Secret;
use crate::clock::Clock;

/// The addresses at which clouds give credentials to what runs in them. Plain HTTP: they are links of the machine
/// itself.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

/// Whether a host is written as one of the addresses of metadata services.
pub(crate) fn is_metadata(host: &Host) -> bool {
    match host {
        Host::Name(_) => false,
        Host::V4(address) => METADATA.contains(&IpAddr::V4(*address)),
        Host::V6(address) => METADATA.contains(&IpAddr::V6(*address)),
    }
}

/// Where a credential is fetched.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    url: TokenUrl,
    addresses: EndpointAddresses,
}

impl Endpoint {
    /// Nothing if a secret would travel in the clear.
    pub(super) fn new(url: TokenUrl, addresses: EndpointAddresses) -> Option<Self> {
        let metadata = addresses == EndpointAddresses::Metadata && is_metadata(&url.origin.host);
        let addresses = match addresses {
            EndpointAddresses::Metadata if !metadata => EndpointAddresses::Private,
            other => other,
        };
        (url.origin.may_carry_credential() || metadata).then_some(Self { url, addresses })
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.url.origin
    }

    /// Whether it is beyond this machine and its links.
    pub(super) fn is_remote(&self) -> bool {
        self.addresses != EndpointAddresses::Metadata && !self.url.origin.host.is_loopback()
    }

    /// A request without headers and body, to another path if there is one.
    pub(super) fn request(&self, method: Method, path: Option<String>) -> TokenRequest {
        TokenRequest {
            method,
            origin: self.url.origin.clone(),
            path: path.unwrap_or_else(|| self.url.path.as_str().to_owned()),
            headers: Vec::new(),
            body: Bytes::new(),
            addresses: self.addresses,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// Who asks, for what, and how.
pub(super) struct Fetcher<'a> {
    pub(super) provider: &'a str,
    pub(super) what: &'static str,
    pub(super) client: &'a Arc<dyn TokenClient>,
    pub(super) clock: &'a dyn Clock,
}

impl Fetcher<'_> {
    pub(super) async fn ask(&self, request: TokenRequest) -> Result<TokenAnswer, CredentialError> {
        let endpoint = format!("{}{}", request.origin, request.path);
        let answer = self.client.ask(request).await;
        answer.map_err(|reason| self.unavailable(&endpoint, reason))
    }

    /// A small local file; a file system may hang, so never on a thread that drives requests.
    pub(super) async fn read(&self, file: &Path) -> Result<Secret, CredentialError> {
        let path = file.to_owned();
        let read = tokio::task::spawn_blocking(move || read_file(&path)).await;
        let reason = match read {
            Ok(Ok(secret)) => return Ok(secret),
            Ok(Err(reason)) => reason,
            Err(_) => "the program is about to end".to_owned(),
        };
        Err(CredentialError::FileMissing {
            provider: self.provider.to_owned(),
            header: "authorization".to_owned(),
            path: file.to_owned(),
            reason,
        })
    }

    pub(super) fn unavailable(&self, endpoint: &str, reason: String) -> CredentialError {
        CredentialError::Unavailable {
            provider: self.provider.to_owned(),
            what: self.what,
            endpoint: endpoint.to_owned(),
            reason,
        }
    }

    /// How long it is until then, if it is not over.
    pub(super) fn left_until(&self, unix_ms: i64) -> Option<Duration> {
        let left = u64::try_from(unix_ms).ok()?.checked_sub(self.clock.unix_millis())?;
        (left > 0).then(|| Duration::from_millis(left))
    }
}

/// An endpoint that answers, and gives nothing. Its code is shown if it is a word or a few, never what else it says: it
/// may repeat what it was sent.
pub(super) fn refusal_of(fetcher: &Fetcher<'_>, endpoint: &Endpoint, status: u16, code: &str) -> CredentialError {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-. ".contains(&byte);
    let reason = match code {
        code if (1..=40).contains(&code.len()) && code.bytes().all(plain) => format!("HTTP {status}, {code}"),
        _ => format!("HTTP {status}"),
    };
    match status {
        408 | 429 | 500..=599 => fetcher.unavailable(&endpoint.to_string(), reason),
        _ => CredentialError::Refused {
            provider: fetcher.provider.to_owned(),
            what: fetcher.what,
            endpoint: endpoint.to_string(),
            reason,
        },
    }
}
