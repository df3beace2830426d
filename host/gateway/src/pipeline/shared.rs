//! Dedup between tenants whom the operator put into one group (`dedup_group` of `[[tenants]]`); without a group there
//! is none.
//!
//! Only the remote file is shared: each tenant has a file of its own over it, the tracker counts references over all
//! tenants, and the last one to let go has it deleted. What tenants of a group are shown does not say whether a byte
//! had to be sent, for their own repetitions neither.

use loadlock_sandbox::tracker::DedupKey;

use super::dedup::{content_digest, dedup_key};
use super::entry::Entry;
use super::upload::{Order, Stop};
use crate::error::Result;
use crate::files::answered;
use crate::gateway::Inner;
use crate::upkeep::Found;
use crate::view;

impl Inner {
    /// Claims a live remote file of another tenant of the group. A tracker or vendor that cannot tell means that
    /// nothing is found.
    pub(super) async fn dedup_shared<'a>(
        &'a self,
        order: &Order<'_>,
        stop: &Stop<'_>,
        digest: &mut Option<String>,
        begun: &mut Option<Entry<'a>>,
    ) -> Result<Option<view::File>> {
        let (Order { who, file, .. }, (unit, purpose)) = (order, stop);
        if order.idempotency_key.is_some() && begun.is_none() {
            // Its entry was given up on the way here; another one is begun when it is sent.
            return Ok(None);
        }
        let live = self.live();
        for peer in live.config.dedup_peers(who.tenant()) {
            self.caught_up(|_, waiting| waiting.may_equal(peer, file.size(), digest.as_deref()))
                .await;
            let sized = self
                .tracker
                .has_size(peer.to_owned(), unit.account.clone(), file.size());
            if !answered(sized.await).unwrap_or(false) {
                continue;
            }
            let sha256 = content_digest(order, digest).await?;
            let own = dedup_key(who, unit, purpose, file, sha256);
            let theirs = DedupKey {
                tenant: peer.to_owned(),
                ..own.clone()
            };
            let Ok(Found::Usable(row)) = self.find_live(unit, &theirs).await else {
                continue;
            };
            if let Some(file) = self.refer(order, stop, own, *row, begun).await? {
                return Ok(Some(file));
            }
            if order.idempotency_key.is_some() && begun.is_none() {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// What a tenant is shown of its file.
    pub(crate) fn shown(&self, tenant: &str, mut file: view::File) -> view::File {
        if self.live().config.shares(tenant) {
            file.deduplicated = false;
            file.attempts = file.attempts.max(1);
        }
        file
    }
}
