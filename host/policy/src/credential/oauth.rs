//! Bearer tokens that the host fetches from an OAuth 2 token endpoint.

use std::fmt;

use super::template::Template;
use crate::egress::{CanonicalPath, Origin, OriginError, UriFault, UrlError};

/// The address of a token endpoint: unlike a rule's prefix it keeps a slash at its end.
///
/// ```
/// use loadlock_policy::credential::TokenUrl;
/// let url = TokenUrl::parse("https://login.example/tenant/oauth2/v2.0/token")?;
/// assert_eq!(url.to_string(), "https://login.example/tenant/oauth2/v2.0/token");
/// assert!(TokenUrl::parse("https://user:pw@login.example/token").is_err());
/// # Ok::<(), loadlock_policy::egress::UrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUrl {
    /// Where to connect.
    pub origin: Origin,
    /// What to ask for.
    pub path: CanonicalPath,
}

impl TokenUrl {
    /// Reads an address without a query.
    ///
    /// # Errors
    /// [`UrlError`] if two programs could read the text in two ways.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(OriginError::NoScheme)?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if path.contains('?') {
            return Err(UriFault::Query.into());
        }
        Ok(Self {
            origin: Origin::from_parts(scheme, authority)?,
            path: CanonicalPath::parse(if path.is_empty() { "/" } else { path })?,
        })
    }
}

impl fmt::Display for TokenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path.as_str())
    }
}

/// What is shown to the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OauthGrant {
    /// The client's id and secret (RFC 6749 §4.4).
    ClientCredentials {
        /// Where tokens are had.
        url: TokenUrl,
        /// The client's id, which is no secret.
        client_id: String,
        /// Its secret.
        secret: Template,
    },
    /// A signed assertion (RFC 7523) of a service account, whose key is the JSON document that Google hands out. It
    /// names its token endpoint itself.
    ServiceAccount {
        /// The document.
        key: Template,
    },
}

/// A bearer token that is fetched, and renewed before it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OauthToken {
    /// What is shown for it.
    pub grant: OauthGrant,
    /// What the token is to be good for, in the endpoint's words.
    pub scope: Option<String>,
    /// Whether the endpoint may be, or resolve to, an address of a private network.
    pub private: bool,
}

impl fmt::Display for OauthToken {
    /// For a person; holds no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.grant {
            OauthGrant::ClientCredentials { url, client_id, secret } => {
                write!(f, "a token of {url} for the client `{client_id}` ({secret})")
            }
            OauthGrant::ServiceAccount { key } => write!(f, "a token for the service account {key}"),
        }
    }
}
