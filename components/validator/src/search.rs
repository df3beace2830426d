//! Searches the first bytes of a file for texts that look like a credential.
//!
//! What is searched for is ASCII without line ends, so the bytes are searched as they are, in a file that is no text as
//! well: whatever stands around an ASCII byte, in any UTF-8, valid or not, it stands for itself. A library finds the
//! first part of a rule; only around what it finds is anything else looked at.

use crate::secret_rules::{OBJECTS, ObjectRule, TEXTS, TextRule};
use crate::tokens;
use memchr::{memchr, memmem};

/// What a dump of cloud credentials calls the secret one, in lower case.
pub(crate) const CLOUD_KEY_LABELS: [&str; 2] = ["aws_secret_access_key", "secretaccesskey"];

/// How public material in PEM begins.
const PUBLIC: [&str; 9] = [
    "CERTIFICATE",
    "TRUSTED CERTIFICATE",
    "X509 C",
    "NEW CERTIFICATE REQUEST",
    "PUBLIC KEY",
    "RSA PUBLIC KEY",
    "PGP PUBLIC KEY",
    "DH PARAMETERS",
    "PKCS7",
];

/// What the bytes look like, by the first rule that applies.
pub(crate) fn find(bytes: &[u8]) -> Option<&'static str> {
    if let Some(rule) = OBJECTS.iter().find(|rule| holds_object(rule, bytes)) {
        return Some(rule.what);
    }
    if let Some(rule) = TEXTS.iter().find(|rule| applies(rule, bytes)) {
        return Some(rule.what);
    }
    if holds_cloud_key(bytes) || tokens::holds_key_table(bytes) {
        return Some("a dump of cloud credentials");
    }
    if tokens::holds_private_jwk(bytes) {
        return Some("a private key");
    }
    tokens::holds_registry_auth(bytes).then_some("a registry credential")
}

/// Whether the bytes are PEM of which every block is public.
pub(crate) fn is_public(bytes: &[u8]) -> bool {
    let begin = b"-----BEGIN ";
    let mut blocks = memmem::find_iter(bytes, begin).peekable();
    blocks.peek().is_some()
        && blocks.all(|at| {
            let kind = &bytes[at + begin.len()..];
            PUBLIC.iter().any(|public| kind.starts_with(public.as_bytes()))
        })
}

fn applies(rule: &TextRule, bytes: &[u8]) -> bool {
    let Some((first, others)) = rule.parts.split_first() else {
        return false;
    };
    let finder = memmem::Finder::new(first);
    let mut rest = bytes;
    while let Some(at) = finder.find(rest) {
        rest = &rest[at + first.len()..];
        let (line, _) = split_line(rest);
        if in_order(others, line).is_some_and(|end| (rule.is_followed)(&rest[end..])) {
            return true;
        }
    }
    false
}

/// Where the parts end, if they are there.
fn in_order(parts: &[&str], bytes: &[u8]) -> Option<usize> {
    parts.iter().try_fold(0, |end, part| {
        let at = memmem::find(&bytes[end..], part.as_bytes())?;
        Some(end + at + part.len())
    })
}

fn holds_object(rule: &ObjectRule, bytes: &[u8]) -> bool {
    memmem::find_iter(bytes, rule.kind).any(|at| is_value_of(b"\"type\"", &bytes[..at]))
        && memmem::find_iter(bytes, rule.secret).any(|at| {
            let value = bytes[at + rule.secret.len()..].trim_ascii_start();
            let value = value.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
            value
                .and_then(|value| value.strip_prefix(b"\""))
                .is_some_and(rule.is_secret)
        })
}

/// Whether `before` ends with that member's name and a colon.
fn is_value_of(name: &[u8], before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let before = before.strip_suffix(b":").map(<[u8]>::trim_ascii_end);
    before.is_some_and(|before| before.ends_with(name))
}

/// What is left of the line, and what is below it.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b'\n', bytes) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

fn holds_cloud_key(bytes: &[u8]) -> bool {
    let lower = bytes.to_ascii_lowercase();
    let is_there = |label: &&str| memmem::find(&lower, label.as_bytes()).is_some();
    CLOUD_KEY_LABELS.iter().any(is_there)
        && lower
            .split(|byte| *byte == b'\n')
            .zip(bytes.split(|byte| *byte == b'\n'))
            .any(|(lower, line)| is_cloud_key(lower, line))
}

/// `aws_secret_access_key = <40 characters of base64>`, as a variable or in JSON; the vendor's own sample is let
/// through, and one that is blanked out.
fn is_cloud_key(lower: &[u8], line: &[u8]) -> bool {
    let Some(at) = CLOUD_KEY_LABELS
        .iter()
        .find_map(|label| memmem::find(lower, label.as_bytes()).map(|at| at + label.len()))
    else {
        return false;
    };
    let is_between = |byte: &u8| b" \t\"':=".contains(byte);
    let is_of_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"/+".contains(byte);
    let value = &line[at..];
    let start = value.iter().take_while(|byte| is_between(byte)).count();
    let value = &value[start..];
    let key = &value[..value.iter().take_while(|byte| is_of_key(byte)).count()];
    key.len() == 40 && memmem::find(key, b"EXAMPLE").is_none() && key.iter().any(|byte| *byte != key[0])
}
