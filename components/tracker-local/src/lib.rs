//! The embedded ledger: the `tracker` role of `loadlock:upload` over redb, in the component's own writable preopen.
//!
//! Every call is one transaction, synced before it returns. Reference counts, totals and indexes are kept in the same
//! transaction as the rows, so that no call scans a table to count and none slows down as the ledger grows.
//!
//! | module | job |
//! |---|---|
//! | `place` | the file in the preopen; creating it so that a crash leaves a whole ledger or none |
//! | `storage` | the file, by the host |
//! | `gather` | writes that wait for the next sync |
//! | `ledger` | the open store: transactions, migration |
//! | `schema` | the tables and what each is for |
//! | `rows` | the stored form of files and remote files |
//! | `record` | taking references |
//! | `release` | giving them back |
//! | `sightings` | what the vendor was seen to hold |
//! | `tally` | totals, kept by addition |
//! | `read`, `list` | lookups; pages and cursors |
//! | `error` | what can go wrong, in the contract's words |

mod bindings;
mod error;
mod gather;
mod ledger;
mod list;
mod place;
mod read;
mod record;
mod release;
mod rows;
mod schema;
mod sightings;
mod storage;
mod tally;
#[cfg(test)]
mod tests;

use bindings::exports::loadlock::upload::copies;
use bindings::exports::loadlock::upload::tracker::{
    DedupKey, Failure, FileRecord, Guest, ListQuery, Page, Recorded, Release, RemoteRow, RemoteState, RemotesPage,
    RemotesQuery, Totals, UsageRow,
};
use error::LedgerError;
use ledger::Ledger;
use place::Check;
use std::sync::{Mutex, PoisonError};

/// The one ledger of this instance. `None` until `open`, and after a storage error until the next call opens it again.
static LEDGER: Mutex<Slot> = Mutex::new(Slot {
    opened: false,
    check: Check::Small,
    ledger: None,
});

struct Slot {
    opened: bool,
    check: Check,
    ledger: Option<Ledger>,
}

struct Component;

/// Runs one operation on the open ledger.
fn with<T>(operation: impl FnOnce(&Ledger) -> Result<T, LedgerError>) -> Result<T, Failure> {
    let mut slot = LEDGER.lock().unwrap_or_else(PoisonError::into_inner);
    if !slot.opened {
        return Err(LedgerError::NotOpen.into());
    }
    let outcome = match &slot.ledger {
        Some(ledger) => operation(ledger),
        None => {
            let opened = place::open(slot.check)?;
            operation(slot.ledger.insert(opened))
        }
    };
    outcome.map_err(|error| {
        if error.is_storage() {
            // redb refuses everything after a failed write; opening again repairs it.
            slot.ledger = None;
        }
        error.into()
    })
}

impl Guest for Component {
    fn open() -> Result<u32, Failure> {
        let mut slot = LEDGER.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.opened {
            // Called again, it checks all of the ledger; one that was found damaged is never opened without.
            slot.check = Check::Whole;
            slot.ledger = None;
        }
        slot.opened = true;
        slot.ledger = Some(place::open(slot.check)?);
        slot.check = Check::Small;
        Ok(schema::VERSION)
    }

    fn find(key: DedupKey, now_ms: u64) -> Result<Option<RemoteRow>, Failure> {
        with(|ledger| ledger.find(&key, now_ms))
    }

    fn has_size(tenant: String, account: String, bytes: u64) -> Result<bool, Failure> {
        with(|ledger| ledger.has_size(&tenant, &account, bytes))
    }

    fn record_many(files: Vec<FileRecord>) -> Result<Vec<Recorded>, Failure> {
        with(|ledger| ledger.record_many(&files))
    }

    fn reference(file: FileRecord) -> Result<Recorded, Failure> {
        with(|ledger| ledger.reference(&file))
    }

    fn get(tenant: String, id: String, now_ms: u64) -> Result<Option<FileRecord>, Failure> {
        with(|ledger| ledger.get(&tenant, &id, now_ms))
    }

    fn list(query: ListQuery) -> Result<Page, Failure> {
        with(|ledger| ledger.list(&query))
    }

    fn tombstone(tenant: String, id: String) -> Result<Release, Failure> {
        with(|ledger| ledger.tombstone(&tenant, &id))
    }

    fn expire(now_ms: u64, limit: u32) -> Result<Vec<RemoteRow>, Failure> {
        with(|ledger| ledger.expire(now_ms, limit))
    }

    fn forget(account: String, remote_id: String) -> Result<bool, Failure> {
        with(|ledger| ledger.forget(&account, &remote_id))
    }

    fn observe(account: String, remote_id: String, state: RemoteState, now_ms: u64) -> Result<bool, Failure> {
        with(|ledger| ledger.observe(&account, &remote_id, state, now_ms))
    }

    fn remote(account: String, remote_id: String) -> Result<Option<RemoteRow>, Failure> {
        with(|ledger| ledger.remote(&account, &remote_id))
    }

    fn remotes(query: RemotesQuery) -> Result<RemotesPage, Failure> {
        with(|ledger| ledger.remotes(&query))
    }

    fn stats(tenant: Option<String>) -> Result<Totals, Failure> {
        with(|ledger| ledger.stats(tenant.as_deref()))
    }

    fn usage() -> Result<Vec<UsageRow>, Failure> {
        with(Ledger::usage)
    }
}

impl copies::Guest for Component {
    fn copies_of(tenant: String, ids: Vec<String>) -> Result<Vec<String>, Failure> {
        with(|ledger| ledger.copies_of(&tenant, &ids))
    }
}

#[cfg(target_family = "wasm")]
bindings::export!(Component with_types_in bindings);
