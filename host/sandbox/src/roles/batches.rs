//! The beginnings and ends of many uploads in one call each: the optional interface `batches` of a tracker.
//!
//! It has several instances, each in its sandbox and called one at a time, so that several calls are under way at once.
//! Whether the store answers is for the caller to remember: a call is made whatever became of the one before.

use std::time::Duration;

use loadlock_policy::model::Role;

use crate::component::{Sandbox, Source};
use crate::contract::calls::BatchCalls;
use crate::error::{CallError, LoadError};
use crate::limits::Limits;
use crate::roles::actor::Actor;
use crate::roles::ledger::store_actor;
use crate::roles::tracker::{Answer, TrackerGrants};

pub use crate::model::batches::{
    Beginning, Begun, BegunItem, Each, Ended, Ending, FileTerms, HeldUsage, Removal, Removed, StoredPlace,
};

/// The interface's name in the WIT package.
const INTERFACE: &str = "batches";

/// Longest that a call may take, as of the coordination.
const WALL: Duration = Duration::from_secs(10);

/// One instance. Cheap to clone.
#[derive(Clone)]
pub struct Batches(Actor<Box<dyn BatchCalls>>);

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => {
        impl Batches {
            $($(#[$doc])*
            ///
            /// # Errors
            /// [`CallError`] if there is no answer.
            pub async fn $name(&self, $($arg: $ty),*) -> Answer<$out> {
                self.0.ask_anyway(move |calls, store| calls.$name(store, $($arg),*)).await
            })*
        }
    };
}

calls! {
    /// Looks for stored content, for room, and takes leases.
    begin_many(gateway: String, lease_ms: u64, items: Vec<Beginning>) -> Each<BegunItem>;
    /// Records and ends.
    end_many(gateway: String, items: Vec<Ending>) -> Each<Ended>;
    /// Lets files go, with the leases for deleting their remote files.
    remove_many(gateway: String, items: Vec<Removal>) -> Each<Removed>;
}

impl Batches {
    /// Loads so many instances of a tracker component; none if it takes one thing at a time. Each opens its store with
    /// its first call.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn load(
        sandbox: &Sandbox,
        source: &Source,
        grants: TrackerGrants,
        count: usize,
    ) -> Result<Vec<Self>, LoadError> {
        let limits = Limits {
            wall: WALL,
            ..grants.limits.clone()
        };
        let loaded = sandbox.load(source, Role::Tracker, &limits).await?;
        if loaded.inspection.speaks(INTERFACE).is_none() {
            return Ok(Vec::new());
        }
        let one = || {
            let instantiate = loaded.bind(INTERFACE, |contract| contract.batches)?;
            store_actor(source, loaded.clone(), limits.clone(), &grants, instantiate).map(Self)
        };
        (0..count).map(|_| one()).collect()
    }

    /// Opens its store, if it is not open yet.
    ///
    /// # Errors
    /// [`CallError::NotReady`] with what the component says is in the way.
    pub async fn ready(&self) -> Result<(), CallError> {
        self.0.call(|_, _| Box::pin(async { Ok(()) })).await
    }
}
