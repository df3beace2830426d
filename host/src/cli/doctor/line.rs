//! How a check is shown: a line each, and what to do about it.

use std::fmt::Display;

use loadlock::Error;
use serde_json::json;

use super::super::failure::Status;
use super::super::output::{BAD, GOOD, Output, WARN, styled};
use super::super::text::{pad, safe};

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CheckHealth {
    Good,
    /// It works, and an operator should know something.
    Weak,
    /// Something will not work.
    Bad,
}

/// Columns of the longest name of a check.
const NAME: usize = 16;

/// The checks so far.
pub(super) struct Checkup<'a> {
    output: &'a Output,
    bad: bool,
}

impl<'a> Checkup<'a> {
    pub(super) fn new(output: &'a Output) -> Self {
        Self { output, bad: false }
    }

    pub(super) fn status(&self) -> Status {
        match self.bad {
            true => Status::Failed,
            false => Status::Done,
        }
    }

    pub(super) fn good(&mut self, check: &str, detail: impl Display) -> std::io::Result<()> {
        self.line(check, CheckHealth::Good, &detail.to_string(), None)
    }

    /// What somebody else found, with what it says to do.
    pub(super) fn failed(&mut self, check: &str, error: &Error) -> std::io::Result<()> {
        self.line(
            check,
            CheckHealth::Bad,
            &error.message,
            Some(&error.hint).filter(|hint| !hint.is_empty()).map(|hint| &**hint),
        )
    }

    pub(super) fn line(
        &mut self,
        check: &str,
        health: CheckHealth,
        detail: &str,
        mend: Option<&str>,
    ) -> std::io::Result<()> {
        self.bad |= health == CheckHealth::Bad;
        let (word, style) = match health {
            CheckHealth::Good => ("ok", GOOD),
            CheckHealth::Weak => ("note", WARN),
            CheckHealth::Bad => ("bad", BAD),
        };
        let output = self.output;
        if output.json {
            return output.object(&json!({ "check": check, "state": word, "detail": detail, "mend": mend }));
        }
        if output.quiet && health == CheckHealth::Good {
            return Ok(());
        }
        if !output.terminal {
            return output.line(format_args!(
                "{word}\t{check}\t{}\t{}",
                safe(detail),
                safe(mend.unwrap_or_default())
            ));
        }
        let mend = mend.map(|mend| format!(": {}", safe(mend))).unwrap_or_default();
        let (word, check) = (styled(style, pad(word, 4)), pad(check, NAME));
        output.line(format_args!("{word}  {check}  {}{mend}", safe(detail)))
    }
}
