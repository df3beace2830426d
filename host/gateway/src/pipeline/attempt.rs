//! One attempt at one provider, and the receipt.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use loadlock_policy::Millis;
use loadlock_policy::breaker::{Breaker, Outcome, Permit, Refusal};
use loadlock_policy::model::{Failure, FailureKind, Reach, RemoteFile};
use loadlock_sandbox::files::{AdmittedInput, ReadReport};
use loadlock_sandbox::provider::UploadOptions;
use loadlock_sandbox::{CallError, CallReport, EgressReport, Exhausted};

use super::upload::Order;
use crate::admission::AdmittedFile;
use crate::error::{Error, ErrorCode, Result};
use crate::fault::{self, Point};
use crate::gateway::Inner;
use crate::progress::{Event, Progress};
use crate::setup::ProviderUnit;

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
    /// Nothing can follow: the file changed, or the provider's answer contradicts what the host saw.
    Fatal {
        error: Error,
        /// A remote file that was stored all the same and has to go.
        unwanted: Option<RemoteFile>,
    },
}

/// A place at a provider: the breaker's permit and the count of uploads in flight, both given back whatever happens.
pub(crate) struct Place<'a> {
    inner: &'a Inner,
    unit: &'a ProviderUnit,
    permit: Option<Permit>,
    /// Whether it counts as an upload in flight; a background probe does not.
    counted: bool,
}

impl<'a> Place<'a> {
    /// Asks the breaker.
    pub(crate) fn take(inner: &'a Inner, unit: &'a ProviderUnit) -> std::result::Result<Self, Refusal> {
        let ask = |breaker: &mut Breaker, now| breaker.acquire(&unit.breaker_policy(), now);
        let mut place = Self::ask(inner, unit, ask)?;
        unit.in_flight.fetch_add(1, Ordering::Relaxed);
        place.counted = true;
        Ok(place)
    }

    /// Asks the breaker for a probe in the background.
    pub(crate) fn to_probe(inner: &'a Inner, unit: &'a ProviderUnit) -> std::result::Result<Self, Refusal> {
        Self::ask(inner, unit, |breaker, now| {
            breaker.acquire_probe(&unit.breaker_policy(), now)
        })
    }

    fn ask(
        inner: &'a Inner,
        unit: &'a ProviderUnit,
        ask: impl FnOnce(&mut Breaker, Millis) -> std::result::Result<Permit, Refusal>,
    ) -> std::result::Result<Self, Refusal> {
        let now = inner.clock.now();
        let mut breaker = unit.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let permit = ask(&mut breaker, now)?;
        Ok(Self {
            inner,
            unit,
            permit: Some(permit),
            counted: false,
        })
    }

    /// Whether the breaker let it in to find out if the provider works.
    pub(crate) fn decides(&self) -> bool {
        self.permit.as_ref().is_some_and(Permit::is_probe)
    }

    /// Gives it back with what became of the attempt.
    pub(crate) async fn report(mut self, outcome: Outcome, progress: &dyn Progress) {
        let changed = self.give_back(outcome);
        if changed.is_some() || matches!(outcome, Outcome::Fault | Outcome::RateLimited { .. }) {
            self.inner.keep_breaker(self.unit).await;
            fault::at(Point::BreakerKept);
        }
        if let Some(state) = changed {
            progress.event(Event::Circuit {
                provider: self.unit.name.clone(),
                state,
            });
        }
    }

