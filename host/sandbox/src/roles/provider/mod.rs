//! Providers: a fresh instance for every call.

use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use loadlock_policy::model::{Operation, RemoteRef, Role};
use tokio::sync::Semaphore;
use wasmtime::Store;

use crate::call::{CallReport, armed_store, limited, settled};
use crate::component::{Loaded, Sandbox, Source};
use crate::contract::calls::{Called, Instantiate, ProviderCalls};
use crate::egress::Network;
use crate::error::{CallError, LoadError};
use crate::files::{FilesCtx, GrantRoot, Quota, Spending, StateUse};
use crate::inspect::Inspection;
use crate::log::{ContentPipe, Log};
use crate::state::{CallState, StateParts};

mod calls;
mod grants;
mod receipt;
mod running;

pub use crate::model::provider::{FileDescription, ListQuery, LostUpload, UploadOptions};
pub use grants::ProviderGrants;
pub use receipt::{ReceiptFault, receipt_fault};
use running::RunningCalls;

/// A loaded provider.
pub struct Provider {
    loaded: Loaded,
    instantiate: Instantiate<dyn ProviderCalls>,
    environment: Vec<(String, String)>,
    grants: ProviderGrants,
    /// Roots whose admitted files it may read. Weakly: one that was taken away lives, and counts, as long as a file
    /// that was admitted beneath it.
    roots: RwLock<Vec<Weak<GrantRoot>>>,
    permits: Arc<Semaphore>,
    /// Calls that read content: however long their readers take, nothing else waits behind them.
    reads: Arc<Semaphore>,
    running: RunningCalls,
    /// Of its own directory.
    quota: Option<Arc<Quota>>,
}

/// What one call may use.
struct CallSetup {
    files: FilesCtx,
    content: Option<ContentPipe>,
    operation: Option<(Operation, Option<String>)>,
    wall: Option<Duration>,
    /// Processor time beyond the limit.
    more_cpu: Duration,
}

impl CallSetup {
    fn of(operation: Operation, remote: Option<&RemoteRef>) -> Self {
        Self {
            files: FilesCtx::default(),
            content: None,
            operation: Some((operation, remote.map(|remote| remote.id.clone()))),
            wall: None,
            more_cpu: Duration::ZERO,
        }
    }
}

