//! Providers: a fresh instance for every call.

use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::BoxFuture;
use loadlock_policy::model::{ContentInfo, Deletion, Failure, Operation, Profile, RemoteFile, RemotePage, RemoteRef};
use tokio::sync::{Semaphore, mpsc};
use wasmtime::Store;

use crate::bindings::provider::{ProviderComponent, ProviderComponentPre};
use crate::call::{CallReport, Usage, armed_store, limited, settled};
use crate::component::{Loaded, Sandbox, Source};
use crate::contract::v0_1;
use crate::egress::Network;
use crate::error::{CallError, LoadError};
use crate::files::{AdmittedInput, FilesCtx, GrantRoot};
use crate::inspect::{Inspection, Role};
use crate::limits::{CPU_PER_BYTE, Exhausted};
use crate::log::{ContentPipe, Log};
use crate::state::{CallState, StateParts};

mod running;
mod types;

use running::Running;
pub use types::{AdmittedFile, ListQuery, ProviderGrants, UploadOptions};

/// A loaded provider.
pub struct Provider {
    loaded: Loaded,
    pre: ProviderComponentPre<CallState>,
    environment: Vec<(String, String)>,
    grants: ProviderGrants,
    /// Roots whose admitted files it may read. Weakly: one that was taken away lives, and counts, as long as a file
    /// that was admitted beneath it.
    roots: RwLock<Vec<Weak<GrantRoot>>>,
    permits: Arc<Semaphore>,
    running: Running,
}

/// Chunks of content that wait for a slow client; 256 KiB each.
const CONTENT_DEPTH: usize = 4;

struct Setup {
    files: FilesCtx,
    content: Option<ContentPipe>,
    operation: Option<(Operation, Option<String>)>,
    wall: Option<Duration>,
    /// Processor time beyond the limit.
    more_cpu: Duration,
}

