//! What surrounds an upload: the caller's turn, its place in the audit log, metrics, a span.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use loadlock_audit::Event as AuditEvent;
use tracing::Instrument;

use super::admit::name_source;
use super::cancel::unless_cancelled;
use crate::api::progress::{Event, Progress};
use crate::api::request::UploadRequest;
use crate::audit::PendingAudit;
use crate::error::Result;
use crate::metrics;
use crate::principal::{Principal, Scope};
use crate::state::gateway::Gateway;
use crate::view;

impl Gateway {
    /// [`Self::upload`] by itself, or to a further copy of a file: where it ends is not kept elsewhere.
    pub(crate) async fn upload_once(
        &self,
        who: &Principal,
        request: UploadRequest,
        copy_of: Option<&str>,
        progress: &dyn Progress,
    ) -> Result<view::File> {
        let audit = &self.0.audit;
        let mut account = UploadAccount {
            pending: Some(audit.begin_for(who, AuditEvent::Upload).await?),
            tenant: who.tenant().to_owned(),
            started: Instant::now(),
            seen: Mutex::default(),
            _in_flight: metrics::InFlight::upload(),
        };
        if let Some(pending) = &mut account.pending {
            name_source(pending.what(), &request.source);
        }
        let span = tracing::info_span!(
            "upload",
            tenant = who.tenant(),
            subject = who.subject(),
            request_id = who.peer().request_id
        );
        let watched = SeenProgress {
            seen: &account.seen,
            progress,
        };
        let outcome = async {
            who.require(Scope::Write)?;
            let cancel = request.cancel.clone();
            let turn = self.0.turn_of(who);
            let _turn = unless_cancelled(&cancel, "while it waited for its turn", turn).await??;
            self.0.carry_out(who, request, copy_of, &watched).await
        }
        .instrument(span)
        .await;
        account.end(&outcome).await;
        outcome.map(|file| self.0.shown(who.tenant(), file))
    }

    /// Uploads one file: exactly one remote file and one record, or an error that left nothing behind. Either way, and
    /// if the caller goes away, there is one record in the audit log.
    ///
    /// Cancelling [`UploadRequest::cancel`] ends it within seconds: waits end at once, an attempt is cut off, the
    /// provider is asked whether the file arrived all the same, and if it did it is deleted. An upload whose receipt
    /// had come by then succeeds. What the provider does not tell in time is looked for by [`Gateway::settle`], at the
    /// latest at the next start, and taken back then.
    ///
    /// Where the configuration says `keep`, that provider gets it first, and the one that it is for a copy from there:
    /// both, or none.
    ///
    /// # Errors
    /// See [`crate::ErrorCode`].
    pub async fn upload(&self, who: &Principal, request: UploadRequest, progress: &dyn Progress) -> Result<view::File> {
        match self.0.keeper(&request.target) {
            Some(keeper) => Box::pin(self.upload_kept(who, request, keeper, progress)).await,
            None => self.upload_once(who, request, None, progress).await,
        }
    }
}

/// What is seen of an upload on its way.
#[derive(Debug, Default, Clone)]
struct SeenUpload {
    name: Option<String>,
    bytes: Option<u64>,
    provider: Option<String>,
    /// SHA-256 of the component that made the last attempt.
    component: Option<String>,
    attempts: u32,
}

/// Listens, and passes everything on.
struct SeenProgress<'a> {
    seen: &'a Mutex<SeenUpload>,
    progress: &'a dyn Progress,
}

impl Progress for SeenProgress<'_> {
    fn event(&self, event: Event) {
        match &event {
            Event::Admitted { name, bytes } => {
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.name = Some(name.clone());
                seen.bytes = Some(*bytes);
            }
            Event::Attempt {
                provider, component, ..
            } => {
                metrics::attempt(provider);
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.provider = Some(provider.clone());
                seen.component = Some(component.clone());
                seen.attempts += 1;
            }
            Event::Retry { provider, .. } => metrics::retry(provider),
            _ => {}
        }
        self.progress.event(event);
    }
}

/// One upload's account. Dropped on the way, it is closed as cancelled.
struct UploadAccount {
    pending: Option<PendingAudit>,
    tenant: String,
    started: Instant,
    seen: Mutex<SeenUpload>,
    _in_flight: metrics::InFlight,
}

impl UploadAccount {
    async fn end(mut self, outcome: &Result<view::File>) {
        let word = match outcome {
            Ok(file) if file.deduplicated => "deduplicated",
            Ok(_) => "stored",
            Err(error) => error.code.as_str(),
        };
        let pending = self.close(word, outcome.as_ref().ok());
        if let Some(pending) = pending {
            pending.ended(outcome).await;
        }
    }

    /// The one line about it. What was refused before it was let in is no upload that ended: of a scan of paths there
    /// may be thousands, and each is in the audit log.
    fn log(&self, outcome: &'static str, seen: &SeenUpload, file: Option<&view::File>) {
        let tenant = self.tenant.as_str();
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if file.is_none() && seen.bytes.is_none() {
            tracing::info!(target: "loadlock::refused", tenant, ms, outcome, "upload refused");
            return;
        }
        tracing::info!(
            target: "loadlock::upload",
            file = file.map(|file| file.id.as_str()),
            tenant,
            provider = file.map(|file| file.provider.as_str()).or(seen.provider.as_deref()),
            bytes = file.map(|file| file.bytes).or(seen.bytes),
            ms,
            attempts = file.map_or(seen.attempts, |file| file.attempts),
            outcome,
            "upload ended"
        );
    }

    fn close(&mut self, outcome: &'static str, file: Option<&view::File>) -> Option<PendingAudit> {
        let mut pending = self.pending.take()?;
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.log(outcome, &seen, file);
        pending.what().component = seen.component;
        let provider = match file {
            Some(file) => {
                pending.file(file);
                if file.deduplicated {
                    pending.what().detail = Some("deduplicated".into());
                }
                metrics::stored(&file.provider, file.bytes, file.deduplicated);
                file.provider.clone()
            }
            None => {
                let what = pending.what();
                what.name = seen.name.or(what.name.take());
                what.bytes = seen.bytes;
                what.provider = seen.provider.clone();
                seen.provider.unwrap_or_default()
            }
        };
        metrics::upload_ended(&provider, outcome, self.started.elapsed());
        Some(pending)
    }
}

impl Drop for UploadAccount {
    fn drop(&mut self) {
        // The caller went away: `Pending` records it as cancelled.
        drop(self.close("cancelled", None));
    }
}
