//! What a guest tells a test about its attempts.

use std::fmt::Debug;

use crate::words::{Failure, FailureKind};

/// The contract's longest failure message is 1,024 bytes; the rest of a report is on standard error.
const MOST: usize = 1000;

/// The outcome of several attempts, each of which the host should refuse.
#[derive(Default)]
pub struct Attempts {
    allowed: Vec<String>,
    refused: Vec<String>,
}

impl Attempts {
    /// No attempts yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes an attempt that was refused, with the host's error code: `name=not-permitted`.
    pub fn refused(&mut self, name: &str, code: impl Debug) {
        self.refused.push(format!("{name}={}", kebab(&code)));
    }

    /// Notes an attempt that the host let through, with what was gained: `name=ALLOWED:secret`.
    pub fn allowed(&mut self, name: &str, gained: &str) {
        self.allowed.push(format!("{name}=ALLOWED:{gained}"));
    }

    /// Notes an attempt by its result.
    pub fn note<T, E: Debug>(&mut self, name: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => {
                self.allowed(name, "");
                Some(value)
            }
            Err(code) => {
                self.refused(name, code);
                None
            }
        }
    }

    /// `allowed=N refused=M` and then every attempt, those that the host let through first.
    pub fn text(&self) -> String {
        let mut text = format!("allowed={} refused={}", self.allowed.len(), self.refused.len());
        for line in self.allowed.iter().chain(&self.refused) {
            eprintln!("{line}");
            text.push(' ');
            text.push_str(line);
        }
        text
    }

    /// The report as this call's failure.
    pub fn into_failure(self) -> Failure {
        report(self.text())
    }
}

/// A `rejected` failure whose message is the report, cut to what the contract allows.
pub fn report(text: impl Into<String>) -> Failure {
    crate::failure(FailureKind::Rejected, cut(text.into()))
}

/// Cuts a text to what fits into a failure's message.
pub fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MOST));
    text
}

/// An error's own word: `ErrorCode { name: "not-permitted", .. }`, `ErrorCode::NotPermitted` and `"not-permitted"` are
/// `not-permitted`.
pub fn kebab(code: &impl Debug) -> String {
    let code = format!("{code:?}");
    // Generated enumerations print the contract's name as a field, variants their Rust name.
    if let Some((_, named)) = code.split_once("name: \"") {
        return named.split('"').next().unwrap_or_default().to_owned();
    }
    let code = code.trim_matches('"');
    let word: &str = code
        .split(['(', '{', ' '])
        .next()
        .and_then(|path| path.rsplit("::").next())
        .unwrap_or_default();
    let mut out = String::new();
    for (at, character) in word.char_indices() {
        if character.is_ascii_uppercase() && at > 0 {
            out.push('-');
        }
        out.push(character.to_ascii_lowercase());
    }
    out
}
