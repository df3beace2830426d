//! One attempt at one provider, and the receipt.

use std::time::Duration;

use loadlock_policy::model::{Failure, FailureKind, Reach, RemoteFile, Retention, Unusable, VerifyMethod};
use loadlock_policy::swap::CallEnd;
use loadlock_sandbox::files::{AdmittedInput, ReadReport};
use loadlock_sandbox::provider::{ReceiptFault, UploadOptions, receipt_fault};
use loadlock_sandbox::{CallError, CallReport, EgressReport, Exhausted};

use super::cut_through::Starvation;
use super::entry::Entry;
use super::job::UploadJob;
use super::route::RouteLeg;
use crate::admission::AdmittedFile;
use crate::api::progress::Event;
use crate::error::{Error, ErrorCode};
use crate::fault::{self, Point};
use crate::state::provider::{ProviderUnit, log_call};

/// Proof of success, built from the provider's answer and from what the host saw itself.
#[derive(Debug)]
pub(crate) struct Receipt {
    pub(crate) remote: RemoteFile,
    /// Digest of the very bytes that the provider read.
    pub(crate) sha256: String,
}

/// How an attempt ended.
pub(crate) enum AttemptEnd {
    Stored(Receipt),
    /// The provider failed; policy decides what follows.
    Failed(Failure),
    /// The call did not begin: too much is under way here, which is no fault of the provider's.
    Crowded(Failure),
    /// The caller gave up while the provider was at work; with what it had read of the file.
    Cancelled(Option<ReadReport>),
    /// The client sent nothing for longer than a vendor waits; with what the provider had read by then.
    Starved(Option<ReadReport>),
    /// Nothing can follow: the file changed, or the provider's answer contradicts what the host saw.
    Fatal {
        error: Error,
        /// A remote file that was stored all the same and has to go.
        unwanted: Option<RemoteFile>,
    },
}

/// How often progress is reported.
const PROGRESS: Duration = Duration::from_millis(100);

impl UploadJob<'_> {
    /// Sends the bytes once.
    pub(super) async fn call(&self, leg: &RouteLeg) -> AttemptEnd {
        let (unit, file, progress) = (&leg.unit, self.file, self.asked.progress);
        let Some(input) = file.input_for(&unit.name) else {
            return fatal(Error::new(
                ErrorCode::PathNotAllowed,
                format!("the provider `{}` is not granted the file", unit.name),
            ));
        };
        let options = self.options(leg);
        let wall = self.state.clock.real(self.deadline - self.state.clock.now());
        let facts = file.facts(self.known_digest());
        fault::at(Point::CallBefore);
        let mut call = Box::pin(unit.component.upload(&input, &facts, &options, Some(wall)));
        let mut ticks = tokio::time::interval(PROGRESS);
        let longest = wall.min(unit.component.grants().limits.wall);
        let mut starvation = Starvation::new(self.live.config.limits.cut_through_idle, longest);
        let report = loop {
            tokio::select! {
                biased;
                report = &mut call => break report,
                () = self.asked.cancel.cancelled() => {
                    // Its connections close with it.
                    drop(call);
                    return AttemptEnd::Cancelled(read_so_far(input, file).await);
                }
                _ = ticks.tick() => {
                    progress.event(Event::Sent { bytes: input.watch.handed().min(file.size()) });
                    if starvation.lasts(self.arriving.as_ref(), &input) {
                        drop(call);
                        return AttemptEnd::Starved(read_so_far(input, file).await);
                    }
                }
            }
        };
        fault::at(Point::CallAfter);
        progress.event(Event::Sent {
            bytes: input.watch.handed().min(file.size()),
        });
        if self.is_cut_off() && !matches!(report.outcome, Ok(Ok(_))) {
            log_call(&unit.name, &report);
            return AttemptEnd::Cancelled(report.read);
        }
        self.learn_digest();
        let now_ms = self.state.clock.wall_ms();
        // The uploader's own id, where it chose one.
        let chosen = (unit.profile.verify == VerifyMethod::ChosenId).then_some(options.mark.as_str());
        if !matches!(report.outcome, Ok(Ok(_))) {
            unit.called(&report);
            return receipt(unit, file, self.known_digest(), chosen, report, now_ms);
        }
        log_call(&unit.name, &report);
        let end = receipt(unit, file, self.known_digest(), chosen, report, now_ms);
        unit.judged(match &end {
            AttemptEnd::Fatal { error, .. } if error.code == ErrorCode::ReceiptMismatch => CallEnd::Bad,
            AttemptEnd::Fatal { .. } => CallEnd::Neutral,
            _ => CallEnd::Well,
        });
        end
    }

    /// What the provider is told beside the file.
    fn options(&self, leg: &RouteLeg) -> UploadOptions {
        let profile = leg.unit.profile.purpose(&leg.purpose);
        let expires_in_s = match profile.map(|profile| profile.retention) {
            Some(Retention::Chosen(min, max)) => self.asked.expires_in_s.map(|seconds| seconds.clamp(min, max)),
            _ => None,
        };
        let entry = self.entry.as_ref();
        UploadOptions {
            purpose: leg.purpose.clone(),
            mark: entry.map_or("", Entry::mark).to_owned(),
            remote_name: entry.map_or("", Entry::remote_name).to_owned(),
            expires_in_s,
        }
    }
}

