//! What roles call: one trait for each interface of the contract, in the internal model. A version of the contract
//! implements them for its bindings; nothing above knows which version a component speaks.

use std::sync::Arc;

use futures::future::BoxFuture;
use loadlock_policy::model::{
    ContentInfo, DedupKey, Deletion, Failure, Profile, RemoteFile, RemotePage, RemoteRef, ValidationRules,
};
use wasmtime::Store;
use wasmtime::component::InstancePre;

use crate::model::auth::{AuthPolicy, Denial, Identified};
use crate::model::batches::{Beginning, BegunItem, Each, Ended, Ending, Removal, Removed};
use crate::model::coordination::{Acquired, Attempt, AuditCount, Leased, News, ProviderState, TenantLimits};
use crate::model::provider::{FileDescription, ListQuery, LostUpload, UploadOptions};
use crate::model::tracker::{
    AccountUsage, FileRecord, FilesQuery, LedgerPage, LedgerStats, Recorded, Release, RemoteRow, RemoteState,
    RemotesQuery,
};
use crate::model::validator::{FileCandidate, FileRefusal, ValidatedFile};
use crate::state::CallState;

/// A call into an instance; an error is a trap or a limit.
pub(crate) type Called<'s, T> = BoxFuture<'s, wasmtime::Result<T>>;
/// A call that the component may answer with a failure.
pub(crate) type Answered<'s, T> = Called<'s, Result<T, Failure>>;
/// Makes instances of one component.
pub(crate) type Instantiate<B> = Arc<dyn for<'s> Fn(&'s mut Store<CallState>) -> Called<'s, Box<B>> + Send + Sync>;
/// Checks a component's types against one interface.
pub(crate) type Bind<B> = fn(InstancePre<CallState>) -> wasmtime::Result<Instantiate<B>>;

/// One version of the contract: how a component of each role is bound.
pub(crate) struct Contract {
    /// As in the component's exports, for example `0.2.0`.
    pub(crate) version: &'static str,
    pub(crate) provider: Bind<dyn ProviderCalls>,
    pub(crate) tracker: Bind<dyn TrackerCalls>,
    pub(crate) coordination: Bind<dyn CoordinationCalls>,
    pub(crate) batches: Bind<dyn BatchCalls>,
    pub(crate) validator: Bind<dyn ValidatorCalls>,
    pub(crate) auth: Bind<dyn AuthCalls>,
}

/// An instance of a provider.
pub(crate) trait ProviderCalls: Send + Sync {
    /// What the provider takes. Not checked.
    fn profile<'s>(&'s self, store: &'s mut Store<CallState>) -> Answered<'s, Profile>;
    /// Uploads the file that the component sees at `path`.
    fn upload<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        file: &FileDescription,
        path: String,
        options: &UploadOptions,
    ) -> Answered<'s, RemoteFile>;
    /// Finds a lost upload by the id that was chosen for it; versions before 0.2 have no such call.
    fn locate<'s>(&'s self, store: &'s mut Store<CallState>, upload: &LostUpload) -> Answered<'s, RemoteFile>;
    /// Looks one remote file up.
    fn stat<'s>(&'s self, store: &'s mut Store<CallState>, remote: &RemoteRef) -> Answered<'s, RemoteFile>;
    /// One page of the account's files.
    fn list<'s>(&'s self, store: &'s mut Store<CallState>, query: &ListQuery) -> Answered<'s, RemotePage>;
    /// Deletes one remote file.
    fn delete<'s>(&'s self, store: &'s mut Store<CallState>, remote: &RemoteRef) -> Answered<'s, Deletion>;
    /// Writes the content to standard output.
    fn content<'s>(&'s self, store: &'s mut Store<CallState>, remote: &RemoteRef) -> Answered<'s, ContentInfo>;
    /// Asks the vendor for something cheap.
    fn probe<'s>(&'s self, store: &'s mut Store<CallState>) -> Answered<'s, String>;
}

/// An instance of a tracker, whichever of its interfaces is called.
pub(crate) trait OpensStore: Send + Sync {
    /// Opens its store.
    fn open<'s>(&'s self, store: &'s mut Store<CallState>) -> Answered<'s, ()>;
}

