//! What a credential asks of the network. The transport itself carries credentials, so it is not named here.

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue};
use loadlock_policy::egress::{Method, Origin};
use zeroize::Zeroizing;

/// Where a credential is fetched.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// GET, POST or PUT.
    pub method: Method,
    /// Where to connect.
    pub origin: Origin,
    /// The path to ask for, without a query.
    pub path: String,
    /// Headers, which may hold secrets.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body, which may hold secrets; empty for none.
    pub body: Bytes,
    /// Which addresses the endpoint may have.
    pub addresses: EndpointAddresses,
}

/// Which addresses an endpoint may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointAddresses {
    /// Public ones.
    Public,
    /// Those of a private network too.
    Private,
    /// The metadata addresses of clouds too, which no component ever reaches.
    Metadata,
}

/// What came back.
pub struct TokenAnswer {
    /// The status.
    pub status: u16,
    /// The body, at most [`MOST_BYTES`].
    pub body: Zeroizing<Vec<u8>>,
}

impl TokenAnswer {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }
}

/// A token or a set of keys is a few kilobytes.
pub const MOST_BYTES: u64 = 64 * 1024;

/// The host's own way to the endpoints of credentials: bounded in time and size, judged as every request is.
pub trait TokenClient: Send + Sync + 'static {
    /// Asks once, and reads the whole answer.
    ///
    /// # Errors
    /// Why there is no answer, in words without a secret.
    fn ask(&self, request: TokenRequest) -> BoxFuture<'_, Result<TokenAnswer, String>>;
}
