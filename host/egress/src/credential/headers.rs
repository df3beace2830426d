//! Which headers belong to the host, and how they get into a request.

use http::{HeaderMap, HeaderName};

use super::injection::Injection;

/// Headers that carry credentials at the vendors and stores that we know of. A component may set none of them, whether
/// or not the host sets one itself: what it sent could come from a file it was given.
pub const CREDENTIAL_HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "apikey",
    "x-goog-api-key",
    "x-auth-token",
    "x-amz-date",
    "x-amz-security-token",
];

/// True for the headers of [`CREDENTIAL_HEADERS`].
pub fn is_credential_header(name: &HeaderName) -> bool {
    CREDENTIAL_HEADERS.contains(&name.as_str())
}

/// Takes every credential header away, and every header that `injection` or `own` names; then adds the injection.
/// Returns the names that the guest had set.
pub(crate) fn inject<'n>(
    headers: &mut HeaderMap,
    own: impl Iterator<Item = &'n HeaderName>,
    injection: Option<&Injection>,
) -> Vec<HeaderName> {
    let mut taken = Vec::new();
    let known = CREDENTIAL_HEADERS.iter().map(|name| HeaderName::from_static(name));
    for name in known.chain(own.cloned()) {
        if headers.remove(&name).is_some() {
            taken.push(name);
        }
    }
    let inserted = injection.map(Injection::headers).unwrap_or_default();
    for (name, value) in inserted {
        headers.insert(name.clone(), value.clone());
    }
    taken
}
