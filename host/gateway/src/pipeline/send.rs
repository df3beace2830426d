//! Attempts along a route, until one succeeds or policy gives up.

use std::sync::PoisonError;

use loadlock_policy::Millis;
use loadlock_policy::breaker::Outcome;
use loadlock_policy::model::{Failure, FailureKind, RemoteFile, Retention, VerifyMethod};
use loadlock_policy::retry::{Decision, Event as RetryEvent, GiveUp, Inputs, Leg, RetryLoop, RoutePolicy, Why};
use loadlock_sandbox::provider::UploadOptions;

use super::attempt::{AttemptEnd, Place, Receipt};
use super::dedup::content_digest;
use super::entry::{Entry, Started, remote_name};
use super::flights::Landing;
use super::upload::{Order, Stop};
use crate::admission::AdmittedFile;
use crate::error::{Error, ErrorCode, Result};
use crate::gateway::Inner;
use crate::progress::{Event, Progress};
use crate::setup::ProviderUnit;
use crate::view;

impl Inner {
    /// Attempts along the route until one succeeds or policy gives up.
    pub(super) async fn send<'a>(
        &'a self,
        order: &Order<'_>,
        route: &[Stop<'_>],
        mut digest: Option<String>,
        begun: Option<Entry<'a>>,
        landing: Landing,
        progress: &dyn Progress,
    ) -> Result<view::File> {
        let deadline = order.deadline;
        let legs = route.iter().map(|(unit, _)| Leg {
            verify: unit.profile.verify,
            retry: unit.retry,
        });
        let mut machine = RetryLoop::new(RoutePolicy::default(), legs, deadline);
        // One entry per provider of the route: policy moves on only when the outcome at the one before is known.
        let mut entry = begun;
        // What the provider had read when the caller gave up in the middle of an attempt.
        let mut read = None;
        let mut since = 0;
        let mut landings = vec![landing];
        loop {
            let leg = machine.leg();
            let Some(stop) = route.get(leg) else {
                return Err(Error::new(ErrorCode::Internal, "the route ended without a decision"));
            };
            let unit = stop.0;
            let joined = self.join(order, (leg, stop), &mut digest, &mut entry, &mut landings);
            if let Some(hit) = joined.await? {
                return Ok(hit);
            }
            let waited = self.turn(unit, order.cancel, deadline).await;
            let event = match waited.and_then(|turn| {
                Place::take(self, unit)
                    .map(|place| (turn, place))
                    .map_err(RetryEvent::NotAdmitted)
            }) {
                Err(event) => event,
                Ok((_turn, place)) => {
                    if let Decision::GiveUp(end) = machine.start(self.clock.now()).map_err(bug)? {
                        return Err(self.give_up(entry, unit, &end).await);
                    }
                    let attempt = machine.total_sends();
                    let current = match entry.take() {
                        Some(open) if open.leg() == leg => open.again(attempt).await?,
                        other => {
                            if let Some(before) = other {
                                before.moved_on("the route went on to another provider").await;
                            }
                            match self.begin(order, leg, stop, digest.as_deref()).await? {
                                Started::New(open) => open,
                                Started::Known(file) => return Ok(*file),
                            }
                        }
                    };
                    unit.budget
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .deposit(&unit.budget_policy);
                    progress.event(Event::Attempt {
                        provider: unit.name.clone(),
                        attempt,
                    });
                    let options = options(stop, current.mark(), order);
                    let wall = self.clock.real(deadline - self.clock.now());
                    since = unit.burials.now().await;
                    match self
                        .attempt(unit, order, &options, digest.as_deref(), wall, progress)
                        .await
                    {
                        AttemptEnd::Stored(receipt) => {
                            place.report(Outcome::Success, progress).await;
                            match self.accepting(unit, &receipt.remote.id, since).await? {
                                Some(_accepting) => {
                                    let _ = machine.on(
                                        RetryEvent::AttemptSucceeded,
                                        &mut Inputs {
                                            now: self.clock.now(),
                                            random: 0.0,
                                            budget: &mut || true,
                                        },
                                    );
                                    return self.finish(order, stop, current, receipt, attempt).await;
                                }
                                None => {
                                    self.after_burial(&unit.account, &receipt.remote.id).await;
                                    entry = Some(current);
                                    RetryEvent::AttemptFailed(deleted_meanwhile())
                                }
                            }
                        }
                        AttemptEnd::Failed(failure) => {
                            place.report(Outcome::of(&failure), progress).await;
                            tracing::warn!(target: "loadlock::retry", provider = %unit.name, attempt, %failure, "[RETRY] attempt {attempt} at {} failed: {failure}", unit.name);
                            entry = Some(current);
                            RetryEvent::AttemptFailed(failure)
                        }
                        AttemptEnd::Crowded(failure) => {
                            place.report(Outcome::Neutral, progress).await;
                            entry = Some(current);
                            RetryEvent::AttemptFailed(failure)
                        }
                        AttemptEnd::Cancelled(report) => {
                            place.report(Outcome::Cancelled, progress).await;
                            read = report;
                            entry = Some(current);
                            RetryEvent::Cancelled
                        }
                        AttemptEnd::Fatal { error, unwanted } => {
                            place.report(Outcome::Neutral, progress).await;
                            current.failed(error.code.as_str(), &error.message, unwanted).await;
                            return Err(error);
                        }
                    }
                }
            };
            let mut decision = self.decide(&mut machine, unit, event)?;
            let mut adopted = None;
            // A lost answer is looked for, as often as policy says, before anything is sent again.
            while let Decision::Verify { after } = decision {
                let what = "looking for the lost upload";
                if !self.pause(unit, after, what, order.cancel, progress).await {
                    decision = self.decide(&mut machine, unit, RetryEvent::Cancelled)?;
                    break;
                }
                if unit.profile.verify == VerifyMethod::Digest {
                    // Without it nothing on the list can be told to be this upload's. A file that has changed has none.
                    let _ = content_digest(order, &mut digest).await;
                }
                let mark = entry.as_ref().map_or("", Entry::mark);
                let (event, found) = self
                    .verify(unit, order.file.size(), &stop.1, mark, digest.as_deref())
                    .await;
                adopted = found;
                decision = self.decide(&mut machine, unit, event)?;
            }
            match (decision, entry.take(), adopted) {
                (Decision::Retry { after }, open, _) => {
                    entry = open;
                    // If the caller gives up, the next round ends it.
                    self.pause(unit, after, "trying again", order.cancel, progress).await;
                }
                (Decision::NextProvider, open, _) => entry = open,
                (Decision::Adopt, Some(open), Some(remote)) => {
                    let Some(_accepting) = self.accepting(unit, &remote.id, since).await? else {
                        let error = Error::new(
                            ErrorCode::ProviderFailed,
                            format!("`{}`: {}", unit.name, deleted_meanwhile()),
                        )
                        .hint("upload it again");
                        open.failed(error.code.as_str(), &error.message, None).await;
                        return Err(error);
                    };
                    let receipt = match self.adopt(order.file, unit, remote, digest.clone()).await {
                        Ok(receipt) => receipt,
                        Err(error) => {
                            open.unknown(&error.message).await;
                            return Err(error);
                        }
                    };
                    return self.finish(order, stop, open, receipt, machine.total_sends()).await;
                }
                (Decision::GiveUp(end), Some(open), _) if end.why == Why::Cancelled && end.outcome_unknown => {
                    let (digest, read) = (digest.as_deref(), read.as_ref());
                    return Err(self.withdraw(order, stop, open, digest, read).await);
                }
                (Decision::GiveUp(end), open, _) => {
                    return Err(self.give_up(open, unit, &end).await);
                }
                (other, _, _) => {
                    return Err(Error::new(
                        ErrorCode::Internal,
                        format!("a decision that does not fit: {other:?}"),
                    ));
                }
            }
        }
    }

