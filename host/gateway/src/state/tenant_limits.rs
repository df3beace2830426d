//! One tenant's share: what it has under way, and the limits that this is held against. Limits change while it is used;
//! what is under way stays.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use loadlock_config::{Config, Tenant};
use loadlock_policy::quota::{Limits, Reservation, UnderWay, Usage};
use tokio::sync::Notify;

/// Tenants whose shares are kept; beyond them those that are idle are made anew.
const MAX_SHARES: usize = 10_000;

/// The shares of all tenants that use something.
#[derive(Default)]
pub(crate) struct Tenants(Mutex<HashMap<String, Arc<Share>>>);

impl Tenants {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Share>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tenant's share. `limits` answers what holds for it now; asked under the lock, so that [`Tenants::limit`]
    /// cannot come in between.
    pub(crate) fn share(&self, tenant: &str, limits: impl FnOnce() -> Option<Tenant>) -> Arc<Share> {
        let mut shares = self.lock();
        if let Some(share) = shares.get(tenant) {
            return share.clone();
        }
        if shares.len() >= MAX_SHARES {
            shares.retain(|_, share| Arc::strong_count(share) > 1);
        }
        let share = Arc::new(Share::new(limits().as_ref()));
        shares.insert(tenant.to_owned(), share.clone());
        share
    }

    /// What holds from now on, for whoever waits for a turn as well.
    pub(crate) fn limit(&self, config: &Config) {
        for (name, share) in self.lock().iter() {
            share.limit(config.tenant(name));
        }
    }
}

/// One tenant's.
pub(crate) struct Share {
    rules: RwLock<Arc<TenantRules>>,
    under_way: Mutex<UnderWay>,
    /// Notified when room was given back.
    pub(crate) ended: Notify,
    /// What the ledger said last that the tenant stores, for when it is away.
    pub(crate) last_recorded: Mutex<Option<Usage>>,
    uploads: Mutex<u32>,
    /// Notified when an upload has ended.
    pub(crate) turned: Notify,
    /// When a refused request was recorded last.
    pub(crate) noted: Mutex<Option<Instant>>,
}

/// What holds for one tenant.
#[derive(Default)]
pub(crate) struct TenantRules {
    pub(crate) limits: Limits,
    uploads: Option<u32>,
    requests: Option<(NonZeroU32, Arc<DefaultDirectRateLimiter>)>,
}

impl TenantRules {
    /// Those of a configured tenant. A rate that stays keeps its count.
    fn new(tenant: Option<&Tenant>, before: &Self) -> Self {
        let Some(tenant) = tenant else {
            return Self::default();
        };
        let requests = tenant.requests_per_minute.and_then(NonZeroU32::new);
        Self {
            limits: limits(tenant),
            uploads: tenant.concurrent_uploads,
            requests: requests.map(|most| match &before.requests {
                Some((same, limiter)) if *same == most => (most, limiter.clone()),
                _ => (most, Arc::new(RateLimiter::direct(Quota::per_minute(most)))),
            }),
        }
    }

    /// How many of anything costly may be under way.
    pub(crate) fn at_once(&self) -> Option<u32> {
        self.uploads
    }

    /// Counts requests; `None` if they are not limited.
    pub(crate) fn requests(&self) -> Option<&DefaultDirectRateLimiter> {
        self.requests.as_ref().map(|(_, limiter)| &**limiter)
    }
}

impl Share {
    fn new(tenant: Option<&Tenant>) -> Self {
        Self {
            rules: RwLock::new(Arc::new(TenantRules::new(tenant, &TenantRules::default()))),
            under_way: Mutex::default(),
            last_recorded: Mutex::default(),
            ended: Notify::new(),
            uploads: Mutex::default(),
            turned: Notify::new(),
            noted: Mutex::default(),
        }
    }

    /// What holds now.
    pub(crate) fn rules(&self) -> Arc<TenantRules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn limit(&self, tenant: Option<&Tenant>) {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        *rules = Arc::new(TenantRules::new(tenant, &rules));
        drop(rules);
        self.ended.notify_waiters();
        self.turned.notify_waiters();
    }

    pub(crate) fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn uploads(&self) -> MutexGuard<'_, u32> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for one file, given back when it is dropped: by then the file is in the ledger or the journal, or there is
/// none.
pub(crate) struct HeldRoom {
    share: Arc<Share>,
    reservation: Option<Reservation>,
}

impl HeldRoom {
    pub(crate) fn new(share: Arc<Share>, reservation: Reservation) -> Self {
        Self {
            share,
            reservation: Some(reservation),
        }
    }

    /// Whether it is room for just this size, in this share.
    pub(crate) fn is_exactly(&self, share: &Arc<Share>, size: u64) -> bool {
        let reservation = self.reservation.as_ref();
        Arc::ptr_eq(&self.share, share) && reservation.is_some_and(|held| held.size() == size)
    }

    /// What is held in this share, to be exchanged for something else.
    pub(crate) fn into_reservation(mut self, share: &Arc<Share>) -> Option<Reservation> {
        if Arc::ptr_eq(&self.share, share) {
            return self.reservation.take();
        }
        None
    }
}

impl std::fmt::Debug for HeldRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Held").field(&self.reservation).finish()
    }
}

impl Drop for HeldRoom {
    fn drop(&mut self) {
        if let Some(reservation) = self.reservation.take() {
            self.share.under_way().end(reservation);
            self.share.ended.notify_waiters();
        }
    }
}

/// The right to one upload among those at once; given back when it is dropped.
pub(crate) struct UploadTurn(Arc<Share>);

impl UploadTurn {
    /// Takes one if there is one.
    pub(crate) fn take(share: &Arc<Share>) -> Option<Self> {
        let mut uploads = share.uploads();
        if share.rules().uploads.is_some_and(|most| *uploads >= most) {
            return None;
        }
        *uploads += 1;
        Some(Self(share.clone()))
    }
}

impl Drop for UploadTurn {
    fn drop(&mut self) {
        let mut uploads = self.0.uploads();
        *uploads = uploads.saturating_sub(1);
        drop(uploads);
        self.0.turned.notify_one();
    }
}

/// A tenant's limits on what is stored.
pub(crate) fn limits(tenant: &Tenant) -> Limits {
    Limits {
        max_count: tenant.max_files.map(u64::from),
        max_bytes: tenant.max_bytes.map(|size| size.0),
    }
}
