//! What runs in the background while a gateway serves.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinSet;

use super::{monitor, settle_loop};
use crate::error::Error;
use crate::recovery::deliver::deliveries;
use crate::state::gateway::{Gateway, GatewayState};
use crate::webhooks::deliver::webhooks;

/// Upkeep of a gateway while this value lives. Dropping it stops the upkeep.
#[must_use = "dropping it stops the upkeep"]
pub struct Upkeep {
    tasks: JoinSet<()>,
    gateway: Weak<GatewayState>,
}

/// Longest that the end of the upkeep waits for the ledger; what it does not take by then stays in the journal.
const LAST_DELIVERY: Duration = Duration::from_secs(5);

impl Upkeep {
    /// Stops, and waits until nothing of it runs any more. A probe that is under way is given up; a step of settling
    /// that is under way is taken up again by the next round of whoever opens the gateway. What was accepted until now
    /// is in the ledger then, if the ledger answers.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        if let Some(state) = self.gateway.upgrade() {
            let delivering = async {
                state.deliver_backlog().await?;
                // That the ledger has them is on the disk only after this; else the next start tells it again.
                state.journal.flush().await?;
                Ok::<_, Error>(())
            };
            match tokio::time::timeout(LAST_DELIVERY, delivering).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the tracker is away; records wait in the journal"),
                Err(_) => tracing::warn!("the tracker is slow; records wait in the journal"),
            }
        }
    }
}

impl Gateway {
    /// Starts the upkeep: providers are probed, so that a breaker closes again with nobody uploading, and what
    /// cancelled callers, an absent tracker or an absent vendor left open is settled round by round. While it runs, a
    /// ledger that only this gateway uses is told of an upload after the answer; whoever asks this gateway sees the
    /// file all the same. Call it once for a gateway, within a tokio runtime. The upkeep does not keep the gateway
    /// open, and ends with it.
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
        tasks.spawn(monitor::watch_all(Arc::downgrade(&self.0), self.0.providers.changes()));
        tasks.spawn(settle_loop::settle_loop(Arc::downgrade(&self.0)));
        tasks.spawn(deliveries(Arc::downgrade(&self.0)));
        tasks.spawn(webhooks(Arc::downgrade(&self.0)));
        Upkeep {
            tasks,
            gateway: Arc::downgrade(&self.0),
        }
    }
}

impl std::fmt::Debug for Upkeep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upkeep").finish_non_exhaustive()
    }
}
