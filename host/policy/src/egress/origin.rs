//! Scheme, host and port: one spelling for each.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The two schemes that leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Plain text.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// Case-insensitive, as RFC 3986 §3.1 has it.
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("https") {
            Some(Self::Https)
        } else if text.eq_ignore_ascii_case("http") {
            Some(Self::Http)
        } else {
            None
        }
    }

    /// 80 or 443.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// Lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A host with one spelling: a lower-case ASCII name, or an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A DNS name, lower case, without a trailing dot.
    Name(String),
    /// A literal IPv4 address.
    V4(Ipv4Addr),
    /// A literal IPv6 address.
    V6(Ipv6Addr),
}

impl Host {
    /// Parses a host as it stands in an authority (IPv6 in brackets).
    ///
    /// Refused are all spellings that two parsers may read differently: octal, hexadecimal, short or single-number
    /// IPv4, a trailing dot, IPv4 dressed as IPv6, IPv6 zones, names outside ASCII (write them as `xn--…`), percent
    /// escapes.
    ///
    /// # Errors
    /// [`OriginError`] says which.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        if text.is_empty() {
            return Err(OriginError::EmptyHost);
        }
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(OriginError::BadAddress)?;
            let address: Ipv6Addr = inner.parse().map_err(|_| OriginError::BadAddress)?;
            if address.to_ipv4_mapped().is_some() {
                return Err(OriginError::DressedV4);
            }
            return Ok(Self::V6(address));
        }
        if !text.is_ascii() {
            return Err(OriginError::NotAscii);
        }
        if text.contains('*') {
            return Err(OriginError::Wildcard);
        }
        if text.ends_with('.') {
            return Err(OriginError::TrailingDot);
        }
        let name = text.to_ascii_lowercase();
        let last = name.rsplit('.').next().unwrap_or_default();
        // The rule of the WHATWG URL standard: a host whose last label is a number is an IPv4 address to some parsers.
        // Here it is one only in its four-part decimal form.
        let hex = last
            .strip_prefix("0x")
            .is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
        if hex || (!last.is_empty() && last.bytes().all(|b| b.is_ascii_digit())) {
            return name.parse().map(Self::V4).map_err(|_| OriginError::OddV4);
        }
        let label = |l: &str| {
            (1..=63).contains(&l.len())
                && !l.starts_with('-')
                && !l.ends_with('-')
                && l.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
        };
        if name.len() > 253 || !name.split('.').all(label) {
            return Err(OriginError::BadName);
        }
        Ok(Self::Name(name))
    }

    /// Whether the operator who wrote this host meant this machine: an address in `127.0.0.0/8`, `::1`, `localhost`
    /// or a name below it (RFC 6761 §6.3).
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Self::V4(address) => address.is_loopback(),
            Self::V6(address) => address.is_loopback(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// Scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The scheme.
    pub scheme: Scheme,
    /// The host.
    pub host: Host,
    /// The port, the scheme's own if none was written.
    pub port: u16,
}

impl Origin {
    /// Parses `scheme://host[:port]` and nothing more.
    ///
    /// # Errors
    /// [`OriginError`] says what is wrong.
    ///
    /// ```
    /// use loadlock_policy::egress::Origin;
    /// assert_eq!(Origin::parse("HTTPS://Api.Example:443")?.to_string(), "https://api.example");
    /// assert!(Origin::parse("http://0x7f.1").is_err());
    /// # Ok::<(), loadlock_policy::egress::OriginError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let (scheme, authority) = text.split_once("://").ok_or(OriginError::NoScheme)?;
        Self::from_parts(scheme, authority)
    }

    /// Parses a scheme and an authority that have been split already.
    ///
    /// # Errors
    /// [`OriginError`] says what is wrong.
    pub fn from_parts(scheme: &str, authority: &str) -> Result<Self, OriginError> {
        let scheme = Scheme::parse(scheme).ok_or(OriginError::OtherScheme)?;
        if authority.len() > 512 {
            return Err(OriginError::BadName);
        }
        if authority.contains('@') {
            return Err(OriginError::UserInfo);
        }
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(OriginError::MoreThanOrigin);
        }
        // The colon that separates a port is the one behind a bracket, or the only one.
        let split = match authority.rfind(']') {
            Some(bracket) => authority.split_at(bracket + 1),
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match split.1.strip_prefix(':') {
            Some(digits) => parse_port(digits)?,
            None if split.1.is_empty() => scheme.default_port(),
            None => return Err(OriginError::BadPort),
        };
        Ok(Self {
            scheme,
            host: Host::parse(split.0)?,
            port,
        })
    }

    /// The value of a `Host` header: the port is left out where it is the scheme's own.
    pub fn host_header(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether a credential may travel there: over TLS, or without leaving this machine.
    pub fn may_carry_credential(&self) -> bool {
        self.scheme == Scheme::Https || self.host.is_loopback()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host_header())
    }
}

