//! The four numbers, from what happened.

use serde::Serialize;

use crate::drive::Done;
use crate::plan::Aim;
use crate::watch::{Seen, Turn};
use crate::weather::Happened;
use loadlock_estimate::{quantile, sorted};

/// How long after an outage attempts that were under way in it still come back, milliseconds of policy's clock.
const GRACE: u64 = 5_000;

/// Uploads of one kind.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Rate {
    pub(crate) uploads: usize,
    pub(crate) failed: usize,
    pub(crate) percent: f64,
}

impl Rate {
    fn of<'a>(done: impl Iterator<Item = &'a Done>) -> Self {
        let (mut uploads, mut failed) = (0, 0);
        for done in done {
            uploads += 1;
            failed += usize::from(done.end.is_err());
        }
        let percent = if uploads == 0 {
            100.0
        } else {
            (uploads - failed) as f64 / uploads as f64 * 100.0
        };
        Self {
            uploads,
            failed,
            percent,
        }
    }
}

/// Recoveries after outages, in seconds of policy's clock.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Recovery {
    /// Outages that opened a breaker.
    pub(crate) outages: usize,
    /// Outages during which too little was sent to open it.
    pub(crate) unnoticed: usize,
    /// From the end of an outage until the breaker let something through again that succeeded: an upload, or its own
    /// probe.
    pub(crate) mean_s: f64,
    pub(crate) longest_s: f64,
    /// Until the breaker was closed, for which another probe has to succeed among the transient faults.
    pub(crate) closed_mean_s: f64,
    pub(crate) closed_longest_s: f64,
}

/// Openings of breakers.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Openings {
    pub(crate) all: usize,
    /// Of those, the ones while no outage was declared at the provider: the transient faults alone.
    pub(crate) wrong: usize,
    /// Of those, the ones of a half-open breaker, whose probe met a transient fault.
    pub(crate) wrong_in_recovery: usize,
    pub(crate) attempts: usize,
    /// Wrong ones in percent of attempts.
    pub(crate) percent: f64,
}

/// Everything that is computed from the chaos run.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Metrics {
    /// `auto` while both vendors were eligible.
    pub(crate) auto: Rate,
    /// `auto` while one vendor was in an outage: with the one that is left it has a pinned upload's 3 attempts.
    pub(crate) auto_in_outage_of_one: Rate,
    /// Pinned uploads that met no outage of their vendor.
    pub(crate) pinned: Rate,
    /// Of those, the ones that its breaker refused, which had opened for no reason: they did not get their attempts.
    pub(crate) pinned_refused: usize,
    /// `auto` during the outage of both.
    pub(crate) auto_in_outage_of_both: Rate,
    /// Pinned uploads during an outage of their vendor: not promised anything.
    pub(crate) pinned_in_outage: Rate,
    /// The disk, without faults.
    pub(crate) local: Rate,
    pub(crate) deduplicated: usize,
    pub(crate) retried: usize,
    pub(crate) outcome_unknown: usize,
    pub(crate) recovery: Recovery,
    pub(crate) openings: Openings,
    /// Milliseconds of policy's clock that an upload took: median, 99th percentile.
    pub(crate) upload_ms: [f64; 2],
}

/// Computes all.
pub(crate) fn compute(done: &[Done], seen: &[Seen], happened: &[Happened]) -> Metrics {
    let in_both = |done: &Done| {
        let mut both = happened.iter().filter(|spell| spell.routed && spell.both);
        both.any(|spell| spell.overlaps(done.started, done.ended))
    };
    let in_one = |done: &Done| {
        let mut outages = happened.iter().filter(|spell| spell.routed && spell.kind.is_outage());
        outages.any(|spell| spell.overlaps(done.started, done.ended))
    };
    let in_own = |done: &Done| {
        happened.iter().any(|spell| {
            spell.kind.is_outage()
                && done.planned.aim == Aim::Pinned(name(spell, done))
                && spell.overlaps(done.started, done.ended)
        })
    };
    let auto = |done: &&Done| done.planned.aim == Aim::Auto;
    let pinned = |done: &&Done| matches!(done.planned.aim, Aim::Pinned(_));
    let times = done.iter().map(|done| (done.ended - done.started) as f64);
    let times = sorted(times.collect());
    Metrics {
        auto: Rate::of(done.iter().filter(auto).filter(|done| !in_one(done))),
        auto_in_outage_of_both: Rate::of(done.iter().filter(auto).filter(|done| in_both(done))),
        auto_in_outage_of_one: Rate::of(done.iter().filter(auto).filter(|done| in_one(done) && !in_both(done))),
        pinned: Rate::of(done.iter().filter(pinned).filter(|done| !in_own(done))),
        pinned_refused: done
            .iter()
            .filter(pinned)
            .filter(|done| !in_own(done) && refused(done))
            .count(),
        pinned_in_outage: Rate::of(done.iter().filter(pinned).filter(|done| in_own(done))),
        local: Rate::of(done.iter().filter(|done| done.planned.aim == Aim::Local)),
        deduplicated: done
            .iter()
            .filter(|done| done.end.as_ref().is_ok_and(|file| file.deduplicated))
            .count(),
        retried: done.iter().filter(|done| done.attempts.len() > 1).count(),
        outcome_unknown: done
            .iter()
            .filter(|done| matches!(done.end, Err((loadlock_gateway::ErrorCode::OutcomeUnknown, _))))
            .count(),
        recovery: recovery(done, seen, happened),
        openings: openings(done, seen, happened),
        upload_ms: [quantile(&times, 0.5), quantile(&times, 0.99)],
    }
}

