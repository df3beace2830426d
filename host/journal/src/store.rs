//! The store: opened and verified, guarded against its own panics, reopened after a failure that allows it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use redb::{Builder, Database, Durability, ReadTransaction, ReadableDatabase, StorageBackend};

use crate::backend::{BackendHealth, Watched, named_slot};
use crate::change::Need;
use crate::error::JournalError;
use crate::place::{NAME, StorePlace, UNFINISHED};
use crate::schema::{JournalTables, migrate};

/// The store's page cache. Uploads touch the newest rows only; redb's default of 1 GiB would be the host's whole
/// budget.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Space that new uploads leave for the ends of those already on their way, and for a repair.
pub(crate) const RESERVE_BYTES: u64 = 16 * 1024 * 1024;

/// How a commit reaches the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phases {
    /// One sync. After a crash a last commit that does not verify counts as torn and is rolled back.
    One,
    /// Two syncs. The commit can no longer pass for a torn one, so damage to it is reported as corruption.
    Two,
}

/// Where the storage comes from.
#[derive(Debug)]
pub(crate) enum StoreSource {
    /// A directory: the store can be opened again after a failure.
    StorePlace(Box<dyn StorePlace>),
    /// A backend that was handed in, until it is used.
    Once(Mutex<Option<Box<dyn StorageBackend>>>),
}

#[derive(Debug)]
enum StoreSlot {
    Open(Database),
    Down(JournalError),
}

/// The open store.
#[derive(Debug)]
pub(crate) struct Store {
    source: StoreSource,
    health: Arc<BackendHealth>,
    rolled_back: Arc<AtomicBool>,
    slot: RwLock<StoreSlot>,
}

impl Store {
    /// Opens the store, creating and migrating as needed.
    pub(crate) fn open(source: StoreSource) -> Result<Self, JournalError> {
        let store = Self {
            source,
            health: Arc::default(),
            rolled_back: Arc::default(),
            slot: RwLock::new(StoreSlot::Down(JournalError::Closed)),
        };
        let database = store.database()?;
        *store.slot_mut() = StoreSlot::Open(database);
        Ok(store)
    }

    /// Syncs since the store was opened.
    pub(crate) fn syncs(&self) -> u64 {
        self.health.syncs()
    }

    /// Whether opening found the last commit torn and rolled it back.
    pub(crate) fn rolled_back(&self) -> bool {
        self.rolled_back.load(Ordering::Relaxed)
    }

    /// True if new uploads must be refused to leave room for the ends of the others.
    pub(crate) fn is_short_of_space(&self) -> bool {
        match &self.source {
            StoreSource::StorePlace(place) => place.free().is_some_and(|free| free < RESERVE_BYTES),
            StoreSource::Once(_) => false,
        }
    }

