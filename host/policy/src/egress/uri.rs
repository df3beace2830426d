//! Paths and queries: one reading for each.

use thiserror::Error;

/// Longest path and query together, in bytes. Servers commonly stop at 8 KiB.
pub const MAX_URI_BYTES: usize = 8_192;

/// Why a path or a query is refused. Each allows two readings, of which a server may take the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UriFault {
    /// Longer than [`MAX_URI_BYTES`].
    #[error("path and query are longer than {MAX_URI_BYTES} bytes")]
    TooLong,
    /// No `/` at the start.
    #[error("the path does not start with `/`")]
    NotAbsolute,
    /// `#`
    #[error("a fragment (`#`) is not sent to servers")]
    Fragment,
    /// `?` where only a path may stand.
    #[error("a query is not part of a path prefix")]
    Query,
    /// `.` or `..` as a segment, also before a `;`.
    #[error("the path holds a `.` or `..` segment")]
    DotSegment,
    /// `//`
    #[error("the path holds an empty segment (`//`)")]
    EmptySegment,
    /// `%2f`, `%5c`, `%2e`.
    #[error("the path holds an encoded `/`, `\\` or `.`")]
    EncodedSeparator,
    /// `%252e`
    #[error("the path is encoded twice")]
    EncodedTwice,
    /// A control character, plain or encoded.
    #[error("the path or query holds a control character")]
    Control,
    /// `%` without two hexadecimal digits.
    #[error("the path or query holds a `%` that is not followed by two hexadecimal digits")]
    BadEscape,
    /// A character that must be encoded.
    #[error("the path or query holds a character that has to be percent-encoded")]
    BadCharacter,
}

/// A path that has exactly one reading: absolute, no dot or empty segments, no hidden separators, unreserved
/// characters plain and other escapes in upper case (RFC 3986 §6.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CanonicalPath(String);

impl CanonicalPath {
    /// Canonicalises a request path (no query).
    ///
    /// # Errors
    /// [`UriFault`] says what gives it a second reading.
    ///
    /// ```
    /// use loadlock_policy::egress::{CanonicalPath, UriFault};
    /// assert_eq!(CanonicalPath::parse("/v1/%66iles/%c3%a9")?.as_str(), "/v1/files/%C3%A9");
    /// assert_eq!(CanonicalPath::parse("/v1/%2e%2e/keys"), Err(UriFault::EncodedSeparator));
    /// # Ok::<(), UriFault>(())
    /// ```
    pub fn parse(raw: &str) -> Result<Self, UriFault> {
        if raw.len() > MAX_URI_BYTES {
            return Err(UriFault::TooLong);
        }
        let Some(rest) = raw.strip_prefix('/') else {
            return Err(UriFault::NotAbsolute);
        };
        let mut path = String::with_capacity(raw.len());
        let last = rest.split('/').count() - 1;
        for (index, segment) in rest.split('/').enumerate() {
            // One slash may end a path; anywhere else an empty segment is `//`.
            if segment.is_empty() && index != last {
                return Err(UriFault::EmptySegment);
            }
            path.push('/');
            canonical_segment(segment, &mut path)?;
        }
        Ok(Self(path))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn canonical_segment(segment: &str, out: &mut String) -> Result<(), UriFault> {
    // Some servers cut parameters (`..;x`) before they resolve dots.
    if matches!(segment.split(';').next(), Some("." | "..")) {
        return Err(UriFault::DotSegment);
    }
    let start = out.len();
    let bytes = segment.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'%' => {
                let decoded = escape(bytes, at)?;
                match decoded {
                    b'/' | b'\\' | b'.' => return Err(UriFault::EncodedSeparator),
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => {
                        out.push(char::from(decoded));
                    }
                    other => push_escape(other, out),
                }
                at += 3;
                continue;
            }
            b if b < 0x20 || b == 0x7f => return Err(UriFault::Control),
            b'#' => return Err(UriFault::Fragment),
            b'?' => return Err(UriFault::Query),
            b if is_pchar(b) => out.push(char::from(b)),
            _ => return Err(UriFault::BadCharacter),
        }
        at += 1;
    }
    // `%25` is a per cent sign; with two digits behind it, it hides an escape from all but a server that decodes twice.
    // Looked for in the result, because the digits may have been encoded too (`%25%32e`).
    let done = out.as_bytes().get(start..).unwrap_or_default();
    let twice = |w: &[u8]| w.starts_with(b"%25") && w.iter().skip(3).all(u8::is_ascii_hexdigit);
    if done.windows(5).any(twice) {
        return Err(UriFault::EncodedTwice);
    }
    Ok(())
}