    /// Ends the open entry and says why.
    async fn give_up(&self, entry: Option<Entry<'_>>, unit: &ProviderUnit, end: &GiveUp) -> Error {
        let error = gave_up(unit, end);
        if let Some(entry) = entry {
            match error.code {
                ErrorCode::OutcomeUnknown => entry.unknown(&error.message).await,
                code => entry.failed(code.as_str(), &error.message, None).await,
            }
        }
        error
    }

    fn decide(&self, machine: &mut RetryLoop, unit: &ProviderUnit, event: RetryEvent) -> Result<Decision> {
        let now = self.clock.now();
        let mut budget = || {
            unit.budget
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .withdraw(&unit.budget_policy, now)
        };
        machine
            .on(
                event,
                &mut Inputs {
                    now,
                    random: rand::random(),
                    budget: &mut budget,
                },
            )
            .map_err(bug)
    }

    /// A remote file that was found by its mark or digest: the bytes were read in the attempt whose answer was lost.
    async fn adopt(
        &self,
        file: &AdmittedFile,
        unit: &ProviderUnit,
        remote: RemoteFile,
        digest: Option<String>,
    ) -> Result<Receipt> {
        file.unchanged()?;
        if remote.bytes != file.size() {
            return Err(Error::new(
                ErrorCode::OutcomeUnknown,
                format!(
                    "`{}` holds a remote file with this upload's mark, but of {} bytes instead of {}",
                    unit.name,
                    remote.bytes,
                    file.size()
                ),
            ));
        }
        let sha256 = match digest {
            Some(digest) => digest,
            None => {
                let hash = super::flights::hash(file.opened().file.clone(), file.size());
                let digest = hash.await.map_err(unreadable)?;
                // Of the bytes that were sent only if they are still the same.
                file.unchanged()?;
                digest
            }
        };
        Ok(Receipt { remote, sha256 })
    }