    /// Reads in one snapshot.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, JournalError> {
        let slot = self.slot.read().unwrap_or_else(PoisonError::into_inner);
        let StoreSlot::Open(database) = &*slot else {
            return Err(slot.reason());
        };
        guarded("reading the journal", || work(&database.begin_read()?))
            .map_err(|error| self.health.cause().unwrap_or(error))
    }

    /// Does something while nobody reads or changes the store: its file is then what a crash would leave.
    pub(crate) fn held_still<T>(&self, work: impl FnOnce() -> T) -> Result<T, JournalError> {
        let slot = self.slot_mut();
        match &*slot {
            StoreSlot::Open(_) => Ok(work()),
            StoreSlot::Down(_) => Err(slot.reason()),
        }
    }

    /// Changes in one transaction, committed as `work` answers. On an error nothing of it is certain, and the store
    /// is down until [`Self::revive`].
    pub(crate) fn write(
        &self,
        phases: Phases,
        work: impl FnOnce(&mut JournalTables<'_>) -> Result<Need, redb::Error>,
    ) -> Result<Need, JournalError> {
        let result = {
            let slot = self.slot.read().unwrap_or_else(PoisonError::into_inner);
            let StoreSlot::Open(database) = &*slot else {
                return Err(slot.reason());
            };
            guarded("changing the journal", || commit(database, phases, work))
        };
        result.map_err(|error| self.go_down(error))
    }

    /// Opens the store again if it is down for a reason that may have passed.
    pub(crate) fn revive(&self) -> Result<(), JournalError> {
        let mut slot = self.slot_mut();
        let StoreSlot::Down(reason) = &*slot else {
            return Ok(());
        };
        if !self.may_come_back(reason) {
            return Err(reason.clone());
        }
        match self.database() {
            Ok(database) => {
                *slot = StoreSlot::Open(database);
                Ok(())
            }
            Err(error) => {
                *slot = StoreSlot::Down(error.clone());
                Err(error)
            }
        }
    }

    /// Whether it is down and might be opened again now.
    pub(crate) fn is_worth_reviving(&self) -> bool {
        match &*self.slot.read().unwrap_or_else(PoisonError::into_inner) {
            StoreSlot::Down(reason) => self.may_come_back(reason),
            StoreSlot::Open(_) => false,
        }
    }

    /// Whether what took it down may have passed. Opening reads the whole store: not worth it while the answer is
    /// known.
    fn may_come_back(&self, reason: &JournalError) -> bool {
        let passes = match reason {
            JournalError::Full { .. } => !self.is_short_of_space(),
            JournalError::ReadOnly { .. } | JournalError::Io { .. } => true,
            _ => false,
        };
        passes && matches!(self.source, StoreSource::StorePlace(_))
    }

    /// Closes it: everything committed becomes durable, and the next open finds a clean store.
    pub(crate) fn close(&self) -> Result<(), JournalError> {
        let slot = std::mem::replace(&mut *self.slot_mut(), StoreSlot::Down(JournalError::Closed));
        match slot {
            StoreSlot::Open(database) => guarded("closing the journal", || Ok(database.close()?)),
            StoreSlot::Down(JournalError::Closed) => Ok(()),
            StoreSlot::Down(reason) => Err(reason),
        }
    }

    fn slot_mut(&self) -> std::sync::RwLockWriteGuard<'_, StoreSlot> {
        self.slot.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the store down and answers why.
    fn go_down(&self, error: JournalError) -> JournalError {
        // What the storage said first is the cause; the store's own error may only be an echo of it.
        let reason = self.health.take_failure().unwrap_or(error);
        let slot = std::mem::replace(&mut *self.slot_mut(), StoreSlot::Down(reason.clone()));
        // Dropping a database whose storage failed closes it without writing.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(slot)));
        let _ = self.health.take_failure();
        reason
    }

    fn database(&self) -> Result<Database, JournalError> {
        let result = self.database_unexplained();
        match (result, self.health.take_failure()) {
            (Err(_), Some(cause)) => Err(cause),
            (result, _) => result,
        }
    }

    fn database_unexplained(&self) -> Result<Database, JournalError> {
        match &self.source {
            StoreSource::Once(backend) => {
                let backend = backend.lock().unwrap_or_else(PoisonError::into_inner).take();
                self.verified(backend.ok_or(JournalError::Closed)?)
            }
            StoreSource::StorePlace(place) => {
                let io = |error: std::io::Error| JournalError::from_io(&error, "opening the journal");
                if let Some(backend) = place.open(NAME).map_err(io)? {
                    // Only a complete store ever gets the name, so an empty one lost its content. redb would make a
                    // new store of it.
                    if backend.len().map_err(io)? == 0 {
                        return Err(JournalError::corrupt("the file is empty"));
                    }
                    // A crash may have come between the rename and this.
                    place.sync().map_err(io)?;
                    return self.verified(backend);
                }
                // redb's first writes to an empty file are not atomic: make the store aside, then name it.
                place.remove(UNFINISHED).map_err(io)?;
                let made = self.verified(place.create(UNFINISHED).map_err(io)?)?;
                guarded("creating the journal", || Ok(made.close()?))?;
                place.rename(UNFINISHED, NAME).map_err(io)?;
                place.sync().map_err(io)?;
                match place.open(NAME).map_err(io)? {
                    Some(backend) => self.verified(backend),
                    None => Err(JournalError::Io {
                        what: "the journal vanished while it was created".into(),
                    }),
                }
            }
        }
    }

    /// Opens a backend, verifies every page's checksum, and migrates.
    fn verified(&self, backend: Box<dyn StorageBackend>) -> Result<Database, JournalError> {
        let named = named_slot(&*backend);
        let _ = self.health.take_chosen_slot();
        let watched = Watched::new(backend, self.health.clone());
        let rolled_back = self.rolled_back.clone();
        let (database, migrated) = guarded("opening the journal", || {
            let mut builder = Builder::new();
            builder.set_cache_size(CACHE_BYTES);
            // Without it redb trusts a store that was shut down cleanly, and may panic or answer wrongly from a
            // damaged one. It also makes redb's quick repair useless, which is therefore not paid for at each commit.
            builder.set_check_integrity_on_open(true);
            // redb announces 0.3 exactly when the primary commit did not verify and it is about to fall back.
            builder.set_repair_callback(move |session| {
                if (0.2..0.5).contains(&session.progress()) {
                    rolled_back.store(true, Ordering::Relaxed);
                }
            });
            let database = builder.create_with_backend(watched)?;
            let transaction = database.begin_write()?;
            let migrated = migrate(&transaction)?;
            match &migrated {
                Ok(true) => transaction.commit()?,
                Ok(false) | Err(_) => transaction.abort()?,
            }
            Ok((database, migrated))
        })?;
        // A damaged slot is passed over before redb announces anything.
        if let (Some(named), Some(chosen)) = (named, self.health.take_chosen_slot())
            && named != chosen
        {
            self.rolled_back.store(true, Ordering::Relaxed);
        }
        migrated.map(|_| database)
    }
}

