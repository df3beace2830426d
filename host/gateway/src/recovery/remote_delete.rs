//! Deleting remote files, while uploads of equal content go on.
//!
//! Three things keep a delete from taking a file along that somebody was just given:
//!
//! - The journal decides between a delete and an acceptance: a remote file whose deletion it holds cannot be accepted,
//!   one that an accepted upload holds cannot be deleted. The vendor is asked only after that, and after another look
//!   at the ledger.
//! - Where equal content shares one remote id, an upload may store its bytes while the delete of their equal is still
//!   on its way. [`DeleteLog`](crate::state::deletes::DeleteLog) remembers what was deleted since, and such an upload
//!   is sent again.
//! - Within this process one remote file is deleted by one task at a time.

use loadlock_audit::{Event, What};
use loadlock_journal::{DeleteIntent, JournalError};
use loadlock_policy::model::{FailureKind, RemoteFile, RemoteRef, VerifyMethod};
use loadlock_sandbox::tracker::{DedupKey, RemoteRow, RemoteState};
use tokio::sync::RwLockReadGuard;

use crate::cluster::peers::Lease;
use crate::error::{ErrorCode, Result, answered};
use crate::fault::{self, Point};
use crate::state::deletes::DeletedIds;
use crate::state::gateway::GatewayState;
use crate::state::provider::ProviderUnit;

