//! The lease of what is about to be sent, where several gateways share the ledger.
//!
//! Within one gateway equal uploads wait for each other in [`super::flights`]; this is the same between gateways. The
//! lease is there before the journal says `sent`, and with it everything that another gateway needs to settle the
//! upload should this one not live to do it. Whoever waits here holds its flight, so a gateway waits for one lease of a
//! key at a time.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use loadlock_journal::{Intent, State};
use loadlock_sandbox::coordination::{Acquired, Attempt, LeaseHolder, TenantLimits};
use loadlock_sandbox::tracker::{DedupKey, RemoteRow};
use tokio::time::Instant;

use super::cancel::unless_cancelled;
use super::dedup::content_digest;
use super::entry::journal_error;
use super::upload::{Order, Stop};
use crate::error::{Error, ErrorCode, Result};
use crate::gateway::Inner;
use crate::id;
use crate::setup::ProviderUnit;
use crate::together::{Attempting, Together};

/// Between two questions whether the other has ended: doubled each time, for many wait for one.
const FIRST: Duration = Duration::from_millis(20);
const LAST: Duration = Duration::from_millis(500);

/// How long an upload waits for room that uploads under way hold, as within one gateway.
const ROOM: Duration = Duration::from_millis(500);

/// How long the lease of a gateway that is gone is left to those who settle what it left. Where none can, it is taken
/// away.
const SETTLING: Duration = Duration::from_secs(5);

/// A lease, and the entry that was promised with it.
pub(crate) struct Lease {
    account: String,
    purpose: String,
    /// Taken by the entry that is begun with it.
    draft: Option<Intent>,
    _attempting: Attempting,
}

impl Order<'_> {
    fn leases(&self) -> MutexGuard<'_, Vec<Lease>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry that other gateways were told of, once.
    pub(super) fn drafted(&self, stop: &Stop<'_>) -> Option<Intent> {
        let (unit, purpose) = stop;
        let mut leases = self.leases();
        let lease = leases
            .iter_mut()
            .find(|lease| lease.account == unit.account && lease.purpose == *purpose)?;
        lease.draft.take()
    }
}

/// What follows from an answer.
enum Next {
    Done,
    Wait(Option<String>),
}

impl Inner {
    /// Takes the lease of this content at this provider, and waits while another gateway has it; at the upload's own
    /// deadline it goes on without. Where there is only one gateway, or the ledger is away, there is none to take.
    pub(super) async fn lease(&self, order: &Order<'_>, stop: &Stop<'_>, digest: &mut Option<String>) -> Result<()> {
        let Some(together) = &self.together else {
            return Ok(());
        };
        let limits = self.quota_of(order.who.tenant());
        let limits = (limits != TenantLimits::default()).then_some(limits);
        if !together.answers() {
            return Ok(());
        }
        let sha256 = content_digest(order, digest).await?;
        let intent = self.intent(order, stop, Some(&sha256))?;
        let told = Intent {
            // Answers under a client's key are given by the gateway that was asked.
            idempotency: None,
            ..intent.clone()
        };
        let entry = serde_json::to_string(&told)
            .map_err(|error| Error::new(ErrorCode::Internal, format!("an entry without words: {error}")))?;
        let attempt = Attempt {
            id: intent.id.clone(),
            key: intent.key.with_digest(sha256),
            bytes: intent.bytes,
            entry,
        };
        // Before the ledger is asked: should the caller go away meanwhile, the attempt is ended there.
        let lease = Lease {
            account: intent.key.account.clone(),
            purpose: intent.key.purpose.clone(),
            _attempting: together.attempt(intent.id.clone()),
            draft: Some(intent),
        };
        let taken = self.taken(together, order, attempt, limits);
        if unless_cancelled(order.cancel, "while another gateway stored the same content", taken).await?? {
            order.leases().push(lease);
        }
        Ok(())
    }

    /// False if it goes on without.
    async fn taken(
        &self,
        together: &Together,
        order: &Order<'_>,
        attempt: Attempt,
        limits: Option<TenantLimits>,
    ) -> Result<bool> {
        let (started, mut pause, mut instead) = (Instant::now(), FIRST, None);
        loop {
            let answer = self.acquire(together, attempt.clone(), limits, instead.take()).await;
            match answer {
                // The tenant's limits were held against what the ledger said last.
                Err(_) => return Ok(false),
                Ok(Acquired::Granted(_)) => return Ok(true),
                Ok(Acquired::OverQuota { files, bytes }) => {
                    if started.elapsed() >= ROOM {
                        let full = limits.and_then(|limits| limits.max_files);
                        let full = full.is_some_and(|most| files >= most);
                        crate::metrics::quota_refused(if full { "files" } else { "bytes" });
                        return Err(over_quota(order.who.tenant(), files, bytes));
                    }
                }
                Ok(Acquired::Held(holder)) => {
                    if started.elapsed() >= self.config.deadline {
                        tracing::warn!(gateway = %holder.gateway, "another gateway takes long with the same content; \
                             going on beside it");
                        return Ok(false);
                    }
                    match self.held_by(together, holder, started.elapsed())? {
                        Next::Done => return Ok(false),
                        Next::Wait(another) => instead = another,
                    }
                }
            }
            if instead.is_none() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LAST);
            }
        }
    }

    async fn acquire(
        &self,
        together: &Together,
        attempt: Attempt,
        limits: Option<TenantLimits>,
        instead: Option<String>,
    ) -> Result<Acquired> {
        let _nothing_is_resumed = together.resuming().read().await;
        let acquire =
            together
                .ledger()
                .acquire(together.id().to_owned(), together.lease_ms(), attempt, limits, instead);
        together.ask(acquire).await
    }

    /// Whether to wait for whoever leads, or to take its lease away.
    fn held_by(&self, together: &Together, holder: LeaseHolder, waited: Duration) -> Result<Next> {
        if holder.gateway != together.id() {
            let given_up = !holder.alive && waited >= SETTLING;
            return Ok(Next::Wait(given_up.then_some(holder.attempt)));
        }
        if together.holds(&holder.attempt) {
            // Equal content within this gateway is not sent side by side; what leads here is a delete, and short.
            return Ok(Next::Wait(None));
        }
        let row = self
            .journal
            .entry(&holder.attempt)
            .map_err(|error| journal_error(&error))?;
        match row.map(|row| row.state) {
            // Accepted and not recorded, which dedup finds in the journal.
            Some(State::Accepted { .. }) => Ok(Next::Done),
            // Over, and the ledger not told yet; or taken over from another and being settled: not for long.
            Some(State::Sent) if waited < SETTLING => Ok(Next::Wait(None)),
            _ => Ok(Next::Wait(Some(holder.attempt))),
        }
    }

    /// The lease of a remote file that is to be deleted, so that no other gateway stores the same content meanwhile:
    /// some vendors give equal content the same id. `Ok(None)` where there are no others.
    ///
    /// # Errors
    /// Another gateway has it, or the ledger cannot be asked.
    pub(super) async fn burial_lease(&self, unit: &ProviderUnit, row: &RemoteRow) -> Result<Option<Attempting>> {
        let Some(together) = &self.together else {
            return Ok(None);
        };
        let attempt = Attempt {
            id: format!("delete-{}", id::mark()),
            key: DedupKey {
                account: unit.account.clone(),
                ..row.key.clone()
            },
            bytes: 0,
            // Nothing to settle: the row stays dying.
            entry: String::new(),
        };
        let attempting = together.attempt(attempt.id.clone());
        match self.acquire(together, attempt, None, None).await? {
            Acquired::Granted(_) => Ok(Some(attempting)),
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