impl StoreSlot {
    fn reason(&self) -> JournalError {
        match self {
            Self::Open(_) => JournalError::Closed,
            Self::Down(reason) => reason.clone(),
        }
    }
}

fn commit(
    database: &Database,
    phases: Phases,
    work: impl FnOnce(&mut JournalTables<'_>) -> Result<Need, redb::Error>,
) -> Result<Need, redb::Error> {
    let mut transaction = database.begin_write()?;
    let need = work(&mut JournalTables::open(&transaction)?)?;
    let durability = match need {
        Need::Nothing => {
            transaction.abort()?;
            return Ok(need);
        }
        Need::Lazy => Durability::None,
        Need::Durable => Durability::Immediate,
    };
    transaction
        .set_durability(durability)
        .map_err(|error| redb::Error::Corrupted(error.to_string()))?;
    transaction.set_two_phase_commit(phases == Phases::Two);
    transaction.commit()?;
    Ok(need)
}

/// Runs work on the store. redb may panic on pages that were damaged after they were verified: that is corruption, and
/// must not take the host down.
fn guarded<T>(doing: &str, work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, JournalError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| JournalError::from_store(error, doing)),
        Err(panic) => {
            let why = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            Err(JournalError::corrupt(format!("{doing}: the store panicked: {why}")))
        }
    }
}

#[cfg(test)]
impl Store {
    /// Goes down as after a failed write.
    pub(crate) fn fail(&self) -> JournalError {
        self.go_down(JournalError::Io {
            what: "injected".into(),
        })
    }

    /// Changes anything.
    pub(crate) fn raw(&self, work: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>) {
        let slot = self.slot_mut();
        if let StoreSlot::Open(database) = &*slot {
            let done = database
                .begin_write()
                .map_err(redb::Error::from)
                .and_then(|transaction| {
                    work(&transaction)?;
                    Ok(transaction.commit()?)
                });
            assert!(done.is_ok(), "{done:?}");
        }
    }
}
