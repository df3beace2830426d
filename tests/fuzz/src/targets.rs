//! What each parser promises for any input.

use loadlock_policy::egress::CanonicalPath;

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// A path that a component asks for: what is accepted stays as it is when it is read again, and holds nothing that a server could read as another path.
pub(crate) fn egress_url(bytes: &[u8]) {
    let Some(raw) = text(bytes) else { return };
    if let Ok(path) = CanonicalPath::parse(raw) {
        let shown = path.as_str();
        let again = CanonicalPath::parse(shown).map(|path| path.as_str().to_owned());
        assert_eq!(again.as_deref(), Ok(shown));
        let lower = shown.to_ascii_lowercase();
        for hidden in ["/../", "/./", "%2e", "%2f", "%5c", "\\"] {
            assert!(!lower.contains(hidden), "{shown:?} holds {hidden:?}");
        }
    }
}
