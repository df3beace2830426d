//! What each tenant may use: files and bytes, uploads at once, requests in a minute.
//!
//! Files and bytes are compared with the ledger itself each time: what the tracker holds, what the journal holds that
//! the tracker does not know yet, and what is under way. What the ledger said last is gone by only while it cannot be
//! asked, so a restart, an expiry or another gateway that shares it cannot make it wrong. A file counts in full, also
//! where it shares its remote file with others.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use governor::DefaultDirectRateLimiter;
use governor::clock::{Clock as _, DefaultClock};
use loadlock_audit::{Event, Outcome};
use loadlock_journal::Entry;
use loadlock_policy::quota::{Limits, Usage};
use loadlock_sandbox::batches::HeldUsage;
use loadlock_sandbox::coordination::TenantLimits;

use crate::error::{Error, ErrorCode, Result, answered};
use crate::metrics;
use crate::principal::{Door, Principal};
use crate::state::gateway::{Gateway, GatewayState};
use crate::state::outbox::PendingRecord;
use crate::state::tenant_limits::{HeldRoom, Share, UploadTurn};

/// How long an upload waits for others to end, if what is stored would leave room for it.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it looks meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// A client whose uploads are all under way looks again after this.
const NEXT_TURN: Duration = Duration::from_secs(1);
/// How often one tenant's refused requests are recorded; the rest is counted.
const NOTED: Duration = Duration::from_secs(60);
/// Entries of the journal that the tracker lacks and that are still summed up: more means that it has been away for
/// long.
const MAX_BACKLOG: usize = 100_000;

/// What a tenant has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored {
    /// By the tracker.
    recorded: Usage,
    /// By the journal alone: accepted and not recorded, or cut off and not settled.
    coming: Usage,
}

impl Stored {
    pub(crate) fn all(self) -> Usage {
        sum(self.recorded, self.coming.count, self.coming.bytes)
    }
}

fn sum(usage: Usage, count: u64, bytes: u64) -> Usage {
    Usage {
        count: usage.count.saturating_add(count),
        bytes: usage.bytes.saturating_add(bytes),
    }
}

impl GatewayState {
    pub(crate) fn share(&self, tenant: &str) -> Arc<Share> {
        let limits = || self.live().config.tenant(tenant).cloned();
        self.callers.tenants.share(tenant, limits)
    }

    /// What a tenant may store, as a ledger that several gateways share is told.
    pub(crate) fn quota_of(&self, tenant: &str) -> TenantLimits {
        let limits = self.share(tenant).rules().limits;
        TenantLimits {
            max_files: limits.max_count,
            max_bytes: limits.max_bytes,
        }
    }

    /// Holds room for a file of the caller's tenant, in place of what is held for it already.
    ///
    /// # Errors
    /// [`ErrorCode::QuotaExceeded`]; [`ErrorCode::TrackerFailed`] if nobody can tell what is stored: a limit that
    /// cannot be checked is not passed.
    pub(crate) async fn reserve(&self, who: &Principal, size: u64, early: Option<HeldRoom>) -> Result<HeldRoom> {
        let tenant = who.tenant();
        let share = self.share(tenant);
        let mut early = early;
        if let Some(held) = early.take_if(|held| held.is_exactly(&share, size)) {
            return Ok(held);
        }
        let started = tokio::time::Instant::now();
        // With the lease the ledger itself is asked for room: what it said last is enough until then.
        let mut known = self.known_usage(tenant, &share);
        loop {
            let mut ended = std::pin::pin!(share.ended.notified());
            ended.as_mut().enable();
            let limits = share.rules().limits;
            if limits == Limits::default() {
                // Limits may come while it is under way.
                let reservation = share.under_way().hold(size);
                return Ok(HeldRoom::new(share.clone(), reservation));
            }
            let guard = ReadingGuard::new(&share);
            let (stored, is_known) = match known.take() {
                Some(known) => (known, true),
                None => (self.stored(tenant).await?, false),
            };
            let Some(reading) = guard.take() else {
                return Err(Error::new(ErrorCode::Internal, "a reading was used twice"));
            };
            let fits = limits.admit(stored.all(), size).is_ok();
            if is_known && !fits {
                // It may have been told of room since.
                continue;
            }
            let held = early.take().and_then(|held| held.into_reservation(&share));
            let reserved = {
                let mut under_way = share.under_way();
                match held {
                    Some(held) => under_way.exchange(reading, stored.all(), held, size, &limits),
                    None => under_way.reserve(reading, stored.all(), size, &limits),
                }
            };
            let refused = match reserved {
                Ok(reservation) => return Ok(HeldRoom::new(share.clone(), reservation)),
                Err(refused) => refused,
            };
            // Only what the ledger holds is there for certain: what is on its way there may be counted twice for a
            // moment.
            if limits.admit(stored.recorded, size).is_ok() && started.elapsed() < PATIENCE {
                let _ = tokio::time::timeout(LOOK_AGAIN, ended).await;
                continue;
            }
            let limit = match refused.why {
                loadlock_policy::quota::QuotaExceeded::Count { .. } => "files",
                loadlock_policy::quota::QuotaExceeded::Bytes { .. } => "bytes",
            };
            metrics::quota_refused(limit);
            return Err(Error::new(
                ErrorCode::QuotaExceeded,
                format!("tenant `{tenant}`: {}", refused.why),
            ));
        }
    }

