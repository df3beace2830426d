//! Long-lived instances that have a store behind them: trackers.
//!
//! One actor owns one instance and serves one call at a time on a thread of its own, so that a tracker may block on its
//! disk and a cancelled caller cannot cancel a call half-way through a transaction: the actor finishes the call whether
//! or not somebody still waits. Limits are armed anew for every call; any trap or exhausted limit discards the instance
//! and the next call gets a fresh one.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use futures::future::BoxFuture;
use loadlock_policy::model::{Failure, FailureKind};
use tokio::sync::{mpsc, oneshot};
use wasmtime::Store;

use crate::contract::calls::Answered;
use crate::error::CallError;
use crate::limits::Exhausted;
use crate::roles::absence::Absence;
use crate::roles::live::{LiveInstance, Recipe, Thread};
use crate::state::CallState;

/// Calls that may wait for one actor.
const QUEUE: usize = 1_024;

type ActorJob<B> = Box<dyn for<'a> FnOnce(&'a mut ActorSlot<B>) -> BoxFuture<'a, ()> + Send>;

/// The recipe and, if there is one, the instance.
pub(crate) struct ActorSlot<B> {
    recipe: Recipe<B>,
    live: Option<LiveInstance<B>>,
    absence: Absence,
}

/// A handle to the actor. Dropping the last one waits for the call under way: whoever opens the same store next must
/// find it closed.
pub(crate) struct Actor<B>(Arc<ActorHandle<B>>);

struct ActorHandle<B> {
    jobs: Option<mpsc::Sender<ActorJob<B>>>,
    thread: Option<JoinHandle<()>>,
}

impl<B> Drop for ActorHandle<B> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of a long-lived instance panicked");
        }
    }
}

impl<B> Clone for Actor<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: Send + Sync + 'static> Actor<B> {
    pub(crate) fn spawn(recipe: Recipe<B>) -> std::io::Result<Self> {
        let (jobs, mut queue) = mpsc::channel::<ActorJob<B>>(QUEUE);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name(format!(
                "loadlock-{}",
                recipe.loaded.inspection.role.map_or("actor", |role| role.interface())
            ))
            .spawn(move || {
                runtime.block_on(async move {
                    let mut slot = ActorSlot {
                        recipe,
                        live: None,
                        absence: Absence::default(),
                    };
                    while let Some(job) = queue.recv().await {
                        job(&mut slot).await;
                    }
                });
            })?;
        Ok(Self(Arc::new(ActorHandle {
            jobs: Some(jobs),
            thread: Some(thread),
        })))
    }

    /// Runs one call in the instance, and takes note whether the store behind it answered: while that is away, calls
    /// are refused with [`CallError::NotReady`] instead of waiting for it.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        call: impl for<'s> FnOnce(&'s B, &'s mut Store<CallState>) -> Answered<'s, T> + Send + 'static,
    ) -> Result<Result<T, Failure>, CallError> {
        self.run(move |slot| {
            Box::pin(async move {
                let outcome = slot.run(call).await;
                match &outcome {
                    Ok(answer) => slot.absence.heard(answer.as_ref().err(), Instant::now()),
                    Err(CallError::Exhausted(Exhausted::Wall)) => {
                        let silent = Failure::new(FailureKind::Timeout, "no answer in time");
                        slot.absence.heard(Some(&silent), Instant::now());
                    }
                    Err(_) => {}
                }
                outcome
            })
        })
        .await
    }

    /// Runs one call in the instance, whether or not the store behind it answered before.
    pub(crate) async fn ask_anyway<T: Send + 'static>(
        &self,
        call: impl for<'s> FnOnce(&'s B, &'s mut Store<CallState>) -> Answered<'s, T> + Send + 'static,
    ) -> Result<Result<T, Failure>, CallError> {
        self.run(move |slot| {
            slot.absence = Absence::default();
            Box::pin(slot.run(call))
        })
        .await
    }

    /// The store behind it is known to answer: the next call is made.
    pub(crate) async fn answers_again(&self) -> Result<(), CallError> {
        self.run(|slot| {
            slot.absence = Absence::default();
            Box::pin(std::future::ready(Ok(())))
        })
        .await
    }

    /// Runs one call in the instance.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        call: impl for<'s> FnOnce(&'s B, &'s mut Store<CallState>) -> BoxFuture<'s, wasmtime::Result<T>> + Send + 'static,
    ) -> Result<T, CallError> {
        self.run(move |slot| Box::pin(slot.run(call))).await
    }

    /// Does something between two calls.
    pub(crate) async fn between<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CallError> {
        self.run(move |_| Box::pin(async move { Ok(work()) })).await
    }

    async fn run<T: Send + 'static>(
        &self,
        run: impl for<'s> FnOnce(&'s mut ActorSlot<B>) -> BoxFuture<'s, Result<T, CallError>> + Send + 'static,
    ) -> Result<T, CallError> {
        let (answer, answered) = oneshot::channel();
        let job: ActorJob<B> = Box::new(move |slot| {
            Box::pin(async move {
                let outcome = run(slot).await;
                // Nobody may be waiting any more; the call has been made all the same.
                let _ = answer.send(outcome);
            })
        });
        let sent = match &self.0.jobs {
            Some(jobs) => jobs.send(job).await.is_ok(),
            None => false,
        };
        if !sent {
            return Err(CallError::Host("the instance's thread has ended".into()));
        }
        answered
            .await
            .unwrap_or_else(|_| Err(CallError::Host("the instance's thread has ended".into())))
    }
}

impl<B: Send + Sync + 'static> ActorSlot<B> {
    async fn run<T: Send>(
        &mut self,
        call: impl for<'s> FnOnce(&'s B, &'s mut Store<CallState>) -> BoxFuture<'s, wasmtime::Result<T>>,
    ) -> Result<T, CallError> {
        if let Some(failure) = self.absence.refusal(Instant::now()) {
            return Err(CallError::NotReady(Box::new(failure)));
        }
        let live = match self.live.take() {
            Some(live) => live,
            None => self.recipe.start(Thread::Own).await.inspect_err(|error| {
                if let CallError::NotReady(failure) = error {
                    self.absence.heard(Some(failure), Instant::now());
                }
            })?,
        };
        let (outcome, live) = self.recipe.call(live, call).await;
        self.live = live;
        outcome
    }
}
