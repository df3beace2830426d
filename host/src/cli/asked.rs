//! Whom a command asks that works beside a running gateway, or beside another command, as well.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use loadlock::config::Config;
use loadlock::gateway::{
    BackupSummary, BalanceSheet, DeadLetter, Probe, ProviderView, Reconcile, Reconciled, RouteView, SwapRequest,
    Swapped, WebhookView,
};
use loadlock::{
    CancellationToken, Content, CopyMade, CopyRequest, File, FilePage, ListRequest, Progress, Result, Silent,
    UploadRequest,
};

use super::args::Globals;
use super::failure::Failure;
use super::output::Output;
use super::turn::{Whom, Wish, take};

/// How often a question is asked again because whoever was asked ended before the answer. Commands that have the home
/// one after the other are over in a moment each.
const TRIES: u32 = 100;

/// One gateway, wherever it runs: the answers are the same.
pub(crate) struct Asked {
    whom: Mutex<Arc<Whom>>,
    config: Config,
    wish: Wish,
    globals: Globals,
    output: Output,
}

impl Asked {
    /// Whoever has the home, or a gateway of this process.
    pub(crate) async fn take(
        config: Config,
        wish: Wish,
        globals: &Globals,
        output: &Output,
    ) -> std::result::Result<Self, Failure> {
        let whom = take(&config, wish, globals, output).await?;
        Ok(Self {
            whom: Mutex::new(Arc::new(whom)),
            config,
            wish,
            globals: globals.clone(),
            output: output.clone(),
        })
    }

