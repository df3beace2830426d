//! The ledger: the tracker component, and the records that it is about to get.

use loadlock_sandbox::tracker::Tracker;

use super::last_usages::LastUsages;
use super::outbox::Outbox;

/// Who knows every file, sooner or later.
pub(crate) struct Ledger {
    pub(crate) tracker: Tracker,
    pub(crate) outbox: Outbox,
    pub(crate) usages: LastUsages,
}
