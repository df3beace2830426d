//! One progress bar for each upload under way.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use loadlock::{Event, Progress};

use super::output::Output;
use super::text::{fit, safe};

/// Wide enough for most names, small enough to leave room for the numbers on 80 columns.
const NAME_WIDTH: usize = 24;

/// A bar that follows one upload; gone when it is dropped.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn new(output: &Output, name: &str) -> Self {
        let bar = output.bars.add(ProgressBar::no_length());
        bar.set_style(
            ProgressStyle::with_template("{prefix:24} {spinner} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        bar.set_prefix(fit(&safe(name), NAME_WIDTH));
        bar.set_message("checking");
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }
}

impl Progress for Bar {
    fn event(&self, event: Event) {
        match event {
            Event::Admitted { bytes, .. } => {
                let template = "{prefix:24} [{bar:16.cyan/dim}] {decimal_bytes:>9}/{decimal_total_bytes} {decimal_bytes_per_sec:>11} {eta:>4} {wide_msg}";
                if let Ok(style) = ProgressStyle::with_template(template) {
                    self.0.set_style(style.progress_chars("━╸─"));
                }
                self.0.set_length(bytes);
                self.0.set_message("");
            }
            Event::Attempt { provider, attempt } => {
                self.0.set_position(0);
                self.0.reset_eta();
                let again = if attempt > 1 {
                    format!(", attempt {attempt}")
                } else {
                    String::new()
                };
                self.0.set_message(format!("→ {}{again}", safe(&provider)));
            }
            Event::Sent { bytes } => self.0.set_position(bytes),
            Event::Retry {
                provider,
                reason,
                after_ms,
            } => {
                let wait = Duration::from_millis(after_ms);
                self.0.set_message(format!(
                    "{}: {} in {wait:.1?}",
                    safe(&provider),
                    safe(&reason)
                ));
            }
            Event::Circuit { provider, state } => {
                self.0
                    .set_message(format!("{} is {}", safe(&provider), safe(&state)));
            }
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
