//! What an upload holds where equal uploads wait for it.

use loadlock_journal::Intent;

use crate::cluster::peers::Lease;
use crate::state::single_flight::Leader;

/// The lead at one account, for one purpose.
pub(super) struct Lead {
    /// Within this gateway.
    leader: Leader,
    /// Between gateways, where there are several.
    _lease: Option<Lease>,
    /// The entry that other gateways were told of, until it is begun.
    told: Option<Intent>,
}

impl Lead {
    pub(super) fn new(leader: Leader, lease: Option<(Lease, Intent)>) -> Self {
        let (lease, told) = lease.unzip();
        Self {
            leader,
            _lease: lease,
            told,
        }
    }

    pub(super) fn is_at(&self, account: &str, purpose: &str) -> bool {
        self.leader.is_at(account, purpose)
    }

    /// The entry that other gateways were told of, once.
    pub(super) fn take_told(&mut self) -> Option<Intent> {
        self.told.take()
    }
}
