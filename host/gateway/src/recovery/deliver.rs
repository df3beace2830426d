//! From the journal to the tracker.

use std::sync::Weak;
use std::time::Duration;

use loadlock_journal::State;
use loadlock_policy::model::FailureKind;
use loadlock_sandbox::CallError;
use loadlock_sandbox::coordination::Leased;
use loadlock_sandbox::tracker::{FileRecord, Recorded, RemoteState};

use crate::error::{Error, ErrorCode, Result, answered};
use crate::fault::{self, Point};
use crate::records::record_of;
use crate::state::gateway::GatewayState;
use crate::state::outbox::PendingRecord;

/// How long records gather before they are delivered in one transaction. A transaction keeps the ledger for some
/// milliseconds, in which no upload can ask it whether its content is known.
const GATHER: Duration = Duration::from_millis(25);
/// Records handed over in one transaction.
const BATCH: usize = 256;

impl GatewayState {
    /// Refuses to start over a ledger that a person must put right: a wrong key, clock or schema. One that is only out
    /// of reach holds nothing up; the journal keeps what it is to be told.
    pub(crate) async fn tracker_ready(&self) -> Result<()> {
        let failure = match self.ledger.tracker.ready().await {
            Ok(()) => return Ok(()),
            Err(CallError::NotReady(failure)) => failure,
            Err(error) => {
                tracing::warn!(target: "loadlock::tracker", %error, "the ledger does not answer: uploads go on, \
                     records wait in the journal");
                return Ok(());
            }
        };
        match failure.kind {
            FailureKind::Unauthorized | FailureKind::Internal => Err(Error::new(
                ErrorCode::TrackerFailed,
                format!("the ledger cannot be used: {failure}"),
            )),
            _ => {
                tracing::warn!(target: "loadlock::tracker", %failure, "the ledger is out of reach: uploads go on, \
                     records wait in the journal");
                Ok(())
            }
        }
    }

    /// Hands one accepted upload to the tracker, or has that done behind the answer. What fails stays in the journal
    /// and is delivered later, in order.
    pub(crate) async fn deliver(&self, record: &FileRecord) {
        if self.peers.is_alone() && self.ledger.outbox.wake() {
            return;
        }
        if self.peers.are_away() {
            tracing::warn!("the tracker is away; the record is kept in the journal and delivered later");
            return;
        }
        if self.peers.record_together() {
            // With those of other uploads; what was accepted while the ledger was away follows in its order.
            let _delivering = self.ledger.outbox.delivering().await;
            if let Err(error) = self.record(vec![record.clone()]).await {
                tracing::warn!(%error, "the tracker is away; the record is kept in the journal and delivered later");
            }
            return;
        }
        let _turn = self.ledger.outbox.turn().await;
        // Older ones first: a tracker that was away gets them in the order in which they were accepted.
        let delivered = match self.journal.backlog() {
            Ok(backlog) if backlog.entries > 1 => self.deliver_waiting().await.map(|_| ()),
            // Another delivery took it along, and it may even be deleted again.
            Ok(_) if !self.waits(&record.id) => Ok(()),
            _ => self.record(vec![record.clone()]).await.map(drop),
        };
        if let Err(error) = delivered {
            tracing::warn!(%error, "the tracker is away; the record is kept in the journal and delivered later");
        }
    }

    /// Has the ledger told what concerns a question that it is about to be asked. If it cannot be told now, the
    /// question is answered without, or fails by itself.
    pub(crate) async fn flush_for(&self, concerns: impl Fn(&str, &PendingRecord) -> bool) {
        if self.ledger.outbox.any(concerns)
            && let Err(error) = self.deliver_backlog().await
        {
            tracing::warn!(%error, "the tracker is away; records wait in the journal");
        }
    }

    fn waits(&self, id: &str) -> bool {
        let row = self.journal.entry(id).ok().flatten();
        row.is_none_or(|row| matches!(row.state, State::Accepted { .. }))
    }

    /// Delivers everything that is accepted and not recorded, in order; answers how many.
    pub(crate) async fn deliver_backlog(&self) -> Result<u64> {
        let _turn = self.ledger.outbox.turn().await;
        self.deliver_waiting().await
    }

