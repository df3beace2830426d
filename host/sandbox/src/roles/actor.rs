//! Long-lived instances: tracker, validator and auth.
//!
//! One actor owns one instance and serves one call at a time on a thread of its own, so that a tracker may block on its disk and a cancelled caller cannot cancel a call half-way
//! through a transaction: the actor finishes the call whether or not somebody still waits. Limits are armed anew for every call; any trap or exhausted limit discards the
//! instance and the next call gets a fresh one.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use futures::future::BoxFuture;
use loadlock_policy::model::Failure;
use tokio::sync::{mpsc, oneshot};
use wasmtime::Store;

use crate::call::{armed_store, limited, settled};
use crate::component::Loaded;
use crate::egress::Network;
use crate::error::CallError;
use crate::files::FilesCtx;
use crate::limits::Limits;
use crate::log::Log;
use crate::roles::absence::Absence;
use crate::state::{CallState, StateParts};

/// Calls that may wait for one actor.
const QUEUE: usize = 1_024;

/// Instantiates and prepares: opens a store, sets a policy. The inner error is the component's own refusal.
pub(crate) type Start<B> = Box<
    dyn for<'s> Fn(
            &'s mut Store<CallState>,
        ) -> BoxFuture<'s, wasmtime::Result<Result<B, CallError>>>
        + Send
        + Sync,
>;

/// How instances of one component are made.
pub(crate) struct Recipe<B> {
    pub(crate) loaded: Loaded,
    pub(crate) limits: Limits,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) state: Option<Arc<std::fs::File>>,
    pub(crate) network: Network,
    pub(crate) start: Start<B>,
}

struct Live<B> {
    store: Store<CallState>,
    bindings: B,
    log: Log,
}

type Job<B> = Box<dyn for<'a> FnOnce(&'a mut Slot<B>) -> BoxFuture<'a, ()> + Send>;

/// The recipe and, if there is one, the instance.
pub(crate) struct Slot<B> {
    recipe: Recipe<B>,
    live: Option<Live<B>>,
    absence: Arc<Mutex<Absence>>,
}

/// A handle to the actor. Dropping the last one waits for the call under way: whoever opens the same store next must find it closed.
pub(crate) struct Actor<B>(Arc<Handle<B>>);

struct Handle<B> {
    jobs: Option<mpsc::Sender<Job<B>>>,
    thread: Option<JoinHandle<()>>,
    absence: Arc<Mutex<Absence>>,
}

impl<B> Drop for Handle<B> {
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
        let (jobs, mut queue) = mpsc::channel::<Job<B>>(QUEUE);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let absence = Arc::new(Mutex::new(Absence::default()));
        let shared = absence.clone();
        let thread = std::thread::Builder::new()
            .name(format!(
                "loadlock-{}",
                recipe
                    .loaded
                    .inspection
                    .role
                    .map_or("actor", |role| role.interface())
            ))
            .spawn(move || {
                runtime.block_on(async move {
                    let mut slot = Slot {
                        recipe,
                        live: None,
                        absence: shared,
                    };
                    while let Some(job) = queue.recv().await {
                        job(&mut slot).await;
                    }
                });
            })?;
        Ok(Self(Arc::new(Handle {
            jobs: Some(jobs),
            thread: Some(thread),
            absence,
        })))
    }

    /// Takes note of what the store behind the instance answered: a failure, or `None`. While it is away, calls are refused
    /// with [`CallError::NotReady`] instead of waiting for it.
    pub(crate) fn heard(&self, failure: Option<&Failure>) {
        note(&self.0.absence, failure);
    }

    /// Runs one call in the instance.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        call: impl for<'s> FnOnce(&'s B, &'s mut Store<CallState>) -> BoxFuture<'s, wasmtime::Result<T>>
        + Send
        + 'static,
    ) -> Result<T, CallError> {
        let (answer, answered) = oneshot::channel();
        let job: Job<B> = Box::new(move |slot| {
            Box::pin(async move {
                let outcome = slot.run(call).await;
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

fn note(absence: &Mutex<Absence>, failure: Option<&Failure>) {
    let mut absence = absence.lock().unwrap_or_else(PoisonError::into_inner);
    absence.heard(failure, Instant::now());
}

impl<B: Send + Sync + 'static> Slot<B> {
    async fn run<T: Send>(
        &mut self,
        call: impl for<'s> FnOnce(&'s B, &'s mut Store<CallState>) -> BoxFuture<'s, wasmtime::Result<T>>,
    ) -> Result<T, CallError> {
        let refusal = {
            let absence = self.absence.lock().unwrap_or_else(PoisonError::into_inner);
            absence.refusal(Instant::now())
        };
        if let Some(failure) = refusal {
            return Err(CallError::NotReady(Box::new(failure)));
        }
        let mut live = match self.live.take() {
            Some(live) => live,
            None => self.start().await.inspect_err(|error| {
                if let CallError::NotReady(failure) = error {
                    note(&self.absence, Some(failure));
                }
            })?,
        };
        let called = limited(&self.recipe.limits, call(&live.bindings, &mut live.store)).await;
        let (outcome, _) = settled(&live.store, called);
        let (lines, _) = live.log.lines();
        if outcome.is_ok() {
            self.live = Some(live);
        } else {
            tracing::warn!(component = %self.recipe.loaded.name, ?lines, "discarding a long-lived instance after a failed call");
        }
        outcome
    }

    async fn start(&mut self) -> Result<Live<B>, CallError> {
        let recipe = &self.recipe;
        let log = Log::new(recipe.limits.stderr_bytes);
        let mut store = armed_store(
            &recipe.loaded,
            &recipe.limits,
            StateParts {
                limits: &recipe.limits,
                environment: &recipe.environment,
                files: FilesCtx {
                    state: recipe.state.clone(),
                    blocking: true,
                    ..FilesCtx::default()
                },
                hooks: recipe.network.for_instance(),
                log: log.clone(),
                content: None,
            },
        );
        let called = limited(&recipe.limits, (recipe.start)(&mut store)).await;
        let (started, _) = settled(&store, called);
        let bindings = started?.map_err(|error| match error {
            CallError::Host(reason) => CallError::Host(format!("{}: {reason}", recipe.loaded.name)),
            other => other,
        })?;
        Ok(Live {
            store,
            bindings,
            log,
        })
    }
}
