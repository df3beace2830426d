//! What the gateway writes into the audit log.
//!
//! An operation takes its place in the log before it begins ([`Auditor::begin`]) and is refused if there is none:
//! nothing is done that could not be recorded. However it ends, also by a caller that went away, it leaves one record.

use loadlock_audit::{AuditError, AuditLog, Entry, Event, Options, Outcome, Slot, What, Who};

use crate::clock::Clock;
use crate::error::{Error, ErrorCode, Result};
use crate::home::Home;
use crate::principal::{Door, Peer, Principal};
use crate::view::File;

/// The open log.
#[derive(Debug)]
pub(crate) struct Auditor {
    log: AuditLog,
    clock: Clock,
}

/// An operation under way. Dropped, it is recorded as cancelled.
#[derive(Debug)]
pub(crate) struct PendingAudit {
    slot: Option<Slot>,
    entry: Entry,
    clock: Clock,
}

impl Auditor {
    pub(crate) fn open(home: &Home, clock: Clock) -> Result<Self> {
        let log = AuditLog::open(&home.audit(), Options::default()).map_err(|error| unavailable(&error))?;
        Ok(Self { log, clock })
    }

    /// Takes a place in the log.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`] while the log cannot be written.
    pub(crate) async fn begin(&self, event: Event, who: Who, request_id: Option<String>) -> Result<PendingAudit> {
        let slot = self.log.slot().await.map_err(|error| unavailable(&error))?;
        let mut entry = Entry::new(0, event, Outcome::Cancelled);
        entry.who = who;
        entry.request_id = request_id;
        Ok(PendingAudit {
            slot: Some(slot),
            entry,
            clock: self.clock.clone(),
        })
    }

    /// [`Self::begin`] for a caller.
    pub(crate) async fn begin_for(&self, who: &Principal, event: Event) -> Result<PendingAudit> {
        self.begin(event, whom(who), who.peer().request_id.clone()).await
    }

    /// Records what the gateway does by itself; there is nobody to refuse it to.
    pub(crate) async fn note(&self, event: Event, tenant: Option<String>, what: What, end: Result<(), &str>) {
        let who = Who {
            tenant,
            door: Some("gateway".into()),
            ..Who::default()
        };
        match self.begin(event, who, None).await {
            Ok(mut pending) => {
                *pending.what() = what;
                match end {
                    Ok(()) => pending.finish(Outcome::Ok, None).await,
                    Err(code) => pending.finish(Outcome::Failed, Some(code)).await,
                }
            }
            Err(error) => {
                tracing::error!(%error, event = event.as_str(), ?what, "not in the audit log")
            }
        }
    }

    pub(crate) fn log(&self) -> &AuditLog {
        &self.log
    }
}

impl PendingAudit {
    pub(crate) fn what(&mut self) -> &mut What {
        &mut self.entry.what
    }

    pub(crate) fn who(&mut self) -> &mut Who {
        &mut self.entry.who
    }

    /// All that is known about a file.
    pub(crate) fn file(&mut self, file: &File) {
        let what = self.what();
        what.file_id = Some(file.id.clone());
        what.name = Some(file.filename.clone());
        what.provider = Some(file.provider.clone());
        what.remote_id = Some(file.remote_id.clone());
        what.bytes = Some(file.bytes);
        what.sha256 = Some(file.sha256.clone());
    }

    /// Records the end and waits until it is written. What was done cannot be undone by a log that fails now: the
    /// record is kept and written later.
    pub(crate) async fn finish(mut self, outcome: Outcome, code: Option<&str>) {
        let event = self.entry.event.as_str();
        if let Some(written) = self.record(outcome, code)
            && let Err(error) = written.wait().await
        {
            tracing::error!(%error, event, "the audit record of what was done waits to be written");
        }
    }

    /// Records how a result ended.
    pub(crate) async fn ended<T>(self, result: &Result<T>) {
        match result {
            Ok(_) => self.finish(Outcome::Ok, None).await,
            Err(error) => self.finish(outcome_of(error.code), Some(error.code.as_str())).await,
        }
    }

    /// Records a step that went well, of an operation whose own record follows: whoever waits for that has waited for
    /// this, because records are written in the order in which they come.
    pub(crate) fn went_well(mut self) {
        drop(self.record(Outcome::Ok, None));
    }

    fn record(&mut self, outcome: Outcome, code: Option<&str>) -> Option<loadlock_audit::Written> {
        let slot = self.slot.take()?;
        self.entry.time_ms = self.clock.wall_ms();
        self.entry.outcome = outcome;
        self.entry.code = code.map(str::to_owned);
        Some(slot.record(self.entry.clone()))
    }
}

impl Drop for PendingAudit {
    fn drop(&mut self) {
        // Whether it is written is the writer's business now; nobody is left to tell.
        drop(self.record(Outcome::Cancelled, None));
    }
}

/// A caller, as the log names it.
pub(crate) fn whom(who: &Principal) -> Who {
    let identity = who.identity();
    Who {
        tenant: Some(identity.tenant.clone()),
        subject: Some(identity.subject.clone()),
        key_id: identity.key_id.clone(),
        token_id: identity.token_id.clone(),
        legacy: identity.legacy,
        ..stranger(who.door(), who.peer())
    }
}

/// A caller of whom nothing but the door is known.
pub(crate) fn stranger(door: Door, peer: &Peer) -> Who {
    let door = match door {
        Door::Local => "local",
        Door::Network => "network",
    };
    Who {
        door: Some(door.into()),
        address: peer.address,
        ..Who::default()
    }
}

/// Refused, or failed.
pub(crate) fn outcome_of(code: ErrorCode) -> Outcome {
    use ErrorCode as C;
    match code {
        C::Unauthenticated
        | C::Forbidden
        | C::PathNotAllowed
        | C::PathNotFound
        | C::PathNotReadable
        | C::NotARegularFile
        | C::FileRejected
        | C::FileTooLarge
        | C::QuotaExceeded
        | C::RateLimited
        | C::EgressDenied
        | C::FileNotFound => Outcome::Denied,
        C::OutcomeUnknown => Outcome::Unknown,
        C::Cancelled => Outcome::Cancelled,
        _ => Outcome::Failed,
    }
}

fn unavailable(error: &AuditError) -> Error {
    let hint = match error {
        AuditError::Damaged { .. } => {
            "look at it with `loadlock audit verify`, then move the folder `audit` of the state directory away: a new \
             chain begins"
        }
        _ => {
            "free space on the disk and check the permissions of `audit` in `$LOADLOCK_HOME`; nothing is done that \
             cannot be recorded"
        }
    };
    Error::new(ErrorCode::StateUnavailable, format!("the audit log: {error}")).hint(hint)
}
