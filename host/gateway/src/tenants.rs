//! What each tenant may use: files and bytes, uploads at once, requests in a minute.
//!
//! Files and bytes are compared with the ledger itself each time: what the tracker holds, what the journal holds that the tracker does not know yet, and what is under way. Nothing is cached, so a restart, an expiry
//! or another program that shares the ledger cannot make it wrong. A file counts in full, also where it shares its remote file with others.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use loadlock_audit::{Event, Outcome};
use loadlock_config::Tenant;
use loadlock_journal::Entry;
use loadlock_policy::quota::{Limits, Reservation, UnderWay, Usage};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, ErrorCode, Result};
use crate::files::answered;
use crate::gateway::{Gateway, Inner};
use crate::metrics;
use crate::pipeline::journal_error;
use crate::principal::{Door, Principal};

/// Tenants whose shares are kept; beyond them those that are idle are made anew.
const MAX_SHARES: usize = 10_000;
/// How long an upload waits for others to end, if what is stored would leave room for it.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it looks meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(25);
/// A client whose uploads are all under way looks again after this.
const NEXT_TURN: Duration = Duration::from_secs(1);
/// How often one tenant's refused requests are recorded; the rest is counted.
const NOTED: Duration = Duration::from_secs(60);
/// Entries of the journal that the tracker lacks and that are still summed up: more means that it has been away for long.
const MAX_BACKLOG: usize = 100_000;

/// The shares of all tenants that have limits.
#[derive(Default)]
pub(crate) struct Tenants(Mutex<HashMap<String, Arc<Share>>>);

/// One tenant's.
struct Share {
    limits: Limits,
    under_way: Mutex<UnderWay>,
    ended: Notify,
    uploads: Option<Arc<Semaphore>>,
    requests: Option<DefaultDirectRateLimiter>,
    noted: Mutex<Option<Instant>>,
}

/// Room for one file, given back when it is dropped: by then the file is in the ledger or the journal, or there is none.
pub(crate) struct Held {
    share: Arc<Share>,
    reservation: Option<Reservation>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(reservation) = self.reservation.take() {
            self.share.under_way().end(reservation);
            self.share.ended.notify_waiters();
        }
    }
}

