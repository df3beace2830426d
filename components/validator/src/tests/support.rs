//! Candidates and rules for the tests.

use crate::Component;
use crate::bindings::exports::loadlock::upload::validator::{Acceptance, Candidate, Guest, Refusal, Rules, Verdict};

pub(crate) const ELF: &[u8] = &{
    let mut elf = [0; 64];
    elf[0] = 0x7F;
    elf[1] = b'E';
    elf[2] = b'L';
    elf[3] = b'F';
    elf[4] = 2;
    elf
};
pub(crate) const EXE: &[u8] = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xFF\xFF\x00\x00";
pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1A\n\x00\x00\x00\rIHDR\x00\x00\x00\x01";
pub(crate) const PDF: &[u8] = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n1 0 obj\n";
pub(crate) const ZIP: &[u8] = b"PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00a.txt\x00";

/// Rules as they are without configuration: secrets and contradictions denied, all else allowed.
pub(crate) fn rules() -> Rules {
    Rules {
        max_bytes: None,
        allow_empty: false,
        allow: Vec::new(),
        deny: Vec::new(),
        deny_types: Vec::new(),
        deny_secrets: true,
        deny_mismatch: true,
    }
}

pub(crate) fn candidate(name: impl AsRef<[u8]>, head: impl AsRef<[u8]>) -> Candidate {
    let head = head.as_ref().to_vec();
    Candidate {
        name: name.as_ref().to_vec(),
        folder: Vec::new(),
        size: head.len() as u64,
        head,
        declared_type: None,
    }
}

pub(crate) fn inspect(candidate: Candidate, rules: Rules) -> Result<Acceptance, Refusal> {
    match Component::inspect(candidate, rules) {
        Verdict::Accepted(acceptance) => Ok(acceptance),
        Verdict::Refused(refusal) => {
            assert!(refusal.reason.ends_with('.') && refusal.hint.ends_with('.'));
            Err(refusal)
        }
    }
}

/// The media type of an accepted file, or the code of a refused one.
pub(crate) fn outcome(candidate: Candidate, rules: Rules) -> Result<String, String> {
    inspect(candidate, rules)
        .map(|acceptance| acceptance.media_type)
        .map_err(|refusal| refusal.code)
}

/// The same with the default rules.
pub(crate) fn judge(name: impl AsRef<[u8]>, head: impl AsRef<[u8]>) -> Result<String, String> {
    outcome(candidate(name, head), rules())
}

/// The code with which a text file of that name is refused, or its name as accepted.
pub(crate) fn judge_name(name: impl AsRef<[u8]>) -> Result<String, String> {
    inspect(candidate(name, "hello"), rules())
        .map(|acceptance| acceptance.name)
        .map_err(|refusal| refusal.code)
}