/// Checks a query (without its `?`) and gives it back with escapes in upper case.
///
/// Dots and slashes mean nothing there, so they may be encoded; control characters may not.
///
/// # Errors
/// [`UriFault`] says what is wrong.
pub fn canonical_query(raw: &str) -> Result<String, UriFault> {
    let mut out = String::with_capacity(raw.len());
    let bytes = raw.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'%' => {
                push_escape(escape(bytes, at)?, &mut out);
                at += 3;
                continue;
            }
            b if b < 0x20 || b == 0x7f => return Err(UriFault::Control),
            b'#' => return Err(UriFault::Fragment),
            // Brackets are not in the grammar, but `expires_after[seconds]` is in the wild.
            b if is_pchar(b) || matches!(b, b'/' | b'?' | b'[' | b']') => out.push(char::from(b)),
            _ => return Err(UriFault::BadCharacter),
        }
        at += 1;
    }
    Ok(out)
}

/// The byte that the escape at `at` stands for.
fn escape(bytes: &[u8], at: usize) -> Result<u8, UriFault> {
    let digit = |i: usize| bytes.get(i).and_then(|&b| char::from(b).to_digit(16));
    let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) else {
        return Err(UriFault::BadEscape);
    };
    let byte = u8::try_from(high * 16 + low).map_err(|_| UriFault::BadEscape)?;
    if byte < 0x20 || byte == 0x7f {
        Err(UriFault::Control)
    } else {
        Ok(byte)
    }
}

fn push_escape(byte: u8, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 0xf)]));
}

/// `pchar` of RFC 3986 without `%`.
const fn is_pchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
        )
}

