//! Long-lived instances that only compute: validator and auth.
//!
//! A call runs on the task that asks for it, in an instance that nobody else uses meanwhile: handing it to another
//! thread and back would take as long as the call. There are as many instances as cores, made when they are needed.
//! Limits are armed anew for every call; one that traps, meets a limit or is given up takes its instance with it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use wasmtime::Store;

use crate::error::CallError;
use crate::roles::live::{LiveInstance, Recipe, Thread};
use crate::state::CallState;

/// The instances of one component.
pub(crate) struct Pool<B> {
    recipe: Recipe<B>,
    places: Semaphore,
    idle: Mutex<Vec<(u64, LiveInstance<B>)>>,
    /// Instances of an earlier generation are not called again.
    generation: AtomicU64,
}

impl<B: Send + Sync> Pool<B> {
    pub(crate) fn new(recipe: Recipe<B>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            recipe,
            places: Semaphore::new(cores),
            idle: Mutex::default(),
            generation: AtomicU64::new(0),
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(u64, LiveInstance<B>)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one call in an instance.
    pub(crate) async fn call<T: Send>(
        &self,
        call: impl for<'s> FnOnce(&'s B, &'s mut Store<CallState>) -> BoxFuture<'s, wasmtime::Result<T>>,
    ) -> Result<T, CallError> {
        let _place = self
            .places
            .acquire()
            .await
            .map_err(|error| CallError::Host(error.to_string()))?;
        let idle = self.idle().pop();
        let (generation, live) = match idle {
            Some(known) => known,
            None => {
                let generation = self.generation.load(Ordering::Acquire);
                (generation, self.recipe.start(Thread::Callers).await?)
            }
        };
        let (outcome, live) = self.recipe.call(live, call).await;
        if let Some(live) = live {
            let mut idle = self.idle();
            if generation == self.generation.load(Ordering::Acquire) {
                idle.push((generation, live));
            }
        }
        outcome
    }

    /// Runs one call in a fresh instance, which nobody calls again.
    pub(crate) async fn call_apart<T: Send>(
        &self,
        call: impl for<'s> FnOnce(&'s B, &'s mut Store<CallState>) -> BoxFuture<'s, wasmtime::Result<T>>,
    ) -> Result<T, CallError> {
        let live = self.recipe.start(Thread::Callers).await?;
        self.recipe.call(live, call).await.0
    }

    /// From here on calls run in instances that are started anew. What the recipe's start reads must have changed
    /// before.
    pub(crate) fn renew(&self) {
        let mut idle = self.idle();
        self.generation.fetch_add(1, Ordering::AcqRel);
        idle.clear();
    }
}
