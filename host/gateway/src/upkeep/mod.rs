//! What a running gateway does that no caller asked for, and what an operator asks for about all that it holds.
//!
//! | module | one job |
//! |---|---|
//! | `monitor` | probes providers when policy says so |
//! | `round` | settles what is left open, a bounded amount at a time |
//! | `health` | what a probe found, kept over a restart |
//! | `on_use` | asks the vendor before an old dedup hit is given out |
//! | `books` | reads lists, ledger and journal for comparison |
//! | `reconcile`, `fsck` | the commands of the same name |
//! | `gauges` | what an account holds of what it may |

mod books;
mod fsck;
mod gauges;
mod health;
mod monitor;
mod on_use;
mod reconcile;
mod round;

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::gateway::Gateway;

pub use books::Unlisted;
pub use fsck::{BalanceSheet, NotListed};
pub use gauges::Gauge;
pub(crate) use gauges::gauges;
pub use health::Health;
pub(crate) use health::LastProbe;
pub(crate) use on_use::Found;
pub use reconcile::{ProviderReconciled, Reconcile, Reconciled, Step, StepEnd, Verdict};

/// Upkeep of a gateway while this value lives. Dropping it stops the upkeep.
#[must_use = "dropping it stops the upkeep"]
#[derive(Debug)]
pub struct Upkeep(JoinSet<()>);

impl Upkeep {
    /// Stops, and waits until nothing of it runs any more. A probe that is under way is given up; a step of settling that
    /// is under way is taken up again by the next round of whoever opens the gateway.
    pub async fn stop(mut self) {
        self.0.shutdown().await;
    }
}

impl Gateway {
    /// Starts the upkeep: providers are probed, so that a breaker closes again with nobody uploading, and what cancelled
    /// callers, an absent tracker or an absent vendor left open is settled round by round. Call it once for a gateway, within
    /// a tokio runtime. The upkeep does not keep the gateway open, and ends with it.
    ///
    /// ```no_run
    /// # async fn example(gateway: loadlock_gateway::Gateway) {
    /// let upkeep = gateway.start_upkeep();
    /// // … serve …
    /// upkeep.stop().await;
    /// # }
    /// ```
    pub fn start_upkeep(&self) -> Upkeep {
        let mut tasks = JoinSet::new();
        for index in 0..self.0.providers.len() {
            tasks.spawn(monitor::watch(Arc::downgrade(&self.0), index));
        }
        tasks.spawn(round::rounds(Arc::downgrade(&self.0)));
        Upkeep(tasks)
    }
}