    fn whom(&self) -> Arc<Whom> {
        self.whom.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks a question that changes nothing. A command that was asked may end before it answers: whoever has the home
    /// then is asked again.
    async fn look<T>(&self, ask: impl AsyncFn(&Whom) -> Result<T>) -> Result<T> {
        let mut left = TRIES;
        loop {
            let whom = self.whom();
            let answer = ask(&whom).await;
            match &*whom {
                Whom::Running(running) if answer.is_err() && running.is_gone() && left > 0 => left -= 1,
                _ => return answer,
            }
            let next = take(&self.config, self.wish, &self.globals, &self.output).await;
            *self.whom.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(next.map_err(Failure::into_error)?);
        }
    }

    pub(crate) async fn upload(&self, request: UploadRequest, progress: &dyn Progress) -> Result<File> {
        match &*self.whom() {
            Whom::Own(own) => own.gateway.upload(&own.who, request, progress).await,
            Whom::Running(running) => running.upload(request).await,
        }
    }

    pub(crate) async fn list(&self, request: ListRequest) -> Result<FilePage> {
        self.look(async |whom| match whom {
            Whom::Own(own) => own.gateway.list(&own.who, request.clone()).await,
            Whom::Running(running) => running.list(&request).await,
        })
        .await
    }

    pub(crate) async fn file(&self, id: &str) -> Result<File> {
        self.look(async |whom| match whom {
            Whom::Own(own) => own.gateway.get(&own.who, id).await,
            Whom::Running(running) => running.file(id).await,
        })
        .await
    }

    pub(crate) async fn content(&self, id: &str) -> Result<Content> {
        self.look(async |whom| match whom {
            Whom::Own(own) => own.gateway.content(&own.who, id).await,
            Whom::Running(running) => running.content(id).await,
        })
        .await
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<()> {
        match &*self.whom() {
            Whom::Own(own) => own.gateway.delete(&own.who, id).await,
            Whom::Running(running) => running.delete(id).await,
        }
    }

    pub(crate) async fn copy(&self, id: &str, to: String, purpose: Option<String>) -> Result<CopyMade> {
        match &*self.whom() {
            Whom::Own(own) => {
                let request = CopyRequest {
                    to,
                    purpose,
                    cancel: CancellationToken::new(),
                };
                own.gateway.copy(&own.who, id, request, &Silent).await
            }
            Whom::Running(running) => running.copy(id, &to, purpose).await,
        }
    }

    pub(crate) async fn delete_copy(&self, id: &str, provider: &str) -> Result<()> {
        match &*self.whom() {
            Whom::Own(own) => own.gateway.delete_copy(&own.who, id, provider).await,
            Whom::Running(running) => running.delete_copy(id, provider).await,
        }
    }

    pub(crate) async fn providers(&self) -> Result<Vec<ProviderView>> {
        self.look(async |whom| match whom {
            Whom::Own(own) => own.gateway.providers(&own.who).await,
            Whom::Running(running) => running.providers().await,
        })
        .await
    }

    pub(crate) async fn probe(&self, name: &str) -> Result<Probe> {
        self.look(async |whom| match whom {
            Whom::Own(own) => own.gateway.probe(&own.who, name).await,
            Whom::Running(running) => running.probe(name).await,
        })
        .await
    }

    pub(crate) async fn webhooks(&self) -> Result<Vec<WebhookView>> {
        self.look(async |whom| match whom {
            Whom::Own(own) => own.gateway.webhooks(&own.who).await,
            Whom::Running(running) => running.webhooks().await,
        })
        .await
    }

    pub(crate) async fn dead_letters(&self) -> Result<Vec<DeadLetter>> {
        self.look(async |whom| match whom {
            Whom::Own(own) => own.gateway.dead_letters(&own.who).await,
            Whom::Running(running) => running.dead_letters().await,
        })
        .await
    }

    pub(crate) async fn resend(&self, id: Option<&str>) -> Result<u64> {
        match &*self.whom() {
            Whom::Own(own) => own.gateway.resend(&own.who, id).await,
            Whom::Running(running) => running.resend(id).await,
        }
    }

    /// Where a file on the disk would go; `request` makes the question, which is used up by asking.
    pub(crate) async fn route(&self, request: impl Fn() -> UploadRequest) -> Result<RouteView> {
        self.look(async |whom| match whom {
            Whom::Own(own) => own.gateway.route(&own.who, request()).await,
            Whom::Running(running) => running.route(request()).await,
        })
        .await
    }

    /// A dry run looks; anything else is asked once.
    pub(crate) async fn reconcile(&self, request: Reconcile) -> Result<Reconciled> {
        let ask = async |whom: &Whom| match whom {
            Whom::Own(own) => own.gateway.reconcile(&own.who, request.clone()).await,
            Whom::Running(running) => running.reconcile(request.clone()).await,
        };
        match request.dry_run {
            true => self.look(ask).await,
            false => ask(&self.whom()).await,
        }
    }

    pub(crate) async fn swap(&self, component: &str, request: &SwapRequest) -> Result<Swapped> {
        match &*self.whom() {
            Whom::Own(own) => own.gateway.swap(&own.who, component, request.clone()).await,
            Whom::Running(running) => running.swap(component, request).await,
        }
    }

    pub(crate) async fn roll_back(&self, component: &str, accept: bool) -> Result<Swapped> {
        match &*self.whom() {
            Whom::Own(own) => own.gateway.roll_back(&own.who, component, accept).await,
            Whom::Running(running) => running.roll_back(component, accept).await,
        }
    }

    pub(crate) async fn backup(&self, folder: &Path) -> Result<BackupSummary> {
        match &*self.whom() {
            Whom::Own(own) => own.gateway.backup(&own.who, folder).await,
            Whom::Running(running) => running.backup(folder).await,
        }
    }

    pub(crate) async fn fsck(&self, deep: bool) -> Result<BalanceSheet> {
        self.look(async |whom| match whom {
            Whom::Own(own) if deep => own.gateway.fsck_deep(&own.who).await,
            Whom::Own(own) => own.gateway.fsck(&own.who).await,
            Whom::Running(running) => running.fsck(deep).await,
        })
        .await
    }
}
