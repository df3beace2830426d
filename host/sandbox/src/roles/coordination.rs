//! What several gateways tell each other through a ledger that they share: the optional interface `coordination` of a
//! tracker.
//!
//! It has an instance of its own, so that a gateway goes on saying that it lives while the tracker is busy with a long
//! call.

use std::time::Duration;

use wasmtime::Store;

use crate::bindings::shared_tracker::{SharedTrackerComponent, SharedTrackerComponentPre};
use crate::component::{Sandbox, Source};
use crate::contract::{v0_1, v0_1_coordination as wit};
use crate::error::{CallError, LoadError};
use crate::inspect::{PACKAGE, Role, VERSION};
use crate::limits::Limits;
use crate::roles::actor::Actor;
use crate::roles::live::Recipe;
use crate::roles::tracker::{Answer, DedupKey, FileRecord, Recorded, TrackerGrants};
use crate::state::CallState;

/// Longest that a call may take. Whoever waits longer than a lease lives has lost it anyhow.
const WALL: Duration = Duration::from_secs(10);

/// One upload under way, with what another gateway needs to settle it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The id that its file will have.
    pub id: String,
    /// Whose content where.
    pub key: DedupKey,
    /// Bytes.
    pub bytes: u64,
    /// The gateway's own; opaque to the ledger.
    pub entry: String,
}

/// A tenant's limits, inclusive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TenantLimits {
    /// Files.
    pub max_files: Option<u64>,
    /// Bytes.
    pub max_bytes: Option<u64>,
}

/// Who leads a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The gateway.
    pub gateway: String,
    /// Its attempt.
    pub attempt: String,
    /// False when the gateway has not been heard of in time.
    pub alive: bool,
}

/// What became of asking for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    /// It is there, with this fence.
    Granted(u64),
    /// Another has it.
    Held(Holder),
    /// The tenant would pass a limit.
    OverQuota {
        /// Files recorded or under way anywhere.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
}

/// What one provider account's breaker tells others, in milliseconds that are left; 0 is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderState {
    /// Provider account.
    pub account: String,
    /// Of its being open.
    pub open_ms: u64,
    /// Of a pause that the vendor asked for.
    pub cool_ms: u64,
}

/// Another gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its id.
    pub gateway: String,
    /// Where clients reach it.
    pub url: Option<String>,
    /// Whether it was heard of in time.
    pub alive: bool,
}

/// What the others said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// All other gateways.
    pub peers: Vec<Peer>,
    /// Of every account, the longest times left.
    pub states: Vec<ProviderState>,
    /// Attempts of gateways that are gone.
    pub abandoned: u64,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leased {
    /// As the tracker says.
    Done(Recorded),
    /// Refused: another gateway has a file, or leads, under its key.
    Fenced,
}

/// How many records of one kind a gateway wrote into its audit log, of one day and tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCount {
    /// Days since 1970-01-01, in UTC.
    pub day: u32,
    /// Since when they are counted, milliseconds since 1970: a count that began anew has another.
    pub since_ms: u64,
    /// Empty: none.
    pub tenant: String,
    /// What happened, as in the log.
    pub event: String,
    /// How it ended, as in the log.
    pub outcome: String,
    /// So many since then.
    pub records: u64,
}

/// A loaded coordination. Cheap to clone.
#[derive(Clone)]
pub struct Coordination(Actor<SharedTrackerComponent>);

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty => $pass:expr),*) -> $out:ty = $call:ident, $convert:expr;)*) => {
        impl Coordination {
            $($(#[$doc])*
            ///
            /// # Errors
            /// [`CallError`] if there is no answer.
            pub async fn $name(&self, $($arg: $ty),*) -> Answer<$out> {
                let answer = self.0.ask(move |bindings: &SharedTrackerComponent, store: &mut Store<CallState>| {
                    Box::pin(async move {
                        bindings.loadlock_upload_coordination().$call(store, $($pass),*).await
                    })
                }, v0_1::failure).await?;
                Ok(answer.map($convert))
            })*
        }
    };
}

calls! {
    /// Says that a gateway lives, and what its breakers found.
    beat(gateway: String => &gateway, lease_ms: u64 => lease_ms, states: Vec<ProviderState> => &states.iter().map(wit::state).collect::<Vec<_>>()) -> News
        = call_beat, wit::news;
    /// Begins an attempt and takes its key's lease.
    acquire(gateway: String => &gateway, lease_ms: u64 => lease_ms, attempt: Attempt => &wit::attempt(&attempt), limits: Option<TenantLimits> => limits.map(wit::limits), instead: Option<String> => instead.as_deref()) -> Acquired
        = call_acquire, wit::acquired;
    /// Attempts of this gateway that are over, or go on without a lease.
    ended(gateway: String => &gateway, ids: Vec<String> => &ids, lease_only: bool => lease_only) -> u64
        = call_ended, |count| count;
    /// Records files and ends their attempts, in one transaction.
    record_leased(gateway: String => &gateway, files: Vec<FileRecord> => &files.iter().map(wit::file_record).collect::<Vec<_>>()) -> Vec<Leased>
        = call_record_leased, |all| all.into_iter().map(wit::leased).collect();
    /// Takes over attempts at these accounts whose gateway is gone.
    take_over(gateway: String => &gateway, accounts: Vec<String> => &accounts, limit: u32 => limit) -> Vec<Attempt>
        = call_take_over, |all| all.into_iter().map(wit::from_attempt).collect();
    /// At a start: attempts that are not open any more are over; answers those that another gateway has.
    resume(gateway: String => &gateway, open: Vec<String> => &open) -> Vec<String>
        = call_resume, |ids| ids;
    /// Those that another gateway has.
    lost(gateway: String => &gateway, ids: Vec<String> => &ids) -> Vec<String>
        = call_lost, |ids| ids;
    /// Attempts of all other gateways, by id.
    others(gateway: String => &gateway, after: Option<String> => after.as_deref(), limit: u32 => limit) -> Vec<Attempt>
        = call_others, |all| all.into_iter().map(wit::from_attempt).collect();
    /// How much this gateway wrote into its audit log; answers how many of the counts were news.
    audit_counts(gateway: String => &gateway, counts: Vec<AuditCount> => &counts.iter().map(wit::audit_count).collect::<Vec<_>>()) -> u64
        = call_audit_counts, |count| count;
}

impl Coordination {
    /// Loads the coordination of a tracker component; `None` if it has none.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn load(sandbox: &Sandbox, source: &Source, grants: TrackerGrants) -> Result<Option<Self>, LoadError> {
        let limits = Limits {
            wall: WALL,
            ..grants.limits
        };
        let loaded = sandbox.load(source, Role::Tracker, &limits).await?;
        let export = format!("{PACKAGE}/coordination@{VERSION}");
        if !loaded.inspection.exports.contains(&export) {
            return Ok(None);
        }
        let pre = SharedTrackerComponentPre::new(loaded.pre.clone()).map_err(|error| LoadError::Contract {
            name: source.name.clone(),
            detail: format!("{error:#}"),
        })?;
        let environment = crate::roles::environment(&grants.settings);
        let actor = Actor::spawn(Recipe {
            loaded,
            limits,
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
        Ok(Some(Self(actor)))
    }
}
