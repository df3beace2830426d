//! Dedup between tenants whom the operator put into one group (`dedup_group` of `[[tenants]]`); without a group there
//! is none.
//!
//! Only the remote file is shared: each tenant has a file of its own over it, the tracker counts references over all
//! tenants, and the last one to let go has it deleted. What tenants of a group are shown does not say whether a byte
//! had to be sent, for their own repetitions neither.

use loadlock_sandbox::tracker::DedupKey;

use super::job::UploadJob;
use super::revalidate::DedupHit;
use super::route::RouteLeg;
use crate::error::{Result, answered};
use crate::state::gateway::GatewayState;
use crate::view;

impl UploadJob<'_> {
    /// Claims a live remote file of another tenant of the group. A tracker or vendor that cannot tell means that
    /// nothing is found.
    pub(super) async fn dedup_in_group(&mut self, leg: &RouteLeg) -> Result<Option<view::File>> {
        if self.lost_its_entry() {
            return Ok(None);
        }
        let (state, unit, size) = (self.state, &leg.unit, self.file.size());
        let live = self.live.clone();
        for peer in live.config.dedup_peers(self.asked.who.tenant()) {
            let digest = self.known_digest();
            state
                .flush_for(|_, waiting| waiting.may_equal(peer, size, digest))
                .await;
            let tracker = &state.ledger.tracker;
            let sized = tracker.has_size(peer.to_owned(), unit.account.clone(), size);
            if !answered(sized.await).unwrap_or(false) {
                continue;
            }
            let own = self.dedup_key(leg, self.digest().await?);
            let theirs = DedupKey {
                tenant: peer.to_owned(),
                ..own.clone()
            };
            let Ok(DedupHit::Usable(row)) = state.find_live(unit, &theirs).await else {
                continue;
            };
            if let Some(file) = self.refer(leg, own, *row).await? {
                return Ok(Some(file));
            }
            if self.lost_its_entry() {
                return Ok(None);
            }
        }
        Ok(None)
    }
}

impl GatewayState {
    /// What a tenant is shown of its file.
    pub(crate) fn shown(&self, tenant: &str, mut file: view::File) -> view::File {
        if self.live().config.shares(tenant) {
            file.deduplicated = false;
            file.attempts = file.attempts.max(1);
        }
        file
    }
}