async fn read_so_far(input: AdmittedInput, file: &AdmittedFile) -> Option<ReadReport> {
    let (handle, size) = (file.opened().file.clone(), file.size());
    tokio::task::spawn_blocking(move || input.watch.finish(&handle, size))
        .await
        .ok()
        .and_then(std::result::Result::ok)
}

/// A provider that could not read to the end says so in its own words; if the file changed, that is the reason. A lost
/// answer is looked for all the same.
fn file_changed(file: &AdmittedFile, end: AttemptEnd) -> AttemptEnd {
    match (&end, file.unchanged()) {
        (AttemptEnd::Failed(failure), Err(changed)) if !failure.leaves_outcome_unknown() => fatal(changed),
        _ => end,
    }
}

fn fatal(error: Error) -> AttemptEnd {
    AttemptEnd::Fatal { error, unwanted: None }
}

/// Compares what the provider says with what the host saw.
fn receipt(
    unit: &ProviderUnit,
    file: &AdmittedFile,
    known: Option<&str>,
    chosen: Option<&str>,
    report: CallReport<std::result::Result<RemoteFile, Failure>>,
    now_ms: u64,
) -> AttemptEnd {
    let remote = match &report.outcome {
        Ok(Ok(remote)) => remote.clone(),
        Ok(Err(failure)) => {
            return match report.egress.denied.first() {
                // The provider only sees that its request failed; the operator can do something about it.
                Some(denied) if !failure.leaves_outcome_unknown() => {
                    fatal(Error::new(ErrorCode::EgressDenied, denied.clone()))
                }
                _ => file_changed(file, AttemptEnd::Failed(failure.clone())),
            };
        }
        Err(error) => {
            return file_changed(file, call_failed(unit, error, &report.egress));
        }
    };
    let networked = unit.component.grants().network.is_granted();
    let is_chosen = chosen.is_none_or(|mark| !mark.is_empty() && remote.id.contains(mark));
    // A store whose answer is empty has the id in the path that the bytes were sent to. The component wrote that; the
    // mark in it is the host's.
    let stored_at = chosen.is_some() && is_chosen && report.egress.stored_at(&remote.id);
    let to_be_seen = networked && !stored_at;
    let seen = !to_be_seen || report.egress.saw(&remote.id);
    let fault = receipt_fault(&remote, file.size(), report.read.as_ref(), &report.egress, to_be_seen);
    let problem = match (fault, file.unchanged()) {
        (_, Err(changed)) => Some(changed),
        (Some(fault @ ReceiptFault::NotRead), Ok(())) => Some(mismatch(unit, &fault)),
        (Some(fault @ ReceiptFault::UnseenId), Ok(())) => in_vain(unit, &remote, now_ms)
            .or_else(|| rehashed(known, report.read.as_ref()))
            .or_else(|| Some(mismatch(unit, &fault))),
        (fault, Ok(())) => in_vain(unit, &remote, now_ms)
            .or_else(|| fault.map(|fault| mismatch(unit, &fault)))
            .or_else(|| rehashed(known, report.read.as_ref()))
            .or_else(|| (!is_chosen).then(|| mismatch(unit, &ReceiptFault::NotChosen))),
    };
    let sha256 = report.read.as_ref().and_then(|read| read.sha256.clone());
    match (problem, sha256) {
        (None, Some(sha256)) => AttemptEnd::Stored(Receipt { remote, sha256 }),
        (None, None) => fatal(mismatch(unit, &ReceiptFault::NotRead)),
        // An id that no response held, or that was not chosen, may be anybody's: it is not touched.
        (Some(error), _) => AttemptEnd::Fatal {
            error,
            unwanted: (seen && is_chosen).then_some(remote),
        },
    }
}

