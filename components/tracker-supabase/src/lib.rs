//! The shared ledger: the `tracker` role of `loadlock:upload` over PostgREST, as Supabase serves it, in PostgreSQL.
//!
//! Every call of the contract is one call of a function that `migrations/` makes in the ledger's schema, and so one
//! transaction of the database: references are counted under row locks there, and gateways that share the ledger cannot
//! race. A table request with `resolution=ignore-duplicates` could not count, and would need a second request to tell a
//! row that was there from one that was not.
//!
//! Settings: `url`, the address of the REST interface (`https://PROJECT.supabase.co/rest/v1`), `schema` (`loadlock`),
//! and `gateway_url`, where clients reach this gateway, for other gateways to send them to. The key is the host's to
//! add: `apikey` and `Authorization` are credentials of the tracker.
//!
//! | module | job |
//! |---|---|
//! | `ledger` | one function for each of the tracker's calls |
//! | `coordination` | what gateways that share the ledger tell each other |
//! | `batches` | many beginnings and ends in one call |
//! | `rest` | a request and its answer |
//! | `problem` | what PostgREST's and PostgreSQL's codes mean here, and what the operator must do |
//! | `wire` | the forms of rows in JSON |
//! | `cursor` | where a page ended |

mod batches;
mod bindings;
mod coordination;
mod cursor;
mod ledger;
mod problem;
mod rest;
mod wire;

use batches::Batches;
use bindings::exports::loadlock::upload::batches as many;
use bindings::exports::loadlock::upload::coordination as together;
use bindings::exports::loadlock::upload::copies;
use bindings::exports::loadlock::upload::tracker::{
    DedupKey, FileRecord, Guest, ListQuery, Page, Recorded, Release, RemoteRow, RemoteState, RemotesPage, RemotesQuery,
    Totals, UsageRow,
};
use coordination::Coordination;
use ledger::Ledger;
use loadlock_sdk::types::Failure;

struct Component;

impl Guest for Component {
    fn open() -> Result<u32, Failure> {
        Ledger::from_settings()?.open()
    }

    fn find(key: DedupKey, now_ms: u64) -> Result<Option<RemoteRow>, Failure> {
        Ledger::from_settings()?.find(key, now_ms)
    }

    fn has_size(tenant: String, account: String, bytes: u64) -> Result<bool, Failure> {
        Ledger::from_settings()?.has_size(&tenant, &account, bytes)
    }

    fn record_many(files: Vec<FileRecord>) -> Result<Vec<Recorded>, Failure> {
        Ledger::from_settings()?.record_many(files)
    }

    fn reference(file: FileRecord) -> Result<Recorded, Failure> {
        Ledger::from_settings()?.reference(file)
    }

    fn get(tenant: String, id: String, now_ms: u64) -> Result<Option<FileRecord>, Failure> {
        Ledger::from_settings()?.get(&tenant, &id, now_ms)
    }

    fn list(query: ListQuery) -> Result<Page, Failure> {
        Ledger::from_settings()?.list(&query)
    }

    fn tombstone(tenant: String, id: String) -> Result<Release, Failure> {
        Ledger::from_settings()?.tombstone(&tenant, &id)
    }

    fn expire(now_ms: u64, limit: u32) -> Result<Vec<RemoteRow>, Failure> {
        Ledger::from_settings()?.expire(now_ms, limit)
    }

    fn forget(account: String, remote_id: String) -> Result<bool, Failure> {
        Ledger::from_settings()?.forget(&account, &remote_id)
    }

    fn observe(account: String, remote_id: String, state: RemoteState, now_ms: u64) -> Result<bool, Failure> {
        Ledger::from_settings()?.observe(&account, &remote_id, state, now_ms)
    }

    fn remote(account: String, remote_id: String) -> Result<Option<RemoteRow>, Failure> {
        Ledger::from_settings()?.remote(&account, &remote_id)
    }

    fn remotes(query: RemotesQuery) -> Result<RemotesPage, Failure> {
        Ledger::from_settings()?.remotes(&query)
    }

    fn stats(tenant: Option<String>) -> Result<Totals, Failure> {
        Ledger::from_settings()?.stats(tenant.as_deref())
    }

    fn usage() -> Result<Vec<UsageRow>, Failure> {
        Ledger::from_settings()?.usage()
    }
}

impl together::Guest for Component {
    fn beat(gateway: String, lease_ms: u64, states: Vec<together::ProviderState>) -> Result<together::News, Failure> {
        Coordination::from_settings()?.beat(&gateway, lease_ms, states)
    }

    fn acquire(
        gateway: String,
        lease_ms: u64,
        attempt: together::Attempt,
        limits: Option<together::Limits>,
        instead: Option<String>,
    ) -> Result<together::Acquired, Failure> {
        let instead = instead.as_deref();
        Coordination::from_settings()?.acquire(&gateway, lease_ms, attempt, limits, instead)
    }

    fn ended(gateway: String, ids: Vec<String>, lease_only: bool) -> Result<u64, Failure> {
        Coordination::from_settings()?.ended(&gateway, &ids, lease_only)
    }

    fn record_leased(gateway: String, files: Vec<FileRecord>) -> Result<Vec<together::LeasedRecord>, Failure> {
        Coordination::from_settings()?.record_leased(&gateway, files)
    }

    fn take_over(gateway: String, accounts: Vec<String>, limit: u32) -> Result<Vec<together::Attempt>, Failure> {
        Coordination::from_settings()?.take_over(&gateway, &accounts, limit)
    }

    fn resume(gateway: String, open: Vec<String>) -> Result<Vec<String>, Failure> {
        Coordination::from_settings()?.resume(&gateway, &open)
    }

    fn lost(gateway: String, ids: Vec<String>) -> Result<Vec<String>, Failure> {
        Coordination::from_settings()?.lost(&gateway, &ids)
    }

    fn others(gateway: String, after: Option<String>, limit: u32) -> Result<Vec<together::Attempt>, Failure> {
        Coordination::from_settings()?.others(&gateway, after.as_deref(), limit)
    }

    fn audit_counts(gateway: String, counts: Vec<together::AuditCount>) -> Result<u64, Failure> {
        Coordination::from_settings()?.audit_counts(&gateway, counts)
    }
}

impl many::Guest for Component {
    fn begin_many(
        gateway: String,
        lease_ms: u64,
        items: Vec<many::Beginning>,
    ) -> Result<Vec<Result<many::BegunItem, Failure>>, Failure> {
        Batches::from_settings()?.begin_many(&gateway, lease_ms, items)
    }

    fn end_many(gateway: String, items: Vec<many::Ending>) -> Result<Vec<Result<many::EndedItem, Failure>>, Failure> {
        Batches::from_settings()?.end_many(&gateway, items)
    }

    fn remove_many(gateway: String, items: Vec<many::Removal>) -> Result<Vec<Result<many::Removed, Failure>>, Failure> {
        Batches::from_settings()?.remove_many(&gateway, items)
    }
}

impl copies::Guest for Component {
    fn copies_of(tenant: String, ids: Vec<String>) -> Result<Vec<String>, Failure> {
        Ledger::from_settings()?.copies_of(&tenant, &ids)
    }
}

#[cfg(target_family = "wasm")]
bindings::export!(Component with_types_in bindings);