/// Whether it ended because the breaker did not let it in.
fn refused(done: &Done) -> bool {
    matches!(&done.end, Err((_, reason)) if reason.contains("the breaker is "))
}

/// The vendor of a spell as an aim names it: only if it is the upload's own.
fn name(spell: &Happened, done: &Done) -> &'static str {
    match done.planned.aim {
        Aim::Pinned(name) if name == spell.provider => name,
        _ => "",
    }
}

fn recovery(done: &[Done], seen: &[Seen], happened: &[Happened]) -> Recovery {
    let mut recovery = Recovery::default();
    let (mut through, mut closed) = (Vec::new(), Vec::new());
    for spell in happened.iter().filter(|spell| spell.kind.is_outage()) {
        let Some(closed_at) = spell.closed else {
            recovery.unnoticed += 1;
            continue;
        };
        let after = |at: u64| at.saturating_sub(spell.until) as f64 / 1_000.0;
        // A success is one that was begun when the outage was over.
        let upload = done.iter().filter_map(|done| {
            let (provider, begun) = done.attempts.last()?;
            let counts = done.end.is_ok() && *provider == spell.provider && *begun >= spell.until;
            counts.then_some(done.ended)
        });
        let probe = seen
            .iter()
            .filter(|seen| seen.provider == spell.provider && seen.turn != Turn::Opened && seen.at >= spell.until);
        let first = upload.chain(probe.map(|seen| seen.at)).min();
        through.push(after(first.unwrap_or(closed_at).min(closed_at)));
        closed.push(after(closed_at));
    }
    recovery.outages = through.len();
    (recovery.mean_s, recovery.longest_s) = mean_and_longest(&through);
    (recovery.closed_mean_s, recovery.closed_longest_s) = mean_and_longest(&closed);
    recovery
}

fn mean_and_longest(seconds: &[f64]) -> (f64, f64) {
    let mean = seconds.iter().sum::<f64>() / seconds.len().max(1) as f64;
    (mean, seconds.iter().copied().fold(0.0, f64::max))
}

fn openings(done: &[Done], seen: &[Seen], happened: &[Happened]) -> Openings {
    let mut openings = Openings {
        attempts: done.iter().map(|done| done.attempts.len()).sum(),
        ..Openings::default()
    };
    for opening in seen.iter().filter(|seen| seen.turn == Turn::Opened) {
        openings.all += 1;
        let of_it = |spell: &&Happened| spell.kind.is_outage() && spell.provider == opening.provider;
        let declared = happened
            .iter()
            .filter(of_it)
            .any(|spell| (spell.from..=spell.until + GRACE).contains(&opening.at));
        if declared {
            continue;
        }
        openings.wrong += 1;
        let recovering = happened.iter().filter(of_it).any(|spell| {
            spell
                .closed
                .is_some_and(|closed| (spell.until..closed).contains(&opening.at))
        });
        openings.wrong_in_recovery += usize::from(recovering);
    }
    openings.percent = openings.wrong as f64 / openings.attempts.max(1) as f64 * 100.0;
    openings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::plan;
    use crate::weather::Kind;

    fn outage() -> Happened {
        Happened {
            provider: "a".into(),
            kind: Kind::Cut,
            routed: true,
            both: false,
            from: 100_000,
            until: 200_000,
            closed: Some(250_000),
        }
    }

    fn seen(at: u64, turn: Turn) -> Seen {
        Seen {
            at,
            provider: "a".into(),
            turn,
        }
    }

    #[test]
    fn recovery_counts_from_the_end_of_the_outage() {
        let seen = [
            seen(110_000, Turn::Opened),
            seen(240_000, Turn::Probed),
            seen(250_000, Turn::Closed),
        ];
        let found = recovery(&[], &seen, &[outage()]);
        assert_eq!((found.mean_s, found.closed_mean_s), (40.0, 50.0));
    }

    #[test]
    fn an_opening_is_wrong_outside_of_an_outage_of_its_provider() {
        let wrong = |at, provider: &str| {
            let seen = Seen {
                provider: provider.into(),
                ..seen(at, Turn::Opened)
            };
            openings(&[], &[seen], &[outage()]).wrong
        };
        assert_eq!(wrong(150_000, "a"), 0);
        assert_eq!(wrong(150_000, "b"), 1);
        assert_eq!(wrong(99_999, "a"), 1);
        assert_eq!(wrong(230_000, "a"), 1);
    }

    #[test]
    fn pinned_uploads_are_excused_by_outages_of_their_own_vendor_only() {
        let planned = plan(1, 200, ["a", "b", "c", "d"]);
        let done = |aim, started| Done {
            planned: *planned.iter().find(|planned| planned.aim == aim).unwrap_or(&planned[0]),
            started,
            ended: started + 10,
            attempts: Vec::new(),
            end: Err((loadlock_gateway::ErrorCode::ProviderFailed, String::new())),
        };
        let failed = |aim, started| compute(&[done(aim, started)], &[], &[outage()]).pinned.failed;
        assert_eq!(failed(Aim::Pinned("a"), 150_000), 0);
        assert_eq!(failed(Aim::Pinned("a"), 240_000), 0, "the breaker is open still");
        assert_eq!(failed(Aim::Pinned("a"), 260_000), 1);
        assert_eq!(failed(Aim::Pinned("b"), 150_000), 1);
        let auto = |started| compute(&[done(Aim::Auto, started)], &[], &[outage()]);
        assert_eq!(auto(150_000).auto_in_outage_of_one.failed, 1);
        assert_eq!(auto(150_000).auto.uploads, 0);
        assert_eq!(auto(260_000).auto.failed, 1);
    }
}
