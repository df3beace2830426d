//! One result for each item, and the sum of them.

use loadlock::{Error, ErrorCode, File};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::super::failure::Failure;
use super::super::output::{About, GOOD, Output, styled};
use super::super::receipt::receipt;
use super::super::text::{counted, fit, pad, safe, size, terminal_width};
use super::items::Skipped;

/// As wide as the longest word for how an upload ended.
const DONE_WIDTH: usize = 14;

/// Of a path, on a terminal that has no room for it.
const LEAST_PATH: usize = 12;

/// A stored file and which item it was.
#[derive(Serialize)]
struct FileLine<'a> {
    #[serde(flatten)]
    file: &'a File,
    path: &'a str,
}

/// The last line of several.
#[derive(Serialize)]
struct SummaryLine<'a> {
    summary: &'a Tally,
}

/// The result of one upload. `alone`: all that is known, else one line.
pub(super) fn show(output: &Output, result: &Result<File, Error>, path: &str, alone: bool) -> Result<(), Failure> {
    match result {
        Err(error) => output.error(error, Some(About::Path(path)))?,
        Ok(file) if output.json => output.object(&FileLine { file, path })?,
        Ok(file) if output.quiet => output.line(&file.id)?,
        Ok(file) => {
            let done = if file.deduplicated { "already stored" } else { "stored" };
            if alone {
                output.line(format_args!("{} {}", styled(GOOD, done), safe(&file.filename)))?;
                receipt(output, file)?;
            } else {
                let (id, provider, path) = (&file.id, safe(&file.provider), safe(path));
                match output.terminal {
                    true => {
                        let facts = format!("  {id}  {:>7}  {provider}  ", size(file.bytes));
                        let left = terminal_width().saturating_sub(DONE_WIDTH + facts.width());
                        let path = fit(&path, left.max(LEAST_PATH));
                        output.line(format_args!("{}{facts}{path}", styled(GOOD, pad(done, DONE_WIDTH))))?;
                    }
                    false => output.line(format_args!("{}\t{id}\t{}\t{provider}\t{path}", done, file.bytes))?,
                }
            }
        }
    }
    Ok(())
}

/// How many items ended in which way.
#[derive(Debug, Default, Serialize)]
pub(super) struct Tally {
    stored: u64,
    deduplicated: u64,
    pub(super) failed: u64,
    cancelled: u64,
    /// Hidden, links and special files that were passed over.
    skipped: u64,
}

impl Tally {
    pub(super) fn count(&mut self, result: &Result<File, Error>) {
        match result {
            Ok(file) if file.deduplicated => self.deduplicated += 1,
            Ok(_) => self.stored += 1,
            Err(error) if error.code == ErrorCode::Cancelled => self.cancelled += 1,
            Err(_) => self.failed += 1,
        }
    }

    /// The end of several.
    pub(super) fn summary(mut self, output: &Output, skipped: Skipped) -> Result<(), Failure> {
        self.skipped = skipped.hidden + skipped.links + skipped.special;
        if output.json {
            output.object(&SummaryLine { summary: &self })?;
            return Ok(());
        }
        if self.skipped > 0 {
            let kinds = [
                (skipped.hidden, "hidden name"),
                (skipped.links, "symbolic link"),
                (skipped.special, "special file"),
            ];
            let kinds: Vec<_> = kinds
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| counted(count, what))
                .collect();
            output.note(format_args!("skipped {}; name them to upload them", kinds.join(", ")));
        }
        output.note(self.text());
        Ok(())
    }

    fn text(&self) -> String {
        let all = self.stored + self.deduplicated + self.failed + self.cancelled;
        let cancelled = match self.cancelled {
            0 => String::new(),
            count => format!(", {count} cancelled"),
        };
        format!(
            "{}: {} stored, {} already there, {} failed{cancelled}",
            counted(all, "file"),
            self.stored,
            self.deduplicated,
            self.failed
        )
    }
}
