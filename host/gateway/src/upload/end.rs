//! The end of the road, when no provider has the file.

use loadlock_policy::Millis;
use loadlock_policy::model::{Failure, FailureKind};
use loadlock_policy::retry::{GiveUp, Why};

use super::job::UploadJob;
use super::route::RouteLeg;
use crate::error::{Error, ErrorCode};
use crate::state::provider::ProviderUnit;

impl UploadJob<'_> {
    /// The end of the road. What was cancelled while the provider might have had it is looked for first.
    pub(super) async fn end(&mut self, leg: &RouteLeg, end: &GiveUp) -> Error {
        let lost = end.why == Why::Cancelled && end.outcome_unknown;
        match self.entry.take() {
            Some(entry) if lost => self.withdraw(leg, entry).await,
            entry => {
                self.entry = entry;
                self.give_up(&leg.unit, end).await
            }
        }
    }

    /// Ends the open entry and says why.
    pub(super) async fn give_up(&mut self, unit: &ProviderUnit, end: &GiveUp) -> Error {
        let error = gave_up(unit, end);
        if let Some(entry) = self.entry.take() {
            match error.code {
                ErrorCode::OutcomeUnknown => entry.unknown(&error.message).await,
                code => entry.failed(code.as_str(), &error.message, None).await,
            }
        }
        error
    }
}

/// The end of the road, as a user reads it.
fn gave_up(unit: &ProviderUnit, end: &GiveUp) -> Error {
    let what = format!("`{}`: {end}", unit.name);
    if end.outcome_unknown {
        let error = Error::new(ErrorCode::OutcomeUnknown, what);
        return match unit.has_evidence() {
            true => error.hint(
                "it is looked for again while the gateway runs and at each start, and appears among the files once it \
                 is \
                 found; look at the vendor's side before sending it again",
            ),
            false => error,
        };
    }
    let retry_after = end
        .failure
        .as_ref()
        .and_then(|failure| failure.retry_after)
        .map(Millis::get);
    let code = match (end.why, &end.failure) {
        (Why::OutcomeUnknown, _) => ErrorCode::OutcomeUnknown,
        (Why::Deadline, _) => ErrorCode::DeadlineExceeded,
        (Why::Cancelled, _) => ErrorCode::Cancelled,
        (Why::NotAdmitted(_), None) => ErrorCode::NoProviderAvailable,
        (_, Some(failure)) => failure_code(failure),
        (_, None) => ErrorCode::ProviderFailed,
    };
    Error::new(code, what).retry_after(retry_after)
}

fn failure_code(failure: &Failure) -> ErrorCode {
    if failure.is_unreachable() {
        return ErrorCode::ProviderUnreachable;
    }
    match failure.kind {
        FailureKind::Rejected => ErrorCode::ProviderRejected,
        FailureKind::Unauthorized => ErrorCode::ProviderUnauthorized,
        FailureKind::QuotaExhausted => ErrorCode::ProviderQuotaExhausted,
        FailureKind::RateLimited => ErrorCode::ProviderRateLimited,
        FailureKind::Internal => ErrorCode::ComponentFailed,
        FailureKind::Unavailable
        | FailureKind::Timeout
        | FailureKind::Transport
        | FailureKind::Protocol
        | FailureKind::NotFound
        | FailureKind::Unsupported => ErrorCode::ProviderFailed,
    }
}
