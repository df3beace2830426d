//! Which `Host` and `Origin` are answered.
//!
//! DNS rebinding makes a browser send a page's requests to an address of the attacker's choosing, under the page's own
//! name. So a name is answered only if the operator gave it; an address cannot be rebound, and `localhost` is resolved
//! by the machine itself.

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use loadlock_gateway::{Error, ErrorCode, Result};

/// Names that clients reach this gateway by, lower case, without a port.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    pub(crate) fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    /// Refuses a request that a page of somebody else's may have sent.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`].
    pub(crate) fn check(&self, request: &Parts) -> Result<()> {
        let mut hosts = request.headers.get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().ok().and_then(|host| host.parse().ok()),
            // HTTP/2 has it in the request line.
            (None, _) => request.uri.authority().cloned(),
            _ => None,
        };
        let Some(host) = host else {
            return Err(Error::new(
                ErrorCode::RequestInvalid,
                "the `Host` header is missing or malformed",
            ));
        };
        if !self.answers_to(&host) {
            return Err(Error::new(
                ErrorCode::Forbidden,
                format!("this gateway does not answer to the name `{}`", host.host()),
            )
            .hint("use its address, or ask the operator to serve it under this name"));
        }
        let mut origins = request.headers.get_all(ORIGIN).iter();
        let allowed = match (origins.next(), origins.next()) {
            (None, _) => true,
            (Some(origin), None) => origin
                .to_str()
                .ok()
                .and_then(origin_authority)
                .is_some_and(|origin| origin == host || is_loopback(&origin) || self.named(&origin)),
            _ => false,
        };
        if allowed {
            return Ok(());
        }
        Err(
            Error::new(ErrorCode::Forbidden, "pages of this `Origin` may not use this gateway")
                .hint("ask the operator to serve under the page's host name, if the page may"),
        )
    }

    fn answers_to(&self, host: &Authority) -> bool {
        is_loopback(host) || address(host).is_some() || self.named(host)
    }

    fn named(&self, host: &Authority) -> bool {
        self.0.iter().any(|name| host.host().eq_ignore_ascii_case(name))
    }
}

/// `scheme://host[:port]` and nothing after it. `null` is no origin that could be trusted.
fn origin_authority(origin: &str) -> Option<Authority> {
    let rest = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))?;
    rest.parse().ok()
}

fn address(host: &Authority) -> Option<std::net::IpAddr> {
    host.host().trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn is_loopback(host: &Authority) -> bool {
    host.host().eq_ignore_ascii_case("localhost") || address(host).is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn check(host: Option<&str>, origin: Option<&str>) -> Result<()> {
        let mut request = http::Request::builder();
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Hosts::new(&["Files.example".to_owned()]).check(&parts)
    }

    #[test]
    fn names_that_nobody_gave_are_refused() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:8420",
            "[::1]:8420",
            "localhost:1",
            "10.1.2.3:8420",
            "files.example",
            "FILES.example:443",
        ] {
            assert!(check(Some(host), None).is_ok(), "{host}");
        }
        for host in [
            Some("evil.example"),
            Some("localhost.evil.example"),
            Some("files.example.evil.example"),
            Some("127.0.0.1.evil.example"),
            Some("a b"),
            Some(""),
            None,
        ] {
            assert!(check(host, None).is_err(), "{host:?}");
        }
    }

    #[test]
    fn pages_of_others_are_refused() {
        for origin in [
            "http://localhost:6274",
            "http://127.0.0.1",
            "https://files.example",
            "http://10.1.2.3:8420",
        ] {
            assert!(check(Some("10.1.2.3:8420"), Some(origin)).is_ok(), "{origin}");
        }
        for origin in [
            "https://evil.example",
            "http://10.1.2.4:8420",
            "http://10.1.2.3",
            "null",
            "file://",
            "https://files.example.evil.example",
        ] {
            assert!(check(Some("10.1.2.3:8420"), Some(origin)).is_err(), "{origin}");
        }
    }
}
