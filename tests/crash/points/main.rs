//! A gateway is killed at every place where it can be, in every situation that differs, and started again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod case;
mod scenarios;
mod stage;

use std::collections::BTreeSet;

use case::{Case, Fatal};
use futures::StreamExt;
use loadlock_gateway::FAULT_POINTS;

/// Cases at the same time: the victims wait for syncs more than they compute.
const AT_ONCE: usize = 6;

/// What an untroubled run passes is where the others are killed, each place as often as it was passed. So a new fault
/// point is covered once some scenario reaches it, and this fails until one does.
#[tokio::test(flavor = "multi_thread")]
async fn killed_anywhere_the_books_balance() {
    let mut scenarios = scenarios::all();
    // For looking into some of them.
    let only = std::env::var("CRASH_ONLY").ok();
    if let Some(only) = &only {
        scenarios.retain(|scenario| scenario.name.contains(only));
    }
    let (silent, answered): (Vec<_>, Vec<_>) = scenarios.iter().partition(|scenario| scenario.during.is_some());
    let runs: Vec<_> = futures::stream::iter(answered)
        .map(|scenario| async move {
            let run = Case::new(scenario, None).run().await;
            (scenario, run)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut problems = Vec::new();
    let mut cases: Vec<_> = silent
        .into_iter()
        .map(|scenario| Case::new(scenario, scenario.during.map(Fatal::During)))
        .collect();
    let mut passed = BTreeSet::new();
    for (scenario, run) in runs {
        match run {
            Err(problem) => problems.push(format!("{}, not killed: {problem}", scenario.name)),
            Ok(fatal) => {
                passed.extend(fatal.iter().filter_map(|fatal| match fatal {
                    Fatal::At { point, .. } => Some(point.clone()),
                    Fatal::End | Fatal::During(_) => None,
                }));
                for fatal in fatal {
                    cases.push(Case::new(scenario, Some(fatal.clone())));
                    if scenario.power {
                        for names in ["synced", "current"] {
                            let case = Case::new(scenario, Some(fatal.clone()));
                            cases.push(case.with_power_loss(names));
                        }
                    }
                }
            }
        }
    }
    let all: BTreeSet<String> = FAULT_POINTS.iter().map(|&point| point.to_owned()).collect();
    let missed: Vec<_> = all.difference(&passed).collect();
    if only.is_none() && !missed.is_empty() {
        problems.push(format!("no scenario passes {missed:?}"));
    }
    let total = cases.len();
    let failed: Vec<_> = futures::stream::iter(cases)
        .map(|case| async move {
            let name = case.name();
            (case.run().await.err()).map(|problem| format!("{name}: {problem}"))
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(|problem| async { problem })
        .collect()
        .await;
    problems.extend(failed);
    println!(
        "{} scenarios, {total} kills, {} problems",
        scenarios.len(),
        problems.len()
    );
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}
