//! The validator component: names, types and first bytes of a file that anybody sent.

use crate::bindings::exports::loadlock::upload::validator::{Candidate, Rules};
use crate::inspect::inspect;

/// Two lines, name and declared type, and the first bytes. What is accepted is one plain segment that is accepted again
/// as it is.
pub fn file(bytes: &[u8]) {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let (name, kind, head) = (lines.next(), lines.next(), lines.next());
    let candidate = Candidate {
        name: name.unwrap_or_default().to_vec(),
        folder: b"folder".to_vec(),
        size: bytes.len() as u64,
        head: head.unwrap_or_default().to_vec(),
        declared_type: kind.and_then(|kind| String::from_utf8(kind.to_vec()).ok()),
    };
    let rules = Rules {
        max_bytes: None,
        allow_empty: true,
        allow: Vec::new(),
        deny: vec!["*.exe".into(), "secret/*".into()],
        deny_types: vec!["application/x-msdownload".into()],
        deny_secrets: true,
        deny_mismatch: true,
    };
    let accepted = match inspect(&candidate, &rules) {
        Ok(accepted) => accepted,
        Err(refusal) => {
            assert!(!refusal.code.is_empty() && !refusal.reason.is_empty());
            assert!(!refusal.hint.is_empty());
            return;
        }
    };
    let name = &accepted.name;
    assert!((1..=255).contains(&name.len()));
    assert!(!name.contains(['/', '\\', '\0']) && name != "." && name != "..");
    assert!(!name.chars().any(char::is_control));
    assert!(!name.to_lowercase().ends_with(".exe"));
    assert!(!accepted.media_type.chars().any(char::is_control));
    let again = Candidate {
        name: name.clone().into_bytes(),
        ..candidate
    };
    assert_eq!(inspect(&again, &rules).as_ref(), Ok(&accepted));
}
