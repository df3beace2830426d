//! The report: JSON for machines, a Markdown table and its picture, and the verdict.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::fsck::Sheet;
use crate::leaks::Leaks;
use crate::metrics::{Metrics, Rate};
use crate::overhead::Overhead;
use crate::truth::Truth;
use crate::weather::Happened;
use loadlock_estimate::Estimate;
use loadlock_estimate::plot::{Bar, Side, margins};

/// Least success of `auto`, in percent.
const AUTO: f64 = 99.9;
/// Least success of `auto` while one vendor is out, in percent. Three attempts at the other one are worth 99.66 % as
/// they are for pinned uploads; these are some two thousand uploads, of which a few more or less may fail.
const ONE_LEFT: f64 = 99.0;
/// Least success of pinned uploads at 3 attempts, in percent: 1 − 0.15³ is 99.66 %.
const PINNED: f64 = 99.6;
/// Most time to recovery in seconds: the breaker's 60 and one probe interval of 5.
const RECOVERY: f64 = 65.0;
/// Most overhead of the resilience stages, in percent.
const OVERHEAD: f64 = 1.0;
/// Most openings for no reason, in percent of attempts.
const WRONG_OPENINGS: f64 = 0.1;

/// An upload that failed, and why.
#[derive(Debug, Serialize)]
pub(crate) struct Failed {
    /// With the seed it names the upload.
    pub(crate) index: usize,
    pub(crate) seed: u64,
    pub(crate) aim: String,
    pub(crate) bytes: usize,
    /// Milliseconds of policy's clock.
    pub(crate) started: u64,
    pub(crate) ended: u64,
    pub(crate) attempts: Vec<String>,
    pub(crate) code: &'static str,
    pub(crate) reason: String,
    /// Which spells it met.
    pub(crate) met: Vec<String>,
}

/// How the run was set up.
#[derive(Debug, Serialize)]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    pub(crate) uploads: usize,
    pub(crate) concurrency: usize,
    pub(crate) scale: u32,
    pub(crate) transient: f64,
    pub(crate) slow: f64,
    /// Real seconds that the chaos took.
    pub(crate) took_s: f64,
    /// Cores of this machine.
    pub(crate) cores: usize,
}

/// Everything.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) setting: Setting,
    pub(crate) metrics: Metrics,
    pub(crate) overhead: Overhead,
    pub(crate) spells: Vec<Happened>,
    /// Faults that requests met, by vendor and kind.
    pub(crate) injected: BTreeMap<String, BTreeMap<String, usize>>,
    pub(crate) failures: Vec<Failed>,
    pub(crate) truth: Truth,
    /// The books by `loadlock fsck`.
    pub(crate) fsck: Sheet,
    /// What settling had to do when the vendors were well again.
    pub(crate) settled: serde_json::Value,
    /// Errors in the log: each is a promise that was not kept.
    pub(crate) logged: Vec<String>,
    pub(crate) leaks: Leaks,
    /// Bounds that do not hold; empty in a good run.
    pub(crate) broken: Vec<String>,
}

/// One line of the table.
struct Line {
    what: String,
    bound: String,
    found: String,
    holds: bool,
}

fn line(what: impl Into<String>, bound: impl Into<String>, found: String, holds: bool) -> Line {
    Line {
        what: what.into(),
        bound: bound.into(),
        found,
        holds,
    }
}

impl Report {
    fn lines(&self) -> Vec<Line> {
        let mut lines = vec![self.weather()];
        lines.extend(self.resilience());
        lines.extend(self.overhead());
        let truth = &self.truth;
        lines.push(line(
            "remote files, records and receipts that disagree",
            "0",
            format!(
                "{} ({} files over {} remote files; {} outcomes unknown, {} of them found later, {} stored and not \
                 recorded)",
                truth.lies.len(),
                truth.live_files,
                truth.live_remotes,
                self.metrics.outcome_unknown,
                truth.found_later,
                truth.unknown_remotes
            ),
            truth.lies.is_empty(),
        ));
        lines.push(line(
            "problems that `loadlock fsck` finds afterwards, lists of all vendors included",
            "0",
            self.fsck.problems.len().to_string(),
            self.fsck.problems.is_empty(),
        ));
        let left = self.leaks.found.len() + self.logged.len();
        lines.push(line(
            "left behind: descriptors, temporary files, spool, journal, errors in the log",
            "0",
            left.to_string(),
            left == 0,
        ));
        lines
    }

    /// A run without some kind of spell would say nothing about it.
    fn weather(&self) -> Line {
        let (outages, limits): (Vec<_>, Vec<_>) = {
            let routed = self.spells.iter().filter(|spell| spell.routed);
            routed.partition(|spell| spell.kind.is_outage())
        };
        let (both, one): (Vec<_>, Vec<_>) = outages.into_iter().partition(|spell| spell.both);
        let (one, both, limits) = (one.len(), both.len() / 2, limits.len());
        line(
            "what went wrong for a time: outages of one vendor, outages of both, rate limits",
            "some of each",
            format!("{one}, {both}, {limits}"),
            one.min(both).min(limits) > 0,
        )
    }

