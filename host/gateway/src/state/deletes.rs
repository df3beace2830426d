//! Remote files that are being deleted, and those that were.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, RwLock, RwLockReadGuard};

/// Deletes that are remembered one by one. Past it, where equal content shares an id, all of them count for every
/// upload that began before: such an upload is sent again without need, which changes nothing there.
const REMEMBERED: usize = 10_000;

/// Longest that an upload waits for the delete of its equal: a vendor that takes longer is not well.
const WAIT: Duration = Duration::from_secs(30);

/// What was deleted at one vendor, in order.
#[derive(Debug, Default)]
pub(crate) struct DeleteLog(RwLock<DeletedIds>);

#[derive(Debug, Default)]
pub(crate) struct DeletedIds {
    count: u64,
    /// Deletes up to this one are no longer told apart.
    blurred: u64,
    last_of: HashMap<String, u64>,
}

impl DeleteLog {
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
    pub(crate) async fn note(&self, remote_id: &str) {
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
    pub(crate) async fn untouched(
        &self,
        remote_id: &str,
        since: u64,
        shared: bool,
    ) -> Option<RwLockReadGuard<'_, DeletedIds>> {
        let log = self.0.read().await;
        let blurred = if shared { log.blurred } else { 0 };
        let last = log.last_of.get(remote_id).copied().unwrap_or(blurred);
        (last <= since).then_some(log)
    }
}

/// Account and id of a remote file.
type RemoteKey = (String, String);

/// Remote files that tasks of this process delete at this moment.
#[derive(Debug, Default)]
pub(crate) struct Deletes {
    under_way: Mutex<HashSet<RemoteKey>>,
    /// Notified when one of them is over.
    ended: Notify,
}

/// The only task of this process that deletes this remote file.
pub(crate) struct Deleting<'a> {
    deletes: &'a Deletes,
    key: RemoteKey,
}

impl Drop for Deleting<'_> {
    fn drop(&mut self) {
        self.deletes.under_way().remove(&self.key);
        self.deletes.ended.notify_waiters();
    }
}

impl Deletes {
    fn under_way(&self) -> MutexGuard<'_, HashSet<RemoteKey>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` if another task deletes it.
    pub(crate) fn begin(&self, account: &str, remote_id: &str) -> Option<Deleting<'_>> {
        let key = (account.to_owned(), remote_id.to_owned());
        let first = self.under_way().insert(key.clone());
        first.then_some(Deleting { deletes: self, key })
    }

    /// Waits until no task of this process deletes the remote file, so that sending it again is not in vain.
    pub(crate) async fn ended(&self, account: &str, remote_id: &str) {
        let key = (account.to_owned(), remote_id.to_owned());
        let over = async {
            loop {
                let mut ended = std::pin::pin!(self.ended.notified());
                ended.as_mut().enable();
                if !self.under_way().contains(&key) {
                    return;
                }
                ended.await;
            }
        };
        if tokio::time::timeout(WAIT, over).await.is_err() {
            tracing::warn!(%remote_id, "a delete takes long; the upload goes on without waiting for it");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_deleted_since_is_told_apart() {
        let deleted = DeleteLog::default();
        let since = deleted.now().await;
        deleted.note("a").await;
        assert!(deleted.untouched("a", since, true).await.is_none());
        assert!(deleted.untouched("b", since, true).await.is_some());
        let later = deleted.now().await;
        assert!(deleted.untouched("a", later, true).await.is_some());
    }

    #[tokio::test]
    async fn what_is_forgotten_counts_for_everyone_who_was_there() {
        let deleted = DeleteLog::default();
        let since = deleted.now().await;
        for number in 0..=REMEMBERED {
            deleted.note(&number.to_string()).await;
        }
        let untouched = async |shared, since| {
            let guard = deleted.untouched("never deleted", since, shared).await;
            guard.is_some()
        };
        assert!(!untouched(true, since).await);
        // An id of its own: sent again, it would be stored twice.
        assert!(untouched(false, since).await);
        let later = deleted.now().await;
        assert!(untouched(true, later).await);
        assert!(deleted.0.read().await.last_of.len() <= REMEMBERED);
    }
}
