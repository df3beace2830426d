//! Whom a command asks that works beside a running gateway as well.

use loadlock::gateway::{BalanceSheet, Probe, ProviderView, Reconcile, Reconciled, RouteView};
use loadlock::{Content, File, FilePage, ListRequest, Progress, Result, UploadRequest};

use super::context::Session;
use super::running::Running;

/// One gateway, wherever it runs: the answers are the same.
pub(crate) enum Asked {
    /// A gateway of this process.
    Own(Session),
    /// The one that runs on the same home.
    Running(Running),
}

impl Asked {
    pub(crate) async fn upload(&self, request: UploadRequest, progress: &dyn Progress) -> Result<File> {
        match self {
            Self::Own(own) => own.gateway.upload(&own.who, request, progress).await,
            Self::Running(running) => running.upload(request).await,
        }
    }

    pub(crate) async fn list(&self, request: ListRequest) -> Result<FilePage> {
        match self {
            Self::Own(own) => own.gateway.list(&own.who, request).await,
            Self::Running(running) => running.list(&request).await,
        }
    }

    pub(crate) async fn file(&self, id: &str) -> Result<File> {
        match self {
            Self::Own(own) => own.gateway.get(&own.who, id).await,
            Self::Running(running) => running.file(id).await,
        }
    }

    pub(crate) async fn content(&self, id: &str) -> Result<Content> {
        match self {
            Self::Own(own) => own.gateway.content(&own.who, id).await,
            Self::Running(running) => running.content(id).await,
        }
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<()> {
        match self {
            Self::Own(own) => own.gateway.delete(&own.who, id).await,
            Self::Running(running) => running.delete(id).await,
        }
    }

    pub(crate) async fn providers(&self) -> Result<Vec<ProviderView>> {
        match self {
            Self::Own(own) => own.gateway.providers(&own.who).await,
            Self::Running(running) => running.providers().await,
        }
    }

    pub(crate) async fn probe(&self, name: &str) -> Result<Probe> {
        match self {
            Self::Own(own) => own.gateway.probe(&own.who, name).await,
            Self::Running(running) => running.probe(name).await,
        }
    }

    pub(crate) async fn route(&self, request: UploadRequest) -> Result<RouteView> {
        match self {
            Self::Own(own) => own.gateway.route(&own.who, request).await,
            Self::Running(running) => running.route(request).await,
        }
    }

    pub(crate) async fn reconcile(&self, request: Reconcile) -> Result<Reconciled> {
        match self {
            Self::Own(own) => own.gateway.reconcile(&own.who, request).await,
            Self::Running(running) => running.reconcile(request).await,
        }
    }

    pub(crate) async fn fsck(&self, deep: bool) -> Result<BalanceSheet> {
        match self {
            Self::Own(own) if deep => own.gateway.fsck_deep(&own.who).await,
            Self::Own(own) => own.gateway.fsck(&own.who).await,
            Self::Running(running) => running.fsck(deep).await,
        }
    }
}
