//! A validator's cases: candidates and rules, as data, and what must come of them.

use loadlock_policy::model::ValidationRules;
use loadlock_sandbox::validator::{FileCandidate, Validator};
use loadlock_sandbox::{Sandbox, Source};

use super::report::{CaseFacts, Finding, Found, KEPT, Recorder};
use super::subject::ConformanceError;

/// What must come of a candidate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ExpectedVerdict {
    Accepted,
    Refused,
    /// Either, as long as an accepted name is clean, which the host checks.
    Judged,
}
use ExpectedVerdict::{Accepted, Judged, Refused};

struct CandidateCase {
    facts: CaseFacts,
    candidates: &'static [(&'static [u8], &'static [u8])],
    rules: fn(&mut ValidationRules),
    expected: ExpectedVerdict,
}

const fn case(
    name: &'static str,
    promise: &'static str,
    advice: &'static str,
    candidates: &'static [(&'static [u8], &'static [u8])],
    rules: fn(&mut ValidationRules),
    expected: ExpectedVerdict,
) -> CandidateCase {
    CandidateCase {
        facts: CaseFacts { name, promise, advice },
        candidates,
        rules,
        expected,
    }
}

const RULES: &str = "the rules are the operator's: keep every one of them";
const NAMES: &str = "answer a name of one segment, without control characters, of at most 255 bytes, or refuse";
const ELF: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0";
const KEY: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\n";
const PDF: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n";

const CASES: &[CandidateCase] = &[
    case(
        "plain-files-pass",
        "files that no rule is about are accepted",
        "refuse by rules alone",
        &[
            (b"report.pdf", PDF),
            (b"notes.txt", b"hello\n"),
            (b"data.bin", b"\0\x01\x02\x03"),
            (b"README", b"# read\n"),
        ],
        |_| {},
        Accepted,
    ),
    case(
        "hostile-names-are-judged",
        "whatever a name holds, there is a verdict, and an accepted name is clean",
        NAMES,
        &[
            (b"", b"x"),
            (b".", b"x"),
            (b"..", b"x"),
            (b"../x", b"x"),
            (b"a/b", b"x"),
            (b"a\\b", b"x"),
            (b"a\0b", b"x"),
            (b"a\r\nb", b"x"),
            (b"\xff\xfe.txt", b"x"),
            (b"\xe2\x80\xaefdp.exe", b"x"),
            (&[b'x'; 4_096], b"x"),
        ],
        |_| {},
        Judged,
    ),
    case(
        "empty-files",
        "an empty file is refused unless the rules allow it",
        RULES,
        &[(b"empty.txt", b"")],
        |rules| rules.allow_empty = false,
        Refused,
    ),
    case(
        "empty-files-allowed",
        "an empty file is accepted where the rules allow it",
        RULES,
        &[(b"empty.txt", b"")],
        |rules| rules.allow_empty = true,
        Accepted,
    ),
    case(
        "too-large",
        "a file above `max-bytes` is refused",
        RULES,
        &[(b"large.txt", b"0123456789")],
        |rules| rules.max_bytes = Some(9),
        Refused,
    ),
    case(
        "as-large-as-allowed",
        "`max-bytes` is inclusive",
        RULES,
        &[(b"large.txt", b"0123456789")],
        |rules| rules.max_bytes = Some(10),
        Accepted,
    ),
    case(
        "denied-names",
        "a name that matches `deny` is refused, whatever its case",
        RULES,
        &[(b"setup.exe", b"text"), (b"SETUP.EXE", b"text"), (b"a.b.Exe", b"text")],
        |rules| rules.deny = vec!["*.exe".to_owned()],
        Refused,
    ),
    case(
        "allowed-names",
        "with `allow`, a name that matches none is refused",
        RULES,
        &[(b"notes.txt", b"hello\n")],
        |rules| rules.allow = vec!["*.pdf".to_owned(), "?.txt".to_owned()],
        Refused,
    ),
    case(
        "allowed-names-pass",
        "with `allow`, a name that matches one is accepted",
        RULES,
        &[(b"a.txt", b"hello\n"), (b"A.TXT", b"hello\n")],
        |rules| rules.allow = vec!["?.txt".to_owned()],
        Accepted,
    ),
    case(
        "secrets",
        "with `deny-secrets`, what looks like a credential is refused",
        RULES,
        &[(b".env", b"A=b\n"), (b"id_ed25519", KEY), (b"notes.txt", KEY)],
        |rules| rules.deny_secrets = true,
        Refused,
    ),
    case(
        "mismatch",
        "with `deny-mismatch`, a program that is named like a document is refused",
        RULES,
        &[(b"report.pdf", ELF)],
        |rules| rules.deny_mismatch = true,
        Refused,
    ),
    case(
        "denied-types",
        "a file of a type in `deny-types` is refused",
        RULES,
        &[(b"report.pdf", PDF)],
        |rules| rules.deny_types = vec!["application/*".to_owned()],
        Refused,
    ),
];

const STABLE: CaseFacts = CaseFacts {
    name: "verdict-is-stable",
    promise: "the verdict depends on candidate and rules alone",
    advice: "keep nothing between calls, and use neither time nor chance",
};

pub(super) async fn check(
    sandbox: &Sandbox,
    source: &Source,
    recorder: &mut Recorder<'_>,
) -> Result<(), ConformanceError> {
    let validator = Validator::load(sandbox, source).await?;
    for case in CASES {
        recorder.record(&case.facts, run(&validator, case).await);
    }
    recorder.record(&STABLE, stable(&validator).await);
    Ok(())
}

fn candidate(name: &[u8], content: &[u8]) -> FileCandidate {
    FileCandidate {
        name: name.to_vec(),
        folder: Vec::new(),
        size: content.len() as u64,
        head: content.to_vec(),
        declared_type: None,
    }
}

fn no_rules() -> ValidationRules {
    ValidationRules {
        max_bytes: None,
        allow_empty: false,
        allow: Vec::new(),
        deny: Vec::new(),
        deny_types: Vec::new(),
        deny_secrets: false,
        deny_mismatch: false,
    }
}

async fn run(validator: &Validator, case: &CandidateCase) -> Found {
    let mut rules = no_rules();
    (case.rules)(&mut rules);
    for (name, content) in case.candidates {
        let shown = String::from_utf8_lossy(&name[..name.len().min(40)]);
        let verdict = validator.inspect(candidate(name, content), &rules).await;
        match (verdict, case.expected) {
            (Err(error), _) => return Err(format!("`{shown}`: {error}")),
            (Ok(Err(refusal)), Accepted) => {
                return Err(format!("`{shown}` is refused: {}: {}", refusal.code, refusal.reason));
            }
            (Ok(Ok(_)), Refused) => return Err(format!("`{shown}` is accepted")),
            (Ok(Err(refusal)), _) if refusal.code.is_empty() || refusal.reason.is_empty() => {
                return Err(format!("`{shown}` is refused without a code or a reason"));
            }
            _ => {}
        }
    }
    KEPT
}

async fn stable(validator: &Validator) -> Found {
    let mut last = None;
    for _ in 0..8 {
        let verdict = validator.inspect(candidate(b"report.pdf", PDF), &no_rules()).await;
        let verdict = verdict.map_err(|error| error.to_string())?;
        if last.as_ref().is_some_and(|last| *last != verdict) {
            return Err("the verdict changed from call to call".to_owned());
        }
        last = Some(verdict);
    }
    Ok(Finding::Kept(None))
}
