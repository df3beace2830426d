//! Uploads under way, for every door: one task each, progress for whoever of the same tenant watches, and cancellation.
//!
//! A connection that goes away drops its handler; an upload that was dropped in the middle would stay open in the
//! journal until it is settled. So each upload is a task of its own, which is told to cancel and ends in order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loadlock_gateway::{
    CopyMade, CopyRequest, Error, ErrorCode, Event, File, Gateway, Principal, Progress, Result, UploadRequest,
};
use rand::RngExt;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::feed::Feed;
use crate::notice::{Notice, TenantNotice, What};

/// Notices that a slow watcher may be behind before it loses some, and is told so.
const BACKLOG: usize = 1_024;

/// Notices of one tenant, from when it was made on.
pub(crate) type Watching = broadcast::Receiver<Arc<Notice>>;

/// All uploads under way. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Uploads(Arc<Inner>);

struct Inner {
    gateway: Gateway,
    stopping: CancellationToken,
    tenants: Mutex<HashMap<String, TenantUploads>>,
    feed: Feed,
    tasks: TaskTracker,
}

#[derive(Default)]
struct TenantUploads {
    live: HashMap<String, Live>,
    watchers: Option<broadcast::Sender<Arc<Notice>>>,
}

struct Live {
    cancel: CancellationToken,
    last: Arc<Notice>,
}

/// A started upload.
pub(crate) struct Started {
    /// `upl_…`.
    pub(crate) id: String,
    /// Its end.
    pub(crate) end: JoinHandle<Result<File>>,
    /// Cancels it.
    pub(crate) cancel: CancellationToken,
}