/// An instance of a tracker.
pub(crate) trait TrackerCalls: OpensStore {
    /// The live, unexpired remote file for a key.
    fn find<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        key: DedupKey,
        now_ms: u64,
    ) -> Answered<'s, Option<RemoteRow>>;
    /// Whether a live remote file of this tenant and account has this size.
    fn has_size<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        tenant: String,
        account: String,
        bytes: u64,
    ) -> Answered<'s, bool>;
    /// Records files in order, in one transaction.
    fn record_many<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        files: Vec<FileRecord>,
    ) -> Answered<'s, Vec<Recorded>>;
    /// Records one file over a remote row that must be live.
    fn reference<'s>(&'s self, store: &'s mut Store<CallState>, file: FileRecord) -> Answered<'s, Recorded>;
    /// One file of a tenant.
    fn get<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        tenant: String,
        id: String,
        now_ms: u64,
    ) -> Answered<'s, Option<FileRecord>>;
    /// A tenant's files.
    fn list<'s>(&'s self, store: &'s mut Store<CallState>, query: FilesQuery) -> Answered<'s, LedgerPage<FileRecord>>;
    /// Removes a file and its reference.
    fn tombstone<'s>(&'s self, store: &'s mut Store<CallState>, tenant: String, id: String) -> Answered<'s, Release>;
    /// Tombstones expired files; answers the remote rows that are dying because of it.
    fn expire<'s>(&'s self, store: &'s mut Store<CallState>, now_ms: u64, limit: u32) -> Answered<'s, Vec<RemoteRow>>;
    /// Drops a dying or missing remote row.
    fn forget<'s>(&'s self, store: &'s mut Store<CallState>, account: String, remote_id: String) -> Answered<'s, bool>;
    /// Notes that the vendor was seen to hold or to have lost a remote file.
    fn observe<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        account: String,
        remote_id: String,
        state: RemoteState,
        now_ms: u64,
    ) -> Answered<'s, bool>;
    /// The remote row of an account and id, in whatever state.
    fn remote<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        account: String,
        remote_id: String,
    ) -> Answered<'s, Option<RemoteRow>>;
    /// Remote rows over all tenants.
    fn remotes<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        query: RemotesQuery,
    ) -> Answered<'s, LedgerPage<RemoteRow>>;
    /// Totals.
    fn stats<'s>(&'s self, store: &'s mut Store<CallState>, tenant: Option<String>) -> Answered<'s, LedgerStats>;
    /// Ids of the tenant's files that are copies of these; `None` if the tracker finds none.
    fn copies_of<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        tenant: String,
        ids: Vec<String>,
    ) -> Answered<'s, Option<Vec<String>>>;
    /// Use by account and purpose.
    fn usage<'s>(&'s self, store: &'s mut Store<CallState>) -> Answered<'s, Vec<AccountUsage>>;
}

/// An instance of a tracker that several gateways share.
pub(crate) trait CoordinationCalls: OpensStore {
    /// Says that a gateway lives, and what its breakers found.
    fn beat<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        gateway: String,
        lease_ms: u64,
        states: Vec<ProviderState>,
    ) -> Answered<'s, News>;
    /// Begins an attempt and takes its key's lease.
    fn acquire<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        gateway: String,
        lease_ms: u64,
        attempt: Attempt,
        limits: Option<TenantLimits>,
        instead: Option<String>,
    ) -> Answered<'s, Acquired>;
    /// Attempts of this gateway that are over, or go on without a lease.
    fn ended<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        gateway: String,
        ids: Vec<String>,
        lease_only: bool,
    ) -> Answered<'s, u64>;
    /// Records files and ends their attempts, in one transaction.
    fn record_leased<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        gateway: String,
        files: Vec<FileRecord>,
    ) -> Answered<'s, Vec<Leased>>;
    /// Takes over attempts at these accounts whose gateway is gone.
    fn take_over<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        gateway: String,
        accounts: Vec<String>,
        limit: u32,
    ) -> Answered<'s, Vec<Attempt>>;
    /// At a start: attempts that are not open any more are over; answers those that another gateway has.
    fn resume<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        gateway: String,
        open: Vec<String>,
    ) -> Answered<'s, Vec<String>>;
    /// Those that another gateway has.
    fn lost<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        gateway: String,
        ids: Vec<String>,
    ) -> Answered<'s, Vec<String>>;
    /// Attempts of all other gateways, by id.
    fn others<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        gateway: String,
        after: Option<String>,
        limit: u32,
    ) -> Answered<'s, Vec<Attempt>>;
    /// How much this gateway wrote into its audit log; answers how many of the counts were news.
    fn audit_counts<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        gateway: String,
        counts: Vec<AuditCount>,
    ) -> Answered<'s, u64>;
}

/// An instance of a tracker that takes many beginnings and ends in one call.
pub(crate) trait BatchCalls: OpensStore {
    /// Looks for stored content, for room, and takes leases.
    fn begin_many<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        gateway: String,
        lease_ms: u64,
        items: Vec<Beginning>,
    ) -> Answered<'s, Each<BegunItem>>;
    /// Records and ends.
    fn end_many<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        gateway: String,
        items: Vec<Ending>,
    ) -> Answered<'s, Each<Ended>>;
    /// Lets files go, with the leases for deleting their remote files.
    fn remove_many<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        gateway: String,
        items: Vec<Removal>,
    ) -> Answered<'s, Each<Removed>>;
}

/// An instance of a validator.
pub(crate) trait ValidatorCalls: Send + Sync {
    /// Judges one file.
    fn inspect<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        candidate: FileCandidate,
        rules: &ValidationRules,
    ) -> Called<'s, Result<ValidatedFile, FileRefusal>>;
}

/// An instance of an auth component.
pub(crate) trait AuthCalls: Send + Sync {
    /// Replaces the policy, whole; the component's reason if it cannot work with it.
    fn configure<'s>(&'s self, store: &'s mut Store<CallState>, policy: &AuthPolicy) -> Called<'s, Result<(), String>>;
    /// Who presents this credential. Not checked.
    fn authenticate<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        credential: Option<String>,
        now_s: u64,
    ) -> Called<'s, Result<Identified, Denial>>;
}
