//! The one grammar of a URL that a rule is about: `scheme://host[:port][/path]`.

use thiserror::Error;

use super::{Origin, OriginError, PathPrefix, UriFault};

/// Why a text is not such a URL. Does not repeat the text: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UrlError {
    /// Scheme, host or port.
    #[error("{0}")]
    Origin(#[from] OriginError),
    /// The path.
    #[error("{0}")]
    Path(#[from] UriFault),
}

/// Reads a URL as the origin and the path prefix that a rule compares. Without a path the prefix is `/`.
///
/// # Errors
/// [`UrlError`] if two programs could read the text in two ways, or if it says more than a rule can.
///
/// ```
/// use loadlock_policy::egress::parse_url;
/// let (origin, prefix) = parse_url("https://API.example:443/v1/files/")?;
/// assert_eq!((origin.to_string().as_str(), prefix.as_str()), ("https://api.example", "/v1/files"));
/// assert!(parse_url("https://api.example/v1/../keys").is_err());
/// # Ok::<(), loadlock_policy::egress::UrlError>(())
/// ```
pub fn parse_url(text: &str) -> Result<(Origin, PathPrefix), UrlError> {
    let (scheme, rest) = text.split_once("://").ok_or(OriginError::NoScheme)?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let origin = Origin::from_parts(scheme, authority)?;
    let prefix = match path.chars().next() {
        None => PathPrefix::parse("/")?,
        Some('?') => return Err(UriFault::Query.into()),
        Some('#') => return Err(UriFault::Fragment.into()),
        Some(_) => PathPrefix::parse(path)?,
    };
    Ok((origin, prefix))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn one_reading_for_each_url() {
        for (text, read) in [
            ("https://api.example", "https://api.example /"),
            ("https://api.example/", "https://api.example /"),
            ("HTTPS://Api.Example:8443/v1/", "https://api.example:8443 /v1"),
            ("http://[::1]:9/x", "http://[::1]:9 /x"),
            ("https://api.example/caf%c3%a9", "https://api.example /caf%C3%A9"),
        ] {
            let (origin, prefix) = parse_url(text).unwrap();
            assert_eq!(format!("{origin} {}", prefix.as_str()), read, "{text}");
        }
    }

    #[test]
    fn what_a_rule_cannot_say_is_refused() {
        use OriginError as O;
        use UriFault as U;
        for (text, error) in [
            ("api.example/v1", UrlError::Origin(O::NoScheme)),
            ("ftp://api.example", UrlError::Origin(O::OtherScheme)),
            ("https:///v1", UrlError::Origin(O::EmptyHost)),
            ("https://*.example/v1", UrlError::Origin(O::Wildcard)),
            ("https://user:pw@api.example", UrlError::Origin(O::UserInfo)),
            ("http://[::ffff:10.0.0.1]/x", UrlError::Origin(O::DressedV4)),
            ("https://api.example?a=b", UrlError::Path(U::Query)),
            ("https://api.example/v1?a=b", UrlError::Path(U::Query)),
            ("https://api.example#a", UrlError::Path(U::Fragment)),
            ("https://api.example/a/../b", UrlError::Path(U::DotSegment)),
            ("https://api.example/a%2fb", UrlError::Path(U::EncodedSeparator)),
            ("https://api.example//b", UrlError::Path(U::EmptySegment)),
        ] {
            assert_eq!(parse_url(text), Err(error), "{text}");
        }
    }
}