impl Setup {
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
        let pre = ProviderComponentPre::new(loaded.pre.clone()).map_err(|error| LoadError::Contract {
            name: source.name.clone(),
            detail: format!("{error:#}"),
        })?;
        let environment = crate::roles::environment(&grants.settings);
        Ok(Self {
            permits: Arc::new(Semaphore::new(grants.limits.concurrency)),
            running: Running::default(),
            roots: RwLock::new(std::mem::take(&mut grants.roots).iter().map(Arc::downgrade).collect()),
            loaded,
            pre,
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

    /// What the provider takes, checked. It has no network and no files.
    pub async fn profile(&self) -> CallReport<Result<Profile, Failure>> {
        let setup = Setup {
            files: FilesCtx::default(),
            content: None,
            operation: None,
            wall: Some(Duration::from_secs(10)),
            more_cpu: Duration::ZERO,
        };
        self.call(setup, |bindings, store| {
            Box::pin(async move { bindings.loadlock_upload_provider().call_profile(store).await })
        })
        .await
        .and_then(|answer| match answer {
            Ok(profile) => {
                let profile = v0_1::profile(profile);
                profile.check().map_err(|error| CallError::Answer(error.to_string()))?;
                Ok(Ok(profile))
            }
            Err(failure) => Ok(Err(v0_1::failure(failure))),
        })
    }

    /// Uploads an admitted file. `wall` shortens the time limit to what is left of the upload's deadline.
    pub async fn upload(
        &self,
        input: &AdmittedInput,
        file: &AdmittedFile,
        options: &UploadOptions,
        wall: Option<Duration>,
    ) -> CallReport<Result<RemoteFile, Failure>> {
        let granted = self.roots.read().unwrap_or_else(PoisonError::into_inner).clone();
        let relative = match input.check(&granted) {
            Ok(relative) => relative,
            Err(error) => return CallReport::refused(error.into()),
        };
        let path = format!("{}/{relative}", crate::files::FILES);
        let setup = Setup {
            files: FilesCtx {
                admitted: Some((input.clone(), relative)),
                ..FilesCtx::default()
            },
            wall,
            more_cpu: cpu_for(file.size),
            ..Setup::of(Operation::Upload, None)
        };
        let (file, options) = (v0_1::admitted_file(file, path), v0_1::upload_options(options));
        let mut report = self
            .call(setup, move |bindings, store| {
                Box::pin(async move {
                    bindings
                        .loadlock_upload_provider()
                        .call_upload(store, &file, &options)
                        .await
                })
            })
            .await
            .and_then(checked_file)
            .judged();
        let (watch, handle, size) = (input.watch.clone(), input.file.clone(), input.identity.size);
        report.read = if watch.is_whole(size) {
            watch.finish(&handle, size).ok()
        } else {
            tokio::task::spawn_blocking(move || watch.finish(&handle, size))
                .await
                .ok()
                .and_then(Result::ok)
        };
        report
    }

    /// Looks one remote file up.
    pub async fn stat(&self, remote: &RemoteRef) -> CallReport<Result<RemoteFile, Failure>> {
        let asked = v0_1::remote_ref(remote);
        self.call(Setup::of(Operation::Stat, Some(remote)), move |bindings, store| {
            Box::pin(async move { bindings.loadlock_upload_provider().call_stat(store, &asked).await })
        })
        .await
        .and_then(checked_file)
        .judged()
    }

    /// One page of the account's files.
    pub async fn list(&self, query: &ListQuery) -> CallReport<Result<RemotePage, Failure>> {
        let asked = v0_1::list_query(query);
        let limit = query.limit as usize;
        self.call(Setup::of(Operation::Listing, None), move |bindings, store| {
            Box::pin(async move { bindings.loadlock_upload_provider().call_list(store, &asked).await })
        })
        .await
        .and_then(|answer| match answer {
            Ok(page) if page.files.len() > limit => Err(CallError::Answer(format!(
                "{} files on a page of {limit}",
                page.files.len()
            ))),
            Ok(page) => {
                let page = v0_1::remote_page(page);
                for file in &page.files {
                    file.check().map_err(|error| CallError::Answer(error.to_string()))?;
                }
                Ok(Ok(page))
            }
            Err(failure) => Ok(Err(v0_1::failure(failure))),
        })
        .judged()
    }

    /// Deletes one remote file.
    pub async fn delete(&self, remote: &RemoteRef) -> CallReport<Result<Deletion, Failure>> {
        let asked = v0_1::remote_ref(remote);
        self.call(Setup::of(Operation::Delete, Some(remote)), move |bindings, store| {
            Box::pin(async move { bindings.loadlock_upload_provider().call_delete(store, &asked).await })
        })
        .await
        .and_then(|answer| Ok(answer.map(v0_1::deletion).map_err(v0_1::failure)))
        .judged()
    }

    /// Streams the content into `sink`, in order. The report says whether the stream was whole; a sink whose receiver
    /// is dropped ends the call.
    pub async fn content(
        &self,
        remote: &RemoteRef,
        sink: mpsc::Sender<Bytes>,
    ) -> CallReport<Result<ContentInfo, Failure>> {
        let pipe = ContentPipe::new(sink, self.grants.limits.stdout_bytes);
        let asked = v0_1::remote_ref(remote);
        let setup = Setup {
            content: Some(pipe.clone()),
            ..Setup::of(Operation::Content, Some(remote))
        };
        let mut report = self
            .call(setup, move |bindings, store| {
                Box::pin(async move { bindings.loadlock_upload_provider().call_content(store, &asked).await })
            })
            .await;
        let (written, over) = pipe.written();
        if over {
            report.outcome = Err(CallError::Exhausted(Exhausted::Stdout));
        }
        let report = report.and_then(|answer| match answer {
            Ok(info) if info.bytes != written => Err(CallError::Answer(format!(
                "it says that it wrote {} bytes of content, but wrote {written}",
                info.bytes
            ))),
            Ok(info) => Ok(Ok(v0_1::content_info(info))),
            Err(failure) => Ok(Err(v0_1::failure(failure))),
        });
        report.judged()
    }

    /// Depth of the channel to give [`Provider::content`].
    pub fn content_channel() -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
        mpsc::channel(CONTENT_DEPTH)
    }

    /// Asks the vendor for something cheap.
    pub async fn probe(&self) -> CallReport<Result<String, Failure>> {
        self.call(Setup::of(Operation::Probe, None), |bindings, store| {
            Box::pin(async move { bindings.loadlock_upload_provider().call_probe(store).await })
        })
        .await
        .and_then(|answer| Ok(answer.map(one_line).map_err(v0_1::failure)))
        .judged()
    }

    async fn call<T: Send + 'static>(
        &self,
        setup: Setup,
        call: impl for<'s> FnOnce(&'s ProviderComponent, &'s mut Store<CallState>) -> BoxFuture<'s, wasmtime::Result<T>>
        + Send
        + 'static,
    ) -> CallReport<T> {
        let mut limits = self.grants.limits.clone();
        if let Some(wall) = setup.wall {
            limits.wall = limits.wall.min(wall);
        }
        limits.cpu = limits.cpu.saturating_add(setup.more_cpu);
        // Waiting for a turn is part of the call's own time.
        let queued = Instant::now();
        let permit = tokio::time::timeout(limits.wall, self.permits.clone().acquire_owned()).await;
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
                    ..setup.files
                },
                hooks,
                log: log.clone(),
                content: setup.content,
            },
        );
        let called = limited(&limits, async {
            let bindings = self.pre.instantiate_async(&mut store).await?;
            call(&bindings, &mut store).await
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
        let (lines, log_dropped) = log.lines();
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

fn checked_file(
    answer: Result<
        crate::bindings::provider::exports::loadlock::upload::provider::RemoteFile,
        crate::bindings::provider::loadlock::upload::types::Failure,
    >,
) -> Result<Result<RemoteFile, Failure>, CallError> {
    match answer {
        Ok(file) => {
            let file = v0_1::remote_file(file);
            file.check().map_err(|error| CallError::Answer(error.to_string()))?;
            Ok(Ok(file))
        }
        Err(failure) => Ok(Err(v0_1::failure(failure))),
    }
}

fn cpu_for(bytes: u64) -> Duration {
    let nanos = u128::from(bytes) * CPU_PER_BYTE.as_nanos();
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// A line for a person: at most 200 characters, no control characters.
fn one_line(text: String) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

impl<T> CallReport<Result<T, Failure>> {
    /// A failure with what the host saw of the call's requests.
    fn judged(mut self) -> Self {
        let egress = &self.egress;
        self.outcome = self
            .outcome
            .map(|answer| answer.map_err(|failure| egress.judge(failure)));
        self
    }
}

impl<T> CallReport<T> {
    fn refused(error: CallError) -> Self {
        Self {
            outcome: Err(error),
            usage: Usage::default(),
            log: Vec::new(),
            log_dropped: 0,
            read: None,
            egress: crate::egress::EgressReport::default(),
        }
    }

    fn and_then<U>(self, check: impl FnOnce(T) -> Result<U, CallError>) -> CallReport<U> {
        CallReport {
            outcome: self.outcome.and_then(check),
            usage: self.usage,
            log: self.log,
            log_dropped: self.log_dropped,
            read: self.read,
            egress: self.egress,
        }
    }
}
