//! Percent-encoding of what goes into a path, a query or a header.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters. What RFC 8187 leaves alone in a header includes them.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `text` by its UTF-8 bytes, all but letters, digits and `-._~` encoded.
///
/// ```
/// assert_eq!(loadlock_server::percent_encoded("a/ß.txt"), "a%2F%C3%9F.txt");
/// ```
pub fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}
