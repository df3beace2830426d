//! The tracker: one long-lived instance with a directory of its own.

use std::sync::Arc;

use loadlock_policy::model::Failure;
use serde::{Deserialize, Serialize};
use wasmtime::Store;

use crate::bindings::tracker::{TrackerComponent, TrackerComponentPre};
use crate::component::{Sandbox, Source};
use crate::contract::{v0_1, v0_1_tracker as wit};
use crate::egress::Network;
use crate::error::{CallError, LoadError};
use crate::inspect::{Inspection, Role};
use crate::limits::Limits;
use crate::roles::actor::Actor;
use crate::roles::live::Recipe;
use crate::state::CallState;

/// Identity of content at a vendor account; see `dedup-key` in `wit/tracker.wit`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DedupKey {
    /// Whose.
    pub tenant: String,
    /// Provider account.
    pub account: String,
    /// The vendor's purpose.
    pub purpose: String,
    /// What besides the bytes decides the vendor's treatment.
    pub treatment: String,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// One logical file and the remote file behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Our id.
    pub id: String,
    /// Whose content where.
    pub key: DedupKey,
    /// Display name.
    pub filename: String,
    /// Bytes.
    pub bytes: u64,
    /// Media type.
    pub media_type: String,
    /// Configured name of the provider.
    pub provider: String,
    /// The vendor's id.
    pub remote_id: String,
    /// Shares a remote file that an earlier upload stored.
    pub deduplicated: bool,
    /// Attempts; 0 for a dedup hit.
    pub attempts: u32,
    /// Milliseconds since 1970.
    pub created_at_ms: u64,
    /// Milliseconds since 1970.
    pub expires_at_ms: Option<u64>,
}

/// State of a remote row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemoteState {
    /// Usable.
    Live,
    /// Its last reference went; the vendor has not confirmed yet.
    Dying,
    /// The vendor lost it.
    Missing,
}

/// One file at one vendor account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteRow {
    /// Provider account.
    pub account: String,
    /// Configured name of the provider.
    pub provider: String,
    /// The vendor's id.
    pub remote_id: String,
    /// The key that stored it.
    pub key: DedupKey,
    /// Bytes.
    pub bytes: u64,
    /// Media type.
    pub media_type: String,
    /// State.
    pub state: RemoteState,
    /// Files that refer to it, over all tenants.
    pub references: u64,
    /// Milliseconds since 1970.
    pub created_at_ms: u64,
    /// When the vendor was last seen to hold it, milliseconds since 1970.
    pub verified_at_ms: u64,
    /// Milliseconds since 1970.
    pub expires_at_ms: Option<u64>,
}

/// What became of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// Inserted.
    Inserted,
    /// That id was there already.
    Existing,
    /// No reference can be taken: the remote file is dying or missing.
    RemoteNotLive,
}

/// What became of a released file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// The tenant has no such file.
    NotFound,
    /// Gone; so many others remain.
    Released(u64),
    /// Gone, and it was the last.
    Last(Box<RemoteRow>),
}

/// Which files to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesQuery {
    /// Whose.
    pub tenant: String,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// 1 to 10,000.
    pub limit: u32,
    /// Only this purpose.
    pub purpose: Option<String>,
    /// Oldest first.
    pub ascending: bool,
    /// Now, milliseconds since 1970.
    pub now_ms: u64,
}

/// Which remote rows to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemotesQuery {
    /// Only this account.
    pub account: Option<String>,
    /// Only this state.
    pub state: Option<RemoteState>,
    /// Only rows that expired before this instant, milliseconds since 1970.
    pub expired_before_ms: Option<u64>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// 1 to 10,000.
    pub limit: u32,
}

/// A page of anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// In the query's order.
    pub items: Vec<T>,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// Totals of live rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Logical files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Live remote files.
    pub remotes: u64,
    /// Their bytes.
    pub remote_bytes: u64,
    /// Remote files to be deleted.
    pub dying: u64,
    /// Remote files that the vendor lost.
    pub missing: u64,
    /// Version of the store's layout.
    pub schema_version: u32,
}

/// Use of one account and purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountUsage {
    /// Provider account.
    pub account: String,
    /// The vendor's purpose.
    pub purpose: String,
    /// Live remote files.
    pub remotes: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What the operator gives the tracker.
#[derive(Debug, Default)]
pub struct TrackerGrants {
    /// Settings, handed over as `LOADLOCK_SETTING_<NAME>`.
    pub settings: Vec<(String, String)>,
    /// Its own directory, seen as `/state`.
    pub state: Option<Arc<std::fs::File>>,
    /// What it may reach.
    pub network: Network,
    /// What one call may use.
    pub limits: Limits,
}

/// A loaded tracker. Cheap to clone.
#[derive(Clone)]
pub struct Tracker {
    actor: Actor<TrackerComponent>,
    inspection: Arc<Inspection>,
}

