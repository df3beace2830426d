//! What several gateways tell each other through a ledger that they share: the optional interface `coordination` of a
//! tracker.
//!
//! It has an instance of its own, so that a gateway goes on saying that it lives while the tracker is busy with a long
//! call.

use std::time::Duration;

use loadlock_policy::model::Role;

use crate::component::{Sandbox, Source};
use crate::contract::calls::CoordinationCalls;
use crate::error::LoadError;
use crate::limits::Limits;
use crate::roles::actor::Actor;
use crate::roles::ledger::store_actor;
use crate::roles::tracker::{Answer, FileRecord, TrackerGrants};

pub use crate::model::coordination::{
    Acquired, Attempt, AuditCount, LeaseHolder, Leased, News, PeerGateway, ProviderState, TenantLimits,
};

/// The interface's name in the WIT package.
const INTERFACE: &str = "coordination";

/// Longest that a call may take. Whoever waits longer than a lease lives has lost it anyhow.
const WALL: Duration = Duration::from_secs(10);

/// A loaded coordination. Cheap to clone.
#[derive(Clone)]
pub struct Coordination(Actor<Box<dyn CoordinationCalls>>);

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => {
        impl Coordination {
            $($(#[$doc])*
            ///
            /// # Errors
            /// [`crate::CallError`] if there is no answer.
            pub async fn $name(&self, $($arg: $ty),*) -> Answer<$out> {
                self.0.ask(move |calls, store| calls.$name(store, $($arg),*)).await
            })*
        }
    };
}

calls! {
    /// Says that a gateway lives, and what its breakers found.
    beat(gateway: String, lease_ms: u64, states: Vec<ProviderState>) -> News;
    /// Begins an attempt and takes its key's lease.
    acquire(gateway: String, lease_ms: u64, attempt: Attempt, limits: Option<TenantLimits>, instead: Option<String>) -> Acquired;
    /// Attempts of this gateway that are over, or go on without a lease.
    ended(gateway: String, ids: Vec<String>, lease_only: bool) -> u64;
    /// Records files and ends their attempts, in one transaction.
    record_leased(gateway: String, files: Vec<FileRecord>) -> Vec<Leased>;
    /// Takes over attempts at these accounts whose gateway is gone.
    take_over(gateway: String, accounts: Vec<String>, limit: u32) -> Vec<Attempt>;
    /// At a start: attempts that are not open any more are over; answers those that another gateway has.
    resume(gateway: String, open: Vec<String>) -> Vec<String>;
    /// Those that another gateway has.
    lost(gateway: String, ids: Vec<String>) -> Vec<String>;
    /// Attempts of all other gateways, by id.
    others(gateway: String, after: Option<String>, limit: u32) -> Vec<Attempt>;
    /// How much this gateway wrote into its audit log; answers how many of the counts were news.
    audit_counts(gateway: String, counts: Vec<AuditCount>) -> u64;
}

impl Coordination {
    /// Another instance has heard from the ledger: this one asks it again, whatever it was told before.
    pub async fn answers_again(&self) {
        // Nobody can be told if its thread has ended, and whoever asks next hears of that.
        let _ = self.0.answers_again().await;
    }

    /// Loads the coordination of a tracker component; `None` if it has none.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn load(sandbox: &Sandbox, source: &Source, grants: TrackerGrants) -> Result<Option<Self>, LoadError> {
        let limits = Limits {
            wall: WALL,
            ..grants.limits.clone()
        };
        let loaded = sandbox.load(source, Role::Tracker, &limits).await?;
        if loaded.inspection.speaks(INTERFACE).is_none() {
            return Ok(None);
        }
        let instantiate = loaded.bind(INTERFACE, |contract| contract.coordination)?;
        let actor = store_actor(source, loaded, limits, &grants, instantiate)?;
        Ok(Some(Self(actor)))
    }
}
