//! Settling what a crash, a cancelled call or an absent vendor left open.

use std::sync::PoisonError;
use std::time::Duration;

use loadlock_audit::{Event as AuditEvent, What};
use loadlock_journal::{Accepted, DeleteIntent, Entry as Row, FailedEnd, SourceRef, State};
use loadlock_policy::model::{RemoteFile, VerifyMethod};
use loadlock_policy::retry::Event;
use loadlock_sandbox::files::Identity;
use loadlock_sandbox::tracker::{RemoteState, RemotesQuery};
use serde::Serialize;

use super::entry::journal_error;
use super::flights::hash;
use crate::error::Result;
use crate::files::answered;
use crate::gateway::{Gateway, Inner};

/// How long a start may spend on deleting.
const CLEANING: Duration = Duration::from_secs(10);
/// Rows looked at in one transaction.
const BATCH: u32 = 1_000;

/// What settling found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// Uploads whose remote file was found and is recorded now.
    pub adopted: u64,
    /// Uploads that left nothing behind.
    pub failed: u64,
    /// Uploads that nobody can tell about.
    pub unknown: u64,
    /// Uploads whose vendor does not answer: looked for again later.
    pub open: u64,
    /// Records that the tracker got late.
    pub delivered: u64,
    /// Remote files that were deleted late.
    pub deleted: u64,
}

impl Gateway {
    /// Settles every open entry of the journal, delivers late records and deletes what waits to be deleted.
    ///
    /// # Errors
    /// [`crate::ErrorCode::StateUnavailable`]. A vendor or tracker that does not answer is no error: the entry stays for the next time.
    pub async fn settle(&self) -> Result<Settled> {
        self.0.settle().await
    }
}

impl Inner {
    pub(crate) async fn settle(&self) -> Result<Settled> {
        let _one_at_a_time = self.settling.lock().await;
        let mut settled = Settled::default();
        for id in self.abandoned()? {
            self.settle_id(&id, &mut settled).await?;
        }
        match self.deliver_backlog().await {
            Ok(delivered) => settled.delivered = delivered,
            Err(error) => {
                tracing::warn!(%error, "the tracker is away; records wait in the journal")
            }
        }
        for pending in self
            .journal
            .pending_deletes(1_000)
            .map_err(|error| journal_error(&error))?
        {
            if self.discard(&pending.intent).await {
                settled.deleted += 1;
            }
        }
        // A vendor that does not answer must not hold up a start: what is not deleted now is deleted next time.
        match tokio::time::timeout(CLEANING, self.clean()).await {
            Ok(Ok(deleted)) => settled.deleted += deleted,
            Ok(Err(error)) => tracing::warn!(%error, "the tracker is away; nothing is cleaned"),
            Err(_) => tracing::warn!("cleaning took too long; the rest waits for the next time"),
        }
        self.journal
            .sweep(self.clock.wall_ms())
            .await
            .map_err(|error| journal_error(&error))?;
        Ok(settled)
    }

    /// Tombstones what has expired and deletes every dying remote file at its vendor; answers how many are gone.
    async fn clean(&self) -> Result<u64> {
        let now = self.clock.wall_ms();
        while !answered(self.tracker.expire(now, BATCH).await)?.is_empty() {}
        let mut deleted = 0;
        let mut cursor = None;
        loop {
            let query = RemotesQuery {
                state: Some(RemoteState::Dying),
                cursor: cursor.take(),
                limit: BATCH,
                ..RemotesQuery::default()
            };
            let page = answered(self.tracker.remotes(query).await)?;
            for row in &page.items {
                if self.bury(row).await {
                    deleted += 1;
                }
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(deleted),
            }
        }
    }

    /// Open entries that no upload of this process holds, in the order in which they began.
    pub(crate) fn abandoned(&self) -> Result<Vec<String>> {
        let open = self
            .journal
            .open_entries()
            .map_err(|error| journal_error(&error))?;
        Ok(open
            .into_iter()
            .map(|row| row.intent.id)
            .filter(|id| !self.under_way(id))
            .collect())
    }

    /// Settles an entry if it is still open and nobody holds it. Call it under the lock of settling.
    pub(crate) async fn settle_id(&self, id: &str, settled: &mut Settled) -> Result<()> {
        // A caller that went away may have left a step in the journal's queue: what is read after this holds it.
        self.journal
            .flush()
            .await
            .map_err(|error| journal_error(&error))?;
        let row = self
            .journal
            .entry(id)
            .map_err(|error| journal_error(&error))?;
        match row {
            Some(row) if row.state == State::Sent && !self.under_way(id) => {
                self.settle_entry(&row, settled).await
            }
            _ => Ok(()),
        }
    }

