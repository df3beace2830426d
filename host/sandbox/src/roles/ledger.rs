//! The instances of a tracker component, one for each interface that is called: each opens the same store.

use crate::component::{Loaded, Source};
use crate::contract::calls::{Instantiate, OpensStore};
use crate::error::{CallError, LoadError};
use crate::limits::Limits;
use crate::roles::actor::Actor;
use crate::roles::live::Recipe;
use crate::roles::tracker::TrackerGrants;

/// An instance that opens its store with its first call. The limits may be others than those that were granted.
///
/// # Errors
/// [`LoadError::Read`] if it can have no thread.
pub(crate) fn store_actor<C: OpensStore + ?Sized + 'static>(
    source: &Source,
    loaded: Loaded,
    limits: Limits,
    grants: &TrackerGrants,
    instantiate: Instantiate<C>,
) -> Result<Actor<Box<C>>, LoadError> {
    Actor::spawn(Recipe {
        loaded,
        limits,
        environment: crate::roles::environment(&grants.settings),
        state: grants.state.clone(),
        network: grants.network.clone(),
        start: Box::new(move |store| {
            let instantiate = instantiate.clone();
            Box::pin(async move {
                let calls = instantiate(&mut *store).await?;
                let opened = calls.open(store).await?;
                Ok(opened
                    .map(|()| calls)
                    .map_err(|failure| CallError::NotReady(Box::new(failure))))
            })
        }),
    })
    .map_err(|error| LoadError::Read {
        path: source.name.clone().into(),
        source: error,
    })
}
