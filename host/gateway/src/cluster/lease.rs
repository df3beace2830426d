//! The lease of what is about to be sent, where several gateways share the ledger.
//!
//! Within one gateway equal uploads wait for each other in [`crate::state::single_flight`]; this is the same between
//! gateways. The lease is there before the journal says `sent`, and with it everything that another gateway needs to
//! settle the upload should this one not live to do it. Whoever waits here leads its flight, so a gateway waits for one
//! lease of a key at a time.

use std::sync::Arc;
use std::time::Duration;

use loadlock_journal::{Intent, Journal, State};
use loadlock_sandbox::batches::{Beginning, Begun, BegunItem, FileTerms, HeldUsage, StoredPlace};
use loadlock_sandbox::coordination::{Acquired, Attempt, LeaseHolder, TenantLimits};
use loadlock_sandbox::tracker::{DedupKey, FileRecord};
use tokio::time::Instant;

use super::member::{Attempting, Cluster};
use crate::clock::Clock;
use crate::error::{Error, ErrorCode, Result};
use crate::id;

/// Between two questions whether the other has ended: doubled each time, for many wait for one.
const FIRST: Duration = Duration::from_millis(20);
const LAST: Duration = Duration::from_millis(500);

/// How long an upload waits for room that uploads under way hold, as within one gateway.
const ROOM: Duration = Duration::from_millis(500);

/// How long the lease of a gateway that is gone is left to those who settle what it left. Where none can, it is taken
/// away.
const SETTLING: Duration = Duration::from_secs(5);

/// What a lease is asked for.
pub(crate) struct Claim<'a> {
    /// The entry that is begun with it: other gateways are told of it.
    pub(crate) intent: &'a Intent,
    pub(crate) sha256: String,
    /// What the tenant may store, if that is limited.
    pub(crate) limits: Option<TenantLimits>,
    /// Where its content may be stored already.
    pub(crate) places: Vec<StoredPlace>,
    /// What a file over stored content would say; `None` if none may be made.
    pub(crate) terms: Option<FileTerms>,
    /// How long it may wait for another gateway.
    pub(crate) patience: Duration,
    pub(crate) journal: &'a Journal,
    pub(crate) clock: &'a Clock,
}

/// How asking for a lease ended.
pub(crate) enum LeaseEnd {
    /// The content is stored, and this file was made over it.
    Found(Box<FileRecord>),
    /// It leads.
    Leads {
        /// The lease, until it is dropped.
        lease: Attempting,
        /// The ledger looked, and nothing is stored.
        is_new: bool,
    },
    /// It goes on without: the ledger said so.
    Without,
    /// It goes on without: the ledger did not answer, and may have made the file.
    Unanswered,
}

/// What the ledger says of a tenant with limits.
pub(crate) type RecordedUsage = Option<HeldUsage>;

/// What follows from an answer.
enum AfterWait {
    Done,
    Wait(Option<String>),
}

impl Cluster {
    pub(super) async fn lease(self: &Arc<Self>, claim: Claim<'_>) -> Result<(LeaseEnd, RecordedUsage)> {
        let told = Intent {
            // Answers under a client's key are given by the gateway that was asked.
            idempotency: None,
            ..claim.intent.clone()
        };
        let entry = serde_json::to_string(&told)
            .map_err(|error| Error::new(ErrorCode::Internal, format!("an entry without words: {error}")))?;
        let attempt = Attempt {
            id: told.id.clone(),
            key: told.key.with_digest(claim.sha256.clone()),
            bytes: told.bytes,
            entry,
        };
        // Before the ledger is asked: should the caller go away meanwhile, the attempt is ended there.
        let attempting = self.attempt(told.id);
        let mut recorded = None;
        let end = self.taken(&claim, attempt, attempting, &mut recorded).await?;
        Ok((end, recorded))
    }