    fn resilience(&self) -> [Line; 5] {
        let metrics = &self.metrics;
        let (recovery, openings) = (&metrics.recovery, &metrics.openings);
        [
            line(
                "success, `auto`, two eligible vendors",
                format!("≥ {AUTO} %"),
                rate(&metrics.auto),
                metrics.auto.percent >= AUTO,
            ),
            line(
                "success, `auto`, while one of the two was out",
                format!("≥ {ONE_LEFT} %"),
                rate(&metrics.auto_in_outage_of_one),
                metrics.auto_in_outage_of_one.percent >= ONE_LEFT,
            ),
            line(
                "success, pinned, 3 attempts, outages of the vendor itself not included",
                format!("≥ {PINNED} %"),
                format!(
                    "{}; {} of them refused by a breaker that had opened for no reason",
                    rate(&metrics.pinned),
                    metrics.pinned_refused
                ),
                metrics.pinned.percent >= PINNED,
            ),
            line(
                format!(
                    "mean time to recovery over {} outages, until the vendor serves again",
                    recovery.outages
                ),
                format!("< {RECOVERY} s"),
                format!(
                    "{:.1} s (longest {:.1}); until the breaker is closed {:.1} s (longest {:.1})",
                    recovery.mean_s, recovery.longest_s, recovery.closed_mean_s, recovery.closed_longest_s
                ),
                recovery.outages > 0 && recovery.mean_s < RECOVERY,
            ),
            line(
                "openings of a breaker while its vendor was well, of all attempts",
                format!("< {WRONG_OPENINGS} %"),
                format!(
                    "{:.3} % ({} of {}; {} by a probe after an outage)",
                    openings.percent, openings.wrong, openings.attempts, openings.wrong_in_recovery
                ),
                openings.percent < WRONG_OPENINGS,
            ),
        ]
    }

    fn overhead(&self) -> [Line; 3] {
        let overhead = &self.overhead;
        let bound = format!("not above {OVERHEAD} %");
        [
            line(
                "cost of retry, breaker and budget for an upload without a fault: the stages alone",
                format!("< {OVERHEAD} %"),
                format!(
                    "{:.4} % ({:.0} ns of {:.1} ms)",
                    overhead.stages_percent,
                    overhead.stages_ns,
                    overhead.wall_off_us[0] / 1_000.0
                ),
                overhead.stages_percent < OVERHEAD,
            ),
            line(
                format!(
                    "the same by {} pairs of uploads, on against off: processor time",
                    overhead.pairs
                ),
                bound.clone(),
                interval(&overhead.cpu_percent),
                overhead.cpu_percent.low <= OVERHEAD,
            ),
            line(
                "the same pairs: latency",
                bound,
                interval(&overhead.wall_percent),
                overhead.wall_percent.low <= OVERHEAD,
            ),
        ]
    }

    /// Fills in which bounds do not hold.
    pub(crate) fn judge(&mut self) {
        self.broken = self
            .lines()
            .into_iter()
            .filter(|line| !line.holds)
            .map(|line| format!("{}: {}, must be {}", line.what, line.found, line.bound))
            .collect();
    }

    /// Failures and times to the most that is allowed, as a picture.
    pub(crate) fn picture(&self) -> String {
        let metrics = &self.metrics;
        let at_most = |label: &str, value: f64, bound: f64| Bar {
            label: label.to_owned(),
            found: Estimate {
                median: value,
                low: value,
                high: value,
            },
            bound: Side::AtMost(bound),
        };
        let failed = |label: &str, rate: &Rate, least: f64| at_most(label, 100.0 - rate.percent, 100.0 - least);
        let bars = [
            failed("failed, %: auto, two eligible vendors", &metrics.auto, AUTO),
            failed(
                "failed, %: auto, one of the two out",
                &metrics.auto_in_outage_of_one,
                ONE_LEFT,
            ),
            failed("failed, %: pinned, 3 attempts", &metrics.pinned, PINNED),
            at_most("mean time to recovery, s", metrics.recovery.mean_s, RECOVERY),
            at_most("openings for no reason, %", metrics.openings.percent, WRONG_OPENINGS),
            at_most("cost of the stages, %", self.overhead.stages_percent, OVERHEAD),
        ];
        margins("Under faults: found to allowed, right of the line is kept", &bars)
    }

    /// The table of `docs/explanation/chaos.md`.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from("| what | bound | found |\n|---|---|---|\n");
        for line in self.lines() {
            let mark = if line.holds { "" } else { " **broken**" };
            let Line { what, bound, found, .. } = line;
            text.push_str(&format!("| {what} | {bound} | {found}{mark} |\n"));
        }
        let setting = &self.setting;
        text.push_str(&format!(
            "\n{} uploads, {} at a time, seed {}, {:.0} s on {} cores; policy's clock ran {} times as fast as real \
             time.\n",
            setting.uploads, setting.concurrency, setting.seed, setting.took_s, setting.cores, setting.scale
        ));
        text
    }
}

fn rate(rate: &Rate) -> String {
    format!("{:.2} % ({} of {} failed)", rate.percent, rate.failed, rate.uploads)
}

fn interval(estimate: &Estimate) -> String {
    format!(
        "median {:+.2} %, 95 % interval {:+.2} to {:+.2} %",
        estimate.median, estimate.low, estimate.high
    )
}
