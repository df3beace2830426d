//! The beginnings and ends of uploads, as the ledger is asked about many of them at once.

use std::sync::Arc;

use futures::future::BoxFuture;
use loadlock_sandbox::batches::{Batches, Beginning, BegunItem, Ended, Ending, Removal, Removed};
use loadlock_sandbox::coordination::Leased;
use loadlock_sandbox::tracker::{Answer, FileRecord, Release};

use super::group::Group;
use super::member::{Attempting, Cluster};
use crate::error::Result;
use crate::id;

/// Calls under way at once that begin uploads.
const BEGINNING: usize = 2;
/// Calls under way at once that end them.
const ENDING: usize = 2;
/// Calls under way at once that let files go.
const REMOVING: usize = 1;

/// Instances of the tracker that are called at the same time.
pub(crate) const INSTANCES: usize = BEGINNING + ENDING + REMOVING;

/// The calls of one gateway.
pub(super) struct BatchedCalls {
    begin: Group<Beginning, BegunItem>,
    end: Group<Ending, Ended>,
    remove: Group<Removal, Removed>,
}

impl BatchedCalls {
    /// `None` for a tracker that takes one thing at a time.
    pub(super) fn new(mut instances: Vec<Batches>, gateway: &str, lease_ms: u64) -> Option<Self> {
        if instances.len() < INSTANCES {
            return None;
        }
        let ending = instances.split_off(BEGINNING);
        let (ending, removing) = (ending[..ENDING].to_vec(), ending[ENDING..].to_vec());
        let (begins, ends, removes) = (gateway.to_owned(), gateway.to_owned(), gateway.to_owned());
        let begin = move |instance: Batches, items| -> BoxFuture<'static, _> {
            let gateway = begins.clone();
            Box::pin(async move { instance.begin_many(gateway, lease_ms, items).await })
        };
        let end = move |instance: Batches, items| -> BoxFuture<'static, _> {
            let gateway = ends.clone();
            Box::pin(async move { instance.end_many(gateway, items).await })
        };
        let remove = move |instance: Batches, items| -> BoxFuture<'static, _> {
            let gateway = removes.clone();
            Box::pin(async move { instance.remove_many(gateway, items).await })
        };
        Some(Self {
            begin: Group::new(instances, true, Box::new(begin)),
            end: Group::new(ending, true, Box::new(end)),
            // A file that is gone is not found, so asking again would say that it never was there.
            remove: Group::new(removing, false, Box::new(remove)),
        })
    }

    /// Has every instance open its store before an upload needs it.
    pub(super) fn open(&self) {
        let instances = [self.begin.idle(), self.end.idle(), self.remove.idle()];
        for instance in instances.into_iter().flatten() {
            // One that cannot now does with its first call.
            tokio::spawn(async move { instance.ready().await.ok() });
        }
    }

    pub(super) async fn begin(&self, item: Beginning) -> Answer<BegunItem> {
        self.begin.ask(item).await
    }

    /// Records files; one that is refused for what it says has all of them answered so, and the others are recorded.
    async fn record(&self, records: Vec<FileRecord>) -> Answer<Vec<Leased>> {
        let asked = records
            .into_iter()
            .map(|record| self.end.ask(Ending::Record(Box::new(record))));
        let mut leased = Vec::new();
        for answer in futures::future::join_all(asked).await {
            match answer? {
                Ok(Ended::Recorded(outcome)) => leased.push(outcome),
                // The contract has nothing else for a record.
                Ok(Ended::Done(_)) => leased.push(Leased::Fenced),
                Err(failure) => return Ok(Err(failure)),
            }
        }
        Ok(Ok(leased))
    }
}

impl Cluster {
    /// Hands records to the ledger, within bounds.
    pub(super) async fn record_batched(&self, batched: &BatchedCalls, records: Vec<FileRecord>) -> Answer<Vec<Leased>> {
        let ids: Vec<String> = records.iter().map(|record| record.id.clone()).collect();
        let answer = self.bounded(batched.record(records)).await;
        if let Ok(Ok(outcomes)) = &answer {
            if !self.answers() {
                self.heard().await;
            }
            for (id, outcome) in ids.iter().zip(outcomes) {
                if is_over(outcome) {
                    self.over(id);
                }
            }
        }
        answer
    }

    /// Lets a file go, and takes the lease for deleting its remote file if it was the last.
    ///
    /// # Errors
    /// [`crate::ErrorCode::TrackerFailed`].
    pub(super) async fn remove(
        self: &Arc<Self>,
        batched: &BatchedCalls,
        tenant: &str,
        id: &str,
    ) -> Result<(Release, Option<Attempting>)> {
        let attempt = format!("delete-{}", id::mark());
        let attempting = self.attempt(attempt.clone());
        let removal = Removal {
            tenant: tenant.to_owned(),
            id: id.to_owned(),
            attempt: attempt.clone(),
        };
        self.asks(&attempt);
        let removed = self.ask(batched.remove.ask(removal)).await?;
        self.has_answered(&attempt);
        if !removed.leads {
            self.over(&attempt);
        }
        Ok((removed.release, removed.leads.then_some(attempting)))
    }

    /// Forgets a remote file that is gone, with the end of the attempt that deleted it.
    ///
    /// # Errors
    /// [`crate::ErrorCode::TrackerFailed`].
    pub(super) async fn gone(
        &self,
        batched: &BatchedCalls,
        account: &str,
        remote_id: &str,
        attempt: &Attempting,
    ) -> Result<()> {
        let gone = Ending::Gone {
            account: account.to_owned(),
            remote_id: remote_id.to_owned(),
            attempt: attempt.id().to_owned(),
        };
        self.ask(batched.end.ask(gone)).await?;
        self.over(attempt.id());
        Ok(())
    }
}

/// Whether the ledger has ended the record's attempt with it.
fn is_over(outcome: &Leased) -> bool {
    use loadlock_sandbox::tracker::Recorded::{Existing, Inserted};
    matches!(outcome, Leased::Done(Inserted | Existing))
}
