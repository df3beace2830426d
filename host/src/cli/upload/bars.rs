//! One progress bar for each upload under way, and one for all of them together.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use loadlock::{CancellationToken, Event, File, Progress};
use loadlock_policy::human;

use super::super::output::Output;
use super::super::text::{counted, fit, safe};
use super::items::{Item, Skipped, for_each_item};

/// Wide enough for most names, small enough to leave room for the numbers on 80 columns.
const NAME_WIDTH: usize = 20;

/// Bytes, rate and time left.
const TEMPLATE: &str = "{prefix:20} [{bar:12.cyan/dim}] {decimal_bytes:>9}/{decimal_total_bytes} \
     {decimal_bytes_per_sec:>11} {eta:>4} {wide_msg}";

/// The bars of one command; for a terminal only.
pub(super) struct Bars {
    bars: MultiProgress,
    /// All files together, below the others.
    overall: Option<ProgressBar>,
}

/// A bar that follows one upload; gone when it is dropped.
pub(super) struct Bar {
    bar: ProgressBar,
    overall: Option<ProgressBar>,
    /// What this upload has added to the overall position.
    counted: AtomicU64,
}

impl Bars {
    /// With `several` arguments there is a bar for all files, whose length grows while they are counted in the
    /// background.
    pub(super) fn new(output: &Output, several: Option<&Vec<OsString>>, interrupted: &CancellationToken) -> Self {
        let overall = several.map(|arguments| {
            let bar = output.bars.add(ProgressBar::new(0));
            bar.set_style(style(TEMPLATE));
            bar.set_prefix("all files");
            bar.enable_steady_tick(Duration::from_millis(100));
            count(arguments.clone(), bar.clone(), interrupted.clone());
            bar
        });
        Self {
            bars: output.bars.clone(),
            overall,
        }
    }

    /// The bar of one upload.
    pub(super) fn begin(&self, name: &str) -> Bar {
        let bar = ProgressBar::no_length();
        let bar = match &self.overall {
            Some(overall) => self.bars.insert_before(overall, bar),
            None => self.bars.add(bar),
        };
        bar.set_style(style("{prefix:20} {spinner} {wide_msg}"));
        bar.set_prefix(fit(&safe(name), NAME_WIDTH));
        bar.set_message("checking");
        bar.enable_steady_tick(Duration::from_millis(100));
        Bar {
            bar,
            overall: self.overall.clone(),
            counted: AtomicU64::new(0),
        }
    }

    /// All is done.
    pub(super) fn finish(&self) {
        if let Some(overall) = &self.overall {
            overall.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

/// Adds up what there is, on a thread: without the sum there is no time left.
fn count(arguments: Vec<OsString>, bar: ProgressBar, interrupted: CancellationToken) {
    tokio::task::spawn_blocking(move || {
        let mut files = 0u64;
        let _ = for_each_item(&arguments, &mut Skipped::default(), &mut |item| {
            if let Item::File(path) = item {
                files += 1;
                bar.inc_length(path.metadata().map_or(0, |facts| facts.len()));
                bar.set_message(counted(files, "file"));
            }
            if interrupted.is_cancelled() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
    });
}

impl Bar {
    /// It ended; a file that was not sent, because it was there already, counts as well.
    pub(super) fn done(&self, file: Option<&File>) {
        let counted = self.counted.load(Ordering::Relaxed);
        self.count(file.map_or(counted, |file| file.bytes));
    }

    /// So many bytes of this upload are through.
    fn count(&self, bytes: u64) {
        let before = self.counted.swap(bytes, Ordering::Relaxed);
        if let Some(overall) = &self.overall {
            match bytes.checked_sub(before) {
                Some(more) => overall.inc(more),
                None => overall.dec(before - bytes),
            }
        }
    }
}

impl Progress for Bar {
    fn event(&self, event: Event) {
        match event {
            Event::Admitted { bytes, .. } => {
                self.bar.set_style(style(TEMPLATE));
                self.bar.set_length(bytes);
                self.bar.set_message("");
            }
            Event::Attempt { provider, attempt, .. } => {
                self.bar.set_position(0);
                self.count(0);
                self.bar.reset_eta();
                let again = if attempt > 1 {
                    format!(", attempt {attempt}")
                } else {
                    String::new()
                };
                self.bar.set_message(format!("→ {}{again}", safe(&provider)));
            }
            Event::Sent { bytes } => {
                self.bar.set_position(bytes);
                self.count(bytes);
            }
            Event::Retry {
                provider,
                reason,
                after_ms,
            } => {
                let wait = Duration::from_millis(after_ms);
                self.bar.set_message(format!(
                    "{}: {} (waiting {})",
                    safe(&provider),
                    safe(&reason),
                    human(wait)
                ));
            }
            // Each attempt names its provider; the log says what was fallen back from, above the bars, where it stays.
            Event::Routed { .. } | Event::Fallback { .. } => {}
            Event::Circuit { provider, state } => {
                self.bar.set_message(format!("{} is {}", safe(&provider), safe(&state)));
            }
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
