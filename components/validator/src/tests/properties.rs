//! What holds for every input.

use super::support::*;
use crate::bindings::exports::loadlock::upload::validator::{Candidate, Rules};
use crate::glob::{fold, matches};
use crate::media::is_media_type;
use crate::refuse::Code;
use proptest::prelude::*;

/// Names from characters that rules are about, and from anything.
fn any_name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        ".{0,40}".prop_map(String::into_bytes),
        "[a.\\- /\\\\\u{0}\u{200B}\u{200D}\u{202E}é\u{301}\u{FF0F}．CONid_nv]{0,20}".prop_map(String::into_bytes),
    ]
}

/// Heads that begin like something, cut and continued anyhow.
fn any_head() -> impl Strategy<Value = Vec<u8>> {
    let starts: Vec<&'static [u8]> = vec![
        b"",
        PNG,
        PDF,
        ZIP,
        EXE,
        ELF,
        b"PK\x03\x04",
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        b"\xFF\xFE",
        b"\xFE\xFF",
        b"<html",
        b"<?xml",
        b"#!",
        b"\x1A\x45\xDF\xA3",
        b"\x00\x00\x00\x18ftyp",
        b"RIFF",
        b"OggS",
        b"-----BEGIN ",
        b"\xCA\xFE\xBA\xBE",
        b"\x1F\x8B",
        b"PK\x03\x04\x14\0\0\0\x08\0\0\0!\0\0\0\0\0\xFF\xFF\xFF\xFF\0\0\0\0\x13\0\0\0[Content_Types].xml",
    ];
    (
        proptest::sample::select(starts),
        proptest::collection::vec(any::<u8>(), 0..200),
        0usize..200,
    )
        .prop_map(|(start, rest, cut)| {
            let mut head = [start, &rest].concat();
            head.truncate(cut);
            head
        })
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let patterns = || proptest::collection::vec("[a-z*?./]{0,8}", 0..3);
    (
        proptest::option::of(any::<u64>()),
        any::<[bool; 3]>(),
        patterns(),
        patterns(),
        patterns(),
    )
        .prop_map(
            |(max_bytes, [allow_empty, deny_secrets, deny_mismatch], allow, deny, deny_types)| Rules {
                max_bytes,
                allow_empty,
                allow,
                deny,
                deny_types,
                deny_secrets,
                deny_mismatch,
            },
        )
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    (
        any_name(),
        any_name(),
        any::<u64>(),
        any_head(),
        proptest::option::of(".{0,20}"),
    )
        .prop_map(|(name, folder, size, head, declared_type)| Candidate {
            name,
            folder,
            size,
            head,
            declared_type,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_verdict_always_comes_and_an_accepted_name_is_one_clean_segment(
        candidate in any_candidate(),
        rules in any_rules(),
    ) {
        match inspect(candidate, rules) {
            Ok(accepted) => {
                let name = &accepted.name;
                prop_assert!((1..=255).contains(&name.len()));
                prop_assert!(name != "." && name != "..");
                let unclean = |c: char| c.is_control() || matches!(c, '/' | '\\' | '\u{202E}' | '\u{200B}');
                prop_assert!(!name.chars().any(unclean));
                prop_assert!(name.trim() == name && !name.ends_with('.'));
                prop_assert_eq!(std::path::Path::new(name).components().count(), 1);
                prop_assert!(is_media_type(&accepted.media_type), "{}", accepted.media_type);
                prop_assert!(!accepted.extension.contains('.'));
            }
            Err(refusal) => prop_assert!(Code::ALL.iter().any(|code| code.text() == refusal.code)),
        }
    }

    #[test]
    fn an_accepted_name_is_accepted_unchanged(name in any_name()) {
        if let Ok(first) = judge_name(&name) {
            prop_assert_eq!(judge_name(&first), Ok(first));
        }
    }

    #[test]
    fn a_glob_agrees_with_its_definition(pattern in "[abé*?]{0,8}", text in "[abé]{0,8}") {
        fn naive(pattern: &[char], text: &[char]) -> bool {
            match (pattern, text) {
                ([], []) => true,
                (['*', p @ ..], t) => naive(p, t) || (!t.is_empty() && naive(pattern, &t[1..])),
                (['?', p @ ..], [_, t @ ..]) => naive(p, t),
                ([a, p @ ..], [b, t @ ..]) => a == b && naive(p, t),
                _ => false,
            }
        }
        let characters = |text: &str| text.chars().collect::<Vec<char>>();
        prop_assert_eq!(
            matches(&pattern, &text),
            naive(&characters(&pattern), &characters(&text))
        );
    }

    #[test]
    fn folding_is_stable(text in ".{0,30}") {
        let folded = fold(&text);
        prop_assert_eq!(fold(&folded), folded);
    }
}

#[test]
fn codes_are_distinct_and_snake_case() {
    let mut codes: Vec<&str> = Code::ALL.iter().map(|code| code.text()).collect();
    for code in &codes {
        assert!(
            code.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        );
    }
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Code::ALL.len());
}
