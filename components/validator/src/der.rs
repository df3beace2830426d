//! Private keys in their binary form (DER), and in OpenPGP's. A certificate begins with the same two bytes.

/// An object identifier of PKCS #1, of an elliptic curve, of Edwards curves, of DSA: what a key in PKCS #8 is for.
const KEY_KINDS: [&[u8]; 4] = [
    b"\x2A\x86\x48\x86\xF7\x0D\x01\x01",
    b"\x2A\x86\x48\xCE\x3D\x02\x01",
    b"\x2B\x65",
    b"\x2A\x86\x48\xCE\x38\x04\x01",
];

/// Encryption with a password, PKCS #5 and PKCS #12.
const BY_PASSWORD: [&[u8]; 2] = [
    b"\x2A\x86\x48\x86\xF7\x0D\x01\x05",
    b"\x2A\x86\x48\x86\xF7\x0D\x01\x0C\x01",
];

/// Public-key algorithms of OpenPGP (RFC 9580 §9.1).
const PGP_ALGORITHMS: [u8; 8] = [1, 16, 17, 18, 19, 22, 25, 27];

/// What the file looks like, if it begins with a private key or a key store.
pub(crate) fn find(head: &[u8]) -> Option<&'static str> {
    match head.first() {
        Some(0x30) => in_sequence(sequence(head)?),
        // A secret-key packet of an old or a new format, version 4.
        Some(0x94 | 0x95 | 0xC5) => is_pgp(head).then_some("a private key of PGP"),
        _ => None,
    }
}

fn in_sequence(inner: &[u8]) -> Option<&'static str> {
    match inner {
        // PKCS #8 and PKCS #1 of version 0.
        [0x02, 0x01, 0x00 | 0x01, 0x30, ..] if has_kind(&inner[3..], &KEY_KINDS) => Some("a private key"),
        [0x02, 0x01, 0x00, 0x02, 0x81 | 0x82, ..] => Some("a private key"),
        // SEC 1: version 1, then the key of an elliptic curve, of 224 to 521 bits.
        [0x02, 0x01, 0x01, 0x04, 0x1C | 0x20 | 0x30 | 0x42, ..] => Some("a private key"),
        // PKCS #12: version 3, then what it holds, as PKCS #7.
        [0x02, 0x01, 0x03, 0x30, ..] if has_kind(&inner[3..], &[b"\x2A\x86\x48\x86\xF7\x0D\x01\x07"]) => {
            Some("a key store")
        }
        [0x30, ..] if has_kind(inner, &BY_PASSWORD) => Some("a private key"),
        _ => None,
    }
}

/// Whether the sequence begins with one of these object identifiers.
fn has_kind(bytes: &[u8], kinds: &[&[u8]]) -> bool {
    let Some([0x06, length, identifier @ ..]) = sequence(bytes) else {
        return false;
    };
    usize::from(*length) <= identifier.len() && kinds.iter().any(|kind| identifier.starts_with(kind))
}

/// What is in the sequence, as far as it is there.
fn sequence(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [0x30, 0x80, inner @ ..] | [0x30, 0x81, _, inner @ ..] => Some(inner),
        [0x30, 0x82, _, _, inner @ ..] | [0x30, 0x83, _, _, _, inner @ ..] => Some(inner),
        [0x30, 0x00..=0x7F, inner @ ..] => Some(inner),
        _ => None,
    }
}

fn is_pgp(head: &[u8]) -> bool {
    let body = match head {
        [0x94, _, body @ ..] | [0x95, _, _, body @ ..] => body,
        [0xC5, 0..=191, body @ ..] | [0xC5, 192..=223, _, body @ ..] => body,
        _ => return false,
    };
    matches!(body, [4, _, _, _, _, algorithm, ..] if PGP_ALGORITHMS.contains(algorithm))
}
