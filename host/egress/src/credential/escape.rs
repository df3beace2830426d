//! Percent-encoding as signatures and forms need it: everything but the unreserved characters.

use std::fmt::Write as _;

/// Every byte but the unreserved ones escaped; in a path the slash stays, too.
pub(super) fn encoded(bytes: &[u8], is_path: bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (is_path && byte == b'/');
        if plain {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Escapes resolved. The policy has refused those that are broken, and those of a slash in a path.
pub(crate) fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
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

/// `name=value` pairs as a form's body, in a buffer that is overwritten when it goes.
pub(super) fn form(fields: &[(&str, &str)]) -> zeroize::Zeroizing<String> {
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value.as_bytes(), false)))
        .collect();
    zeroize::Zeroizing::new(pairs.join("&"))
}