fn parse_port(digits: &str) -> Result<u16, OriginError> {
    // `u16::from_str` takes a sign and leading zeros; a port has neither.
    let plain = !digits.is_empty() && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    if !plain {
        return Err(OriginError::BadPort);
    }
    digits.parse().map_err(|_| OriginError::BadPort)
}

/// Why a text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OriginError {
    /// No `://`.
    #[error("there is no scheme; write `https://host`")]
    NoScheme,
    /// Neither http nor https.
    #[error("the scheme is neither http nor https")]
    OtherScheme,
    /// Nothing where the host should be.
    #[error("the host is empty")]
    EmptyHost,
    /// `user:password@host`.
    #[error("user information before `@` is refused; credentials are configured apart")]
    UserInfo,
    /// A path, query or fragment.
    #[error("there is more than scheme, host and port")]
    MoreThanOrigin,
    /// A host outside ASCII.
    #[error("the host is not ASCII; write an international name in its `xn--` form")]
    NotAscii,
    /// `*.host`
    #[error("the host is a pattern; write one rule for each host")]
    Wildcard,
    /// `host.`
    #[error("the host ends in a dot; write it without")]
    TrailingDot,
    /// Octal, hexadecimal or short IPv4.
    #[error("the host looks like an IPv4 address but is not in four-part decimal form")]
    OddV4,
    /// `::ffff:192.0.2.1`
    #[error("the host is an IPv4 address written as IPv6; write the IPv4 address")]
    DressedV4,
    /// Not an IPv6 address.
    #[error("the host in brackets is not an IPv6 address without a zone")]
    BadAddress,
    /// Not a DNS name.
    #[error("the host is not a DNS name")]
    BadName,
    /// Not 1 to 65535 in plain decimal.
    #[error("the port is not a number from 1 to 65535")]
    BadPort,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn one_spelling_for_each_origin() {
        for (text, canonical) in [
            ("https://api.example", "https://api.example"),
            ("HTTPS://API.Example:443", "https://api.example"),
            ("http://api.example:80", "http://api.example"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[0:0::1]:8080", "http://[::1]:8080"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
            ("http://my_service:9000", "http://my_service:9000"),
        ] {
            assert_eq!(Origin::parse(text).unwrap().to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn odd_hosts_are_refused() {
        use OriginError as E;
        for (host, error) in [
            ("", E::EmptyHost),
            ("user@api.example", E::UserInfo),
            ("user:pass@api.example", E::UserInfo),
            ("*.api.example", E::Wildcard),
            ("api.example.", E::TrailingDot),
            ("bücher.example", E::NotAscii),
            ("api。example", E::NotAscii),
            ("127.1", E::OddV4),
            ("2130706433", E::OddV4),
            ("0177.0.0.1", E::OddV4),
            ("0x7f.0.0.1", E::OddV4),
            ("0x7f000001", E::OddV4),
            ("1.2.3.0x4", E::OddV4),
            ("0x", E::OddV4),
            ("1.2.3.4.5", E::OddV4),
            ("256.1.1.1", E::OddV4),
            ("[::ffff:127.0.0.1]", E::DressedV4),
            ("[fe80::1%eth0]", E::BadAddress),
            ("[fe80::1%25eth0]", E::BadAddress),
            ("[::1", E::BadPort),
            ("::1", E::BadPort),
            ("a..b", E::BadName),
            (".a", E::BadName),
            ("-a.b", E::BadName),
            ("a b", E::BadName),
            ("a%2eb", E::BadName),
            ("a\tb", E::BadName),
            ("a:", E::BadPort),
            ("a:0", E::BadPort),
            ("a:080", E::BadPort),
            ("a:+80", E::BadPort),
            ("a:65536", E::BadPort),
            ("a:80:81", E::BadPort),
            ("[::1]80", E::BadPort),
            ("a/b", E::MoreThanOrigin),
            ("a\\b", E::MoreThanOrigin),
            ("a#b", E::MoreThanOrigin),
        ] {
            assert_eq!(Origin::from_parts("https", host), Err(error), "{host}");
        }
        assert_eq!(Origin::parse("api.example"), Err(E::NoScheme));
        assert_eq!(Origin::parse("ftp://api.example"), Err(E::OtherScheme));
        assert_eq!(Origin::parse("https://api.example/"), Err(E::MoreThanOrigin));
    }

    #[test]
    fn credentials_travel_over_tls_or_stay_here() {
        for (origin, may) in [
            ("https://api.example", true),
            ("http://api.example", false),
            ("http://10.0.0.1", false),
            ("http://127.0.0.1:1", true),
            ("http://127.8.9.10:1", true),
            ("http://[::1]", true),
            ("http://localhost", true),
            ("http://fake.localhost", true),
            ("http://localhost.example", false),
            ("http://notlocalhost", false),
        ] {
            assert_eq!(Origin::parse(origin).unwrap().may_carry_credential(), may, "{origin}");
        }
    }
}
