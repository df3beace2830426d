//! The operator's lists and limits.

use super::support::*;
use crate::bindings::exports::loadlock::upload::validator::Rules;

fn lists(allow: &[&str], deny: &[&str]) -> Rules {
    let own = |patterns: &[&str]| patterns.iter().map(|&p| p.to_owned()).collect();
    Rules {
        allow: own(allow),
        deny: own(deny),
        ..rules()
    }
}

fn code(folder: &str, name: &str, rules: Rules) -> Option<String> {
    let mut candidate = candidate(name, "x");
    candidate.folder = folder.into();
    outcome(candidate, rules).err()
}

#[test]
fn a_denied_name_is_refused_whatever_its_case() {
    for name in ["a.tmp", "A.TMP", "ａ.ｔｍｐ"] {
        assert_eq!(code("", name, lists(&[], &["*.tmp"])).unwrap(), "name_denied");
    }
    assert_eq!(code("", "a.txt", lists(&[], &["*.tmp"])), None);
    assert_eq!(code("", "ab", lists(&[], &["?", "???"])), None);
    assert_eq!(code("", "ab", lists(&["a*"], &["*b"])).unwrap(), "name_denied");
}

#[test]
fn with_an_allow_list_only_its_names_pass() {
    let only = || lists(&["*.pdf", "report-????.csv"], &[]);
    assert_eq!(code("", "a.pdf", only()), None);
    assert_eq!(code("", "Report-2026.CSV", only()), None);
    assert_eq!(code("", "report-1.csv", only()).unwrap(), "name_not_allowed");
}

#[test]
fn a_pattern_with_a_slash_is_about_the_whole_path() {
    let rules = || lists(&[], &["drafts/*"]);
    assert_eq!(code("drafts", "a", rules()).unwrap(), "name_denied");
    assert_eq!(code("drafts/old", "a", rules()).unwrap(), "name_denied");
    assert_eq!(code("final/drafts", "a", rules()), None);
    assert_eq!(code("", "drafts", rules()), None);
}

#[test]
fn a_pattern_of_many_stars_ends_soon() {
    let pattern = "*a".repeat(100) + "b";
    assert_eq!(code("", &"a".repeat(255), lists(&[], &[&pattern])), None);
}

#[test]
fn empty_and_oversize_files_are_refused() {
    let sized = |size: u64, rules: Rules| {
        let mut candidate = candidate("a.bin", [0u8; 4]);
        candidate.size = size;
        outcome(candidate, rules).err()
    };
    let limited = Rules {
        max_bytes: Some(100),
        ..rules()
    };
    assert_eq!(sized(0, rules()).unwrap(), "empty_file");
    assert_eq!(sized(u64::MAX, rules()), None);
    assert_eq!(sized(100, limited.clone()), None);
    assert_eq!(sized(101, limited).unwrap(), "too_large");
    let mut empty = rules();
    empty.allow_empty = true;
    assert_eq!(sized(0, empty), None);
}

#[test]
fn a_denied_type_is_refused_by_content_and_by_extension() {
    let denying = |pattern: &str| Rules {
        deny_types: vec![pattern.into()],
        ..rules()
    };
    let code = |name: &str, head: &[u8], pattern: &str| outcome(candidate(name, head), denying(pattern)).err();
    assert_eq!(code("a.png", PNG, "image/*").unwrap(), "type_denied");
    assert_eq!(code("a.txt", PNG, "IMAGE/PNG").unwrap(), "type_denied");
    assert_eq!(code("a.png", b"not a picture", "image/png").unwrap(), "type_denied");
    assert_eq!(code("a.docx", ZIP, "application/zip").unwrap(), "type_denied");
    assert_eq!(code("a.txt", b"<html><body>", "text/html").unwrap(), "type_denied");
    assert_eq!(code("a.pdf", PDF, "image/*"), None);
}
