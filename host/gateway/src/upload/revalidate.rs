//! Dedup hits that the vendor has to confirm.

use std::time::Duration;

use loadlock_policy::breaker::Admission;
use loadlock_policy::model::RemoteRef;
use loadlock_policy::upkeep::{AfterStat, Seen, Use, after_stat, on_use};
use loadlock_sandbox::tracker::{DedupKey, RemoteRow, RemoteState};

use super::content_check::{ReadThrough, remote_of};
use crate::error::{Result, answered};
use crate::state::gateway::GatewayState;
use crate::state::provider::ProviderUnit;

/// Longest that an upload waits for a vendor's word about a stored file, before it is sent instead.
const STAT: Duration = Duration::from_secs(15);

/// Remote files of one content that are asked about before the file is simply sent. More than one is rare: another
/// upload's, from while the first could not be found.
const CANDIDATES: usize = 3;

/// What dedup found in the ledger.
pub(crate) enum DedupHit {
    /// A remote file that may be given out.
    Usable(Box<RemoteRow>),
    /// None, or none that the vendor still holds.
    Nothing,
    /// One of which nobody can tell now.
    Undecided,
}

impl GatewayState {
    /// The live remote file for a key; an old one only if the vendor says that it is still there.
    pub(crate) async fn find_live(&self, unit: &ProviderUnit, key: &DedupKey) -> Result<DedupHit> {
        for _ in 0..CANDIDATES {
            let now = self.clock.wall_ms();
            let Some(row) = answered(self.ledger.tracker.find(key.clone(), now).await)? else {
                return Ok(DedupHit::Nothing);
            };
            let limit = u64::try_from(self.live().config.verify_after.as_millis()).unwrap_or(u64::MAX);
            let is_recent = on_use(row.verified_at_ms, now, limit, unit.profile.can_stat) == Use::AsItIs;
            if is_recent && !is_on_this_machine(unit) {
                return Ok(DedupHit::Usable(Box::new(row)));
            }
            let seen = match self.ask(unit, &remote_of(&row), row.bytes).await {
                AfterStat::Unasked => return Ok(DedupHit::Usable(Box::new(row))),
                AfterStat::Undecided => return Ok(DedupHit::Undecided),
                AfterStat::Confirmed if is_recent => return Ok(DedupHit::Usable(Box::new(row))),
                AfterStat::Confirmed if self.is_damaged(unit, &row).await => RemoteState::Missing,
                AfterStat::Confirmed => RemoteState::Live,
                AfterStat::Lost => RemoteState::Missing,
            };
            let noted =
                self.ledger
                    .tracker
                    .observe(row.account.clone(), row.remote_id.clone(), seen, self.clock.wall_ms());
            answered(noted.await)?;
            if seen == RemoteState::Live {
                return Ok(DedupHit::Usable(Box::new(row)));
            }
            tracing::warn!(provider = %unit.name, remote_id = %row.remote_id, "the vendor has lost a stored file; it \
                 is uploaded again");
        }
        Ok(DedupHit::Nothing)
    }

    /// Whether a file that lies on this machine is not what was uploaded any more. A vendor is believed: reading there
    /// costs what sending does.
    async fn is_damaged(&self, unit: &ProviderUnit, row: &RemoteRow) -> bool {
        is_on_this_machine(unit) && self.read_through(unit, row, STAT).await == ReadThrough::Differs
    }

    /// Asks the vendor about one remote file.
    pub(crate) async fn ask(&self, unit: &ProviderUnit, remote: &RemoteRef, bytes: u64) -> AfterStat {
        let health = unit.eligibility(self.clock.now());
        let now = self.clock.wall_ms();
        if matches!(health, Admission::Refused(_)) {
            return after_stat(Seen::Silent, bytes, now);
        }
        let Ok(report) = tokio::time::timeout(STAT, unit.component.stat(remote)).await else {
            return after_stat(Seen::Silent, bytes, now);
        };
        unit.called(&report);
        match &report.outcome {
            // A description of something else says nothing.
            Ok(Ok(described)) if described.id != remote.id => AfterStat::Undecided,
            Ok(Ok(described)) => after_stat(Seen::Described(described), bytes, now),
            Ok(Err(failure)) => after_stat(Seen::Failed(failure), bytes, now),
            Err(_) => after_stat(Seen::Silent, bytes, now),
        }
    }
}

/// Whether what it stores lies where somebody can remove or change it by hand, and where a look costs next to nothing.
pub(crate) fn is_on_this_machine(unit: &ProviderUnit) -> bool {
    !unit.component.grants().network.is_granted()
}
