//! `loadlock reconcile`: the vendors' lists against the ledger.

use loadlock::gateway::{ProviderReconciled, Reconcile, Step, StepEnd, Unlisted, Verdict};
use loadlock_policy::upkeep::{Action, Listed, Reason};
use serde::Serialize;

use super::args::{Globals, ReconcileArgs};
use super::asked::Asked;
use super::context::{configuration, known_provider, patiently};
use super::failure::{Failure, Status};
use super::output::{BAD, DIM, GOOD, Output, WARN, styled};
use super::text::{counted, safe};
use super::turn::Wish;

pub(crate) async fn run(globals: &Globals, output: &Output, command: ReconcileArgs) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    if let Some(name) = &command.provider {
        known_provider(&config, name)?;
    }
    // A dry run changes nothing, not even what every start settles.
    let wish = if command.dry_run { Wish::Look } else { Wish::Change };
    let gateway = Asked::take(config, wish, globals, output).await?;
    let request = Reconcile {
        provider: command.provider,
        dry_run: command.dry_run,
        allow_mass: command.allow_mass,
    };
    let done = patiently(output, "comparing", gateway.reconcile(request)).await?;
    for one in &done.providers {
        show(output, one, command.dry_run)?;
    }
    Ok(if done.succeeded() { Status::Done } else { Status::Failed })
}

/// A step with its provider, as an object.
#[derive(Serialize)]
struct StepLine<'a> {
    provider: &'a str,
    #[serde(flatten)]
    step: &'a Step,
}

/// What is said of a provider after its steps, as an object.
#[derive(Serialize)]
struct ReconcileSummary<'a> {
    provider: &'a str,
    #[serde(flatten)]
    verdict: &'a Verdict,
    live: u64,
    listed: u64,
    matching: u64,
    dry_run: bool,
}

fn show(output: &Output, one: &ProviderReconciled, dry_run: bool) -> std::io::Result<()> {
    let provider = &one.provider;
    for step in &one.steps {
        if output.json {
            output.object(&StepLine { provider, step })?;
        } else if !output.quiet || matches!(step.end, StepEnd::Failed(_)) {
            output.line(format_args!("{}: {}", safe(provider), sentence(step)))?;
        }
    }
    if output.json {
        return output.object(&ReconcileSummary {
            provider,
            verdict: &one.verdict,
            live: one.live,
            listed: one.listed,
            matching: one.matching,
            dry_run,
        });
    }
    let summary = match &one.verdict {
        Verdict::Compared => {
            let count = |of: fn(&StepEnd) -> bool| one.steps.iter().filter(|s| of(&s.end)).count();
            let changes = if dry_run {
                format!("{} to do", count(|end| *end == StepEnd::Planned))
            } else {
                let done = count(|end| *end == StepEnd::Done);
                format!("{done} done, {} failed", count(|end| matches!(end, StepEnd::Failed(_))))
            };
            format!(
                "{} of {} on the list of {}; {changes}, {} left alone",
                one.matching,
                counted(one.live, "stored file"),
                one.listed,
                count(|end| *end == StepEnd::Told)
            )
        }
        Verdict::NotListed(Unlisted::CannotList) => "cannot be compared: it has no list".to_owned(),
        Verdict::NotListed(Unlisted::Failed(why)) => styled(
            BAD,
            format_args!("nothing was changed, its list could not be read: {}", safe(why)),
        ),
        Verdict::TooMuch(mass) => {
            let what = format_args!("nothing was changed: {mass}. If that is right, use --allow-mass");
            styled(BAD, what)
        }
    };
    output.line(format_args!("{}: {summary}", safe(provider)))
}

fn sentence(step: &Step) -> String {
    let (what, id) = match &step.action {
        Action::MarkMissing { remote_id } => ("mark missing, the vendor lost it", remote_id),
        Action::MarkLive { remote_id } => ("mark live, the vendor holds it again", remote_id),
        Action::Forget { remote_id } => ("forget, it is gone", remote_id),
        Action::Delete { remote_id, why } => (
            match why {
                Reason::Dying => "delete, no file refers to it",
                Reason::Leftover => "delete, left by an upload that failed",
                _ => "delete, it is not wanted",
            },
            remote_id,
        ),
        Action::LeaveAlone { file, why } => return told(file, *why),
    };
    let end = match &step.end {
        StepEnd::Planned => styled(DIM, "would be done"),
        StepEnd::Done | StepEnd::Told => styled(GOOD, "done"),
        StepEnd::Skipped(why) => styled(WARN, format_args!("skipped: {}", safe(why))),
        StepEnd::Failed(why) => styled(BAD, format_args!("failed: {}", safe(why))),
    };
    format!("{} {what}: {end}", safe(id))
}

fn told(file: &Listed, why: Reason) -> String {
    let what = match why {
        Reason::OtherSize => "has another size than what was sent",
        Reason::Unsettled => "belongs to an upload whose outcome is open or unknown",
        _ => "was not recorded here",
    };
    let name = file
        .name
        .as_deref()
        .map(|name| format!(", {}", safe(name)))
        .unwrap_or_default();
    format!(
        "{} {what}: {} ({}{name})",
        safe(&file.id),
        styled(DIM, "left alone"),
        counted(file.bytes, "byte")
    )
}
