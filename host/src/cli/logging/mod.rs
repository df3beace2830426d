//! Logs to standard error.
//!
//! An error is reported once, by the command. So the log lines that say the same (`[PATH]`, `[AUTH]`, `[RETRY]`,
//! `[CIRCUIT]`) are left out unless `--verbose` or `LOADLOCK_LOG` asks for them. What libraries log is left out unless
//! `LOADLOCK_LOG` names them, and lines that repeat are counted instead (`sampled`).

pub(crate) mod otlp;
mod sample;
mod sampled;

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

use indicatif::MultiProgress;
use tracing_subscriber::filter::FilterExt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::args::Globals;
use super::output::Output;
use sampled::Sampled;

/// Every target of ours begins with this.
const OURS: &str = "loadlock";
/// For whom the command itself tells how it went. The last is of the component's own lines.
macro_rules! commanded {
    ($component:literal) => {
        concat!(
            "off,loadlock=warn,loadlock::path=off,loadlock::auth=off,loadlock::retry=off,loadlock::circuit=off,\
             loadlock::component=",
            $component
        )
    };
}
const PLAIN: &str = commanded!("off");
const AUTHORING: &str = commanded!("info");
/// One line for each upload and for what goes wrong; none for each request, which may be a probe or a scrape.
const SERVING: &str = "off,loadlock=info,loadlock::auth=warn,loadlock::path=warn,loadlock::component=warn";
const VERBOSE: &str = "off,loadlock=info";

/// Counts lines that are left out.
static SAMPLED: OnceLock<Sampled> = OnceLock::new();

/// Who reads the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Whoever gave a command, which reports to them itself.
    Caller,
    /// There is nobody whom a command could report to, so what happens is logged, and with `--json` each line is an
    /// object.
    Operator,
    /// Whoever writes the component that the command runs: each of its lines is wanted.
    Author,
}

/// Starts logging.
pub(crate) fn start(globals: &Globals, output: &Output, reader: Reader) {
    let serving = reader == Reader::Operator;
    let asked = std::env::var("LOADLOCK_LOG").ok().filter(|filter| !filter.is_empty());
    let default = match (globals.verbose, globals.quiet) {
        (_, true) => "off,loadlock=error",
        (true, _) => VERBOSE,
        _ => match reader {
            Reader::Operator => SERVING,
            Reader::Author => AUTHORING,
            Reader::Caller => PLAIN,
        },
    };
    let filter = match asked.as_deref().map(|asked| EnvFilter::try_new(ours(asked))) {
        Some(Ok(filter)) => filter,
        Some(Err(error)) => {
            output.note(format_args!(
                "LOADLOCK_LOG is not a filter ({error}); a filter is `info` or `loadlock::path=debug`"
            ));
            EnvFilter::new(default)
        }
        None => EnvFilter::new(default),
    };
    let sampled = SAMPLED.get_or_init(Sampled::new);
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = Lines(output.bars.clone());
    let log = tracing_subscriber::fmt::layer().with_ansi(colour).with_writer(lines);
    let log = if serving && globals.json {
        log.json().flatten_event(true).boxed()
    } else if globals.verbose || serving || asked.is_some() {
        log.boxed()
    } else {
        // A remark to a person who is watching needs no time.
        log.without_time().with_target(false).boxed()
    };
    let (tracer, problem) = match otlp::tracer_from_environment() {
        Ok(tracer) => (tracer, None),
        Err(problem) => (None, Some(problem)),
    };
    let spans = tracer.map(|tracer| {
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_filter(EnvFilter::new(VERBOSE))
    });
    let log = match reader {
        Reader::Author => log.with_filter(filter).boxed(),
        Reader::Operator | Reader::Caller => log.with_filter(filter.and(sampled.clone())).boxed(),
    };
    // Fails only if a subscriber is there already, which then gets the events.
    let _ = tracing_subscriber::registry().with(log).with(spans).try_init();
    if serving {
        sampled.tell_from_now_on();
    }
    if let Some(problem) = problem {
        tracing::warn!("{problem}");
    }
}

/// Says what is left to be said, while the process still runs.
pub(crate) fn finish() {
    if let Some(sampled) = SAMPLED.get() {
        sampled.tell(true);
    }
    otlp::finish();
}

/// A level alone is one of ours: libraries log whole requests.
fn ours(asked: &str) -> String {
    match asked.trim().parse::<tracing::metadata::LevelFilter>() {
        Ok(level) => format!("off,{OURS}={level}"),
        Err(_) => asked.to_owned(),
    }
}

/// Writes around the progress bars.
struct Lines(MultiProgress);

impl Write for &Lines {
    /// A log that nobody can read any more, such as that of a terminal which has gone, is no reason to end: told of a
    /// failure, the library would write about it to the same place, and that would be the end of the thread.
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.suspend(|| std::io::stderr().write_all(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Lines;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::ours;

    #[test]
    fn a_level_alone_says_nothing_about_libraries() {
        assert_eq!(ours("debug"), "off,loadlock=debug");
        assert_eq!(ours(" WARN "), "off,loadlock=warn");
        assert_eq!(ours("hyper=debug,loadlock=info"), "hyper=debug,loadlock=info");
    }
}