impl Provider {
    /// Loads a provider component. Nothing of it runs yet.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn load(sandbox: &Sandbox, source: &Source, mut grants: ProviderGrants) -> Result<Self, LoadError> {
        let loaded = sandbox.load(source, Role::Provider, &grants.limits).await?;
        let instantiate = loaded.bind(Role::Provider.interface(), |contract| contract.provider)?;
        let environment = crate::roles::environment(&grants.settings);
        Ok(Self {
            permits: Arc::new(Semaphore::new(grants.limits.concurrency)),
            reads: Arc::new(Semaphore::new(grants.limits.concurrency)),
            running: RunningCalls::default(),
            roots: RwLock::new(std::mem::take(&mut grants.roots).iter().map(Arc::downgrade).collect()),
            quota: Quota::of(grants.state.as_ref(), &grants.limits),
            loaded,
            instantiate,
            environment,
            grants,
        })
    }

    /// Where the component came from: `builtin:local` or a path.
    pub fn name(&self) -> &str {
        &self.loaded.name
    }

    /// What the component says about itself.
    pub fn inspection(&self) -> &Inspection {
        &self.loaded.inspection
    }

    /// What is in its own directory: nothing before it has written, or where there is no limit.
    pub fn state_use(&self) -> Option<StateUse> {
        self.quota.as_ref()?.used()
    }

    /// What it was granted.
    pub fn grants(&self) -> &ProviderGrants {
        &self.grants
    }

    /// Binds the network once the profile is known: effective is what the component asks for ∩ what the operator
    /// grants.
    pub fn bind_network(&mut self, network: Network) {
        self.grants.network = network;
    }

    /// Adds roots to those whose admitted files it may read. Others go when their last holder lets go of them, so an
    /// upload under way keeps its root.
    pub fn add_roots(&self, roots: &[Arc<GrantRoot>]) {
        let mut granted = self.roots.write().unwrap_or_else(PoisonError::into_inner);
        granted.retain(|root| root.strong_count() > 0);
        granted.extend(roots.iter().map(Arc::downgrade));
    }

    /// Makes it the next generation of `before`, which calls may still be under way in: it may read what that could,
    /// and does not take the temporary files of those calls for leftovers. What is kept is counted once.
    pub fn take_over_from(&mut self, before: &Self) {
        self.running = before.running.clone();
        let max_bytes = |quota: &Option<Arc<Quota>>| quota.as_ref().map(|quota| quota.max_bytes());
        if max_bytes(&self.quota) == max_bytes(&before.quota) {
            self.quota.clone_from(&before.quota);
        }
        let theirs = before.roots.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut granted = self.roots.write().unwrap_or_else(PoisonError::into_inner);
        let is_new = |root: &Weak<GrantRoot>| root.strong_count() > 0 && !granted.iter().any(|one| one.ptr_eq(root));
        let more: Vec<_> = theirs.into_iter().filter(is_new).collect();
        granted.extend(more);
    }

    /// Whether anything is in its own directory. One that cannot be read counts as if there were.
    pub fn keeps_anything(&self) -> bool {
        let Some(directory) = &self.grants.state else {
            return false;
        };
        match rustix::fs::Dir::read_from(directory) {
            Ok(entries) => !entries
                .into_iter()
                .all(|entry| entry.is_ok_and(|entry| matches!(entry.file_name().to_bytes(), b"." | b".."))),
            Err(_) => true,
        }
    }

    async fn call<T: Send + 'static>(
        &self,
        setup: CallSetup,
        call: impl for<'s> FnOnce(&'s dyn ProviderCalls, &'s mut Store<CallState>) -> Called<'s, T> + Send + 'static,
    ) -> CallReport<T> {
        let mut limits = self.grants.limits.clone();
        if let Some(wall) = setup.wall {
            limits.wall = limits.wall.min(wall);
        }
        limits.cpu = limits.cpu.saturating_add(setup.more_cpu);
        // Waiting for a turn is part of the call's own time.
        let queued = Instant::now();
        let permits = setup.content.as_ref().map_or(&self.permits, |_| &self.reads);
        let permit = tokio::time::timeout(limits.wall, permits.clone().acquire_owned()).await;
        limits.wall = limits.wall.saturating_sub(queued.elapsed());
        let (Ok(Ok(_permit)), Some(_slot)) = (permit, self.loaded.slots.take(limits.wall).await) else {
            return CallReport::refused(CallError::Overloaded);
        };
        limits.wall = limits.wall.saturating_sub(queued.elapsed());
        let log = Log::new(limits.stderr_bytes);
        let operation = setup.operation.as_ref().map(|(operation, _)| *operation);
        let (hooks, observed) = self.grants.network.for_call(setup.operation);
        let running = self.running.begin();
        let mut environment = self.environment.clone();
        environment.extend(running.environment());
        let mut store = armed_store(
            &self.loaded,
            &limits,
            StateParts {
                limits: &limits,
                environment: &environment,
                files: FilesCtx {
                    state: self.grants.state.clone(),
                    spending: Spending::of(self.quota.as_ref()),
                    ..setup.files
                },
                hooks,
                log: log.clone(),
                content: setup.content,
            },
        );
        let called = limited(&limits, async {
            let calls = (self.instantiate)(&mut store).await?;
            call(&*calls, &mut store).await
        })
        .await;
        let (outcome, usage) = settled(&store, called);
        drop(store);
        drop(running);
        tracing::debug!(
            component = %self.loaded.name,
            operation = operation.map_or("profile", Operation::as_str),
            cpu = ?usage.cpu,
            wall = ?usage.wall,
            memory = usage.memory_peak,
            answered = outcome.is_ok(),
            "call ended"
        );
        let (lines, log_dropped) = log.take();
        CallReport {
            outcome,
            usage,
            log: lines,
            log_dropped,
            read: None,
            egress: observed.report(),
        }
    }
}
