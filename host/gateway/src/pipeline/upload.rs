//! One upload, from request to record.

use std::time::Duration;

use loadlock_policy::Millis;
use loadlock_policy::breaker::Outcome;
use loadlock_policy::model::{Failure, FailureKind, RemoteFile, Retention, VerifyMethod};
use loadlock_policy::retry::{Decision, Event as RetryEvent, GiveUp, Inputs, Leg, RetryLoop, RoutePolicy, Why};
use loadlock_sandbox::provider::UploadOptions;
use loadlock_sandbox::tracker::FileRecord;

use super::attempt::{AttemptEnd, Place, Receipt};
use super::dedup::{dedup_key, treatment};
use super::flights::FlightKey;
use super::routing::{Strictness, legs, no_route};
use crate::admission::{AdmittedFile, open_path};
use crate::error::{Error, ErrorCode, Result};
use crate::gateway::{Gateway, Inner};
use crate::principal::{Principal, Scope};
use crate::progress::{Event, Progress};
use crate::request::{Source, Target, UploadRequest};
use crate::setup::ProviderUnit;
use crate::view::{EligibleView, RefusedView, RouteView};
use crate::{id, view};

/// A provider of the route and the vendor's purpose there.
type Stop<'a> = (&'a ProviderUnit, String);

impl Gateway {
    /// Uploads one file: exactly one remote file and one record, or an error that left nothing behind.
    ///
    /// # Errors
    /// See [`ErrorCode`].
    pub async fn upload(&self, who: &Principal, request: UploadRequest, progress: &dyn Progress) -> Result<view::File> {
        who.require(Scope::Write)?;
        let inner = &*self.0;
        let UploadRequest { source, target, purpose, name, expires_in_s, .. } = request;
        if let Target::Pinned(name) = &target {
            inner.provider(name)?;
        }
        let file = inner.admit(who, source, name.as_deref()).await?;
        progress.event(Event::Admitted { name: file.name().to_owned(), bytes: file.size() });
        inner.store(who, &file, &target, purpose.as_deref(), expires_in_s, progress).await
    }

    /// Where a file would go. Sends nothing.
    ///
    /// # Errors
    /// What keeps the file from being admitted; a file that no provider takes is an answer, not an error.
    pub async fn route(&self, who: &Principal, request: UploadRequest) -> Result<RouteView> {
        who.require(Scope::Read)?;
        let inner = &*self.0;
        let path = match &request.source {
            Source::Path { path, .. } => path.display().to_string(),
            Source::Body(body) => body.name.clone(),
        };
        let file = inner.admit(who, request.source, request.name.as_deref()).await?;
        let usages = inner.usages().await;
        let routed = inner.route(&file, &request.target, request.purpose.as_deref(), &usages, Strictness::Sending);
        let (ranked, refused) = match routed {
            Ok(route) => (route.ranked, route.refused),
            Err(none) => (Vec::new(), none.refused),
        };
        Ok(RouteView {
            path,
            bytes: file.size(),
            media_type: file.media_type().to_owned(),
            eligible: ranked.into_iter().map(|leg| EligibleView { provider: leg.name, purpose: leg.purpose }).collect(),
            refused: refused.into_iter().map(|one| RefusedView::new(one.name, &one.reason)).collect(),
        })
    }
}

impl Inner {
    async fn admit(&self, who: &Principal, source: Source, rename: Option<&str>) -> Result<AdmittedFile> {
        let opened = match source {
            Source::Path { path, current_dir } => open_path(&self.grants, who, &path, current_dir.as_deref())?,
            Source::Body(body) => self.spool.take(body, self.config.limits.max_upload_size.0).await?,
        };
        AdmittedFile::judge(opened, &self.validator, &self.rules, rename).await
    }

