//! Settling what a crash, a cancelled call or an absent vendor left open.

use std::time::Duration;

use loadlock_journal::State;
use loadlock_sandbox::tracker::{RemoteState, RemotesQuery};
use rand::RngExt;

use super::pass::{Pass, Settled};
use crate::error::{Error, Result, answered};
use crate::fault::{self, Point};
use crate::state::gateway::{Gateway, GatewayState};

/// How long a start may spend on deleting. Longer than it waits for a vendor that does not answer, so that the others
/// get their turn after that one.
const CLEANING: Duration = Duration::from_secs(20);
/// Journalled deletes that a start makes.
const DELETES: usize = 1_000;
/// Rows looked at in one transaction.
const BATCH: u32 = 1_000;
/// Unknown outcomes that a start looks for again: each reads the vendor's list.
const UNKNOWN: usize = 100;

impl Gateway {
    /// Settles every open entry of the journal, delivers late records and deletes what waits to be deleted. A vendor
    /// that does not answer, or whose breaker is open, holds nothing up: what is open there waits for the next time.
    ///
    /// # Errors
    /// [`crate::ErrorCode::StateUnavailable`]. A vendor or tracker that does not answer is no error: the entry stays
    /// for the next time.
    pub async fn settle(&self) -> Result<Settled> {
        self.0.settle().await
    }
}

impl GatewayState {
    pub(crate) async fn settle(&self) -> Result<Settled> {
        let _one_at_a_time = self.open_entries.settling().await;
        let mut pass = Pass::of_start(self);
        let mut unknown = self.answerable()?;
        if unknown.len() > UNKNOWN {
            // No start knows what the one before it looked at: another part each time, so that all of them get their
            // turn.
            let first = rand::rng().random_range(0..unknown.len());
            unknown.rotate_left(first);
            unknown.truncate(UNKNOWN);
        }
        for id in self.abandoned()?.into_iter().chain(unknown) {
            pass.entry(&id).await?;
        }
        pass.given_up().await?;
        match self.deliver_backlog().await {
            Ok(delivered) => pass.settled.delivered = delivered,
            Err(error) => {
                tracing::warn!(%error, "the tracker is away; records wait in the journal")
            }
        }
        fault::at(Point::SettleDelivered);
        pass.conflicts().await?;
        let deleting = async {
            pass.deletes(DELETES).await?;
            if let Err(error) = self.clean(&mut pass).await {
                tracing::warn!(%error, "the tracker is away; nothing is cleaned");
            }
            Ok::<_, Error>(())
        };
        // What is not deleted now is deleted next time.
        match tokio::time::timeout(CLEANING, deleting).await {
            Ok(deleted) => deleted?,
            Err(_) => tracing::warn!("deleting took too long; the rest waits for the next time"),
        }
        self.journal.sweep(self.clock.wall_ms()).await?;
        fault::at(Point::SettleSwept);
        Ok(pass.settled)
    }

    /// Tombstones what has expired and deletes every dying remote file at its vendor.
    async fn clean(&self, pass: &mut Pass<'_>) -> Result<()> {
        let now = self.clock.wall_ms();
        self.take_back(async {
            while !answered(self.ledger.tracker.expire(now, BATCH).await)?.is_empty() {}
            Ok(())
        })
        .await?;
        let mut cursor = None;
        loop {
            let query = RemotesQuery {
                state: Some(RemoteState::Dying),
                cursor: cursor.take(),
                limit: BATCH,
                ..RemotesQuery::default()
            };
            let page = answered(self.ledger.tracker.remotes(query).await)?;
            for row in &page.items {
                pass.delete_dying(row).await;
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Open entries that no upload of this process holds, in the order in which they began.
    pub(crate) fn abandoned(&self) -> Result<Vec<String>> {
        let open = self.journal.open_entries()?;
        let mut abandoned = Vec::new();
        for row in self.open_entries.not_held(open) {
            // One that ended after it was read is not held any more either.
            let now = self.journal.entry(row.id());
            let now = now?;
            if now.is_some_and(|now| now.state == State::Sent) {
                abandoned.push(row.intent.id);
            }
        }
        Ok(abandoned)
    }

    /// What settling looks at: abandoned entries, and outcomes that were unknown where the vendor may answer now.
    pub(crate) fn unsettled(&self) -> Result<Vec<String>> {
        let mut ids = self.abandoned()?;
        ids.extend(self.answerable()?);
        Ok(ids)
    }

    /// Every unknown outcome that its vendor can be asked about. Those at a vendor that cannot be asked stay for ever
    /// and must not hide the others, so whoever looks at a part of them takes it from these.
    fn answerable(&self) -> Result<Vec<String>> {
        let unknown = self.journal.unknown_entries(usize::MAX)?;
        let answerable = unknown.into_iter().filter(|row| self.can_be_asked(row));
        Ok(answerable.map(|row| row.intent.id).collect())
    }

    /// Settles an entry if it is still without a known end and nobody holds it. Call it under the lock of settling.
    pub(crate) async fn settle_id(&self, id: &str, settled: &mut Settled) -> Result<()> {
        // A caller that went away may have left a step in the journal's queue: what is read after this holds it.
        self.journal.flush().await?;
        let row = self.journal.entry(id)?;
        match row {
            Some(row) if matches!(row.state, State::Sent | State::Unknown { .. }) && !self.open_entries.is_held(id) => {
                if self.is_lost(&row, settled).await? {
                    return Ok(());
                }
                self.settle_entry(&row, settled).await
            }
            _ => Ok(()),
        }
    }
}
