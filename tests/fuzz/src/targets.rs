//! What each parser promises for any input.

use std::sync::Arc;

use bytes::Bytes;
use loadlock_egress::Secret;
use loadlock_egress::scrub::{Scrubber, Stream};
use loadlock_policy::egress::CanonicalPath;

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// A path that a component asks for: what is accepted stays as it is when it is read again, and holds nothing that a
/// server could read as another path.
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

/// The second secret's own bytes can be read as escapes.
const SECRETS: [&str; 2] = ["sk-0123/4567", "%41\\u0041a %2"];

/// A vendor's answer: it comes out as long as it went in, the same however it is cut, with no secret in it, and little
/// of it is held back.
pub(crate) fn scrub(bytes: &[u8]) {
    let Some((cut, body)) = bytes.split_first() else {
        return;
    };
    let secrets = SECRETS.map(|secret| Secret::new(secret.to_owned()));
    let scrubber = Arc::new(Scrubber::new(&secrets));
    let whole = scrubber.bytes(body).unwrap_or_else(|| body.to_vec());
    assert_eq!(whole.len(), body.len());
    for secret in SECRETS {
        let found = whole.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "the secret is in the answer");
    }
    assert!(scrubber.bytes(&whole).is_none(), "a mask makes a secret");
    for size in [1, usize::from(*cut) + 1] {
        let mut stream = Stream::new(scrubber.clone());
        let mut out = Vec::new();
        for chunk in body.chunks(size) {
            out.extend(stream.push(Bytes::copy_from_slice(chunk)));
            assert!(stream.held() <= scrubber.held_at_most());
        }
        out.extend(stream.finish());
        assert_eq!(out, whole, "chunks of {size}");
    }
}
