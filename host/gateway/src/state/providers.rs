//! All providers, and which generation of each is asked.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use loadlock_journal::Journal;
use tokio::sync::watch;

use super::out_of_service::OutOfService;
use super::places::Places;
use super::provider::ProviderUnit;
use super::statuses::Statuses;
use crate::clock::Clock;
use crate::error::{Error, ErrorCode, Result};

/// The providers at one moment, in the order of the configuration.
#[derive(Clone, Default)]
pub(crate) struct ProviderSet {
    /// Those that are in service.
    pub(crate) units: Vec<Arc<ProviderUnit>>,
    pub(crate) out_of_service: Vec<Arc<OutOfService>>,
}

/// All providers.
pub(crate) struct ProviderUnits {
    set: RwLock<Arc<ProviderSet>>,
    /// Every generation that is loaded, those included that drain.
    loaded: Mutex<Vec<Weak<ProviderUnit>>>,
    /// Told whenever the set changes.
    changed: watch::Sender<()>,
    /// Uploads that may be under way at once, at all of them together.
    pub(crate) permits: Places,
    /// Those of them that may be held while the body is still coming: half.
    pub(crate) arriving: Places,
    /// Files that are not ready at their vendors.
    pub(crate) statuses: Statuses,
}

impl ProviderUnits {
    pub(crate) fn new(set: ProviderSet, concurrency: u32) -> Self {
        Self {
            loaded: Mutex::new(set.units.iter().map(Arc::downgrade).collect()),
            set: RwLock::new(Arc::new(set)),
            changed: watch::Sender::new(()),
            permits: Places::new(concurrency),
            arriving: Places::new(concurrency / 2),
            statuses: Statuses::default(),
        }
    }

    /// Breakers and probes as the last process left them.
    pub(crate) fn restore(&self, journal: &Journal, clock: &Clock) {
        for unit in self.iter() {
            unit.restore(journal, clock);
        }
    }

    /// The providers at this moment.
    pub(crate) fn now(&self) -> Arc<ProviderSet> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those that are in service at this moment.
    pub(crate) fn iter(&self) -> std::vec::IntoIter<Arc<ProviderUnit>> {
        self.now().units.clone().into_iter()
    }

    /// Told whenever a generation takes another one's place, and when providers come and go.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Puts other providers in the place of those that there are. Whoever holds one of these goes on with it. One
    /// change at a time: the caller has the turn to change.
    pub(crate) fn replace(&self, set: ProviderSet) {
        self.exchange(|_| Some(set));
    }

    /// Puts a generation in the place of the one that is there; nothing happens if another one than `instead_of` is.
    pub(crate) fn put(&self, instead_of: &Arc<ProviderUnit>, unit: Arc<ProviderUnit>) -> bool {
        self.exchange(|now| {
            let at = now.units.iter().position(|one| Arc::ptr_eq(one, instead_of))?;
            let mut set = now.clone();
            *set.units.get_mut(at)? = unit;
            Some(set)
        })
    }

    fn exchange(&self, change: impl FnOnce(&ProviderSet) -> Option<ProviderSet>) -> bool {
        {
            let mut set = self.set.write().unwrap_or_else(PoisonError::into_inner);
            let Some(next) = change(&set) else {
                return false;
            };
            for unit in &set.units {
                unit.is_draining.store(true, Ordering::Relaxed);
                // Whoever watches a provider that was removed learns of it.
                unit.health.reported.notify_one();
            }
            let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
            loaded.retain(|one| one.strong_count() > 0);
            for unit in &next.units {
                unit.is_draining.store(false, Ordering::Relaxed);
                unit.health.permits.resize(unit.concurrency);
                unit.health.arriving.resize(unit.concurrency / 2);
                let unit = Arc::downgrade(unit);
                if !loaded.iter().any(|one| one.ptr_eq(&unit)) {
                    loaded.push(unit);
                }
            }
            *set = Arc::new(next);
        }
        self.changed.send_replace(());
        true
    }

    /// Every generation of a provider that is loaded, the oldest first.
    pub(crate) fn generations(&self, name: &str) -> Vec<Arc<ProviderUnit>> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let living = loaded.iter().filter_map(Weak::upgrade);
        living.filter(|unit| unit.name == name).collect()
    }

    /// The generation that an attempt is made with that was planned for this one: the newest, unless that cannot stand
    /// in for it.
    pub(crate) fn newest(&self, planned: &Arc<ProviderUnit>) -> Arc<ProviderUnit> {
        let set = self.now();
        let newest = set.units.iter().find(|unit| unit.name == planned.name);
        let fits = |unit: &&Arc<ProviderUnit>| Arc::ptr_eq(unit, planned) || unit.stands_in_for(planned);
        newest.filter(fits).unwrap_or(planned).clone()
    }

    /// The provider that can be asked about what was stored at this account: the one of this name, or another of the
    /// same account. One that has another account by now knows nothing of it, and its "not found" would say nothing.
    pub(crate) fn at_account(&self, name: &str, account: &str) -> Option<Arc<ProviderUnit>> {
        let set = self.now();
        let mut of_account = set.units.iter().filter(|unit| unit.account == account);
        let first = of_account.clone().next();
        of_account.find(|unit| unit.name == name).or(first).cloned()
    }

    /// A configured provider that could not be made ready.
    pub(crate) fn out_of_service(&self, name: &str) -> Option<Arc<OutOfService>> {
        self.now().out_of_service.iter().find(|one| one.name == name).cloned()
    }

    /// # Errors
    /// [`ErrorCode::ProviderUnknown`], [`ErrorCode::ProviderOutOfService`].
    pub(crate) fn named(&self, name: &str) -> Result<Arc<ProviderUnit>> {
        let set = self.now();
        let unit = set.units.iter().find(|unit| unit.name == name).cloned();
        unit.ok_or_else(|| {
            if let Some(one) = set.out_of_service.iter().find(|one| one.name == name) {
                return one.refusal();
            }
            let units = set.units.iter().map(|unit| &unit.name);
            let all = units.chain(set.out_of_service.iter().map(|one| &one.name));
            let names: Vec<_> = all.map(|name| format!("`{name}`")).collect();
            Error::new(ErrorCode::ProviderUnknown, format!("there is no provider `{name}`"))
                .hint(format!("configured are {}", names.join(", ")))
        })
    }
}
