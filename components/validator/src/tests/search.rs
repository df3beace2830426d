//! The search for credentials agrees with what the rules say, read word by word.

use crate::content;
use crate::glob::{fold, fold_any};
use crate::search::{self, CLOUD_KEY_LABELS};
use crate::secret_rules::{TEXTS, TextRule};
use proptest::prelude::*;

/// The rules over the text, line by line.
fn by_definition(head: &[u8]) -> Option<&'static str> {
    let text = content::as_text(head).unwrap_or_else(|| String::from_utf8_lossy(head));
    if let Some(rule) = TEXTS.iter().find(|rule| applies(rule, &text)) {
        return Some(rule.what);
    }
    text.lines().any(is_cloud_key).then_some("a dump of cloud credentials")
}

fn applies(rule: &TextRule, text: &str) -> bool {
    let in_order = |text: &str| {
        let mut rest = text;
        rule.parts.iter().all(|part| match rest.find(part) {
            Some(at) => {
                rest = &rest[at + part.len()..];
                true
            }
            None => false,
        })
    };
    if rule.one_line {
        text.lines().any(in_order)
    } else {
        in_order(text)
    }
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
    key.len() == 40 && !key.contains("EXAMPLE")
}

/// A word of the rules, or something that stands between two.
fn any_piece() -> impl Strategy<Value = Vec<u8>> {
    let parts: Vec<&str> = TEXTS.iter().flat_map(|rule| rule.parts).copied().collect();
    prop_oneof![
        4 => proptest::sample::select(parts).prop_map(|part| part.as_bytes().to_vec()),
        2 => proptest::sample::select(CLOUD_KEY_LABELS.to_vec()).prop_map(|label| label.into()),
        1 => proptest::sample::select(CLOUD_KEY_LABELS.to_vec())
            .prop_map(|label| label.to_uppercase().into_bytes()),
        2 => "[A-Za-z0-9/+]{40}".prop_map(String::into_bytes),
        1 => "[A-Z]{10}EXAMPLE[A-Z]{23}".prop_map(String::into_bytes),
        3 => proptest::sample::select(vec!["\n", "\r\n", "\r", " ", " = ", "\": \"", ":", "-", "é", "\u{FEFF}"])
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
            search::find(&content::as_ascii_superset(&head)),
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
    let parts = TEXTS.iter().flat_map(|rule| rule.parts);
    for part in parts.chain(&CLOUD_KEY_LABELS) {
        assert!(!part.is_empty() && part.is_ascii() && !part.contains(['\n', '\r']));
    }
    assert!(TEXTS.iter().all(|rule| !rule.parts.is_empty()));
    for label in CLOUD_KEY_LABELS {
        assert_eq!(label, label.to_ascii_lowercase());
    }
}
