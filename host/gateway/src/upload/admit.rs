//! Admission of an upload's source, recorded whatever it is.

use loadlock_audit::{Event, What};
use tokio_util::sync::CancellationToken;

use super::cancel::unless_cancelled;
use crate::admission::{AdmittedFile, open_path};
use crate::api::request::Source;
use crate::audit::PendingAudit;
use crate::error::Result;
use crate::metrics;
use crate::principal::Principal;
use crate::state::gateway::GatewayState;
use crate::state::live::Live;

impl GatewayState {
    /// Opens what was named, or takes in what was sent, and asks the validator.
    pub(crate) async fn admit(
        &self,
        live: &Live,
        who: &Principal,
        source: Source,
        rename: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<AdmittedFile> {
        let mut pending = self.audit.begin_for(who, Event::Admission).await?;
        name_source(pending.what(), &source);
        let of_path = matches!(source, Source::Path { .. });
        let judged = self.open_and_judge(live, who, source, rename, cancel).await;
        recorded(pending, of_path, &judged).await;
        judged
    }

    async fn open_and_judge(
        &self,
        live: &Live,
        who: &Principal,
        source: Source,
        rename: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<AdmittedFile> {
        let admission = &self.intake;
        let opened = match source {
            Source::Path { path, current_dir } => open_path(&live.grants, who, &path, current_dir.as_deref())?,
            Source::Body(body) => {
                let taken = admission.spool.take(body, live.config.limits.max_upload_size.0);
                unless_cancelled(cancel, "while its bytes were received", taken).await??
            }
            Source::Staged(staged) => staged.opened_for(who)?,
            Source::Arriving(arrival) => arrival.arriving(),
        };
        AdmittedFile::judge(opened, &admission.validator, &live.config.validator.rules, rename).await
    }
}

/// Records whether a source was admitted.
async fn recorded<T>(mut pending: PendingAudit, of_path: bool, outcome: &Result<T>) {
    if of_path {
        let decision = outcome.as_ref().map_or_else(|error| error.code.as_str(), |_| "allowed");
        metrics::path(decision);
    }
    pending.what().detail = Some(if of_path { "path" } else { "body" }.into());
    match outcome {
        Ok(_) => pending.went_well(),
        Err(_) => pending.ended(outcome).await,
    }
}

/// What a caller named.
pub(super) fn name_source(what: &mut What, source: &Source) {
    match source {
        Source::Path { path, .. } => what.path = Some(path.display().to_string()),
        Source::Body(body) => what.name = Some(body.name.clone()),
        Source::Staged(staged) => what.name = Some(staged.name()),
        Source::Arriving(arrival) => what.name = Some(arrival.name().to_owned()),
    }
}