/// A tracker's answer: the call's own failure outside, the tracker's inside.
pub type Answer<T> = Result<Result<T, Failure>, CallError>;

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty => $pass:expr),*) -> $out:ty = $call:ident, $convert:expr;)*) => {
        impl Tracker {
            $($(#[$doc])*
            ///
            /// # Errors
            /// [`CallError`] if there is no answer.
            pub async fn $name(&self, $($arg: $ty),*) -> Answer<$out> {
                let answer = self.actor.ask(move |bindings: &TrackerComponent, store: &mut Store<CallState>| {
                    Box::pin(async move {
                        bindings.loadlock_upload_tracker().$call(store, $($pass),*).await
                    })
                }, v0_1::failure).await?;
                Ok(answer.map($convert))
            })*
        }
    };
}

calls! {
    /// Checks all that is stored, where the store can: the contract's second `open`.
    verify() -> u32
        = call_open, |version| version;
    /// The live, unexpired remote file for a key.
    find(key: DedupKey => &wit::key(&key), now_ms: u64 => now_ms) -> Option<RemoteRow>
        = call_find, |row| row.map(wit::remote_row);
    /// Whether a live remote file of this tenant and account has this size.
    has_size(tenant: String => &tenant, account: String => &account, bytes: u64 => bytes) -> bool
        = call_has_size, |found| found;
    /// Records files in order, in one transaction.
    record_many(files: Vec<FileRecord> => &files.iter().map(wit::file_record).collect::<Vec<_>>()) -> Vec<Recorded>
        = call_record_many, |all| all.into_iter().map(wit::recorded).collect();
    /// Records one file over a remote row that must be live.
    reference(file: FileRecord => &wit::file_record(&file)) -> Recorded
        = call_reference, wit::recorded;
    /// One file of a tenant.
    get(tenant: String => &tenant, id: String => &id, now_ms: u64 => now_ms) -> Option<FileRecord>
        = call_get, |file| file.map(wit::from_file_record);
    /// A tenant's files.
    list(query: FilesQuery => &wit::files_query(&query)) -> Page<FileRecord>
        = call_list, wit::files_page;
    /// Removes a file and its reference.
    tombstone(tenant: String => &tenant, id: String => &id) -> Release
        = call_tombstone, wit::release;
    /// Tombstones expired files; answers the remote rows that are dying because of it.
    expire(now_ms: u64 => now_ms, limit: u32 => limit) -> Vec<RemoteRow>
        = call_expire, |rows| rows.into_iter().map(wit::remote_row).collect();
    /// Drops a dying or missing remote row.
    forget(account: String => &account, remote_id: String => &remote_id) -> bool
        = call_forget, |found| found;
    /// Notes that the vendor was seen to hold or to have lost a remote file.
    observe(account: String => &account, remote_id: String => &remote_id, state: RemoteState => wit::to_state(state), now_ms: u64 => now_ms) -> bool
        = call_observe, |found| found;
    /// The remote row of an account and id, in whatever state.
    remote(account: String => &account, remote_id: String => &remote_id) -> Option<RemoteRow>
        = call_remote, |row| row.map(wit::remote_row);
    /// Remote rows over all tenants.
    remotes(query: RemotesQuery => &wit::remotes_query(&query)) -> Page<RemoteRow>
        = call_remotes, wit::remotes_page;
    /// Totals.
    stats(tenant: Option<String> => tenant.as_deref()) -> Stats
        = call_stats, wit::stats;
    /// Use by account and purpose.
    usage() -> Vec<AccountUsage>
        = call_usage, |all| all.into_iter().map(wit::usage).collect();
}

impl Tracker {
    /// Loads a tracker component. Its store is opened by the first call.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn load(sandbox: &Sandbox, source: &Source, grants: TrackerGrants) -> Result<Self, LoadError> {
        let loaded = sandbox.load(source, Role::Tracker, &grants.limits).await?;
        let pre = TrackerComponentPre::new(loaded.pre.clone()).map_err(|error| LoadError::Contract {
            name: source.name.clone(),
            detail: format!("{error:#}"),
        })?;
        let inspection = loaded.inspection.clone();
        let environment = crate::roles::environment(&grants.settings);
        let actor = Actor::spawn(Recipe {
            loaded,
            limits: grants.limits,
            environment,
            state: grants.state,
            network: grants.network,
            start: Box::new(move |store| {
                let pre = pre.clone();
                Box::pin(async move {
                    let bindings = pre.instantiate_async(&mut *store).await?;
                    let opened = bindings.loadlock_upload_tracker().call_open(store).await?;
                    Ok(opened
                        .map(|_| bindings)
                        .map_err(|failure| CallError::NotReady(Box::new(v0_1::failure(failure)))))
                })
            }),
        })
        .map_err(|error| LoadError::Read {
            path: source.name.clone().into(),
            source: error,
        })?;
        Ok(Self { actor, inspection })
    }

    /// Opens its store, if it is not open yet.
    ///
    /// # Errors
    /// [`CallError::NotReady`] with what the component says is in the way.
    pub async fn ready(&self) -> Result<(), CallError> {
        self.actor
            .call(|_: &TrackerComponent, _: &mut Store<CallState>| Box::pin(async { Ok(()) }))
            .await
    }

    /// What the component says about itself.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }
}
