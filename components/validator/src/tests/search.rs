//! The search for credentials agrees with what the rules say, read word by word.

use crate::glob::{fold, fold_any};
use crate::search::{self, CLOUD_KEY_LABELS};
use crate::secret_rules::{OBJECTS, ObjectRule, TEXTS, TextRule};
use crate::{text, tokens};
use proptest::prelude::*;

/// The rules over the text, line by line.
fn by_definition(head: &[u8]) -> Option<&'static str> {
    let superset = text::as_ascii_superset(head);
    let text = String::from_utf8_lossy(&superset);
    if let Some(rule) = OBJECTS.iter().find(|rule| holds_object(rule, &text)) {
        return Some(rule.what);
    }
    if let Some(rule) = TEXTS.iter().find(|rule| applies(rule, &text)) {
        return Some(rule.what);
    }
    let bytes = text.as_bytes();
    if text.lines().any(is_cloud_key) || tokens::holds_key_table(bytes) {
        return Some("a dump of cloud credentials");
    }
    if tokens::holds_private_jwk(bytes) {
        return Some("a private key");
    }
    tokens::holds_registry_auth(bytes).then_some("a registry credential")
}

/// At every place of the first part, the others on the same line, then what is to follow.
fn applies(rule: &TextRule, text: &str) -> bool {
    text.match_indices(rule.parts[0]).any(|(at, first)| {
        let mut rest = &text[at + first.len()..];
        let mut line = rest.split('\n').next().unwrap().len();
        for part in &rule.parts[1..] {
            let Some(at) = rest[..line].find(part) else {
                return false;
            };
            rest = &rest[at + part.len()..];
            line -= at + part.len();
        }
        (rule.is_followed)(rest.as_bytes())
    })
}

fn holds_object(rule: &ObjectRule, text: &str) -> bool {
    let blank = |c: char| c.is_ascii_whitespace();
    let values = |name: &str| -> Vec<String> {
        text.match_indices(name)
            .filter_map(|(at, _)| text[at + name.len()..].trim_start_matches(blank).strip_prefix(':'))
            .map(|value| value.trim_start_matches(blank).to_owned())
            .collect()
    };
    values("\"type\"").iter().any(|value| value.starts_with(rule.kind))
        && values(rule.secret)
            .iter()
            .filter_map(|value| value.strip_prefix('"'))
            .any(|value| (rule.is_secret)(value.as_bytes()))
}

fn is_cloud_key(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let Some(at) = CLOUD_KEY_LABELS
        .iter()
        .find_map(|label| lower.find(label).map(|at| at + label.len()))
    else {
        return false;
    };
    let value = line[at..].trim_start_matches(|c: char| " \t\"':=".contains(c));
    let key: String = value
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "/+".contains(*c))
        .collect();
    key.len() == 40 && !key.contains("EXAMPLE") && key != key[..1].repeat(40)
}

/// A word of the rules, or something that stands between two.
fn any_piece() -> impl Strategy<Value = Vec<u8>> {
    let parts = TEXTS.iter().flat_map(|rule| rule.parts).copied();
    let objects = OBJECTS
        .iter()
        .flat_map(|rule| [rule.kind, rule.secret, "\"type\""])
        .chain(["1//", "\"kty\":\"EC\",\"d\":\"", "\"auths\":{\"auth\":\""]);
    let parts: Vec<&str> = parts.chain(objects).collect();
    prop_oneof![
        4 => proptest::sample::select(parts).prop_map(|part| part.as_bytes().to_vec()),
        2 => proptest::sample::select(CLOUD_KEY_LABELS.to_vec()).prop_map(|label| label.into()),
        1 => proptest::sample::select(CLOUD_KEY_LABELS.to_vec())
            .prop_map(|label| label.to_uppercase().into_bytes()),
        2 => "[A-Za-z0-9/+]{40}".prop_map(String::into_bytes),
        1 => "[A-Z]{10}EXAMPLE[A-Z]{23}".prop_map(String::into_bytes),
        3 => proptest::sample::select(vec![
            "\n", "\r\n", "\r", " ", " = ", "\": \"", ":", "-", "é", "\u{FEFF}", "-----", "MIIE", "\\n", "3: ssh-rsa",
        ])
            .prop_map(|between| between.into()),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ]
}

fn any_head() -> impl Strategy<Value = Vec<u8>> {
    let pieces = proptest::collection::vec(any_piece(), 0..9).prop_map(|pieces| pieces.concat());
    let utf16 = |units: fn(u16) -> [u8; 2]| {
        move |head: Vec<u8>| {
            let text = format!("\u{FEFF}{}", String::from_utf8_lossy(&head));
            text.encode_utf16().flat_map(units).collect::<Vec<u8>>()
        }
    };
    (pieces, 0..10u8).prop_map(move |(head, encoding)| match encoding {
        0 => utf16(u16::to_le_bytes)(head),
        1 => utf16(u16::to_be_bytes)(head),
        _ => head,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn the_search_agrees_with_the_rules(head in any_head()) {
        prop_assert_eq!(
            search::find(&text::as_ascii_superset(&head)),
            by_definition(&head)
        );
    }

    #[test]
    fn ascii_is_folded_like_anything_else(text in "[ -~\t\r\n]{0,30}") {
        prop_assert_eq!(fold(&text), fold_any(&text));
    }
}

#[test]
fn texts_are_searched_for_byte_by_byte() {
    let parts = TEXTS.iter().flat_map(|rule| rule.parts).copied();
    let objects = OBJECTS.iter().flat_map(|rule| [rule.kind, rule.secret]);
    for part in parts.chain(objects).chain(CLOUD_KEY_LABELS) {
        assert!(!part.is_empty() && part.is_ascii() && !part.contains(['\n', '\r']));
    }
    assert!(TEXTS.iter().all(|rule| !rule.parts.is_empty()));
    for label in CLOUD_KEY_LABELS {
        assert_eq!(label, label.to_ascii_lowercase());
    }
}
