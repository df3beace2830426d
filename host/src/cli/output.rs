//! What a person or a program sees: results on standard output, everything else on standard error.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressDrawTarget};
use loadlock::Error;
use serde::Serialize;

use super::globals::Globals;
use super::text::safe;

/// Colours. `anstream` takes them out where standard output or error is no terminal, or `NO_COLOR` is set.
pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();

/// `text` in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// What an error is about, as the user wrote it.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum About<'a> {
    /// A file on the disk.
    Path(&'a str),
    /// An uploaded file.
    Id(&'a str),
}

/// One failure as an object; the keys are in this order.
#[derive(Serialize)]
struct ErrorLine<'a> {
    error: &'a Error,
    #[serde(flatten)]
    about: Option<About<'a>>,
}

/// Where results go and how they look.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// One object a line.
    pub(crate) json: bool,
    /// Ids only, no notes.
    pub(crate) quiet: bool,
    /// A person looks at standard output.
    pub(crate) terminal: bool,
    /// Progress bars; hidden in a pipe. Other lines are written around them.
    pub(crate) bars: MultiProgress,
}

impl Output {
    pub(crate) fn new(globals: &Globals) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let watched = terminal && std::io::stderr().is_terminal() && !globals.json && !globals.quiet;
        let target = if watched {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            json: globals.json,
            quiet: globals.quiet,
            terminal: terminal && !globals.json,
            bars: MultiProgress::with_draw_target(target),
        }
    }

    /// Whether progress is shown.
    pub(crate) fn watched(&self) -> bool {
        !self.bars.is_hidden()
    }

    /// A line of the result.
    pub(crate) fn line(&self, text: impl Display) -> std::io::Result<()> {
        self.bars.suspend(|| {
            let mut out = anstream::stdout().lock();
            writeln!(out, "{text}")?;
            out.flush()
        })
    }

    /// An object of the result.
    pub(crate) fn object(&self, value: &impl Serialize) -> std::io::Result<()> {
        let text = serde_json::to_string(value)?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// A remark for a person; nothing depends on it.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.quiet && !self.json {
            self.bars.suspend(|| {
                let _ = writeln!(anstream::stderr(), "{text}");
            });
        }
    }

    /// An error: an object on standard output, or two lines on standard error.
    pub(crate) fn error(&self, error: &Error, about: Option<About<'_>>) -> std::io::Result<()> {
        if self.json {
            return self.object(&ErrorLine { error, about });
        }
        // Most messages about a path begin with it.
        let about = about
            .map(|(About::Path(about) | About::Id(about))| about)
            .filter(|about| !error.message.contains(about));
        let about = about.map(|about| format!("{}: ", safe(about))).unwrap_or_default();
        let label = styled(BAD, format_args!("error[{}]", error.code));
        let hint = styled(BOLD, "hint");
        self.bars.suspend(|| {
            let mut err = anstream::stderr().lock();
            let _ = writeln!(
                err,
                "{label}: {about}{}\n  {hint}: {}",
                safe(&error.message),
                safe(&error.hint)
            );
        });
        Ok(())
    }
}