    fn give_back(&mut self, outcome: Outcome) -> Option<String> {
        let permit = self.permit.take()?;
        if self.counted {
            self.unit.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
        // Whoever waits for the time of the next probe looks at the schedule again.
        self.unit.reported.notify_one();
        let now = self.inner.clock.now();
        let mut breaker = self.unit.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let label = breaker.report(&self.unit.breaker_policy(), permit, outcome, now)?;
        crate::metrics::transition(&self.unit.name, label);
        tracing::warn!(target: "loadlock::circuit", provider = %self.unit.name, state = ?label, "[CIRCUIT] {} is now \
             {label:?}", self.unit.name);
        Some(format!("{label:?}").to_lowercase())
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // Only a dropped future comes here with a permit.
        let _ = self.give_back(Outcome::Cancelled);
    }
}

/// How often progress is reported.
const PROGRESS: Duration = Duration::from_millis(100);

impl Inner {
    /// Uploads once.
    pub(crate) async fn attempt(
        &self,
        unit: &ProviderUnit,
        order: &Order<'_>,
        options: &UploadOptions,
        sha256: Option<&str>,
        wall: Duration,
        progress: &dyn Progress,
    ) -> AttemptEnd {
        let file = order.file;
        let Some(input) = file.input_for(&unit.name) else {
            return fatal(Error::new(
                ErrorCode::PathNotAllowed,
                format!("the provider `{}` is not granted the file", unit.name),
            ));
        };
        let facts = file.facts(sha256);
        fault::at(Point::CallBefore);
        let mut call = Box::pin(unit.component.upload(&input, &facts, options, Some(wall)));
        let mut ticks = tokio::time::interval(PROGRESS);
        let report = loop {
            tokio::select! {
                biased;
                report = &mut call => break report,
                () = order.cancel.cancelled() => {
                    // Its connections close with it.
                    drop(call);
                    return AttemptEnd::Cancelled(read_so_far(input, file).await);
                }
                _ = ticks.tick() => progress.event(Event::Sent { bytes: input.watch.handed().min(file.size()) }),
            }
        };
        fault::at(Point::CallAfter);
        progress.event(Event::Sent {
            bytes: input.watch.handed().min(file.size()),
        });
        log_component(&unit.name, &report);
        receipt(unit, file, sha256, report)
    }

    /// Whether any row of any tenant holds this remote id.
    pub(crate) async fn held(&self, account: &str, remote_id: &str) -> Result<bool> {
        Ok(self.remote(account, remote_id).await?.is_some())
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
    report: CallReport<std::result::Result<RemoteFile, Failure>>,
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
    let seen = !networked || report.egress.saw(&remote.id);
    let problem = match (&report.read, file.unchanged()) {
        (_, Err(changed)) => Some(changed),
        (None, Ok(())) => Some(mismatch(unit, "the host could not tell what it read")),
        (Some(read), Ok(())) => check(unit, file, known, &remote, read)
            .or_else(|| (!seen).then(|| mismatch(unit, "its remote id occurs in no response that the host saw"))),
    };
    let sha256 = report.read.as_ref().and_then(|read| read.sha256.clone());
    match (problem, sha256) {
        (None, Some(sha256)) => AttemptEnd::Stored(Receipt { remote, sha256 }),
        (None, None) => fatal(mismatch(unit, "the host has no digest of what it read")),
        // An id that no response held may be anybody's: it is not touched.
        (Some(error), _) => AttemptEnd::Fatal {
            error,
            unwanted: seen.then_some(remote),
        },
    }
}

/// Everything that can be compared without the vendor.
fn check(
    unit: &ProviderUnit,
    file: &AdmittedFile,
    known: Option<&str>,
    remote: &RemoteFile,
    read: &loadlock_sandbox::files::ReadReport,
) -> Option<Error> {
    let size = file.size();
    if read.covered != size {
        return Some(mismatch(unit, &format!("it read {} of {size} bytes", read.covered)));
    }
    if remote.bytes != size {
        return Some(mismatch(
            unit,
            &format!(
                "it says that {} bytes are stored, but the file has {size}",
                remote.bytes
            ),
        ));
    }
    if let (Some(theirs), Some(ours)) = (&remote.sha256, &read.sha256)
        && !theirs.eq_ignore_ascii_case(ours)
    {
        return Some(mismatch(
            unit,
            "it says that another digest is stored than that of the bytes it read",
        ));
    }
    if let (Some(known), Some(read)) = (known, &read.sha256)
        && known != read
    {
        return Some(Error::new(
            ErrorCode::FileChanged,
            "the file's content is not what it was a moment ago",
        ));
    }
    None
}

fn mismatch(unit: &ProviderUnit, what: &str) -> Error {
    Error::new(
        ErrorCode::ReceiptMismatch,
        format!("the provider `{}` gave a receipt that does not hold: {what}", unit.name),
    )
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

pub(crate) fn log_component<T>(name: &str, report: &CallReport<T>) {
    crate::metrics::call(name, &report.usage, report.outcome.is_err());
    for line in &report.log {
        tracing::info!(target: "loadlock::component", component = name, "{line}");
    }
    if report.log_dropped > 0 {
        tracing::warn!(target: "loadlock::component", component = name, bytes = report.log_dropped, "more log than is \
             kept");
    }
}
