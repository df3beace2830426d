//! What a gateway left that is gone: taken into this one's journal, and settled like its own.

use std::sync::{Arc, Weak};
use std::time::Duration;

use loadlock_journal::{Intent, JournalError};
use loadlock_sandbox::coordination::Attempt;

use super::member::Cluster;
use crate::error::Result;
use crate::recovery::pass::Settled;
use crate::state::gateway::GatewayState;
use crate::state::provider::ProviderUnit;

/// Attempts that are taken over at once: each costs a look at the vendor, and other gateways take some too.
const MOST: u32 = 20;

/// Longest that settling one may take; the rounds of upkeep take it up again.
const STEP: Duration = Duration::from_secs(30);

/// How long this goes on after the gateway was closed.
const LOOK_UP: Duration = Duration::from_secs(5);

/// Takes over for as long as the gateway is open.
pub(super) async fn takeovers(gateway: Weak<GatewayState>) {
    loop {
        let Some(cluster) = gateway.upgrade().and_then(|state| state.peers.cluster().cloned()) else {
            return;
        };
        // Looks up from time to time: with the gateway closed nobody notifies.
        let notified = cluster.abandoned.notified();
        if tokio::time::timeout(LOOK_UP, notified).await.is_err() {
            continue;
        }
        let Some(state) = gateway.upgrade() else {
            return;
        };
        if let Err(error) = state.take_over(&cluster).await {
            tracing::debug!(%error, "uploads of a gateway that is gone are taken over later");
        }
    }
}

impl GatewayState {
    /// Takes over and settles what gateways left that are gone, as far as a vendor of this gateway can tell about it.
    async fn take_over(&self, cluster: &Cluster) -> Result<()> {
        loop {
            let told = |unit: &Arc<ProviderUnit>| unit.has_evidence();
            let accounts = self.providers.iter().filter(told);
            let accounts: Vec<String> = accounts.map(|unit| unit.account.clone()).collect();
            if accounts.is_empty() || !cluster.answers() {
                return Ok(());
            }
            let taken = cluster.ledger.take_over(cluster.id.clone(), accounts, MOST);
            let taken = cluster.ask(taken).await?;
            let count = taken.len();
            for attempt in &taken {
                // Kept as ours until its end is in the journal.
                if self.import(attempt).await? {
                    self.settle_taken(&attempt.id).await;
                }
                cluster.leave(attempt.id.clone());
            }
            if count > 0 {
                tracing::warn!(target: "loadlock::tracker", count, "took over uploads of a gateway that is gone");
                if let Err(error) = self.deliver_backlog().await {
                    tracing::warn!(%error, "the tracker is away; records wait in the journal");
                }
            }
            if count < MOST as usize {
                return Ok(());
            }
        }
    }

    /// Puts another gateway's entry into the journal, as sent. False if it holds nothing to settle.
    async fn import(&self, attempt: &Attempt) -> Result<bool> {
        let Ok(mut intent) = serde_json::from_str::<Intent>(&attempt.entry) else {
            return Ok(false);
        };
        let unit = self.providers.iter().find(|unit| unit.account == attempt.key.account);
        let agrees = intent.id == attempt.id
            && intent.tenant == attempt.key.tenant
            && intent.key.tenant == attempt.key.tenant
            && intent.key.purpose == attempt.key.purpose
            && intent.key.treatment == attempt.key.treatment;
        let Some(unit) = unit.filter(|_| agrees) else {
            return Ok(false);
        };
        // The provider may have another name here, and the source is on another machine: with a digest it is never
        // read. The client's key stays with the gateway that was asked.
        intent.provider.clone_from(&unit.name);
        intent.key.account.clone_from(&unit.account);
        intent.key.sha256 = Some(attempt.key.sha256.clone());
        intent.idempotency = None;
        match self.journal.begin(intent).await {
            // It is here already: taken over before.
            Ok(_) | Err(JournalError::Duplicate { .. }) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    async fn settle_taken(&self, id: &str) {
        let settling = async {
            let _one_at_a_time = self.open_entries.settling().await;
            self.settle_id(id, &mut Settled::default()).await
        };
        match tokio::time::timeout(STEP, settling).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, %id, "an entry could not be settled yet"),
            Err(_) => tracing::warn!(%id, "settling an entry takes long; it is taken up again"),
        }
    }
}
