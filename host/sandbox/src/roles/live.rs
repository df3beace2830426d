//! Instances that outlive a call: how they are made, and one call into one.

use std::sync::Arc;

use futures::future::BoxFuture;
use wasmtime::Store;

use crate::call::{armed_store, limited, settled};
use crate::component::Loaded;
use crate::egress::Network;
use crate::error::CallError;
use crate::files::{FilesCtx, Quota, Spending};
use crate::limits::Limits;
use crate::log::Log;
use crate::state::{CallState, StateParts};

/// Instantiates and prepares: opens a store, sets a policy. The inner error is the component's own refusal.
pub(crate) type StartInstance<B> = Box<
    dyn for<'s> Fn(&'s mut Store<CallState>) -> BoxFuture<'s, wasmtime::Result<Result<B, CallError>>> + Send + Sync,
>;

/// How instances of one component are made.
pub(crate) struct Recipe<B> {
    pub(crate) loaded: Loaded,
    pub(crate) limits: Limits,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) state: Option<Arc<std::fs::File>>,
    pub(crate) network: Network,
    pub(crate) start: StartInstance<B>,
}

/// Where calls into an instance run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thread {
    /// On one that is its own: it may block on its disk.
    Own,
    /// On that of whoever calls.
    Callers,
}

/// One instance.
pub(crate) struct LiveInstance<B> {
    store: Store<CallState>,
    bindings: B,
    log: Log,
}

impl<B: Send + Sync> Recipe<B> {
    /// A fresh instance.
    pub(crate) async fn start(&self, thread: Thread) -> Result<LiveInstance<B>, CallError> {
        let log = Log::new(self.limits.stderr_bytes);
        let mut store = armed_store(
            &self.loaded,
            &self.limits,
            StateParts {
                limits: &self.limits,
                environment: &self.environment,
                files: FilesCtx {
                    state: self.state.clone(),
                    spending: Spending::of(Quota::of(self.state.as_ref(), &self.limits).as_ref()),
                    blocking: thread == Thread::Own,
                    ..FilesCtx::default()
                },
                hooks: self.network.for_instance(),
                log: log.clone(),
                content: None,
            },
        );
        let called = limited(&self.limits, (self.start)(&mut store)).await;
        let (started, _) = settled(&store, called);
        let bindings = started?.map_err(|error| match error {
            CallError::Host(reason) => CallError::Host(format!("{}: {reason}", self.loaded.name)),
            other => other,
        })?;
        Ok(LiveInstance { store, bindings, log })
    }

    /// One call. After any trap or limit there is no instance any more, nor when the caller gives up on the way.
    pub(crate) async fn call<T: Send>(
        &self,
        mut live: LiveInstance<B>,
        call: impl for<'s> FnOnce(&'s B, &'s mut Store<CallState>) -> BoxFuture<'s, wasmtime::Result<T>>,
    ) -> (Result<T, CallError>, Option<LiveInstance<B>>) {
        let called = limited(&self.limits, call(&live.bindings, &mut live.store)).await;
        let (outcome, _) = settled(&live.store, called);
        let (lines, _) = live.log.take();
        if outcome.is_ok() {
            for line in lines {
                tracing::info!(target: "loadlock::component", component = %self.loaded.name, "{line}");
            }
            return (outcome, Some(live));
        }
        tracing::warn!(component = %self.loaded.name, ?lines, "discarding a long-lived instance after a failed call");
        (outcome, None)
    }
}