impl Share {
    fn new(tenant: &Tenant) -> Self {
        Self {
            limits: limits(tenant),
            under_way: Mutex::default(),
            ended: Notify::new(),
            uploads: tenant
                .concurrent_uploads
                .map(|most| Arc::new(Semaphore::new((most as usize).min(Semaphore::MAX_PERMITS)))),
            requests: tenant
                .requests_per_minute
                .and_then(NonZeroU32::new)
                .map(|most| RateLimiter::direct(Quota::per_minute(most))),
            noted: Mutex::default(),
        }
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn limits(tenant: &Tenant) -> Limits {
    Limits {
        max_count: tenant.max_files.map(u64::from),
        max_bytes: tenant.max_bytes.map(|size| size.0),
    }
}

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

impl Inner {
    fn share(&self, tenant: &str) -> Option<Arc<Share>> {
        let configured = self.config.tenant(tenant)?;
        let mut shares = self
            .tenants
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if shares.len() >= MAX_SHARES && !shares.contains_key(tenant) {
            shares.retain(|_, share| Arc::strong_count(share) > 1);
        }
        let share = shares
            .entry(tenant.to_owned())
            .or_insert_with(|| Arc::new(Share::new(configured)));
        Some(share.clone())
    }

    /// Holds room for a file of the caller's tenant; `None` if it is unlimited.
    ///
    /// # Errors
    /// [`ErrorCode::QuotaExceeded`]; [`ErrorCode::TrackerFailed`] if nobody can tell what is stored: a limit that cannot be checked is not passed.
    pub(crate) async fn reserve(&self, who: &Principal, size: u64) -> Result<Option<Held>> {
        let tenant = who.tenant();
        let Some(share) = self.share(tenant) else {
            return Ok(None);
        };
        if share.limits == Limits::default() {
            return Ok(None);
        }
        let started = tokio::time::Instant::now();
        loop {
            let mut ended = std::pin::pin!(share.ended.notified());
            ended.as_mut().enable();
            let guard = ReadingGuard::new(&share);
            let stored = self.stored(tenant).await?;
            let Some(reading) = guard.take() else {
                return Err(Error::new(ErrorCode::Internal, "a reading was used twice"));
            };
            let reserved = share
                .under_way()
                .reserve(reading, stored.all(), size, &share.limits);
            let refused = match reserved {
                Ok(reservation) => {
                    return Ok(Some(Held {
                        share: share.clone(),
                        reservation: Some(reservation),
                    }));
                }
                Err(refused) => refused,
            };
            // Only what the ledger holds is there for certain: what is on its way there may be counted twice for a moment.
            if share.limits.admit(stored.recorded, size).is_ok() && started.elapsed() < PATIENCE {
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

    /// What of a tenant is stored or may turn out to be. The journal is asked first: what leaves it meanwhile is in the tracker.
    pub(crate) async fn stored(&self, tenant: &str) -> Result<Stored> {
        let mut coming = Usage::default();
        let mut count = |entries: Vec<Entry>| {
            for entry in entries.iter().filter(|entry| entry.intent.tenant == tenant) {
                coming = sum(coming, 1, entry.intent.bytes);
            }
        };
        // An upload that was cut off may be at the vendor; until it is settled its room stays held.
        let cut_off = {
            let mut open = self
                .journal
                .open_entries()
                .map_err(|error| journal_error(&error))?;
            let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
            open.retain(|entry| !active.contains(entry.id()));
            open
        };
        count(cut_off);
        let backlog = self
            .journal
            .accepted_not_recorded(MAX_BACKLOG)
            .map_err(|error| journal_error(&error))?;
        if backlog.len() == MAX_BACKLOG {
            return Err(Error::new(
                ErrorCode::TrackerFailed,
                "the tracker is too far behind to tell what is stored",
            ));
        }
        count(backlog);
        let stats = answered(self.tracker.stats(Some(tenant.to_owned())).await)?;
        Ok(Stored {
            recorded: Usage {
                count: stats.files,
                bytes: stats.bytes,
            },
            coming,
        })
    }

    /// Waits for a turn at the local door; refuses at the network's, where a client would only hold a connection open.
    pub(crate) async fn turn_of(&self, who: &Principal) -> Result<Option<OwnedSemaphorePermit>> {
        let Some(uploads) = self
            .share(who.tenant())
            .and_then(|share| share.uploads.clone())
        else {
            return Ok(None);
        };
        let permit = match who.door() {
            Door::Local => uploads.acquire_owned().await.ok(),
            Door::Network => uploads.try_acquire_owned().ok(),
        };
        permit.map(Some).ok_or_else(|| {
            metrics::quota_refused("concurrent_uploads");
            Error::new(
                ErrorCode::RateLimited,
                format!(
                    "tenant `{}` has as many uploads under way as it may",
                    who.tenant()
                ),
            )
            .retry_after(u64::try_from(NEXT_TURN.as_millis()).ok())
        })
    }
}

impl Gateway {
    /// Counts one request of the caller's tenant. For the network's front doors, once a request and before anything else.
    ///
    /// # Errors
    /// [`ErrorCode::RateLimited`] with the time to wait.
    pub async fn request_allowed(&self, who: &Principal) -> Result<()> {
        let Some(share) = self.0.share(who.tenant()) else {
            return Ok(());
        };
        let Some(Err(until)) = share.requests.as_ref().map(DefaultDirectRateLimiter::check) else {
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
            format!("tenant `{}` asks more often than it may", who.tenant()),
        )
        .retry_after(u64::try_from(wait.as_millis().max(1)).ok()))
    }
}

/// Gives a reading back if the ledger gives no answer, or the caller goes away.
struct ReadingGuard<'a> {
    share: &'a Share,
    reading: Option<loadlock_policy::quota::Reading>,
}

impl<'a> ReadingGuard<'a> {
    fn new(share: &'a Share) -> Self {
        let reading = Some(share.under_way().read());
        Self { share, reading }
    }

    fn take(mut self) -> Option<loadlock_policy::quota::Reading> {
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
