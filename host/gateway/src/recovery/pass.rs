//! One pass over what is left open: no vendor that does not answer holds the others up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use loadlock_policy::breaker::Admission;
use loadlock_policy::counted;
use loadlock_sandbox::tracker::RemoteRow;
use serde::Serialize;

use super::remote_delete::nobody_to_ask;
use crate::error::Result;
use crate::state::gateway::GatewayState;
use crate::state::provider::ProviderUnit;

/// Longest that a round waits for one step. Rounds come again and nobody waits for them.
const ROUND: Duration = Duration::from_secs(30);
/// Failures in a row after which a vendor is not asked again, where the next pass may be long in coming.
const FAILURES: u32 = 3;

/// What settling found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// Uploads whose remote file was found and is recorded now.
    pub adopted: u64,
    /// Uploads that left nothing behind.
    pub failed: u64,
    /// Uploads that nobody can tell about.
    pub unknown: u64,
    /// Uploads whose vendor does not answer, or says nothing about them: looked for again later.
    pub open: u64,
    /// Records that the tracker got late.
    pub delivered: u64,
    /// Remote files that were deleted late.
    pub deleted: u64,
}

impl std::fmt::Display for Settled {
    /// What there was, in a phrase each: `2 uploads found at the vendor, 1 record delivered late`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let phrases = [
            (self.adopted, "upload", "found at the vendor and recorded"),
            (self.failed, "upload", "that left nothing behind"),
            (self.unknown, "upload", "with an unknown outcome"),
            (self.open, "upload", "to be looked for again"),
            (self.delivered, "record", "delivered late"),
            (self.deleted, "remote file", "deleted late"),
        ];
        let said = phrases.iter().filter(|(count, ..)| *count > 0);
        let said: Vec<String> = said
            .map(|(count, what, how)| format!("{} {how}", counted(*count, what)))
            .collect();
        match said.as_slice() {
            [] => f.write_str("nothing"),
            said => f.write_str(&said.join(", ")),
        }
    }
}

/// A start, one round of settling, or what an operator asked for.
pub(crate) struct Pass<'a> {
    state: &'a GatewayState,
    /// Longest that one step may take. A vendor that takes longer is not asked again in this pass.
    patience: Duration,
    /// Whether a vendor is asked whose breaker says so much.
    asks: fn(Admission) -> bool,
    /// Failures in a row after which a vendor is not asked again in this pass.
    most_failures: u32,
    /// How often providers have failed since they answered last.
    failures: BTreeMap<String, u32>,
    /// Accounts that no provider has, and that were told about.
    told: BTreeSet<String>,
    /// What it did.
    pub(crate) settled: Settled,
}

impl<'a> Pass<'a> {
    /// Nobody else may be there to find out whether a vendor works again.
    pub(crate) fn of_start(state: &'a GatewayState) -> Self {
        Self {
            patience: state.open_entries.patience(),
            asks: |health| !matches!(health, Admission::Refused(_)),
            most_failures: FAILURES,
            ..Self::of_round(state)
        }
    }

    /// An operator knows better than a breaker.
    pub(crate) fn of_command(state: &'a GatewayState) -> Self {
        Self {
            asks: |_| true,
            most_failures: FAILURES,
            ..Self::of_round(state)
        }
    }

    /// Probes are the monitor's.
    pub(crate) fn of_round(state: &'a GatewayState) -> Self {
        Self {
            state,
            patience: ROUND,
            asks: |health| health == Admission::Ready,
            most_failures: 1,
            failures: BTreeMap::new(),
            told: BTreeSet::new(),
            settled: Settled::default(),
        }
    }

    /// Settles an entry if its vendor may be asked; answers whether it was looked at.
    pub(crate) async fn entry(&mut self, id: &str) -> Result<bool> {
        let row = self.state.journal.entry(id);
        let Some(row) = row? else {
            return Ok(false);
        };
        let Some(unit) = self.at(&row.intent.provider, &row.intent.key.account) else {
            // It is settled that nobody can tell.
            return self.state.settle_id(id, &mut self.settled).await.map(|()| true);
        };
        if !self.may_ask(&unit) {
            return Ok(false);
        }
        let provider = &unit.name;
        let open = self.settled.open;
        let step = self.state.settle_id(id, &mut self.settled);
        let Ok(done) = tokio::time::timeout(self.patience, step).await else {
            tracing::warn!(%provider, "the vendor does not answer; what is open there is settled later");
            self.settled.open += 1;
            self.is_silent(&unit);
            return Ok(true);
        };
        self.heard(&unit, done.is_ok() && self.settled.open == open);
        done.map(|()| true)
    }