/// The bytes that a canonical segment stands for.
pub(super) fn decode_segment(segment: &str) -> Vec<u8> {
    let bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match escape(bytes, at) {
            Ok(decoded) if byte == b'%' => {
                out.push(decoded);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// A canonical path that covers itself and everything that continues it after a `/`. `/` covers everything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// Parses a prefix; a slash at its end makes no difference.
    ///
    /// # Errors
    /// [`UriFault`] if it is not a path with one reading.
    pub fn parse(raw: &str) -> Result<Self, UriFault> {
        let path = CanonicalPath::parse(raw)?;
        Ok(Self(path.as_str().trim_end_matches('/').to_owned()))
    }

    /// What follows the prefix, without the separating slash: `Some("")` for the prefix itself, `None` if the path is
    /// not beneath it. `/v1/files` does not cover `/v1/files-of-others`.
    pub fn rest_of<'p>(&self, path: &'p CanonicalPath) -> Option<&'p str> {
        let rest = path.as_str().strip_prefix(self.0.as_str())?;
        if rest.is_empty() {
            Some(rest)
        } else {
            rest.strip_prefix('/')
        }
    }

    /// Whether everything beneath `other` is beneath this too.
    pub fn covers(&self, other: &Self) -> bool {
        other
            .0
            .strip_prefix(self.0.as_str())
            .is_some_and(|r| r.is_empty() || r.starts_with('/'))
    }

    /// The text; `/` for everything.
    pub fn as_str(&self) -> &str {
        if self.0.is_empty() { "/" } else { &self.0 }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn second_readings_are_refused() {
        use UriFault as F;
        for (path, fault) in [
            ("", F::NotAbsolute),
            ("v1", F::NotAbsolute),
            ("/..", F::DotSegment),
            ("/v1/../x", F::DotSegment),
            ("/v1/./x", F::DotSegment),
            ("/v1/..;a=b/x", F::DotSegment),
            ("/v1/%2e%2e/x", F::EncodedSeparator),
            ("/v1/.%2E/x", F::EncodedSeparator),
            ("/v1/a%2fb", F::EncodedSeparator),
            ("/v1/a%5Cb", F::EncodedSeparator),
            ("/v1/%252e%252e/x", F::EncodedTwice),
            ("/v1/%25252e", F::EncodedTwice),
            ("/v1/%25%32e%252e", F::EncodedTwice),
            ("//v1", F::EmptySegment),
            ("/v1//x", F::EmptySegment),
            ("/v1//", F::EmptySegment),
            ("/v1/a\\b", F::BadCharacter),
            ("/v1/a b", F::BadCharacter),
            ("/v1/é", F::BadCharacter),
            ("/v1/a\rb", F::Control),
            ("/v1/a%0d%0ab", F::Control),
            ("/v1/a%00", F::Control),
            ("/v1/a%7f", F::Control),
            ("/v1/a%", F::BadEscape),
            ("/v1/a%4", F::BadEscape),
            ("/v1/a%zz", F::BadEscape),
            ("/v1/a#b", F::Fragment),
            ("/v1/a?b", F::Query),
        ] {
            assert_eq!(CanonicalPath::parse(path), Err(fault), "{path}");
        }
        let long = format!("/{}", "a".repeat(MAX_URI_BYTES));
        assert_eq!(CanonicalPath::parse(&long), Err(F::TooLong));
    }

    #[test]
    fn equal_paths_become_one() {
        for (raw, canonical) in [
            ("/", "/"),
            ("/v1/files/", "/v1/files/"),
            ("/v1/file%2d1", "/v1/file-1"),
            ("/v1/caf%c3%a9", "/v1/caf%C3%A9"),
            ("/v1/100%25", "/v1/100%25"),
            ("/v1/a.b/..c/...", "/v1/a.b/..c/..."),
            ("/v1/a:b@c;d", "/v1/a:b@c;d"),
        ] {
            assert_eq!(CanonicalPath::parse(raw).unwrap().as_str(), canonical);
        }
    }

    #[test]
    fn queries_keep_their_meaning_and_lose_control_characters() {
        assert_eq!(canonical_query("a=b%2f..&c[d]=%c3"), Ok("a=b%2F..&c[d]=%C3".into()));
        assert_eq!(canonical_query("a=%0a"), Err(UriFault::Control));
        assert_eq!(canonical_query("a=b c"), Err(UriFault::BadCharacter));
        assert_eq!(canonical_query("a#b"), Err(UriFault::Fragment));
        assert_eq!(canonical_query("a=%"), Err(UriFault::BadEscape));
    }

    #[test]
    fn a_prefix_ends_at_a_separator() {
        let prefix = PathPrefix::parse("/v1/files/").unwrap();
        let rest = |p: &str| prefix.rest_of(&CanonicalPath::parse(p).unwrap()).map(str::to_owned);
        assert_eq!(rest("/v1/files"), Some(String::new()));
        assert_eq!(rest("/v1/files/"), Some(String::new()));
        assert_eq!(rest("/v1/files/a/b"), Some("a/b".into()));
        assert_eq!(rest("/v1/files-evil"), None);
        assert_eq!(rest("/v1"), None);
        let root = PathPrefix::parse("/").unwrap();
        assert_eq!(root.as_str(), "/");
        assert_eq!(root.rest_of(&CanonicalPath::parse("/a/b").unwrap()), Some("a/b"));
        assert!(root.covers(&prefix) && !prefix.covers(&root) && prefix.covers(&prefix));
        assert!(!prefix.covers(&PathPrefix::parse("/v1/files-evil").unwrap()));
    }

    #[test]
    fn segments_decode_to_what_the_server_sees() {
        assert_eq!(decode_segment("caf%C3%A9"), "café".as_bytes());
        assert_eq!(decode_segment("100%25"), b"100%");
    }
}
