//! Searches the first bytes of a file for texts that look like a credential.
//!
//! What is searched for is ASCII without line ends, so the bytes are searched as they are, in a file that is no text as
//! well: whatever stands around an ASCII byte, in any UTF-8, valid or not, it stands for itself. A library finds the
//! first part of a rule; only around what it finds is anything else looked at.

use crate::secret_rules::{TEXTS, TextRule};
use memchr::{memchr, memmem};

/// What a dump of cloud credentials calls the secret one, in lower case.
pub(crate) const CLOUD_KEY_LABELS: [&str; 2] = ["aws_secret_access_key", "secretaccesskey"];

/// What the bytes look like, by the first rule that applies.
pub(crate) fn find(bytes: &[u8]) -> Option<&'static str> {
    if let Some(rule) = TEXTS.iter().find(|rule| applies(rule, bytes)) {
        return Some(rule.what);
    }
    holds_cloud_key(bytes).then_some("a dump of cloud credentials")
}

fn applies(rule: &TextRule, bytes: &[u8]) -> bool {
    let Some((first, others)) = rule.parts.split_first() else {
        return false;
    };
    let finder = memmem::Finder::new(first);
    let mut rest = bytes;
    while let Some(at) = finder.find(rest) {
        rest = &rest[at + first.len()..];
        if !rule.one_line {
            return in_order(others, rest);
        }
        // Of a line the first place decides: what follows a later one follows that as well.
        let (line, below) = split_line(rest);
        if in_order(others, line) {
            return true;
        }
        rest = below;
    }
    false
}

fn in_order(parts: &[&str], mut bytes: &[u8]) -> bool {
    parts.iter().all(|part| {
        let Some(at) = memmem::find(bytes, part.as_bytes()) else {
            return false;
        };
        bytes = &bytes[at + part.len()..];
        true
    })
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
/// through.
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
    key.len() == 40 && memmem::find(key, b"EXAMPLE").is_none()
}
