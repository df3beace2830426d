//! Attempts along a route, until one succeeds or policy gives up.

use loadlock_journal::Accepted;
use loadlock_policy::Millis;
use loadlock_policy::breaker::Outcome;
use loadlock_policy::retry::{Decision, Event as RetryEvent, Inputs, Leg, RetryLoop, RoutePolicy};

use super::attempt::{AttemptEnd, Receipt, deleted_meanwhile};
use super::cut_through::PutOff;
use super::job::UploadJob;
use super::permits::AttemptPermits;
use super::route::RouteLeg;
use crate::api::progress::Event;
use crate::error::{Error, ErrorCode, Result};
use crate::state::provider::ProviderUnit;
use crate::view;

/// What the driver does next at the provider that policy is at.
enum Drive {
    Attempt,
    /// Looks for an upload whose answer was lost, after this wait.
    Look(Millis),
}

/// What became of an attempt.
enum Attempted {
    Stored(Box<view::File>),
    /// Policy decides what follows.
    Ended(RetryEvent),
}

impl UploadJob<'_> {
    /// Attempts along the route until one succeeds or policy gives up.
    pub(super) async fn send(&mut self, route: &[RouteLeg]) -> Result<view::File> {
        let legs = route.iter().map(|leg| Leg {
            verify: leg.unit.profile.verify,
            retry: leg.unit.retry,
        });
        let mut machine = RetryLoop::new(RoutePolicy::default(), legs, self.deadline);
        let (mut next, mut why) = (Drive::Attempt, String::new());
        loop {
            let index = machine.leg();
            let Some(leg) = route.get(index) else {
                return Err(Error::new(ErrorCode::Internal, "the route ended without a decision"));
            };
            let leg = &self.newest(leg);
            let event = match next {
                Drive::Attempt => match self.attempt(index, leg, &mut machine).await? {
                    Attempted::Stored(file) => return Ok(*file),
                    Attempted::Ended(event) => {
                        why = reason(&event);
                        event
                    }
                },
                Drive::Look(after) => self.look(leg, after, machine.look_until()).await,
            };
            next = match self.decide(&mut machine, &leg.unit, event)? {
                // If the caller gives up meanwhile, the next attempt ends it.
                Decision::Retry { after } => {
                    self.pause(&leg.unit, after, &why).await;
                    Drive::Attempt
                }
                Decision::NextProvider => {
                    if let Some(next) = route.get(machine.leg()) {
                        self.fall_back(&leg.unit, &next.unit, &why);
                    }
                    Drive::Attempt
                }
                Decision::Verify { after } => Drive::Look(after),
                Decision::Adopt => return self.adopt(leg, machine.total_sends()).await,
                Decision::GiveUp(end) => match self.put_off_instead(&end) {
                    Some(put_off) => return Err(put_off),
                    None => return Err(self.end(leg, &end).await),
                },
                other @ (Decision::Send { .. } | Decision::Done) => return Err(misfit(&other)),
            };
        }
    }

    /// One attempt at one provider: joins equal uploads there, waits for permits, begins or goes on with its entry,
    /// and sends.
    async fn attempt(&mut self, index: usize, leg: &RouteLeg, machine: &mut RetryLoop) -> Result<Attempted> {
        self.takes_what_arrives(&leg.unit)?;
        if let Some(hit) = self.join(index, leg).await? {
            return Ok(Attempted::Stored(Box::new(hit)));
        }
        if leg.unit.profile.wants_digest {
            self.hash_first().await?;
        }
        let _place = self.may_begin(&leg.unit)?;
        let permits = match self.permits(&leg.unit).await {
            Ok(permits) => permits,
            Err(event) => return Ok(Attempted::Ended(event)),
        };
        // From here to its end the attempt is one generation's; while it waited another may have taken the place.
        let leg = &self.newest(leg);
        let unit = &leg.unit;
        if let Decision::GiveUp(end) = machine.start(self.state.clock.now()).map_err(bug)? {
            if let Some(put_off) = self.put_off_instead(&end) {
                return Err(put_off);
            }
            return Err(self.give_up(unit, &end).await);
        }
        let attempt = machine.total_sends();
        if let Some(known) = self.enter(index, leg, attempt).await? {
            return Ok(Attempted::Stored(Box::new(known)));
        }
        unit.deposit();
        self.asked.progress.event(Event::Attempt {
            provider: unit.name.clone(),
            attempt,
            component: unit.generation.sha256.clone(),
        });
        self.deletes_before = unit.health.deleted.now().await;
        let end = self.call(leg).await;
        self.conclude(leg, machine, permits, end).await
    }

    /// The same leg with the newest generation that can go on there.
    fn newest(&self, leg: &RouteLeg) -> RouteLeg {
        RouteLeg {
            unit: self.state.providers.newest(&leg.unit),
            purpose: leg.purpose.clone(),
        }
    }

    /// The entry for this attempt, durable before its first byte leaves. There is one for each provider of the route:
    /// policy moves on only when the outcome at the one before is known.
    async fn enter(&mut self, index: usize, leg: &RouteLeg, attempt: u32) -> Result<Option<view::File>> {
        match self.entry.take() {
            Some(open) if open.leg() == index => {
                self.entry = Some(open.again(attempt, &leg.unit.generation.sha256).await?);
                Ok(None)
            }
            other => {
                if let Some(before) = other {
                    before.moved_on("the route went on to another provider").await;
                }
                self.begin(index, leg).await
            }
        }
    }

    /// A provider that wants the digest gets it before the first byte.
    async fn hash_first(&mut self) -> Result<()> {
        let Err(error) = self.digest().await else {
            return Ok(());
        };
        if let Some(entry) = self.entry.take() {
            entry.failed(error.code.as_str(), &error.message, None).await;
        }
        Err(error)
    }

    /// Tells the breaker how an attempt ended, and accepts what was stored. Nobody waits for its permits while the
    /// vendor works on the file.
    async fn conclude(
        &mut self,
        leg: &RouteLeg,
        machine: &mut RetryLoop,
        permits: AttemptPermits<'_>,
        end: AttemptEnd,
    ) -> Result<Attempted> {
        let end = match end {
            AttemptEnd::Failed(failure) => AttemptEnd::Failed(self.with_what_is_known(failure)),
            end => end,
        };
        permits.give_back(outcome(&end), self.asked.progress).await;
        let end = match end {
            AttemptEnd::Stored(receipt) => self.processed(leg, receipt).await,
            end => end,
        };
        let attempt = machine.total_sends();
        let event = match end {
            AttemptEnd::Stored(receipt) => return self.accept(leg, machine, receipt).await,
            AttemptEnd::Failed(failure) => {
                let unit = &leg.unit;
                tracing::warn!(target: "loadlock::retry", provider = %unit.name, attempt, %failure, "[RETRY] attempt \
                     {attempt} at {} failed: {failure}", unit.name);
                RetryEvent::AttemptFailed(failure)
            }
            AttemptEnd::Crowded(failure) => RetryEvent::AttemptFailed(failure),
            AttemptEnd::Cancelled(report) => {
                self.read = report;
                RetryEvent::Cancelled
            }
            AttemptEnd::Starved(report) => {
                self.read = report;
                return Err(self.put_off(PutOff::SlowClient));
            }
            AttemptEnd::Fatal { error, unwanted } => {
                if let Some(entry) = self.entry.take() {
                    entry.failed(error.code.as_str(), &error.message, unwanted).await;
                }
                return Err(error);
            }
        };
        Ok(Attempted::Ended(event))
    }

    /// Accepts what was stored, unless it was deleted meanwhile.
    async fn accept(&mut self, leg: &RouteLeg, machine: &mut RetryLoop, receipt: Receipt) -> Result<Attempted> {
        let unit = &leg.unit;
        let accepting = self.state.accepting(unit, &receipt.remote.id, self.deletes_before);
        let Some(_accepting) = accepting.await? else {
            self.state.deletes.ended(&unit.account, &receipt.remote.id).await;
            return Ok(Attempted::Ended(RetryEvent::AttemptFailed(deleted_meanwhile())));
        };
        let _ = machine.on(
            RetryEvent::AttemptSucceeded,
            &mut Inputs {
                now: self.state.clock.now(),
                random: 0.0,
                budget: &mut || true,
            },
        );
        let stored = self.finish(leg, receipt, machine.total_sends()).await?;
        Ok(Attempted::Stored(Box::new(stored)))
    }

    /// Says that another provider takes the file.
    fn fall_back(&self, from: &ProviderUnit, to: &ProviderUnit, why: &str) {
        let (from, to) = (&from.name, &to.name);
        // A target of its own: a command that leaves the retries' log out still says this.
        tracing::warn!(target: "loadlock::fallback", provider = %from, next = %to, "[FALLBACK] {from}: {why}; {to} \
             takes the \
             file");
        self.asked.progress.event(Event::Fallback {
            provider: from.clone(),
            reason: why.to_owned(),
            next: to.clone(),
        });
    }

    fn decide(&self, machine: &mut RetryLoop, unit: &ProviderUnit, event: RetryEvent) -> Result<Decision> {
        let now = self.state.clock.now();
        let mut inputs = Inputs {
            now,
            random: rand::random(),
            budget: &mut || unit.withdraw(now),
        };
        machine.on(event, &mut inputs).map_err(bug)
    }

    /// Durable acceptance, then the record. A tracker that is away delays the record, never the upload.
    pub(super) async fn finish(&mut self, leg: &RouteLeg, receipt: Receipt, attempts: u32) -> Result<view::File> {
        let Some(entry) = self.entry.take() else {
            return Err(Error::new(ErrorCode::Internal, "a receipt without an entry"));
        };
        let statuses = &self.state.providers.statuses;
        statuses.note(&leg.unit.name, &receipt.remote.id, receipt.remote.status, None);
        let accepted = Accepted {
            expires_at_ms: self.expires_at(leg, receipt.remote.expires_at),
            remote_id: receipt.remote.id,
            address: receipt.remote.address,
            provider: leg.unit.name.clone(),
            account: leg.unit.account.clone(),
            sha256: receipt.sha256,
            bytes: self.file.size(),
            attempts,
            accepted_at_ms: self.state.clock.wall_ms(),
        };
        entry.accepted(accepted).await
    }
}

/// What the end of an attempt says about the provider.
fn outcome(end: &AttemptEnd) -> Outcome {
    match end {
        AttemptEnd::Stored(_) => Outcome::Success,
        AttemptEnd::Failed(failure) => Outcome::of(failure),
        AttemptEnd::Crowded(_) | AttemptEnd::Fatal { .. } => Outcome::Neutral,
        AttemptEnd::Cancelled(_) | AttemptEnd::Starved(_) => Outcome::Cancelled,
    }
}

/// Why the route may move on, for a person.
fn reason(event: &RetryEvent) -> String {
    match event {
        RetryEvent::AttemptFailed(failure) => failure.message.clone(),
        RetryEvent::NotAdmitted(refusal) => refusal.to_string(),
        _ => "the lost upload is not there".to_owned(),
    }
}

/// A decision that policy does not make here.
pub(super) fn misfit(decision: &Decision) -> Error {
    Error::new(
        ErrorCode::Internal,
        format!("a decision that does not fit: {decision:?}"),
    )
}

fn bug(error: loadlock_policy::retry::OutOfOrder) -> Error {
    Error::new(ErrorCode::Internal, error.to_string())
}
