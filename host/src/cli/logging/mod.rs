//! Logs to standard error.
//!
//! An error is reported once, by the command. So the log lines that say the same (`[PATH]`, `[AUTH]`, `[RETRY]`,
//! `[CIRCUIT]`) are left out unless `--verbose` or `LOADLOCK_LOG` asks for them.

pub(crate) mod otlp;

use std::io::{IsTerminal, Write};

use indicatif::MultiProgress;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::args::Globals;
use super::output::Output;

const PLAIN: &str =
    "warn,loadlock::path=off,loadlock::auth=off,loadlock::retry=off,loadlock::circuit=off,loadlock::component=off";
const VERBOSE: &str =
    "warn,loadlock=info,loadlock_gateway=info,loadlock_sandbox=info,loadlock_egress=info,loadlock_server=info";

/// Starts logging. `serving`: there is nobody whom a command could report to, so what happens is logged, and with
/// `--json` each line is an object.
pub(crate) fn start(globals: &Globals, output: &Output, serving: bool) {
    let asked = std::env::var("LOADLOCK_LOG").ok().filter(|filter| !filter.is_empty());
    let default = match (globals.verbose, globals.quiet) {
        (_, true) => "error",
        (true, _) => VERBOSE,
        _ if serving => VERBOSE,
        _ => PLAIN,
    };
    let filter = match asked.as_deref().map(EnvFilter::try_new) {
        Some(Ok(filter)) => filter,
        Some(Err(error)) => {
            output.note(format_args!(
                "LOADLOCK_LOG is not a filter ({error}); a filter is `info` or `loadlock::path=debug`"
            ));
            EnvFilter::new(default)
        }
        None => EnvFilter::new(default),
    };
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
    // Fails only if a subscriber is there already, which then gets the events.
    let _ = tracing_subscriber::registry()
        .with(log.with_filter(filter))
        .with(spans)
        .try_init();
    if let Some(problem) = problem {
        tracing::warn!("{problem}");
    }
}

/// Writes around the progress bars.
struct Lines(MultiProgress);

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.suspend(|| std::io::stderr().write_all(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Lines;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}
