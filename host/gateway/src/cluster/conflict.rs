//! A record that came after another gateway's: this one lost its lease while it sent, or had none because the ledger
//! was away.
//!
//! The file that the client was promised becomes one over the other's remote file, and the own remote file goes. A note
//! in the journal comes first, so that a process that dies in between leaves nothing behind at the vendor.

use loadlock_journal::{DeleteIntent, JournalError, State};
use loadlock_sandbox::tracker::{FileRecord, Recorded};

use crate::error::{Result, answered};
use crate::state::gateway::GatewayState;

/// Key of the note, before the file's id.
const CONFLICT: &str = "together/outdone/";

impl GatewayState {
    /// Makes a refused record a file over the remote file that another gateway recorded. False while that is not
    /// recorded yet.
    pub(crate) async fn resolve_conflict(&self, record: &FileRecord) -> Result<bool> {
        let now = self.clock.wall_ms();
        let (id, tenant) = (record.id.clone(), record.key.tenant.clone());
        let known = answered(self.ledger.tracker.get(tenant, id, 0).await)?;
        let (remote_id, address, provider, expires_at_ms) = match known {
            Some(file) => (file.remote_id, file.address, file.provider, file.expires_at_ms),
            None => match answered(self.ledger.tracker.find(record.key.clone(), now).await)? {
                Some(row) => (row.remote_id, row.address, row.provider, row.expires_at_ms),
                None => return Ok(false),
            },
        };
        if remote_id != record.remote_id {
            let delete = DeleteIntent {
                account: record.key.account.clone(),
                provider: record.provider.clone(),
                remote_id: record.remote_id.clone(),
                why: "another gateway stored the same content first".to_owned(),
                at_ms: now,
            };
            let note = serde_json::to_vec(&delete).unwrap_or_default();
            let key = format!("{CONFLICT}{}", record.id);
            let noted = async {
                self.journal.put_state(&key, note).await?;
                self.journal.flush().await
            };
            noted.await?;
        }
        let over = FileRecord {
            remote_id,
            address,
            provider,
            deduplicated: true,
            attempts: 0,
            expires_at_ms: [record.expires_at_ms, expires_at_ms].into_iter().flatten().min(),
            ..record.clone()
        };
        let outcome = answered(self.ledger.tracker.reference(over).await)?;
        Ok(matches!(outcome, Recorded::Inserted | Recorded::Existing))
    }

    /// Remote files of an account that were stored twice and are to be deleted.
    pub(crate) fn conflicting_remotes(&self, account: &str) -> std::result::Result<Vec<String>, JournalError> {
        let mut remotes = Vec::new();
        for key in self.journal.state_keys(CONFLICT)? {
            let note = self.journal.get_state(&key)?;
            let delete = note.and_then(|note| serde_json::from_slice::<DeleteIntent>(&note).ok());
            remotes.extend(
                delete
                    .filter(|delete| delete.account == account)
                    .map(|delete| delete.remote_id),
            );
        }
        Ok(remotes)
    }

    /// Deletes what was stored twice, once the journal has the record's end.
    pub(crate) async fn clear_conflicts(&self) -> Result<()> {
        let keys = self.journal.state_keys(CONFLICT)?;
        for key in keys {
            let Some(id) = key.strip_prefix(CONFLICT) else {
                continue;
            };
            let row = self.journal.entry(id)?;
            if row.is_some_and(|row| matches!(row.state, State::Accepted { .. })) {
                continue;
            }
            let note = self.journal.get_state(&key)?;
            let delete = note.and_then(|note| serde_json::from_slice::<DeleteIntent>(&note).ok());
            if let Some(delete) = delete {
                match self.journal.deleting(delete.clone()).await {
                    Ok(()) => {}
                    // A further file here is still to be recorded over it: that is refused too, and then it can go.
                    Err(JournalError::RemoteHeld { .. }) => continue,
                    Err(error) => return Err(error.into()),
                }
                tracing::info!(provider = %delete.provider, "deleting what another gateway stored first");
                self.discard(&delete).await;
            }
            self.journal.remove_state(&key).await?;
        }
        Ok(())
    }
}