/// Why a file that the vendor has stored is no success all the same.
pub(crate) fn in_vain(unit: &ProviderUnit, remote: &RemoteFile, now_ms: u64) -> Option<Error> {
    let why = remote.unusable(now_ms)?;
    let code = match why {
        Unusable::Failed { .. } => ErrorCode::ProviderRejected,
        Unusable::Expired { .. } => ErrorCode::ProviderFailed,
    };
    Some(Error::new(code, format!("`{}` {why}", unit.name)))
}

/// The file is not the one that was hashed before it was sent.
fn rehashed(known: Option<&str>, read: Option<&ReadReport>) -> Option<Error> {
    let read = read.and_then(|read| read.sha256.as_deref());
    known
        .zip(read)
        .filter(|(known, read)| known != read)
        .map(|_| Error::new(ErrorCode::FileChanged, "the file's content changed since it was hashed"))
}

fn mismatch(unit: &ProviderUnit, fault: &ReceiptFault) -> Error {
    Error::new(
        ErrorCode::ReceiptMismatch,
        format!("the provider `{}` gave an invalid receipt: {fault}", unit.name),
    )
    .hint(fault.hint())
}

/// A call that ended without an answer of the contract, in the words of policy.
fn call_failed(unit: &ProviderUnit, error: &CallError, egress: &EgressReport) -> AttemptEnd {
    let failure = |kind, unknown| {
        let failure = Failure {
            outcome_unknown: unknown,
            ..Failure::new(kind, format!("{}: {error}", unit.name))
        };
        AttemptEnd::Failed(match error {
            // What it did wrong is its own, whatever its requests met.
            CallError::Trap(_) | CallError::Answer(_) | CallError::Exhausted(_) if egress.nothing_stored() => Failure {
                outcome_unknown: false,
                reach: Reach::NothingSent,
                ..failure
            },
            _ => failure,
        })
    };
    match error {
        CallError::Exhausted(Exhausted::Wall) => failure(FailureKind::Timeout, true),
        // Unless the host knows better: a component with a directory of its own may have stored it without a request.
        CallError::Exhausted(_) | CallError::Trap(_) | CallError::Answer(_) => failure(FailureKind::Internal, true),
        CallError::Overloaded => AttemptEnd::Crowded(Failure::new(
            FailureKind::Unavailable,
            format!("{}: {error}", unit.name),
        )),
        CallError::Host(_) | CallError::NotReady(_) => failure(FailureKind::Internal, false),
        CallError::Input(input) => fatal(Error::new(
            match input {
                loadlock_sandbox::files::InputError::NotGranted(_) => ErrorCode::PathNotAllowed,
                _ => ErrorCode::FileChanged,
            },
            input.to_string(),
        )),
    }
}

/// Equal content shares one remote file here, and a delete of it was under way: it may have taken this upload's along.
pub(super) fn deleted_meanwhile() -> Failure {
    Failure::new(
        FailureKind::Unavailable,
        "the remote file was deleted while it was stored, because the last file that referred to it went",
    )
}
