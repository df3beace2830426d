//! From the journal to the tracker.

use loadlock_sandbox::tracker::{FileRecord, Recorded};

use super::entry::{journal_error, record_of};
use crate::error::Result;
use crate::gateway::Inner;

/// Records handed over in one transaction.
const BATCH: usize = 256;

impl Inner {
    /// Hands one accepted upload to the tracker. What fails stays in the journal and is delivered later, in order.
    pub(crate) async fn deliver(&self, record: &FileRecord) {
        // Older ones first: a tracker that was away gets them in the order in which they were accepted.
        let delivered = match self.journal.backlog() {
            Ok(backlog) if backlog.entries > 1 => self.deliver_backlog().await.map(|_| ()),
            _ => self.record(vec![record.clone()]).await,
        };
        if let Err(error) = delivered {
            tracing::warn!(%error, "the tracker is away; the record is kept in the journal and delivered later");
        }
    }

    /// Delivers everything that is accepted and not recorded, in order; answers how many.
    pub(crate) async fn deliver_backlog(&self) -> Result<u64> {
        let mut delivered = 0;
        loop {
            let rows = self
                .journal
                .accepted_not_recorded(BATCH)
                .map_err(|error| journal_error(&error))?;
            let records: Vec<FileRecord> = rows.iter().filter_map(record_of).collect();
            if records.is_empty() {
                return Ok(delivered);
            }
            delivered += records.len() as u64;
            self.record(records).await?;
        }
    }

    async fn record(&self, records: Vec<FileRecord>) -> Result<()> {
        let ids: Vec<String> = records.iter().map(|record| record.id.clone()).collect();
        let outcomes = crate::files::answered(self.tracker.record_many(records).await)?;
        for (id, outcome) in ids.iter().zip(&outcomes) {
            if *outcome == Recorded::RemoteNotLive {
                // The remote file died between acceptance and record: the file is gone, and saying so is all that is left.
                tracing::error!(%id, "an accepted upload could not be recorded: its remote file is being deleted");
            }
        }
        self.journal
            .recorded(&ids)
            .await
            .map_err(|error| journal_error(&error))
    }
}
