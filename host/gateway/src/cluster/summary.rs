//! The summary of the audit log in the shared ledger: how many records of which kind this gateway wrote.

use std::time::Duration;

use loadlock_policy::Millis;
use loadlock_sandbox::coordination::AuditCount;

use super::member::Cluster;
use crate::error::Result;
use crate::state::gateway::{Gateway, GatewayState};

/// Time between two tellings: nobody reads a day's counts to the second, and each is a transaction.
pub(super) const EVERY: Millis = Millis::from_secs(5);

/// Counts of one call.
const MOST: usize = 1_000;

/// Longest that a gateway that closes waits for the ledger to take what is left.
const FAREWELL: Duration = Duration::from_secs(3);

impl GatewayState {
    /// Tells the ledger every count that grew since it was told. What it does not answer is told again, as a whole: the
    /// ledger keeps the greatest.
    pub(super) async fn tell_counts(&self, cluster: &Cluster) -> Result<()> {
        let log = self.audit.log();
        loop {
            let counts = log.untold(MOST);
            if counts.is_empty() {
                return Ok(());
            }
            let rows = counts.iter().map(|count| AuditCount {
                day: u32::try_from(count.day).unwrap_or(u32::MAX),
                since_ms: count.since_ms,
                tenant: count.tenant.clone(),
                event: count.event.as_str().to_owned(),
                outcome: count.outcome.as_str().to_owned(),
                records: count.records,
            });
            let told = cluster.ledger.audit_counts(cluster.id.clone(), rows.collect());
            cluster.answer(told).await?;
            log.told(&counts, self.clock.wall_ms());
            if counts.len() < MOST {
                return Ok(());
            }
        }
    }
}

impl Gateway {
    /// Tells a shared ledger what is left to be told of the audit log's counts, within 3 s. For whoever ends a process
    /// in order, before the last clone is dropped; where it is left out, the counts of the last seconds are missing
    /// there.
    pub async fn close(&self) {
        let Some(cluster) = self.0.peers.cluster() else {
            return;
        };
        if !cluster.answers() {
            return;
        }
        let telling = self.0.tell_counts(cluster);
        match tokio::time::timeout(FAREWELL, telling).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(target: "loadlock::tracker", %error, "the ledger's summary of the audit log lacks the \
                     last counts");
            }
            Err(_) => {
                tracing::warn!(target: "loadlock::tracker", "the ledger's summary of the audit log lacks the last \
                     counts");
            }
        }
    }
}
