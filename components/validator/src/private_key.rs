//! Whether a private key really follows its heading. Manuals, logs and programs that read keys hold the heading too.

/// Headers of a key in PEM or OpenPGP.
const HEADERS: [&[u8]; 6] = [
    b"Proc-Type:",
    b"DEK-Info:",
    b"Version:",
    b"Comment:",
    b"Hash:",
    b"Charset:",
];

/// What stands in samples where the key would stand.
const PLACEHOLDERS: [&str; 20] = [
    "redacted",
    "removed",
    "snip",
    "snipped",
    "omitted",
    "hidden",
    "masked",
    "secret",
    "placeholder",
    "truncated",
    "key",
    "keyhere",
    "yourkey",
    "yourkeyhere",
    "yourprivatekey",
    "yourprivatekeyhere",
    "privatekey",
    "base64",
    "example",
    "content",
];

/// What may stand between the heading and the key, as far as it goes.
const MAX_BETWEEN: usize = 256;

/// Whether `rest`, behind `-----BEGIN … PRIVATE KEY`, is the rest of a heading and then a key.
pub(crate) fn is_body(rest: &[u8]) -> bool {
    let rest = rest.strip_prefix(b" BLOCK").unwrap_or(rest);
    match rest.strip_prefix(b"-----") {
        Some(after) => is_next_line(after),
        // The first bytes end within the heading.
        None => b" BLOCK-----".starts_with(rest) || b"-----".starts_with(rest),
    }
}

/// Whether `text` is a private key in PEM from its first byte on.
pub(crate) fn is_pem(text: &[u8]) -> bool {
    let heading = text
        .strip_prefix(b"-----BEGIN ")
        .map(|kind| &kind[..kind.len().min(32)]);
    let end = heading.and_then(|kind| memchr::memmem::find(kind, b"PRIVATE KEY"));
    end.is_some_and(|end| is_body(&text[b"-----BEGIN PRIVATE KEY".len() + end..]))
}

/// Whether what follows is more base64 than any sample has.
pub(crate) fn is_base64_body(rest: &[u8]) -> bool {
    let word = &rest[..rest.iter().take_while(|byte| is_base64(**byte)).count()];
    word.len() >= 40 && word.iter().any(u8::is_ascii_uppercase) && word.iter().any(u8::is_ascii_lowercase)
}

/// Whether a line of base64 or a header follows: on a line of its own, or as in a string of JSON or of a program.
/// Where the first bytes end before it, it is taken to follow.
pub(crate) fn is_next_line(after: &[u8]) -> bool {
    let (is_new_line, at) = skip_between(after);
    let line = &after[at..];
    if line.is_empty() || HEADERS.iter().any(|header| line.starts_with(header)) {
        return true;
    }
    let digits = line.iter().take_while(|byte| is_base64(**byte)).count();
    let padding = line[digits..].iter().take(2).take_while(|byte| **byte == b'=').count();
    let (word, behind) = line.split_at(digits + padding);
    if digits >= 40 {
        // A digest in hexadecimal has no capitals, or nothing else.
        return word.iter().any(u8::is_ascii_uppercase) && word.iter().any(u8::is_ascii_lowercase);
    }
    is_new_line && is_line_end(behind) && is_of_key(word, behind.is_empty())
}

/// Skips quotes, indentation, line ends and what stands for them in strings. Whether a line ended, and where it goes
/// on.
fn skip_between(after: &[u8]) -> (bool, usize) {
    let mut is_new_line = false;
    let mut at = 0;
    while let Some(rest) = after.get(at..).filter(|rest| !rest.is_empty() && at < MAX_BETWEEN) {
        let (ends_line, length) = match rest {
            [b'\n' | b'\r', ..] => (true, 1),
            [b'\\', b'n' | b'r', ..] | [b'\\', b'\\', b'n' | b'r', ..] => (true, if rest[1] == b'\\' { 3 } else { 2 }),
            [b'%', b'0', b'A' | b'D' | b'a' | b'd', ..] => (true, 3),
            [b'&', b'#', ..] => (
                true,
                rest.iter()
                    .take(6)
                    .position(|byte| *byte == b';')
                    .map_or(1, |end| end + 1),
            ),
            [b'<', b'b' | b'B', b'r' | b'R', ..] => (
                true,
                rest.iter()
                    .take(6)
                    .position(|byte| *byte == b'>')
                    .map_or(1, |end| end + 1),
            ),
            [b' ' | b'\t' | b'"' | b'\'' | b',' | b'+' | b'\\', ..] => (false, 1),
            // A comment, a quotation, a table.
            [b'>' | b'#' | b'*' | b'|' | b'/' | b';', ..] if is_new_line => (false, 1),
            _ => break,
        };
        is_new_line |= ends_line;
        at += length;
    }
    (is_new_line, at)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Whether nothing else stands on the line, or the string ends.
fn is_line_end(behind: &[u8]) -> bool {
    let end = behind.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
    match end.map(|end| &behind[end..]) {
        None | Some([b'\n' | b'\r' | b'\\' | b'"' | b'\'' | b'%' | b'&' | b'<', ..]) => true,
        Some(behind) => behind.starts_with(b"-----END"),
    }
}

/// Whether a short word is the beginning of a key rather than a word: DER begins with `M`, OpenSSH's form with `b3Bl`.
fn is_of_key(word: &[u8], is_cut: bool) -> bool {
    let lower = word.to_ascii_lowercase();
    if PLACEHOLDERS.iter().any(|placeholder| placeholder.as_bytes() == lower) {
        return false;
    }
    let has = |is: fn(&u8) -> bool| word.iter().any(is);
    let is_mixed = word.len() >= 6 && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    let begins = matches!(word, [b'M', b'A'..=b'Z', ..]) || word.starts_with(b"b3Bl");
    is_mixed || begins || is_cut && word.len() < 4
}

/// Whether `rest`, behind `PuTTY-User-Key-File-`, is a version and an algorithm, as in the file itself.
pub(crate) fn is_putty(rest: &[u8]) -> bool {
    let [version, b':', b' ', algorithm @ ..] = rest else {
        return false;
    };
    let end = algorithm
        .iter()
        .position(|byte| matches!(byte, b'\n' | b'\r' | b'\\'))
        .unwrap_or(algorithm.len());
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.@".contains(byte);
    version.is_ascii_digit() && end > 0 && algorithm[..end].iter().all(is_name)
}

/// Whether `rest`, behind `AGE-SECRET-KEY-1`, is a key: 58 characters, or as many as the first bytes hold.
pub(crate) fn is_bech32(rest: &[u8]) -> bool {
    let length = rest
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        .count();
    length >= 40 || length == rest.len()
}