    /// Durable acceptance, then the record. A tracker that is away delays the record, never the upload.
    async fn finish(
        &self,
        order: &Order<'_>,
        stop: &Stop<'_>,
        entry: Entry<'_>,
        receipt: Receipt,
        attempts: u32,
    ) -> Result<view::File> {
        let expires_at_ms = self.expires_at(order, stop, receipt.remote.expires_at);
        self.statuses
            .note(&stop.0.name, &receipt.remote.id, receipt.remote.status);
        entry.accepted(order, stop, receipt, attempts, expires_at_ms).await
    }
}

/// Equal content shares one remote file here, and a delete of it was under way: it may have taken this upload's along.
fn deleted_meanwhile() -> Failure {
    Failure::new(
        FailureKind::Unavailable,
        "the remote file was deleted while it was stored, because the last file that referred to it went",
    )
}

fn options(stop: &Stop<'_>, mark: &str, order: &Order<'_>) -> UploadOptions {
    let (unit, purpose) = stop;
    let expires_in_s = match unit.profile.purpose(purpose).map(|profile| profile.retention) {
        Some(Retention::Chosen(min, max)) => order.expires_in_s.map(|seconds| seconds.clamp(min, max)),
        _ => None,
    };
    UploadOptions {
        purpose: purpose.clone(),
        mark: mark.to_owned(),
        remote_name: remote_name(unit, order.file, mark),
        expires_in_s,
    }
}

pub(super) fn unreadable(error: std::io::Error) -> Error {
    Error::new(ErrorCode::FileChanged, format!("cannot read the file: {error}"))
}

fn bug(error: loadlock_policy::retry::OutOfOrder) -> Error {
    Error::new(ErrorCode::Internal, error.to_string())
}

/// The end of the road, as a user reads it.
fn gave_up(unit: &ProviderUnit, end: &GiveUp) -> Error {
    let what = format!("`{}`: {end}", unit.name);
    if end.outcome_unknown {
        return Error::new(ErrorCode::OutcomeUnknown, what);
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