impl Uploads {
    pub(crate) fn new(gateway: Gateway, stopping: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            gateway,
            stopping,
            tenants: Mutex::default(),
            feed: Feed::default(),
            tasks: TaskTracker::new(),
        }))
    }

    /// Uploads and waits; a caller that goes away cancels it.
    ///
    /// # Errors
    /// See [`Gateway::upload`].
    pub(crate) async fn run(&self, who: Principal, request: UploadRequest) -> Result<File> {
        let started = self.start(who, request)?;
        let _cancels: DropGuard = started.cancel.drop_guard();
        ended(started.end).await
    }

    /// Starts one, which goes on whether or not anybody waits for it.
    ///
    /// # Errors
    /// [`ErrorCode::Overloaded`] while the server stops.
    pub(crate) fn start(&self, who: Principal, request: UploadRequest) -> Result<Started> {
        self.start_of(who, request, None)
    }

    /// Starts one whose bytes came in a session, which watchers are told.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) fn start_of(
        &self,
        who: Principal,
        mut request: UploadRequest,
        session: Option<&str>,
    ) -> Result<Started> {
        let (watch, cancel) = self.watched(&who, session)?;
        request.cancel = cancel.clone();
        let id = watch.id.clone();
        let gateway = self.0.gateway.clone();
        let task = async move {
            let result = gateway.upload(&who, request, &watch).await;
            watch.end(&result);
            result
        };
        let end = self.0.tasks.spawn(task.in_current_span());
        Ok(Started { id, end, cancel })
    }

    /// Copies a file and waits; a caller that goes away cancels it. Watchers see it as the upload that it is.
    ///
    /// # Errors
    /// See [`Gateway::copy`].
    pub(crate) async fn copy(
        &self,
        who: Principal,
        id: String,
        to: String,
        purpose: Option<String>,
    ) -> Result<CopyMade> {
        let (watch, cancel) = self.watched(&who, None)?;
        let request = CopyRequest {
            to,
            purpose,
            cancel: cancel.clone(),
        };
        let gateway = self.0.gateway.clone();
        let task = async move {
            let result = gateway.copy(&who, &id, request, &watch).await;
            watch.end(&result.as_ref().map(|made| made.file.clone()).map_err(Clone::clone));
            result
        };
        let end = self.0.tasks.spawn(task.in_current_span());
        let _cancels: DropGuard = cancel.drop_guard();
        ended(end).await
    }

    /// What is about to begin, which watchers are told, and what cancels it.
    fn watched(&self, who: &Principal, session: Option<&str>) -> Result<(UploadWatch, CancellationToken)> {
        if self.0.stopping.is_cancelled() {
            return Err(Error::new(ErrorCode::Overloaded, "the gateway is stopping").retry_after(Some(5_000)));
        }
        let cancel = CancellationToken::new();
        let watch = UploadWatch {
            inner: self.0.clone(),
            tenant: who.tenant().to_owned(),
            id: format!("upl_{}", hex::encode(rand::rng().random::<[u8; 12]>())),
        };
        watch.begin(cancel.clone(), session);
        Ok((watch, cancel))
    }

    /// Runs what has to come to its end before the server does.
    pub(crate) fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.0.tasks.spawn(task)
    }

    /// Cancels one of the tenant's own.
    ///
    /// # Errors
    /// [`ErrorCode::FileNotFound`] if the tenant has no such upload under way.
    pub(crate) fn cancel(&self, who: &Principal, id: &str) -> Result<()> {
        let tenants = self.0.lock();
        let live = tenants.get(who.tenant()).and_then(|tenant| tenant.live.get(id));
        live.ok_or_else(|| not_under_way(id))?.cancel.cancel();
        Ok(())
    }

    /// The tenant's uploads under way, each by the last thing that happened to it.
    pub(crate) fn list(&self, who: &Principal) -> Vec<Arc<Notice>> {
        let tenants = self.0.lock();
        let live = tenants
            .get(who.tenant())
            .into_iter()
            .flat_map(|tenant| tenant.live.values());
        live.map(|live| live.last.clone()).collect()
    }

    /// Every tenant's uploads under way.
    pub(crate) fn list_all(&self) -> Vec<TenantNotice> {
        let tenants = self.0.lock();
        let of = |(name, tenant): (&String, &TenantUploads)| {
            let named = |live: &Live| TenantNotice::new(name, live.last.clone());
            tenant.live.values().map(named).collect::<Vec<_>>()
        };
        tenants.iter().flat_map(of).collect()
    }

    /// What happened to the uploads of all tenants.
    pub(crate) fn feed(&self) -> &Feed {
        &self.0.feed
    }

    /// Everything that happens to the tenant's uploads from now on.
    pub(crate) fn watch(&self, who: &Principal) -> Watching {
        let mut tenants = self.0.lock();
        tenants
            .entry(who.tenant().to_owned())
            .or_default()
            .watchers
            .get_or_insert_with(|| broadcast::channel(BACKLOG).0)
            .subscribe()
    }

    /// How many are under way, over all tenants.
    pub(crate) fn under_way(&self) -> usize {
        self.0.lock().values().map(|tenant| tenant.live.len()).sum()
    }

    /// Cancels all of them and waits for their ends, which are bounded in time.
    pub(crate) async fn stop(&self) {
        for live in self.0.lock().values().flat_map(|tenant| tenant.live.values()) {
            live.cancel.cancel();
        }
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

/// No such upload, or another tenant's.
pub(crate) fn not_under_way(id: &str) -> Error {
    Error::new(ErrorCode::FileNotFound, format!("no upload `{id}` is under way"))
        .hint("list the uploads that are under way; one that has ended can neither be watched nor cancelled")
}

/// The result of a task.
pub(crate) async fn ended<T>(task: JoinHandle<Result<T>>) -> Result<T> {
    task.await.unwrap_or_else(|error| {
        Err(Error::new(
            ErrorCode::Internal,
            format!("the upload's task ended: {error}"),
        ))
    })
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, TenantUploads>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells watchers about one upload; whatever ends the task, the upload is no longer under way afterwards.
struct UploadWatch {
    inner: Arc<Inner>,
    tenant: String,
    id: String,
}

impl UploadWatch {
    fn begin(&self, cancel: CancellationToken, session: Option<&str>) {
        let session = session.map(str::to_owned);
        let notice = self.notice(What::Queued { session });
        let mut tenants = self.inner.lock();
        let tenant = tenants.entry(self.tenant.clone()).or_default();
        tenant.live.insert(
            self.id.clone(),
            Live {
                cancel,
                last: notice.clone(),
            },
        );
        tenant.tell(notice);
    }

    fn end(&self, result: &Result<File>) {
        self.tell(match result {
            Ok(file) => What::Done {
                file: Box::new(file.clone()),
            },
            Err(error) => What::Failed { error: error.clone() },
        });
    }

    /// A notice of this upload, which the feed has heard.
    fn notice(&self, what: What) -> Arc<Notice> {
        let notice = Arc::new(Notice {
            upload: self.id.clone(),
            what,
        });
        let now = self.inner.gateway.now_ms();
        self.inner.feed.tell(&self.tenant, now, notice.clone());
        notice
    }

    fn tell(&self, what: What) {
        let notice = self.notice(what);
        let mut tenants = self.inner.lock();
        let Some(tenant) = tenants.get_mut(&self.tenant) else {
            return;
        };
        if let Some(live) = tenant.live.get_mut(&self.id) {
            live.last = notice.clone();
        }
        tenant.tell(notice);
    }
}

impl Progress for UploadWatch {
    fn event(&self, event: Event) {
        self.tell(event.into());
    }
}

impl Drop for UploadWatch {
    fn drop(&mut self) {
        let mut tenants = self.inner.lock();
        if let Some(tenant) = tenants.get_mut(&self.tenant) {
            tenant.live.remove(&self.id);
            if tenant
                .watchers
                .as_ref()
                .is_some_and(|watchers| watchers.receiver_count() == 0)
            {
                tenant.watchers = None;
            }
            if tenant.live.is_empty() && tenant.watchers.is_none() {
                tenants.remove(&self.tenant);
            }
        }
    }
}

impl TenantUploads {
    fn tell(&self, notice: Arc<Notice>) {
        if let Some(watchers) = &self.watchers {
            // Nobody watching is no failure.
            let _ = watchers.send(notice);
        }
    }
}
