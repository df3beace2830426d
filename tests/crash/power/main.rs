//! The power fails right after something was promised. What was promised is still true, and it is not if any one sync
//! is left out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod disk;
mod promises;
mod sessions;
mod sources;
mod tus;

use std::collections::BTreeMap;

use loadlock_durable::power::{self, Names};
use promises::{Check, all};

/// Places whose sync nothing depends on, and why they sync all the same.
const WITHOUT_A_PROMISE: &[(&str, &str)] = &[(
    "component: ledger/ledger.redb.new",
    "redb's own, of a ledger with nothing in it yet; under its name it is synced with every record",
)];

/// One promise, kept over a power loss.
async fn holds(check: Check, names: Names) -> Result<(), String> {
    power::forget();
    // A panic is a promise that was not kept.
    let kept = tokio::spawn(check(names)).await;
    kept.unwrap_or_else(|panic| Err(panic.to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_loss_breaks_no_promise_and_every_sync_is_needed_for_one() {
    let mut problems = Vec::new();
    // Which promises come by a sync.
    let mut users: BTreeMap<String, Vec<(&str, Check, Names)>> = BTreeMap::new();
    for (name, check) in all() {
        for names in [Names::Synced, Names::Current] {
            if let Err(problem) = holds(check, names).await {
                problems.push(format!("{name}, {names:?} names: {problem}"));
            }
            for site in power::sites() {
                users.entry(site).or_default().push((name, check, names));
            }
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    problems.extend(sources::not_passed(&users));

    // What fails from here on is meant to.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    for (site, users) in &users {
        power::skip(Some(site.clone()));
        let mut noticed = None;
        for (name, check, names) in users {
            if holds(*check, *names).await.is_err() {
                noticed = Some(name);
                break;
            }
        }
        let exempt = WITHOUT_A_PROMISE.iter().any(|(one, _)| one == site);
        match noticed {
            Some(name) => println!("without {site}: not so that {name}"),
            None if exempt => println!("without {site}: nothing is broken, as is known"),
            None => problems.push(format!("without {site} nothing is broken")),
        }
    }
    power::skip(None);
    std::panic::set_hook(hook);
    println!("{} syncs", users.len());
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}
