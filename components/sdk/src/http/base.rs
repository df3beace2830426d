//! The address that a provider's requests are built upon.

use std::fmt::Write as _;

use crate::types::Failure;

/// `http(s)://host[:port][/path]`, without user information, query or fragment.
///
/// ```
/// use loadlock_sdk::http::Base;
/// let base = Base::parse("https://api.moonshot.ai/v1/")?;
/// assert_eq!(base.origin(), "https://api.moonshot.ai");
/// assert_eq!(base.path_of("/files"), "/v1/files");
/// # Ok::<(), &'static str>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    secure: bool,
    authority: String,
    path: String,
}

impl Base {
    /// Reads an address. A slash at its end does not count.
    ///
    /// # Errors
    /// What is wrong with it, in words for the operator.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text.split_once("://").ok_or("write it as https://host/path")?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err("the scheme must be https or http"),
        };
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, path.trim_end_matches('/')),
            None => (rest, ""),
        };
        let odd = |byte: u8| byte <= b' ' || byte >= 0x7f || b"\\?#%@\"<>^`{|}".contains(&byte);
        if authority.is_empty() || authority.starts_with(':') {
            return Err("it has no host");
        }
        if authority.bytes().any(odd) {
            return Err("the host must be plain: no user name, no encoded characters");
        }
        let segments = || path.split('/');
        if !path.is_empty() && segments().any(|part| matches!(part, "" | "." | "..")) {
            return Err("the path must have no empty and no dot segments");
        }
        if path.bytes().any(odd) {
            return Err("the path must be plain: no query, no fragment, no encoded characters");
        }
        Ok(Self {
            secure,
            authority: authority.to_ascii_lowercase(),
            path: if path.is_empty() {
                String::new()
            } else {
                format!("/{path}")
            },
        })
    }

    /// Whether requests go over TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// `host` or `host:port`, in lower case.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The host without its port.
    pub fn host(&self) -> &str {
        match self.authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.authority,
        }
    }

    /// `scheme://host[:port]`, as an egress need names it.
    pub fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }

    /// The path beneath this base; `below` starts with `/`.
    pub fn path_of(&self, below: &str) -> String {
        format!("{}{below}", self.path)
    }
}

/// One path segment: everything but unreserved characters is percent-encoded.
///
/// # Errors
/// `not-found` for a text that no segment can carry: empty, `.` or `..`.
pub fn segment(text: &str) -> Result<String, Failure> {
    if matches!(text, "" | "." | "..") {
        return Err(Failure::not_found(format!(
            "`{text}` cannot be the id of a remote file"
        )));
    }
    Ok(encoded(text))
}

/// `text` percent-encoded, all but the unreserved characters of RFC 3986.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bases_are_taken_apart() {
        let base = Base::parse("HTTP://127.0.0.1:8080").unwrap();
        assert_eq!(
            (base.is_secure(), base.host(), base.origin().as_str()),
            (false, "127.0.0.1", "http://127.0.0.1:8080")
        );
        assert_eq!(base.path_of("/files"), "/files");
        let base = Base::parse("https://api.Z.ai/api/paas/v4").unwrap();
        assert_eq!(base.host(), "api.z.ai");
        assert_eq!(base.path_of("/files"), "/api/paas/v4/files");
        assert_eq!(Base::parse("http://[::1]:80/").unwrap().host(), "[::1]");
    }

    #[test]
    fn odd_bases_are_refused() {
        for odd in [
            "api.moonshot.ai/v1",
            "ftp://host/v1",
            "https:///v1",
            "https://:80/v1",
            "https://user@host/v1",
            "https://host/a/../b",
            "https://host//v1",
            "https://host/v1?x=1",
            "https://host/%2e%2e/v1",
            "https://ho st/v1",
            "https://höst/v1",
        ] {
            assert!(Base::parse(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn an_id_stays_one_segment() {
        assert_eq!(segment("file-1_a").unwrap(), "file-1_a");
        assert_eq!(segment("../x?y#é").unwrap(), "..%2Fx%3Fy%23%C3%A9");
        for id in ["", ".", ".."] {
            assert!(segment(id).is_err(), "{id:?}");
        }
    }
}