    /// Runs what takes records back, with nothing on its way to the tracker: a record that is delivered late, by this
    /// process or after a restart, would come back.
    pub(crate) async fn take_back<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let _quiet = self.ledger.outbox.quiet().await;
        self.deliver_waiting().await?;
        // That they were delivered is known to the disk only from here on.
        self.journal.flush().await?;
        work.await
    }

    async fn deliver_waiting(&self) -> Result<u64> {
        let mut delivered = 0;
        let waiting = self.journal.backlog();
        let waiting = waiting?.entries;
        // What is accepted from here on is not waited for: under load there is always more.
        while delivered < waiting {
            let refused = self.ledger.outbox.refused();
            let rows = self.journal.accepted_not_recorded(BATCH + refused.len())?;
            let records = rows.iter().filter_map(record_of);
            let mut records: Vec<FileRecord> = records.filter(|record| !refused.contains(&record.id)).collect();
            records.truncate(BATCH);
            if records.is_empty() {
                return Ok(delivered);
            }
            let count = records.len();
            let done = self.record(records).await?;
            delivered += done as u64;
            if done < count {
                // The others wait for what another gateway is about to record.
                return Ok(delivered);
            }
        }
        Ok(delivered)
    }

    /// Answers how many are done. The others another gateway has, and has not recorded yet.
    async fn record(&self, mut records: Vec<FileRecord>) -> Result<usize> {
        let _handed = self.ledger.outbox.hand(&records);
        let all = records.len();
        if !self.peers.is_alone() {
            // Another delivery took it along, and it may even be deleted again.
            records.retain(|record| self.waits(&record.id));
        }
        let done_already = all - records.len();
        if records.is_empty() {
            return Ok(done_already);
        }
        Ok(done_already + self.record_waiting(records).await?)
    }

    async fn record_waiting(&self, records: Vec<FileRecord>) -> Result<usize> {
        fault::at(Point::RecordBefore);
        let mut handed = self.hand_over(&records).await?;
        if handed.is_none() && records.len() > 1 {
            // One of them must not keep the others from the ledger.
            let mut done = 0;
            for record in records {
                done += Box::pin(self.record(vec![record])).await?;
            }
            return Ok(done);
        }
        let Some(outcomes) = handed.take() else {
            for record in &records {
                tracing::error!(id = %record.id, "the ledger refuses the record of an accepted upload: it stays in \
                     the journal");
                self.ledger.outbox.refuse(&record.id);
            }
            return Ok(records.len());
        };
        let mut ids = Vec::with_capacity(records.len());
        for (record, outcome) in records.iter().zip(&outcomes) {
            if matches!(outcome, Leased::Done(Recorded::Inserted)) {
                self.recorded_for(&record.key.tenant, record.bytes);
                if !record.deduplicated {
                    let key = &record.key;
                    self.ledger.usages.stored(&key.account, &key.purpose, record.bytes);
                }
            }
            match outcome {
                Leased::Done(Recorded::RemoteNotLive) if !self.revive(record).await? => {
                    // A further file over a remote file that the vendor lost meanwhile: saying so is all that is left.
                    tracing::error!(id = %record.id, "an accepted upload could not be recorded: the vendor has lost \
                         its remote file");
                }
                Leased::Done(_) => {}
                // What it stored itself is deleted by settling: an upload that is being accepted keeps deletes out.
                Leased::Fenced if self.resolve_conflict(record).await? => {}
                Leased::Fenced => continue,
            }
            ids.push(record.id.clone());
        }
        fault::at(Point::RecordAfter);
        self.journal.recorded(&ids).await?;
        self.ledger.outbox.remove(&ids);
        fault::at(Point::Recorded);
        Ok(ids.len())
    }

    /// `None` if the ledger refuses them: not for now, but for what they say.
    async fn hand_over(&self, records: &[FileRecord]) -> Result<Option<Vec<Leased>>> {
        let answer = self.peers.record(&self.ledger.tracker, records.to_vec()).await;
        match answer {
            Ok(Err(failure)) if failure.kind == FailureKind::Rejected => Ok(None),
            answer => answered(answer).map(Some),
        }
    }

    /// Records an accepted upload whose remote id the ledger holds as dying or missing: the vendor gives equal content
    /// the same id, and holds it again. While the journal has the upload as accepted nobody can delete its remote file.
    async fn revive(&self, record: &FileRecord) -> Result<bool> {
        let (account, remote_id) = (&record.key.account, &record.remote_id);
        if record.attempts > 0 {
            // Its bytes were sent, so the vendor was seen to hold it.
            let seen = self.ledger.tracker.observe(
                account.clone(),
                remote_id.clone(),
                RemoteState::Live,
                record.created_at_ms,
            );
            answered(seen.await)?;
        }
        if self.is_dying(account, remote_id).await? {
            answered(self.ledger.tracker.forget(account.clone(), remote_id.clone()).await)?;
        }
        let again = answered(self.ledger.tracker.record_many(vec![record.clone()]).await)?;
        Ok(matches!(again.first(), Some(Recorded::Inserted | Recorded::Existing)))
    }
}

/// Delivers behind the answers, for as long as the gateway is open.
pub(crate) async fn deliveries(gateway: Weak<GatewayState>) {
    let Some(mut woken) = gateway.upgrade().map(|state| state.ledger.outbox.attach()) else {
        return;
    };
    while woken.recv().await.is_some() {
        tokio::time::sleep(GATHER).await;
        let Some(state) = gateway.upgrade() else {
            return;
        };
        if let Err(error) = state.deliver_backlog().await {
            tracing::warn!(%error, "the tracker is away; records wait in the journal");
        }
    }
}
