//! The tracker: one long-lived instance with a directory of its own.

use std::sync::Arc;

use loadlock_policy::model::{Failure, Role};

use crate::component::{Sandbox, Source};
use crate::contract::calls::TrackerCalls;
use crate::egress::Network;
use crate::error::{CallError, LoadError};
use crate::inspect::Inspection;
use crate::limits::Limits;
use crate::roles::actor::Actor;
use crate::roles::ledger::store_actor;

pub use crate::model::tracker::{
    AccountUsage, FileRecord, FilesQuery, LedgerPage, LedgerStats, Recorded, Release, RemoteRow, RemoteState,
    RemotesQuery,
};
pub use loadlock_policy::model::DedupKey;

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
    actor: Actor<Box<dyn TrackerCalls>>,
    inspection: Arc<Inspection>,
}

/// A tracker's answer: the call's own failure outside, the tracker's inside.
pub type Answer<T> = Result<Result<T, Failure>, CallError>;

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => {
        impl Tracker {
            $($(#[$doc])*
            ///
            /// # Errors
            /// [`CallError`] if there is no answer.
            pub async fn $name(&self, $($arg: $ty),*) -> Answer<$out> {
                self.actor.ask(move |calls, store| calls.$name(store, $($arg),*)).await
            })*
        }
    };
}

calls! {
    /// The live, unexpired remote file for a key.
    find(key: DedupKey, now_ms: u64) -> Option<RemoteRow>;
    /// Whether a live remote file of this tenant and account has this size.
    has_size(tenant: String, account: String, bytes: u64) -> bool;
    /// Records files in order, in one transaction.
    record_many(files: Vec<FileRecord>) -> Vec<Recorded>;
    /// Records one file over a remote row that must be live.
    reference(file: FileRecord) -> Recorded;
    /// One file of a tenant.
    get(tenant: String, id: String, now_ms: u64) -> Option<FileRecord>;
    /// A tenant's files.
    list(query: FilesQuery) -> LedgerPage<FileRecord>;
    /// Removes a file and its reference.
    tombstone(tenant: String, id: String) -> Release;
    /// Tombstones expired files; answers the remote rows that are dying because of it.
    expire(now_ms: u64, limit: u32) -> Vec<RemoteRow>;
    /// Drops a dying or missing remote row.
    forget(account: String, remote_id: String) -> bool;
    /// Notes that the vendor was seen to hold or to have lost a remote file.
    observe(account: String, remote_id: String, state: RemoteState, now_ms: u64) -> bool;
    /// The remote row of an account and id, in whatever state.
    remote(account: String, remote_id: String) -> Option<RemoteRow>;
    /// Remote rows over all tenants.
    remotes(query: RemotesQuery) -> LedgerPage<RemoteRow>;
    /// Ids of the tenant's files that are copies of these; `None` if the tracker finds none.
    copies_of(tenant: String, ids: Vec<String>) -> Option<Vec<String>>;
    /// Totals.
    stats(tenant: Option<String>) -> LedgerStats;
    /// Use by account and purpose.
    usage() -> Vec<AccountUsage>;
}

impl Tracker {
    /// Loads a tracker component. Its store is opened by the first call.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn load(sandbox: &Sandbox, source: &Source, grants: TrackerGrants) -> Result<Self, LoadError> {
        let loaded = sandbox.load(source, Role::Tracker, &grants.limits).await?;
        let instantiate = loaded.bind(Role::Tracker.interface(), |contract| contract.tracker)?;
        let inspection = loaded.inspection.clone();
        let actor = store_actor(source, loaded, grants.limits.clone(), &grants, instantiate)?;
        Ok(Self { actor, inspection })
    }

    /// Checks all that is stored, where the store can: the contract's second `open`.
    ///
    /// # Errors
    /// [`CallError`] if there is no answer.
    pub async fn verify(&self) -> Answer<()> {
        self.actor.ask(move |calls, store| calls.open(store)).await
    }

    /// Does something, such as copying its directory, between two calls: no transaction of it is under way then, and
    /// the next call waits. On the thread of the instance, so it may block.
    ///
    /// # Errors
    /// [`CallError::Host`] if that thread has ended.
    pub async fn held_still<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CallError> {
        self.actor.between(work).await
    }

    /// Opens its store, if it is not open yet.
    ///
    /// # Errors
    /// [`CallError::NotReady`] with what the component says is in the way.
    pub async fn ready(&self) -> Result<(), CallError> {
        self.actor.call(|_, _| Box::pin(async { Ok(()) })).await
    }

    /// Another instance has heard from the ledger: this one asks it again, whatever it was told before.
    pub async fn answers_again(&self) {
        // Nobody can be told if its thread has ended, and whoever asks next hears of that.
        let _ = self.actor.answers_again().await;
    }

    /// What the component says about itself.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }
}