    async fn store(
        &self,
        who: &Principal,
        file: &AdmittedFile,
        target: &Target,
        purpose: Option<&str>,
        expires_in_s: Option<u64>,
        progress: &dyn Progress,
    ) -> Result<view::File> {
        let usages = self.usages().await;
        let findable = self.route(file, target, purpose, &usages, Strictness::Finding).map_err(|none| no_route(&none, file))?;
        let findable = legs(self, &findable)?;
        let expires_at_ms = expires_in_s.map(|seconds| self.clock.wall_ms().saturating_add(seconds.saturating_mul(1_000)));
        let mut digest = file.sha256().map(str::to_owned);
        let Some((leader, leader_purpose)) = findable.first() else {
            return Err(Error::new(ErrorCode::Internal, "a route without providers"));
        };
        let key = FlightKey {
            tenant: who.tenant().to_owned(),
            account: leader.account.clone(),
            purpose: leader_purpose.clone(),
            treatment: treatment(leader, file),
            bytes: file.size(),
        };
        let _landing = loop {
            let unreadable = |error| Error::new(ErrorCode::FileChanged, format!("cannot read the file: {error}"));
            let off = self.flights.take_off(key.clone(), &file.opened().file, &mut digest).await.map_err(unreadable)?;
            if let Some(landing) = off {
                break landing;
            }
        };
        for (unit, purpose) in &findable {
            if let Some(hit) = self.dedup(who, unit, purpose, file, &mut digest, expires_at_ms).await? {
                return Ok(hit);
            }
        }
        let route = self.route(file, target, purpose, &usages, Strictness::Sending).map_err(|none| no_route(&none, file))?;
        let mut route = legs(self, &route)?;
        route.retain(|(unit, _)| file.size() <= unit.max_upload_bytes);
        if route.is_empty() {
            return Err(Error::new(ErrorCode::FileTooLarge, format!("{} has {} bytes, more than the configured limit of every provider that could take it", file.name(), file.size())));
        }
        self.send(who, file, &route, digest, expires_at_ms, expires_in_s, progress).await
    }

