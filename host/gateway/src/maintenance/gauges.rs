//! What an account holds of what it may.

use loadlock_sandbox::tracker::AccountUsage;

use crate::error::answered;
use crate::state::gateway::GatewayState;
use crate::state::provider::ProviderUnit;
use crate::view::Gauge;

impl GatewayState {
    /// What every account holds; nothing if the tracker cannot say.
    pub(crate) async fn usage_rows(&self) -> Vec<AccountUsage> {
        self.flush_for(|_, _| true).await;
        answered(self.ledger.tracker.usage().await).unwrap_or_else(|error| {
            tracing::warn!(%error, "the tracker reports no usage");
            Vec::new()
        })
    }
}

/// The gauges of one provider: purposes with a limit, in the profile's order, then those that are in use without one.
pub(crate) fn gauges(unit: &ProviderUnit, usage: &[AccountUsage]) -> Vec<Gauge> {
    let used = |purpose: &str| {
        usage
            .iter()
            .find(|row| row.account == unit.account && row.purpose == purpose)
    };
    let purposes = unit.profile.purposes.iter();
    purposes
        .filter_map(|purpose| {
            let row = used(&purpose.purpose);
            let limited = purpose.max_count.is_some() || purpose.max_total_bytes.is_some();
            (limited || row.is_some()).then(|| Gauge {
                purpose: purpose.purpose.clone(),
                files: row.map_or(0, |row| row.remotes),
                max_files: purpose.max_count,
                bytes: row.map_or(0, |row| row.bytes),
                max_bytes: purpose.max_total_bytes,
            })
        })
        .collect()
}
