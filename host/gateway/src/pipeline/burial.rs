//! Deleting remote files, while uploads of equal content go on.
//!
//! Three things keep a delete from taking a file along that somebody was just given:
//!
//! - The journal decides between a delete and an acceptance: a remote file whose deletion it holds cannot be accepted,
//!   one that an accepted upload holds cannot be deleted. The vendor is asked only after that, and after another look
//!   at the ledger.
//! - Where equal content shares one remote id, an upload may store its bytes while the delete of their equal is still
//!   on its way. [`Burials`] remembers what was deleted since, and such an upload is sent again.
//! - Within this process one remote file is deleted by one task at a time.

use std::collections::{BTreeSet, HashMap};
use std::sync::PoisonError;
use std::time::Duration;

use loadlock_journal::{DeleteIntent, JournalError};
use loadlock_policy::model::{FailureKind, RemoteRef, VerifyMethod};
use loadlock_sandbox::tracker::{RemoteRow, RemoteState};
use tokio::sync::{RwLock, RwLockReadGuard};

use super::entry::journal_error;
use crate::error::Result;
use crate::fault::{self, Point};
use crate::files::answered;
use crate::gateway::Inner;
use crate::setup::ProviderUnit;

/// Deletes that are remembered one by one. Past it, where equal content shares an id, all of them count for every
/// upload that began before: such an upload is sent again without need, which changes nothing there.
const REMEMBERED: usize = 10_000;

/// Longest that an upload waits for the delete of its equal: a vendor that takes longer is not well.
const WAIT: Duration = Duration::from_secs(30);

/// What was deleted at one vendor, in order.
#[derive(Debug, Default)]
pub(crate) struct Burials(RwLock<Log>);

#[derive(Debug, Default)]
pub(crate) struct Log {
    count: u64,
    /// Deletes up to this one are no longer told apart.
    blurred: u64,
    last_of: HashMap<String, u64>,
}

impl Burials {
    /// How many there were: to be asked before the bytes of an upload leave.
    pub(crate) async fn now(&self) -> u64 {
        self.0.read().await.count
    }

    /// What was deleted since, of what is told apart.
    pub(crate) async fn since(&self, since: u64) -> BTreeSet<String> {
        let log = self.0.read().await;
        let later = log.last_of.iter().filter(|(_, at)| **at > since);
        later.map(|(remote_id, _)| remote_id.clone()).collect()
    }

    /// To be called after the vendor was asked, whatever it answered, and before the journal forgets the delete.
    async fn note(&self, remote_id: &str) {
        let mut log = self.0.write().await;
        log.count += 1;
        if log.last_of.len() >= REMEMBERED {
            log.last_of.clear();
            log.blurred = log.count;
        }
        let count = log.count;
        log.last_of.insert(remote_id.to_owned(), count);
    }

    /// Keeps deletes from being noted, unless this remote file was deleted after `since`. Where each upload has an id
    /// of its own (not `shared`), only a delete of that very id counts: what is no longer told apart was another
    /// file's.
    async fn untouched(&self, remote_id: &str, since: u64, shared: bool) -> Option<RwLockReadGuard<'_, Log>> {
        let log = self.0.read().await;
        let blurred = if shared { log.blurred } else { 0 };
        let last = log.last_of.get(remote_id).copied().unwrap_or(blurred);
        (last <= since).then_some(log)
    }
}

/// The only task of this process that deletes this remote file.
struct Burying<'a> {
    inner: &'a Inner,
    key: (String, String),
}

impl Drop for Burying<'_> {
    fn drop(&mut self) {
        self.inner
            .burying
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key);
        self.inner.buried.notify_waiters();
    }
}