    /// Attempts along the route until one succeeds or policy gives up.
    #[allow(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
    async fn send(
        &self,
        who: &Principal,
        file: &AdmittedFile,
        route: &[Stop<'_>],
        digest: Option<String>,
        expires_at_ms: Option<u64>,
        expires_in_s: Option<u64>,
        progress: &dyn Progress,
    ) -> Result<view::File> {
        let mark = id::mark();
        let total = Millis(u64::try_from(self.config.deadline.as_millis()).unwrap_or(u64::MAX));
        let deadline = self.clock.now() + total;
        let legs = route.iter().map(|(unit, _)| Leg { verify: unit.profile.verify, retry: unit.retry });
        let mut machine = RetryLoop::new(RoutePolicy::default(), legs, deadline);
        let mut adopted: Option<RemoteFile> = None;
        loop {
            let Some((unit, purpose)) = route.get(machine.leg()) else {
                return Err(Error::new(ErrorCode::Internal, "the route ended without a decision"));
            };
            let (event, receipt) = match Place::take(self, unit) {
                Err(refusal) => (RetryEvent::NotAdmitted(refusal), None),
                Ok(place) => {
                    let decision = machine.start(self.clock.now()).map_err(bug)?;
                    if let Decision::GiveUp(end) = decision {
                        return Err(gave_up(unit, &end));
                    }
                    let attempt = machine.total_sends();
                    unit.budget.lock().unwrap_or_else(std::sync::PoisonError::into_inner).deposit(&unit.budget_policy);
                    progress.event(Event::Attempt { provider: unit.name.clone(), attempt });
                    let options = options(unit, purpose, file, &mark, expires_in_s);
                    let wall = self.clock.real(deadline - self.clock.now());
                    match self.attempt(unit, file, &options, digest.as_deref(), wall, progress).await {
                        AttemptEnd::Stored(receipt) => {
                            place.report(Outcome::Success, progress);
                            (RetryEvent::AttemptSucceeded, Some(receipt))
                        }
                        AttemptEnd::Failed(failure) => {
                            place.report(Outcome::of(&failure), progress);
                            tracing::warn!(target: "loadlock::retry", provider = %unit.name, attempt, %failure, "[RETRY] attempt {attempt} at {} failed: {failure}", unit.name);
                            (RetryEvent::AttemptFailed(failure), None)
                        }
                        AttemptEnd::Fatal(error) => {
                            place.report(Outcome::Neutral, progress);
                            return Err(error);
                        }
                    }
                }
            };
            let mut decision = self.decide(&mut machine, unit, event)?;
            if let (Decision::Done, Some(receipt)) = (&decision, receipt) {
                return self.finish(who, file, unit, purpose, receipt, machine.total_sends(), expires_at_ms).await;
            }
            // A lost answer is looked for, as often as policy says, before anything is sent again.
            while let Decision::Verify { after } = decision {
                self.pause(unit, after, "looking for the lost upload", progress).await;
                let (event, found) = self.verify(unit, file, purpose, &mark, digest.as_deref()).await;
                adopted = found;
                decision = self.decide(&mut machine, unit, event)?;
            }
            match decision {
                Decision::Retry { after } => self.pause(unit, after, "trying again", progress).await,
                Decision::NextProvider => {}
                Decision::Adopt => {
                    let remote = adopted.take().ok_or_else(|| Error::new(ErrorCode::Internal, "nothing to adopt"))?;
                    let receipt = self.adopt(file, unit, remote, digest.clone()).await?;
                    return self.finish(who, file, unit, purpose, receipt, machine.total_sends(), expires_at_ms).await;
                }
                Decision::GiveUp(end) => return Err(gave_up(unit, &end)),
                Decision::Done | Decision::Send { .. } | Decision::Verify { .. } => {
                    return Err(Error::new(ErrorCode::Internal, "a decision that does not fit"));
                }
            }
        }
    }

    fn decide(&self, machine: &mut RetryLoop, unit: &ProviderUnit, event: RetryEvent) -> Result<Decision> {
        let now = self.clock.now();
        let mut budget = || {
            unit.budget.lock().unwrap_or_else(std::sync::PoisonError::into_inner).withdraw(&unit.budget_policy, now)
        };
        machine.on(event, &mut Inputs { now, random: rand::random(), budget: &mut budget }).map_err(bug)
    }

    async fn pause(&self, unit: &ProviderUnit, after: Millis, what: &str, progress: &dyn Progress) {
        let real = self.clock.real(after);
        progress.event(Event::Retry {
            provider: unit.name.clone(),
            reason: what.to_owned(),
            after_ms: u64::try_from(real.as_millis()).unwrap_or(u64::MAX),
        });
        if real > Duration::ZERO {
            tokio::time::sleep(real).await;
        }
    }

    /// A remote file that was found by its mark or digest: the bytes were read in the attempt whose answer was lost.
    async fn adopt(&self, file: &AdmittedFile, unit: &ProviderUnit, remote: RemoteFile, digest: Option<String>) -> Result<Receipt> {
        file.unchanged()?;
        if remote.bytes != file.size() {
            return Err(Error::new(ErrorCode::OutcomeUnknown, format!(
                "`{}` holds a remote file with this upload's mark, but of {} bytes instead of {}", unit.name, remote.bytes, file.size()
            )));
        }
        let sha256 = match digest {
            Some(digest) => digest,
            None => super::flights::hash(file.opened().file.clone(), file.size())
                .await
                .map_err(|error| Error::new(ErrorCode::FileChanged, format!("cannot read the file: {error}")))?,
        };
        Ok(Receipt { remote, sha256 })
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one record")]
    async fn finish(
        &self,
        who: &Principal,
        file: &AdmittedFile,
        unit: &ProviderUnit,
        purpose: &str,
        receipt: Receipt,
        attempts: u32,
        expires_at_ms: Option<u64>,
    ) -> Result<view::File> {
        let now = self.clock.wall_ms();
        let vendor = receipt.remote.expires_at.map(|seconds| seconds.saturating_mul(1_000));
        let fixed = match unit.profile.purpose(purpose).map(|profile| profile.retention) {
            Some(Retention::Fixed(seconds)) => Some(now.saturating_add(seconds.saturating_mul(1_000))),
            _ => None,
        };
        let record = FileRecord {
            id: id::file(),
            key: dedup_key(who, unit, purpose, file, receipt.sha256),
            filename: file.name().to_owned(),
            bytes: file.size(),
            media_type: file.media_type().to_owned(),
            provider: unit.name.clone(),
            remote_id: receipt.remote.id,
            deduplicated: false,
            attempts,
            created_at_ms: now,
            expires_at_ms: [expires_at_ms, vendor, fixed].into_iter().flatten().min(),
        };
        self.record(record.clone()).await?;
        Ok(record.into())
    }
}

fn options(unit: &ProviderUnit, purpose: &str, file: &AdmittedFile, mark: &str, expires_in_s: Option<u64>) -> UploadOptions {
    let remote_name = match unit.profile.verify {
        VerifyMethod::Mark => id::marked_name(file.name(), mark),
        VerifyMethod::Digest | VerifyMethod::IdempotencyKey | VerifyMethod::None => file.name().to_owned(),
    };
    let expires_in_s = match unit.profile.purpose(purpose).map(|profile| profile.retention) {
        Some(Retention::Chosen(min, max)) => expires_in_s.map(|seconds| seconds.clamp(min, max)),
        _ => None,
    };
    UploadOptions { purpose: purpose.to_owned(), mark: mark.to_owned(), remote_name, expires_in_s }
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
    let retry_after = end.failure.as_ref().and_then(|failure| failure.retry_after).map(Millis::get);
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
