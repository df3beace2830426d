//! An upstream that could not be reached, in words for whoever waits for it.

use crate::Error;
use crate::credential::CredentialError;

impl Error {
    /// One sentence about a failure before the upstream had anything of the request: which host and port, and what is
    /// wrong. It names no address that the name resolved to. `None` for every other failure.
    ///
    /// ```
    /// use loadlock_egress::Error;
    /// let refused = Error::ConnectRefused {
    ///     origin: "https://api.moonshot.ai".into(),
    ///     reason: "connection refused".into(),
    /// };
    /// assert_eq!(
    ///     refused.unreachable().as_deref(),
    ///     Some("cannot connect to api.moonshot.ai:443: connection refused")
    /// );
    /// ```
    pub fn unreachable(&self) -> Option<String> {
        Some(match self {
            Self::Credential(CredentialError::Unavailable {
                what, endpoint, reason, ..
            }) => format!("cannot fetch {what} for the request from {endpoint}: {reason}"),
            Self::Dns { host, reason } => format!("cannot find the address of {host}: {reason}"),
            Self::ConnectRefused { origin, reason } => {
                format!("cannot connect to {}: {reason}", host_and_port(origin))
            }
            Self::ConnectTimeout { origin, stage, after } => {
                format!("cannot connect to {} in {after:?}: {stage}", host_and_port(origin))
            }
            Self::Tls { origin, reason, .. } => {
                format!("no TLS connection with {}: {reason}", host_and_port(origin))
            }
            Self::NotSent { origin } => format!(
                "{} closed the connection before it took the request",
                host_and_port(origin)
            ),
            _ => return None,
        })
    }
}

/// `https://host` → `host:443`.
fn host_and_port(origin: &str) -> String {
    let (scheme, authority) = origin.split_once("://").unwrap_or(("", origin));
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) {
        return authority.to_owned();
    }
    let port = if scheme == "http" { 80 } else { 443 };
    format!("{authority}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_always_named() {
        for (origin, named) in [
            ("https://api.test", "api.test:443"),
            ("http://api.test", "api.test:80"),
            ("http://127.0.0.1:9", "127.0.0.1:9"),
            ("https://[::1]", "[::1]:443"),
            ("https://[::1]:8443", "[::1]:8443"),
        ] {
            assert_eq!(host_and_port(origin), named);
        }
    }
}