impl Inner {
    /// The right to accept an upload that got this remote id, for as long as the answer is held. `None` if the remote
    /// file was, or is being, deleted since `since`: what was stored may be gone.
    pub(crate) async fn accepting<'a>(
        &self,
        unit: &'a ProviderUnit,
        remote_id: &str,
        since: u64,
    ) -> Result<Option<RwLockReadGuard<'a, Log>>> {
        let shared = unit.profile.verify == VerifyMethod::Digest;
        let Some(guard) = unit.burials.untouched(remote_id, since, shared).await else {
            return Ok(None);
        };
        let deleting = self
            .journal
            .is_deleting(&unit.account, remote_id)
            .map_err(|error| journal_error(&error))?;
        Ok((!deleting).then_some(guard))
    }

    /// Waits until no task of this process deletes the remote file, so that sending it again is not in vain.
    pub(crate) async fn after_burial(&self, account: &str, remote_id: &str) {
        let key = (account.to_owned(), remote_id.to_owned());
        let over = async {
            loop {
                let mut ended = std::pin::pin!(self.buried.notified());
                ended.as_mut().enable();
                let busy = self
                    .burying
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .contains(&key);
                if !busy {
                    return;
                }
                ended.await;
            }
        };
        if tokio::time::timeout(WAIT, over).await.is_err() {
            tracing::warn!(%remote_id, "a delete takes long; the upload goes on without waiting for it");
        }
    }

    fn bury_alone(&self, account: &str, remote_id: &str) -> Option<Burying<'_>> {
        let key = (account.to_owned(), remote_id.to_owned());
        let first = self
            .burying
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key.clone());
        first.then_some(Burying { inner: self, key })
    }

    /// Deletes a dying remote file at the vendor and forgets it. What fails stays dying and is tried again. True when
    /// it is gone.
    pub(crate) async fn bury(&self, row: &RemoteRow) -> bool {
        let Some(unit) = self.provider_of(&row.provider, &row.account) else {
            nobody_to_ask(&row.provider, &row.account);
            return false;
        };
        let Some(_alone) = self.bury_alone(&row.account, &row.remote_id) else {
            return false;
        };
        let _lease = match self.burial_lease(unit, row).await {
            Ok(lease) => lease,
            Err(error) => {
                tracing::debug!(%error, "a remote file is deleted later");
                return false;
            }
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
        match self.is_dying(&row.account, &row.remote_id).await {
            Ok(true) => {}
            Ok(false) => {
                self.confirmed(unit, &delete).await;
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
        let deleted = delete_at_vendor(unit, &remote).await;
        fault::at(Point::BuryAnswered);
        self.remote_delete_recorded(unit, &remote.id, Some(&row.key.tenant), deleted.is_ok())
            .await;
        let gone = match deleted {
            Ok(()) => true,
            Err(problem) => {
                tracing::warn!(provider = %unit.name, %problem, "a remote file could not be deleted yet");
                false
            }
        };
        if gone && let Err(error) = answered(self.tracker.forget(row.account.clone(), row.remote_id.clone()).await) {
            tracing::warn!(%error, "the tracker could not forget a deleted remote file");
        }
        fault::at(Point::BuryForgotten);
        // The dying row stands for what is still to be done.
        self.confirmed(unit, &delete).await;
        gone
    }

    /// Deletes a remote file that a journalled delete names, unless some record refers to it. True when it is gone.
    pub(crate) async fn discard(&self, delete: &DeleteIntent) -> bool {
        let Some(unit) = self.provider_of(&delete.provider, &delete.account) else {
            nobody_to_ask(&delete.provider, &delete.account);
            return false;
        };
        let Some(_alone) = self.bury_alone(&delete.account, &delete.remote_id) else {
            return false;
        };
        match self.held(&delete.account, &delete.remote_id).await {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!(provider = %unit.name, "a remote file that was to be deleted belongs to a record; it \
                     stays");
                return self.confirmed(unit, delete).await;
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
        let deleted = delete_at_vendor(unit, &remote).await;
        fault::at(Point::DiscardAnswered);
        self.remote_delete_recorded(unit, &remote.id, None, deleted.is_ok())
            .await;
        match deleted {
            Ok(()) => self.confirmed(unit, delete).await,
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

    /// What the ledger holds of a remote file, whosever it is.
    pub(crate) async fn remote(&self, account: &str, remote_id: &str) -> Result<Option<RemoteRow>> {
        let (account, remote_id) = (account.to_owned(), remote_id.to_owned());
        answered(self.tracker.remote(account, remote_id).await)
    }

    /// Whether the ledger holds this remote file as dying.
    pub(crate) async fn is_dying(&self, account: &str, remote_id: &str) -> Result<bool> {
        let row = self.remote(account, remote_id).await?;
        Ok(row.is_some_and(|row| row.state == RemoteState::Dying))
    }

    /// The journal need not remember the delete any more. It may have happened at the vendor even if nobody answered.
    async fn confirmed(&self, unit: &ProviderUnit, delete: &DeleteIntent) -> bool {
        unit.burials.note(&delete.remote_id).await;
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
    super::log_component(&unit.name, &report);
    match report.outcome {
        Ok(Ok(_)) => Ok(()),
        // It is gone already, or the vendor has no delete and drops it when its time has come.
        Ok(Err(failure)) if matches!(failure.kind, FailureKind::NotFound | FailureKind::Unsupported) => Ok(()),
        Ok(Err(failure)) => Err(failure.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_deleted_since_is_told_apart() {
        let burials = Burials::default();
        let since = burials.now().await;
        burials.note("a").await;
        assert!(burials.untouched("a", since, true).await.is_none());
        assert!(burials.untouched("b", since, true).await.is_some());
        let later = burials.now().await;
        assert!(burials.untouched("a", later, true).await.is_some());
    }

    #[tokio::test]
    async fn what_is_forgotten_counts_for_everyone_who_was_there() {
        let burials = Burials::default();
        let since = burials.now().await;
        for number in 0..=REMEMBERED {
            burials.note(&number.to_string()).await;
        }
        let untouched = async |shared, since| {
            let guard = burials.untouched("never deleted", since, shared).await;
            guard.is_some()
        };
        assert!(!untouched(true, since).await);
        // An id of its own: sent again, it would be stored twice.
        assert!(untouched(false, since).await);
        let later = burials.now().await;
        assert!(untouched(true, later).await);
        assert!(burials.0.read().await.last_of.len() <= REMEMBERED);
    }
}
