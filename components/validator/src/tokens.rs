//! Credentials that are a word of random characters, where the form of a file says what the word is. A word alone is
//! none: it may be a digest, a name, anything.

use memchr::memmem;

/// Of a key in base64url: one of 128 bits has 22.
const KEY: usize = 22;
/// Of a secret that a vendor made.
const WORD: usize = 20;
/// Longest object that is looked at around a member.
const OBJECT: usize = 8 << 10;

/// Whether a made-up word follows. A placeholder is one character that is repeated, or shorter.
pub(crate) fn is_word(rest: &[u8]) -> bool {
    let word = word(rest);
    word.len() >= WORD && word.iter().any(|byte| *byte != word[0])
}

/// Whether what follows is a token with which Google gives access.
pub(crate) fn is_refresh_token(rest: &[u8]) -> bool {
    rest.starts_with(b"1//")
}

fn word(rest: &[u8]) -> &[u8] {
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    &rest[..rest.iter().take_while(|byte| is_of_word(byte)).count()]
}

/// A key of RFC 7517 with its private part: `d` in an object whose `kty` is of a pair, `k` in one of a shared key.
pub(crate) fn holds_private_jwk(bytes: &[u8]) -> bool {
    memmem::find_iter(bytes, b"\"kty\"").any(|at| {
        let Some(kind) = string(&bytes[at + 5..]) else {
            return false;
        };
        let member: &[u8] = match word(kind) {
            b"RSA" | b"EC" | b"OKP" => b"\"d\"",
            b"oct" => b"\"k\"",
            _ => return false,
        };
        // Members are texts and lists of texts: the object ends where a brace stands.
        let (before, after) = bytes.split_at(at);
        let is_brace = |byte: &u8| b"{}".contains(byte);
        let begin = before
            .iter()
            .rev()
            .take(OBJECT)
            .take_while(|byte| !is_brace(byte))
            .count();
        let end = after.iter().take(OBJECT).take_while(|byte| !is_brace(byte)).count();
        let object = &bytes[at - begin..at + end];
        memmem::find_iter(object, member).any(|at| {
            let value = string(&object[at + member.len()..]).map(word).unwrap_or_default();
            value.len() >= KEY && value.iter().any(|byte| *byte != value[0])
        })
    })
}

/// The text that is a member's value, if it is one; without its end.
fn string(behind_name: &[u8]) -> Option<&[u8]> {
    let value = behind_name.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    value.strip_prefix(b"\"")
}

/// What Docker keeps for its registries: `auths`, and in it an `auth` in base64.
pub(crate) fn holds_registry_auth(bytes: &[u8]) -> bool {
    let name = b"\"auths\"";
    memmem::find_iter(bytes, name).any(|at| {
        let rest = bytes[at + name.len()..].trim_ascii_start();
        let object = rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        let Some(object) = object.filter(|object| object.starts_with(b"{")) else {
            return false;
        };
        memmem::find_iter(object, b"\"auth\"").any(|at| string(&object[at + 6..]).is_some_and(is_auth))
    })
}

/// A name and a password in base64, to the end of the text.
fn is_auth(text: &[u8]) -> bool {
    let is_of_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let length = text.iter().take_while(|byte| is_of_base64(byte)).count();
    length >= 8 && length.is_multiple_of(4) && text.get(length).is_none_or(|end| *end == b'"')
}

/// The table that AWS gives once: a heading, and below it the id of a key and the key.
pub(crate) fn holds_key_table(bytes: &[u8]) -> bool {
    const HEADING: &[u8] = b"secret access key";
    let lower = bytes.to_ascii_lowercase();
    memmem::find_iter(&lower, HEADING).any(|at| {
        let below = bytes[at..].split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
        let cells: Vec<&[u8]> = below
            .split(|byte| b",;\t".contains(byte))
            .map(|cell| cell.trim_ascii().trim_ascii_end())
            .map(|cell| {
                cell.strip_prefix(b"\"")
                    .and_then(|cell| cell.strip_suffix(b"\""))
                    .unwrap_or(cell)
            })
            .collect();
        let is_id = |cell: &&[u8]| cell.len() >= 16 && (cell.starts_with(b"AKIA") || cell.starts_with(b"ASIA"));
        let is_of_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"/+".contains(byte);
        let is_key =
            |cell: &&[u8]| cell.len() == 40 && cell.iter().all(is_of_key) && memmem::find(cell, b"EXAMPLE").is_none();
        cells.iter().any(is_id) && cells.iter().any(is_key)
    })
}
