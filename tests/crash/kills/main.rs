//! A gateway under load is killed at random moments, again and again, over one home.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod load;

use load::Load;

/// Kills in one run; `CRASH_KILLS` says another number. `make test-crash` makes 500.
const KILLS: usize = 60;
/// Homes that are killed side by side.
const HOMES: usize = 2;
/// After so many kills of one home the books are balanced.
const BALANCE_AFTER: usize = 10;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_the_books_balance() {
    let kills = number("CRASH_KILLS", KILLS).div_ceil(HOMES);
    let seed = number("CRASH_SEED", 20_261) as u64;
    let homes = (0..HOMES as u64).map(|home| async move {
        let mut load = Load::build(seed + home).await;
        for kill in 1..=kills {
            load.kill_once().await;
            if kill % BALANCE_AFTER == 0 || kill == kills {
                load.balance()
                    .await
                    .unwrap_or_else(|problem| panic!("seed {}, after {kill} kills: {problem}", seed + home));
            }
        }
        load.report()
    });
    for report in futures::future::join_all(homes).await {
        println!("{report}");
    }
}