    /// Takes back what cancelled uploads left; call it after the entries.
    pub(crate) async fn given_up(&mut self) -> Result<()> {
        let given_up = async {
            self.state.take_back_cancelled(&mut self.settled).await?;
            self.state.settle_deletions().await
        };
        match tokio::time::timeout(self.patience, given_up).await {
            Ok(taken_back) => taken_back,
            Err(_) => {
                tracing::warn!("a cancelled upload, or a file whose delete broke off, is looked after later");
                Ok(())
            }
        }
    }

    /// Deletes what another gateway stored first; call it after the records are delivered.
    pub(crate) async fn conflicts(&mut self) -> Result<()> {
        match tokio::time::timeout(self.patience, self.state.clear_conflicts()).await {
            Ok(cleared) => cleared,
            Err(_) => {
                tracing::warn!("what another gateway stored first is deleted later");
                Ok(())
            }
        }
    }

    /// Makes journalled deletes, so many at the most, the longest untried first. Those that nobody can be asked for now
    /// take nobody's place.
    pub(crate) async fn deletes(&mut self, most: usize) -> Result<()> {
        let pending = self.state.journal.pending_deletes(usize::MAX);
        let mut left = most;
        for delete in pending? {
            let delete = delete.intent;
            let Some(unit) = self.deleting_at(&delete.provider, &delete.account) else {
                continue;
            };
            if left == 0 || !self.may_ask(&unit) {
                continue;
            }
            left -= 1;
            let step = self.state.discard(&delete);
            let gone = tokio::time::timeout(self.patience, step).await.ok();
            if gone.is_none() {
                let (account, remote_id) = (&delete.account, &delete.remote_id);
                let (why, now) = ("no answer".to_owned(), self.state.clock.wall_ms());
                let noted = self.state.journal.delete_failed(account, remote_id, why, now);
                noted.await?;
            }
            self.deleted(&unit, gone);
        }
        Ok(())
    }

    /// Deletes a dying remote file.
    pub(crate) async fn delete_dying(&mut self, row: &RemoteRow) {
        let Some(unit) = self.deleting_at(&row.provider, &row.account) else {
            return;
        };
        if self.may_ask(&unit) {
            let gone = tokio::time::timeout(self.patience, self.state.delete_dying(row)).await;
            self.deleted(&unit, gone.ok());
        }
    }

    /// Whether a remote file is gone; `None` if nobody answered.
    fn deleted(&mut self, unit: &ProviderUnit, gone: Option<bool>) {
        self.settled.deleted += u64::from(gone == Some(true));
        match gone {
            Some(gone) => self.heard(unit, gone),
            None => self.is_silent(unit),
        }
    }

    fn heard(&mut self, unit: &ProviderUnit, well: bool) {
        let failures = self.failures.entry(unit.name.clone()).or_default();
        *failures = if well { 0 } else { failures.saturating_add(1) };
    }

    fn is_silent(&mut self, unit: &ProviderUnit) {
        self.failures.insert(unit.name.clone(), self.most_failures);
    }

    fn deleting_at(&mut self, provider: &str, account: &str) -> Option<Arc<ProviderUnit>> {
        let unit = self.at(provider, account);
        if unit.is_none() && self.told.insert(account.to_owned()) {
            nobody_to_ask(provider, account);
        }
        unit
    }

    fn at(&self, provider: &str, account: &str) -> Option<Arc<ProviderUnit>> {
        self.state.providers.at_account(provider, account)
    }

    /// Not one whose breaker keeps it back, and not one that was silent or has failed too often in this pass.
    fn may_ask(&self, unit: &ProviderUnit) -> bool {
        let failures = self.failures.get(&unit.name);
        if failures.is_some_and(|failures| *failures >= self.most_failures) {
            return false;
        }
        let breaker = unit.breaker();
        (self.asks)(breaker.eligibility(&unit.breaker_policy(), self.state.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::Settled;

    #[test]
    fn what_was_settled_reads_as_a_sentence() {
        assert_eq!(Settled::default().to_string(), "nothing");
        let settled = Settled {
            adopted: 2,
            delivered: 1,
            ..Settled::default()
        };
        let said = "2 uploads found at the vendor and recorded, 1 record delivered late";
        assert_eq!(settled.to_string(), said);
    }
}
