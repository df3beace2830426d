//! Files that the journal never had.

use loadlock_journal::{Callback, OutgoingKind};
use loadlock_sandbox::tracker::FileRecord;

use super::message::of_record;
use crate::principal::Principal;
use crate::state::gateway::GatewayState;

impl GatewayState {
    /// Tells of a file that the ledger has and the journal never had: one over a stored file.
    pub(crate) async fn tell_referred(&self, who: &Principal, record: &FileRecord, callback: Option<Callback>) {
        if callback.is_none() && !self.journal.is_wanted(OutgoingKind::Stored) {
            return;
        }
        let mut event = of_record(OutgoingKind::Stored, who, record, record.created_at_ms);
        event.deduplicated = true;
        event.callback = callback.map(Box::new);
        if let Err(error) = self.journal.tell(event).await {
            tracing::warn!(target: "loadlock::webhooks", id = %record.id, %error, "nobody is told of a file");
        }
    }
}
