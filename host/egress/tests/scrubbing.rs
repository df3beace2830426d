//! For every way of cutting a body into chunks: no secret comes out, and nothing else changes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use loadlock_egress::Secret;
use loadlock_egress::scrub::{SHORTEST, Scrubber, Stream};
use proptest::collection::vec;
use proptest::prelude::*;

fn scrubber(secrets: &[&str]) -> Arc<Scrubber> {
    let secrets: Vec<_> = secrets.iter().map(|text| Secret::new((*text).to_owned())).collect();
    Arc::new(Scrubber::new(&secrets))
}

/// Cuts `text` at the given places and sends the pieces through a stream.
fn through(scrubber: &Arc<Scrubber>, text: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    let mut stream = Stream::new(Arc::clone(scrubber));
    let mut out = Vec::new();
    for pair in cuts.windows(2) {
        out.extend_from_slice(&stream.push(Bytes::copy_from_slice(&text[pair[0]..pair[1]])));
        assert!(stream.held() <= scrubber.held_at_most());
    }
    out.extend_from_slice(&stream.finish());
    out
}

/// One byte in one of its spellings.
fn spell(byte: u8, how: u8) -> String {
    match how % 5 {
        0 => format!("%{byte:02x}"),
        1 => format!("%{byte:02X}"),
        2 => format!("\\u{:04x}", u32::from(byte)),
        3 if matches!(byte, b'/' | b'"' | b'\\') => format!("\\{}", char::from(byte)),
        _ => char::from(byte).to_string(),
    }
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

/// A few characters only, so that near misses and overlaps are common.
const SECRET: &str = "[ab%/\\\\*]{8,16}";

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_spelling_survives_any_chunking(
        secret in SECRET,
        before in "[ab%/\\\\*u0]{0,12}",
        after in "[ab%/\\\\*u0]{0,12}",
        how in vec(any::<u8>(), 16),
        cuts in vec(any::<usize>(), 0..12),
    ) {
        let spelled: String = secret.bytes().zip(how.iter().cycle()).map(|(b, &h)| spell(b, h)).collect();
        let text = format!("{before}{spelled}{after}");
        let out = through(&scrubber(&[&secret]), text.as_bytes(), &cuts);
        prop_assert_eq!(out.len(), text.len());
        prop_assert!(!contains(&out, secret.as_bytes()));
        prop_assert!(!contains(&out, spelled.as_bytes()));
    }

    #[test]
    fn chunking_makes_no_difference(
        secrets in vec(SECRET, 1..3),
        pieces in vec(("[ab%/\\\\*u0-9]{0,8}", any::<bool>()), 0..12),
        cuts in vec(any::<usize>(), 0..20),
    ) {
        let text: String = pieces
            .iter()
            .map(|(noise, with)| format!("{noise}{}", if *with { secrets[0].as_str() } else { "" }))
            .collect();
        let secrets: Vec<_> = secrets.iter().map(String::as_str).collect();
        let scrubber = scrubber(&secrets);
        let whole = through(&scrubber, text.as_bytes(), &[]);
        prop_assert_eq!(&whole, &through(&scrubber, text.as_bytes(), &cuts));
        let direct = scrubber.bytes(text.as_bytes()).unwrap_or_else(|| text.clone().into_bytes());
        prop_assert_eq!(&whole, &direct);
        for secret in secrets {
            prop_assert!(!contains(&whole, secret.as_bytes()));
        }
    }

    #[test]
    fn a_body_without_the_secret_is_unchanged(
        secret in "[A-Z]{8,40}",
        text in vec(prop_oneof![b'a'..=b'z', Just(b'%'), Just(b'\\'), Just(0xff)], 0..300),
        cuts in vec(any::<usize>(), 0..20),
    ) {
        prop_assert_eq!(through(&scrubber(&[&secret]), &text, &cuts), text);
    }

    #[test]
    fn somebody_elses_base64_hides_no_secret(
        secret in "[ -~]{12,40}",
        user in "[ -~]{0,7}",
        tail in "[ -~]{0,7}",
        cuts in vec(any::<usize>(), 0..8),
    ) {
        use base64::engine::general_purpose::{STANDARD, URL_SAFE};
        for engine in [&STANDARD, &URL_SAFE] {
            let text = engine.encode(format!("{user}{secret}{tail}"));
            let out = through(&scrubber(&[&secret]), text.as_bytes(), &cuts);
            prop_assert_eq!(out.len(), text.len());
            let decoded = engine.decode(&out).unwrap_or_default();
            prop_assert!(!contains(&decoded, secret.as_bytes()));
            prop_assert!(contains(&out, &[b'*'; 8]) || out != text.as_bytes());
        }
    }
}

#[test]
fn a_word_too_short_to_be_a_secret_damages_no_document() {
    let word = "x".repeat(SHORTEST - 1);
    let scrubber = scrubber(&[&word]);
    assert!(scrubber.is_empty());
    assert_eq!(scrubber.text(&word), word);
}

#[test]
fn nothing_is_held_back_without_need() {
    let scrubber = scrubber(&["sk-0123456789"]);
    let mut stream = Stream::new(scrubber);
    assert_eq!(stream.push(Bytes::from_static(b"data: one\n\n")), "data: one\n\n");
    assert_eq!(stream.push(Bytes::from_static(b"ends in sk-0")), "ends in ");
    assert_eq!(stream.push(Bytes::from_static(b"... no")), "sk-0... no");
    assert_eq!(stream.finish(), "");
}

#[test]
fn a_mask_never_completes_another_secret() {
    let scrubber = scrubber(&["aaaaaaaa", "********"]);
    let text = scrubber.text("aaaaaaaa");
    assert!(!text.contains("********") && !text.contains("aaaaaaaa"), "{text}");
}
