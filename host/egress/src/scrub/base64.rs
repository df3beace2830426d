//! How a secret looks inside somebody's base64.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// The characters that depend on the secret alone, for each of the three alignments and both alphabets; those at the
/// edges mix with the neighbouring bytes and are left out.
pub(super) fn forms(secret: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut forms: Vec<Zeroizing<Vec<u8>>> = Vec::new();
    for before in 0..3usize {
        let mut padded = Zeroizing::new(vec![0u8; before]);
        padded.extend_from_slice(secret);
        let first = (before * 8).div_ceil(6);
        let last = padded.len() * 8 / 6;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = Zeroizing::new(engine.encode(padded.as_slice()));
            let Some(form) = text.as_bytes().get(first..last) else {
                continue;
            };
            if form.len() >= super::SHORTEST && !forms.iter().any(|known| known.as_slice() == form) {
                forms.push(Zeroizing::new(form.to_vec()));
            }
        }
    }
    forms
}
