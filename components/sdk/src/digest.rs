//! Digests in the forms that vendors write. The contract's is 64 lower-case hexadecimal characters.

use std::fmt::Write as _;

/// SHA-256 out of base64 (with or without padding): of the 32 bytes, or, as one vendor has it, of their 64 hexadecimal
/// characters.
///
/// ```
/// use loadlock_sdk::digest::from_base64;
/// let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// let of_bytes = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
/// assert_eq!(from_base64(of_bytes).as_deref(), Some(digest));
/// let of_text = "YmE3ODE2YmY4ZjAxY2ZlYTQxNDE0MGRlNWRhZTIyMjNiMDAzNjFhMzk2MTc3YTljYjQxMGZmNjFmMjAwMTVhZA==";
/// assert_eq!(from_base64(of_text).as_deref(), Some(digest));
/// assert_eq!(from_base64("c2hvcnQ="), None);
/// ```
pub fn from_base64(text: &str) -> Option<String> {
    let bytes = decode(text)?;
    match bytes.len() {
        32 => Some(bytes.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })),
        64 => {
            let hex = String::from_utf8(bytes).ok()?;
            hex.bytes()
                .all(|byte| byte.is_ascii_hexdigit())
                .then(|| hex.to_ascii_lowercase())
        }
        _ => None,
    }
}

/// Base64 in either alphabet.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    Some(bytes)
}
