//! Files that the journal never had.

use loadlock_journal::{Delivery, OutgoingEvent, OutgoingKind};
use loadlock_sandbox::tracker::FileRecord;

use crate::principal::Principal;
use crate::state::gateway::GatewayState;

impl GatewayState {
    /// Tells of a file that the ledger has and the journal never had: one over a stored file.
    pub(crate) async fn tell_referred(&self, who: &Principal, record: &FileRecord) {
        if !self.journal.has_subscribers() {
            return;
        }
        let told = self.journal.tell(OutgoingEvent {
            kind: OutgoingKind::Stored,
            file: record.id.clone(),
            tenant: record.key.tenant.clone(),
            subject: who.subject().to_owned(),
            filename: record.filename.clone(),
            media_type: record.media_type.clone(),
            bytes: record.bytes,
            purpose: record.key.purpose.clone(),
            provider: record.provider.clone(),
            sha256: Some(record.key.sha256.clone()),
            deduplicated: true,
            expires_at_ms: record.expires_at_ms,
            code: None,
            message: None,
            at_ms: record.created_at_ms,
            delivery: Delivery::default(),
        });
        if let Err(error) = told.await {
            tracing::warn!(target: "loadlock::webhooks", id = %record.id, %error, "nobody is told of a file");
        }
    }
}