    /// What the ledger said last of a tenant, where taking a lease asks for room again; unless something of the tenant
    /// is here that the ledger does not count.
    fn known_usage(&self, tenant: &str, share: &Share) -> Option<Stored> {
        if !self.peers.look_with_lease() {
            return None;
        }
        let uncounted = |id: &str, waiting: &PendingRecord| waiting.tenant == tenant && !self.peers.hold(id);
        let cut_off = self.open_entries.not_held(self.journal.open_entries().ok()?);
        if self.ledger.outbox.any(uncounted) || cut_off.iter().any(|entry| entry.intent.tenant == tenant) {
            return None;
        }
        let last = share.last_recorded.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Stored {
            recorded: (*last)?,
            coming: Usage::default(),
        })
    }

    /// The ledger said what it holds of a tenant with limits.
    pub(crate) fn usage_heard(&self, tenant: &str, recorded: HeldUsage) {
        let share = self.share(tenant);
        let mut last = share.last_recorded.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(Usage {
            count: recorded.files,
            bytes: recorded.bytes,
        });
    }

    /// What of a tenant is stored or may turn out to be. The journal is asked first: what leaves it meanwhile is in the
    /// tracker.
    pub(crate) async fn stored(&self, tenant: &str) -> Result<Stored> {
        let mut coming = Usage::default();
        let mut count = |entries: Vec<Entry>| {
            for entry in entries.iter().filter(|entry| entry.intent.tenant == tenant) {
                coming = sum(coming, 1, entry.intent.bytes);
            }
        };
        // An upload that was cut off may be at the vendor; until it is settled its room stays held.
        let cut_off = self.open_entries.not_held(self.journal.open_entries()?);
        count(cut_off);
        let backlog = self.journal.accepted_not_recorded(MAX_BACKLOG)?;
        if backlog.len() == MAX_BACKLOG {
            return Err(Error::new(
                ErrorCode::TrackerFailed,
                "the tracker is too far behind to tell what is stored",
            ));
        }
        count(backlog);
        let stats = answered(self.ledger.tracker.stats(Some(tenant.to_owned())).await);
        let share = self.share(tenant);
        let mut last = share.last_recorded.lock().unwrap_or_else(PoisonError::into_inner);
        let recorded = match (stats, *last) {
            (Ok(stats), _) => Usage {
                count: stats.files,
                bytes: stats.bytes,
            },
            (Err(error), Some(known)) => {
                tracing::warn!(%error, tenant, "the tracker cannot be asked; the quota goes by what it said last");
                known
            }
            (Err(error), None) => return Err(error),
        };
        *last = Some(recorded);
        Ok(Stored { recorded, coming })
    }

    /// Keeps what the ledger said last as high as the truth while it cannot be asked: a record has just left the
    /// journal for it.
    pub(crate) fn recorded_for(&self, tenant: &str, bytes: u64) {
        let share = self.share(tenant);
        let mut last = share.last_recorded.lock().unwrap_or_else(PoisonError::into_inner);
        *last = last.map(|known| sum(known, 1, bytes));
    }

    /// Waits for a turn at the local door; refuses at the network's, where a client would only hold a connection open.
    pub(crate) async fn turn_of(&self, who: &Principal) -> Result<UploadTurn> {
        let share = self.share(who.tenant());
        loop {
            let mut turned = std::pin::pin!(share.turned.notified());
            turned.as_mut().enable();
            if let Some(turn) = UploadTurn::take(&share) {
                return Ok(turn);
            }
            if who.door() == Door::Network {
                metrics::quota_refused("concurrent_uploads");
                return Err(Error::new(
                    ErrorCode::RateLimited,
                    format!("tenant `{}` has reached its limit of concurrent uploads", who.tenant()),
                )
                .retry_after(u64::try_from(NEXT_TURN.as_millis()).ok()));
            }
            turned.await;
        }
    }
}

impl Gateway {
    /// Counts one request of the caller's tenant. For the network's front doors, once a request and before anything
    /// else.
    ///
    /// # Errors
    /// [`ErrorCode::RateLimited`] with the time to wait.
    pub async fn request_allowed(&self, who: &Principal) -> Result<()> {
        if self.0.live().config.tenant(who.tenant()).is_none() {
            return Ok(());
        }
        let share = self.0.share(who.tenant());
        let rules = share.rules();
        let Some(Err(until)) = rules.requests().map(DefaultDirectRateLimiter::check) else {
            return Ok(());
        };
        metrics::quota_refused("requests");
        let first = {
            let mut noted = share.noted.lock().unwrap_or_else(PoisonError::into_inner);
            let first = noted.is_none_or(|at| at.elapsed() >= NOTED);
            if first {
                *noted = Some(Instant::now());
            }
            first
        };
        if first {
            let mut pending = self.0.audit.begin_for(who, Event::Denial).await?;
            pending.what().detail = Some("requests_per_minute".into());
            pending
                .finish(Outcome::Denied, Some(ErrorCode::RateLimited.as_str()))
                .await;
        }
        let wait = until.wait_time_from(DefaultClock::default().now());
        Err(Error::new(
            ErrorCode::RateLimited,
            format!("tenant `{}` has reached its limit of requests", who.tenant()),
        )
        .retry_after(u64::try_from(wait.as_millis().max(1)).ok()))
    }
}

/// Gives a reading back if the ledger gives no answer, or the caller goes away.
struct ReadingGuard<'a> {
    share: &'a Share,
    reading: Option<loadlock_policy::quota::QuotaReading>,
}

impl<'a> ReadingGuard<'a> {
    fn new(share: &'a Share) -> Self {
        let reading = Some(share.under_way().read());
        Self { share, reading }
    }

    fn take(mut self) -> Option<loadlock_policy::quota::QuotaReading> {
        self.reading.take()
    }
}

impl Drop for ReadingGuard<'_> {
    fn drop(&mut self) {
        if let Some(reading) = self.reading.take() {
            self.share.under_way().abandon(reading);
        }
    }
}