impl GatewayState {
    /// The right to accept an upload that got this remote id, for as long as the answer is held. `None` if the remote
    /// file was, or is being, deleted since `since`: what was stored may be gone.
    pub(crate) async fn accepting<'a>(
        &self,
        unit: &'a ProviderUnit,
        remote_id: &str,
        since: u64,
    ) -> Result<Option<RwLockReadGuard<'a, DeletedIds>>> {
        let shared = unit.profile.verify == VerifyMethod::Digest;
        let Some(guard) = unit.health.deleted.untouched(remote_id, since, shared).await else {
            return Ok(None);
        };
        let deleting = self.journal.is_deleting(&unit.account, remote_id)?;
        Ok((!deleting).then_some(guard))
    }

    /// Deletes a dying remote file at the vendor and forgets it. What fails stays dying and is tried again. True when
    /// it is gone.
    pub(crate) async fn delete_dying(&self, row: &RemoteRow) -> bool {
        self.delete_released(row, None).await
    }

    /// The same, under a lease that was taken when the last reference was given back.
    pub(crate) async fn delete_released(&self, row: &RemoteRow, lease: Option<Lease>) -> bool {
        let Some(unit) = self.providers.at_account(&row.provider, &row.account) else {
            nobody_to_ask(&row.provider, &row.account);
            return false;
        };
        let Some(_alone) = self.deletes.begin(&row.account, &row.remote_id) else {
            return false;
        };
        // What has an id of its own and was let go under this lease nobody can bring back.
        let is_dying = lease.is_some() && unit.profile.verify != VerifyMethod::Digest;
        let lease = match lease {
            Some(lease) => Some(lease),
            None => match self.lease_delete(&unit, row).await {
                Ok(lease) => lease,
                Err(error) => {
                    tracing::debug!(%error, "a remote file is deleted later");
                    return false;
                }
            },
        };
        let delete = DeleteIntent {
            account: row.account.clone(),
            provider: unit.name.clone(),
            remote_id: row.remote_id.clone(),
            why: "no file refers to it any more".to_owned(),
            at_ms: self.clock.wall_ms(),
        };
        fault::at(Point::BuryBefore);
        match self.journal.deleting(delete.clone()).await {
            Ok(()) => fault::at(Point::BuryJournalled),
            // An upload got the same remote id and is about to be recorded: its record brings the row back to life.
            Err(JournalError::RemoteHeld { .. }) => return false,
            Err(error) => {
                tracing::warn!(%error, "a delete could not be journalled; it is made later");
                return false;
            }
        }
        // The row may be another one by now: from here on nobody can change that.
        let dying = match is_dying {
            true => Ok(true),
            false => self.is_dying(&row.account, &row.remote_id).await,
        };
        match dying {
            Ok(true) => {}
            Ok(false) => {
                self.confirmed(&unit, &delete).await;
                return false;
            }
            Err(error) => {
                tracing::warn!(%error, "the ledger cannot be asked, so nothing is deleted");
                return false;
            }
        }
        let remote = RemoteRef {
            id: row.remote_id.clone(),
            purpose: row.key.purpose.clone(),
        };
        fault::at(Point::BuryAsking);
        let deleted = delete_at_vendor(&unit, &remote).await;
        fault::at(Point::BuryAnswered);
        self.remote_delete_recorded(&unit, &remote.id, Some(&row.key.tenant), deleted.is_ok())
            .await;
        let gone = match deleted {
            Ok(()) => true,
            Err(problem) => {
                tracing::warn!(provider = %unit.name, %problem, "a remote file could not be deleted yet");
                false
            }
        };
        if gone && let Err(error) = self.forget(row, lease.as_ref()).await {
            tracing::warn!(%error, "the tracker could not forget a deleted remote file");
        }
        fault::at(Point::BuryForgotten);
        // The dying row stands for what is still to be done.
        self.confirmed(&unit, &delete).await;
        gone
    }

    async fn lease_delete(&self, unit: &ProviderUnit, row: &RemoteRow) -> Result<Option<Lease>> {
        let key = DedupKey {
            account: unit.account.clone(),
            ..row.key.clone()
        };
        self.peers.lease_delete(key).await
    }

    async fn forget(&self, row: &RemoteRow, lease: Option<&Lease>) -> Result<()> {
        if self.peers.forget(&row.account, &row.remote_id, lease).await? {
            return Ok(());
        }
        let (account, remote_id) = (row.account.clone(), row.remote_id.clone());
        answered(self.ledger.tracker.forget(account, remote_id).await).map(drop)
    }

    /// Deletes a remote file that a journalled delete names, unless some record refers to it. True when it is gone.
    pub(crate) async fn discard(&self, delete: &DeleteIntent) -> bool {
        let Some(unit) = self.providers.at_account(&delete.provider, &delete.account) else {
            nobody_to_ask(&delete.provider, &delete.account);
            return false;
        };
        let Some(_alone) = self.deletes.begin(&delete.account, &delete.remote_id) else {
            return false;
        };
        match self.held(&delete.account, &delete.remote_id).await {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!(provider = %unit.name, "a remote file that was to be deleted belongs to a record; it \
                     stays");
                return self.confirmed(&unit, delete).await;
            }
            Err(error) => {
                tracing::warn!(%error, "the ledger cannot be asked, so nothing is deleted");
                return false;
            }
        }
        let purpose = unit
            .profile
            .default_purpose()
            .map(|purpose| purpose.purpose.clone())
            .unwrap_or_default();
        let remote = RemoteRef {
            id: delete.remote_id.clone(),
            purpose,
        };
        fault::at(Point::DiscardAsking);
        let deleted = delete_at_vendor(&unit, &remote).await;
        fault::at(Point::DiscardAnswered);
        self.remote_delete_recorded(&unit, &remote.id, None, deleted.is_ok())
            .await;
        match deleted {
            Ok(()) => self.confirmed(&unit, delete).await,
            Err(problem) => {
                tracing::warn!(provider = %unit.name, %problem, "a remote file could not be deleted yet");
                let noted = self
                    .journal
                    .delete_failed(&delete.account, &delete.remote_id, problem, self.clock.wall_ms())
                    .await;
                if let Err(error) = noted {
                    tracing::warn!(%error, "the journal could not note it");
                }
                false
            }
        }
    }

    /// Whether a remote file can go: no record refers to it and, where equal content shares an id, no other upload may
    /// be storing the same.
    pub(crate) async fn wanted_by_nobody(
        &self,
        unit: &ProviderUnit,
        bytes: u64,
        entry: &str,
        remote: &RemoteFile,
    ) -> bool {
        let account = &unit.account;
        if unit.profile.verify == VerifyMethod::Digest {
            let Ok(open) = self.journal.open_entries() else {
                return false;
            };
            let shared = open
                .iter()
                .any(|row| row.id() != entry && row.intent.key.account == *account && row.intent.bytes == bytes);
            if shared {
                return false;
            }
        }
        matches!(self.held(account, &remote.id).await, Ok(false))
    }

    /// What the ledger holds of a remote file, whosever it is.
    pub(crate) async fn remote(&self, account: &str, remote_id: &str) -> Result<Option<RemoteRow>> {
        let (account, remote_id) = (account.to_owned(), remote_id.to_owned());
        answered(self.ledger.tracker.remote(account, remote_id).await)
    }

    /// Whether any row of any tenant holds this remote id.
    pub(crate) async fn held(&self, account: &str, remote_id: &str) -> Result<bool> {
        Ok(self.remote(account, remote_id).await?.is_some())
    }

    /// Whether the ledger holds this remote file as dying.
    pub(crate) async fn is_dying(&self, account: &str, remote_id: &str) -> Result<bool> {
        let row = self.remote(account, remote_id).await?;
        Ok(row.is_some_and(|row| row.state == RemoteState::Dying))
    }

    /// Every remote file that the gateway asks a vendor to delete is in the audit log.
    pub(crate) async fn remote_delete_recorded(
        &self,
        unit: &ProviderUnit,
        remote_id: &str,
        tenant: Option<&str>,
        gone: bool,
    ) {
        crate::metrics::remote_delete(&unit.name, gone);
        let what = What {
            provider: Some(unit.name.clone()),
            remote_id: Some(remote_id.to_owned()),
            detail: Some("at the vendor".into()),
            ..What::default()
        };
        let end = if gone {
            Ok(())
        } else {
            Err(ErrorCode::ProviderFailed.as_str())
        };
        self.audit
            .note(Event::Delete, tenant.map(str::to_owned), what, end)
            .await;
    }

    /// The journal need not remember the delete any more. It may have happened at the vendor even if nobody answered.
    async fn confirmed(&self, unit: &ProviderUnit, delete: &DeleteIntent) -> bool {
        unit.health.deleted.note(&delete.remote_id).await;
        let journalled = self.journal.deleted(&delete.account, &delete.remote_id).await;
        fault::at(Point::DeleteConfirmed);
        match journalled {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(%error, "a delete could not be journalled; it is made again");
                false
            }
        }
    }
}

/// What is to be deleted stays until an operator says who can be asked.
pub(super) fn nobody_to_ask(provider: &str, account: &str) {
    tracing::warn!(
        provider,
        account,
        "no provider has this account any more, so what is to be deleted there stays; `account` in a provider's \
         section names it"
    );
}

/// Deletes a remote file; the error is a sentence, and the file may be there still.
async fn delete_at_vendor(unit: &ProviderUnit, remote: &RemoteRef) -> Result<(), String> {
    let report = unit.component.delete(remote).await;
    unit.called(&report);
    match report.outcome {
        Ok(Ok(_)) => Ok(()),
        // It is gone already, or the vendor has no delete and drops it when its time has come.
        Ok(Err(failure)) if matches!(failure.kind, FailureKind::NotFound | FailureKind::Unsupported) => Ok(()),
        Ok(Err(failure)) => Err(failure.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