    async fn taken(
        &self,
        claim: &Claim<'_>,
        attempt: Attempt,
        lease: Attempting,
        recorded: &mut RecordedUsage,
    ) -> Result<LeaseEnd> {
        let (started, mut pause, mut instead) = (Instant::now(), FIRST, None);
        loop {
            let answer = self.begin(claim, attempt.clone(), instead.take()).await;
            let item = match answer {
                // The tenant's limits were held against what the ledger said last.
                Err(_) => return Ok(LeaseEnd::Unanswered),
                Ok(item) => item,
            };
            *recorded = item.recorded.or(*recorded);
            match item.begun {
                Begun::Found(file) => {
                    self.over(lease.id());
                    return Ok(LeaseEnd::Found(file));
                }
                Begun::Granted { stored, .. } => {
                    let is_new = !stored && !claim.places.is_empty();
                    return Ok(LeaseEnd::Leads { lease, is_new });
                }
                Begun::OverQuota(HeldUsage { files, bytes }) => {
                    if started.elapsed() >= ROOM {
                        let full = claim.limits.and_then(|limits| limits.max_files);
                        let full = full.is_some_and(|most| files >= most);
                        crate::metrics::quota_refused(if full { "files" } else { "bytes" });
                        return Err(over_quota(&claim.intent.tenant, files, bytes));
                    }
                }
                Begun::Held(holder) => {
                    if started.elapsed() >= claim.patience {
                        tracing::warn!(
                            gateway = %holder.gateway,
                            "another gateway is slow with the same content; uploading it in parallel"
                        );
                        return Ok(LeaseEnd::Without);
                    }
                    match self.held_by(holder, claim.journal, started.elapsed())? {
                        AfterWait::Done => return Ok(LeaseEnd::Without),
                        AfterWait::Wait(another) => instead = another,
                    }
                }
            }
            if instead.is_none() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LAST);
            }
        }
    }

    /// One question, with those of other uploads where the tracker takes many at once.
    async fn begin(&self, claim: &Claim<'_>, attempt: Attempt, instead: Option<String>) -> Result<BegunItem> {
        let Some(batched) = &self.batched else {
            let begun = match self.acquire(attempt, claim.limits, instead).await? {
                // Nobody has looked.
                Acquired::Granted(fence) => Begun::Granted { fence, stored: true },
                Acquired::Held(holder) => Begun::Held(holder),
                Acquired::OverQuota { files, bytes } => Begun::OverQuota(HeldUsage { files, bytes }),
            };
            return Ok(BegunItem { begun, recorded: None });
        };
        let _nothing_is_resumed = self.resuming.read().await;
        let item = Beginning {
            attempt,
            limits: claim.limits,
            instead,
            places: claim.places.clone(),
            terms: claim.terms.clone(),
            now_ms: claim.clock.wall_ms(),
        };
        let id = item.attempt.id.clone();
        self.asks(&id);
        let begun = self.ask(batched.begin(item)).await?;
        self.has_answered(&id);
        Ok(begun)
    }

    async fn acquire(
        &self,
        attempt: Attempt,
        limits: Option<TenantLimits>,
        instead: Option<String>,
    ) -> Result<Acquired> {
        let _nothing_is_resumed = self.resuming.read().await;
        let acquire = self
            .ledger
            .acquire(self.id.clone(), self.lease_ms, attempt, limits, instead);
        self.ask(acquire).await
    }

    /// Whether to wait for whoever leads, or to take its lease away.
    fn held_by(&self, holder: LeaseHolder, journal: &Journal, waited: Duration) -> Result<AfterWait> {
        if holder.gateway != self.id {
            let given_up = !holder.alive && waited >= SETTLING;
            return Ok(AfterWait::Wait(given_up.then_some(holder.attempt)));
        }
        if self.holds(&holder.attempt) {
            // Equal content within this gateway is not sent side by side; what leads here is a delete, and short.
            return Ok(AfterWait::Wait(None));
        }
        let row = journal.entry(&holder.attempt)?;
        match row.map(|row| row.state) {
            // Accepted and not recorded, which dedup finds in the journal.
            Some(State::Accepted { .. }) => Ok(AfterWait::Done),
            // Over, and the ledger not told yet; or taken over from another and being settled: not for long.
            Some(State::Sent) if waited < SETTLING => Ok(AfterWait::Wait(None)),
            _ => Ok(AfterWait::Wait(Some(holder.attempt))),
        }
    }

    /// See [`super::peers::Peers::lease_delete`].
    pub(super) async fn lease_delete(self: &Arc<Self>, key: DedupKey) -> Result<Attempting> {
        let attempt = Attempt {
            id: format!("delete-{}", id::mark()),
            key,
            bytes: 0,
            // Nothing to settle: the row stays dying.
            entry: String::new(),
        };
        let attempting = self.attempt(attempt.id.clone());
        match self.acquire(attempt, None, None).await? {
            Acquired::Granted(_) => Ok(attempting),
            Acquired::Held(_) | Acquired::OverQuota { .. } => {
                Err(Error::new(ErrorCode::Overloaded, "the same content is being stored"))
            }
        }
    }
}

fn over_quota(tenant: &str, files: u64, bytes: u64) -> Error {
    Error::new(
        ErrorCode::QuotaExceeded,
        format!(
            "tenant `{tenant}`: {files} files of {bytes} bytes are stored, or under way at all gateways, and one more \
             would pass a limit"
        ),
    )
}