    /// Entries that an upload of this process holds are not open for settling.
    pub(crate) fn under_way(&self, id: &str) -> bool {
        self.active
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(id)
    }

    async fn settle_entry(&self, row: &Row, settled: &mut Settled) -> Result<()> {
        let intent = &row.intent;
        let unknown = |why: String| self.journal.unknown(row.id(), why, self.clock.wall_ms());
        let Ok(unit) = self.provider(&intent.provider) else {
            unknown(format!(
                "the provider `{}` is not configured any more",
                intent.provider
            ))
            .await
            .map_err(|error| journal_error(&error))?;
            settled.unknown += 1;
            return Ok(());
        };
        let digest = match &intent.key.sha256 {
            Some(digest) => Some(digest.clone()),
            None => self.digest_of(row).await,
        };
        if unit.profile.verify == VerifyMethod::None
            || (unit.profile.verify == VerifyMethod::Digest && digest.is_none())
        {
            unknown("the vendor cannot be asked whether it stored the file".into())
                .await
                .map_err(|error| journal_error(&error))?;
            settled.unknown += 1;
            return Ok(());
        }
        let since = unit.burials.now().await;
        let (event, found) = self
            .verify(
                unit,
                intent.bytes,
                &intent.key.purpose,
                &intent.mark,
                digest.as_deref(),
            )
            .await;
        match (event, found, digest) {
            (Event::VerifyAbsent, _, _) => {
                self.end_without_file(
                    row,
                    "the process ended before the vendor had the file",
                    None,
                )
                .await?;
                settled.failed += 1;
            }
            (Event::VerifyFound, Some(remote), Some(sha256)) if remote.bytes == intent.bytes => {
                let Some(_accepting) = self.accepting(unit, &remote.id, since).await? else {
                    settled.open += 1;
                    return Ok(());
                };
                let accepted = Accepted {
                    remote_id: remote.id,
                    provider: unit.name.clone(),
                    account: unit.account.clone(),
                    sha256,
                    bytes: intent.bytes,
                    attempts: u32::try_from(row.attempts.len().max(1)).unwrap_or(u32::MAX),
                    accepted_at_ms: self.clock.wall_ms(),
                    expires_at_ms: intent.expires_at_ms,
                };
                self.journal
                    .accepted(row.id(), accepted)
                    .await
                    .map_err(|error| journal_error(&error))?;
                let what = What {
                    file_id: Some(row.id().to_owned()),
                    name: Some(intent.filename.clone()),
                    provider: Some(unit.name.clone()),
                    bytes: Some(intent.bytes),
                    detail: Some("found at the vendor afterwards".into()),
                    ..What::default()
                };
                let tenant = Some(intent.tenant.clone());
                self.audit
                    .note(AuditEvent::Upload, tenant, what, Ok(()))
                    .await;
                settled.adopted += 1;
            }
            // Ours by its mark, but the file on disk is not what was sent, or the remote file is not whole: it goes.
            (Event::VerifyFound, Some(remote), _) => {
                self.end_without_file(
                    row,
                    "the file changed before its upload could be recorded",
                    Some(remote),
                )
                .await?;
                settled.failed += 1;
            }
            _ => settled.open += 1,
        }
        Ok(())
    }

    async fn end_without_file(
        &self,
        row: &Row,
        why: &str,
        unwanted: Option<RemoteFile>,
    ) -> Result<()> {
        let at_ms = self.clock.wall_ms();
        let delete = unwanted.map(|remote| DeleteIntent {
            account: row.intent.key.account.clone(),
            provider: row.intent.provider.clone(),
            remote_id: remote.id,
            why: why.to_owned(),
            at_ms,
        });
        let end = FailedEnd {
            kind: "crashed".into(),
            message: why.into(),
            at_ms,
            delete,
        };
        self.journal
            .failed(row.id(), end)
            .await
            .map_err(|error| journal_error(&error))
    }

    /// The digest of what was to be uploaded, if the source is still exactly what it was.
    async fn digest_of(&self, row: &Row) -> Option<String> {
        let SourceRef::Path {
            root,
            relative,
            device,
            inode,
            size,
            modified_ns,
            changed_ns,
        } = &row.intent.source
        else {
            return None;
        };
        let identity = Identity {
            device: *device,
            inode: *inode,
            size: *size,
            modified_ns: *modified_ns,
            changed_ns: *changed_ns,
        };
        let opened = self.grants.reopen(root, relative)?;
        if opened.identity != identity {
            return None;
        }
        let digest = hash(opened.file.clone(), identity.size).await.ok()?;
        (Identity::of(&opened.file).ok()? == identity).then_some(digest)
    }
}
