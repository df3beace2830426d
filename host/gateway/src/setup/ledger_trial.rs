//! Every call of a shared ledger once, with arguments that change nothing: what a gateway needs and may not have.

use loadlock_policy::model::RemoteAddress;
use loadlock_sandbox::CallError;
use loadlock_sandbox::batches::{Batches, Beginning, Ending, Removal};
use loadlock_sandbox::coordination::{Attempt, Coordination};
use loadlock_sandbox::tracker::{
    Answer, DedupKey, FileRecord, FilesQuery, RemoteState, RemotesQuery, Tracker, TrackerGrants,
};

use super::network::{Needs, network};
use super::{Setup, refused};
use crate::error::{Error, ErrorCode, Result};

/// Who asks: no gateway's id. The ledger keeps that it was there for a week, as of any gateway.
const DOCTOR: &str = "doctor";

/// One call that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerTrial {
    /// The call, by its name in the contract.
    pub call: &'static str,
    /// Why it cannot be used, one sentence.
    pub problem: Option<String>,
}

#[derive(Default)]
struct Trials(Vec<LedgerTrial>);

impl Trials {
    fn add<T>(&mut self, call: &'static str, answer: Answer<T>) {
        let problem = match answer {
            Ok(Ok(_)) => None,
            Ok(Err(failure)) => Some(failure.message),
            Err(CallError::NotReady(failure)) => Some(failure.message),
            Err(error) => Some(error.to_string()),
        };
        self.0.push(LedgerTrial { call, problem });
    }
}

fn nowhere() -> DedupKey {
    DedupKey {
        tenant: DOCTOR.into(),
        account: DOCTOR.into(),
        purpose: DOCTOR.into(),
        treatment: String::new(),
        sha256: DOCTOR.into(),
    }
}

fn nothing() -> FileRecord {
    FileRecord {
        id: DOCTOR.into(),
        key: nowhere(),
        filename: DOCTOR.into(),
        bytes: 0,
        media_type: String::new(),
        provider: DOCTOR.into(),
        remote_id: DOCTOR.into(),
        address: RemoteAddress::default(),
        deduplicated: true,
        attempts: 0,
        created_at_ms: 0,
        expires_at_ms: None,
    }
}

fn attempt() -> Attempt {
    Attempt {
        id: DOCTOR.into(),
        key: nowhere(),
        bytes: 0,
        entry: String::new(),
    }
}

/// Tries every call of the configured tracker, as a gateway with this configuration makes it. One that cannot be opened
/// is asked nothing more.
///
/// # Errors
/// [`ErrorCode::ConfigInvalid`] if the configured tracker is not one that gateways share.
pub async fn try_ledger(setup: &Setup) -> Result<Vec<LedgerTrial>> {
    let config = &setup.config.tracker;
    let sandbox = setup.sandbox(None)?;
    let source = setup.source(&config.component, &sandbox)?;
    let grants = || -> Result<TrackerGrants> {
        Ok(TrackerGrants {
            settings: config.settings.clone().into_iter().collect(),
            network: network(setup, "tracker", config, &Needs::AsGranted, &[])?.network,
            ..TrackerGrants::default()
        })
    };
    let coordination = Coordination::load(&sandbox, &source, grants()?).await;
    let Some(coordination) = coordination.map_err(|error| refused(&error))? else {
        let error = Error::new(ErrorCode::ConfigInvalid, "the configured tracker is not shared");
        return Err(error.hint("set `tracker.component`, as for `builtin:tracker-supabase`"));
    };
    let tracker = Tracker::load(&sandbox, &source, grants()?).await;
    let tracker = tracker.map_err(|error| refused(&error))?;
    let batches = Batches::load(&sandbox, &source, grants()?, 1).await;
    let batches = batches.map_err(|error| refused(&error))?.pop();
    let mut trials = Trials::default();
    trials.add("open", tracker.ready().await.map(Ok));
    if trials.0.iter().all(|trial| trial.problem.is_none()) {
        of_tracker(&tracker, &mut trials).await;
        of_coordination(&coordination, &mut trials).await;
        if let Some(batches) = batches {
            of_batches(&batches, &mut trials).await;
        }
    }
    Ok(trials.0)
}

async fn of_tracker(tracker: &Tracker, trials: &mut Trials) {
    let none = || DOCTOR.to_owned();
    let files = FilesQuery {
        tenant: none(),
        cursor: None,
        limit: 1,
        purpose: None,
        ascending: false,
        now_ms: 0,
    };
    let remotes = RemotesQuery {
        account: Some(none()),
        limit: 1,
        ..RemotesQuery::default()
    };
    trials.add("find", tracker.find(nowhere(), 0).await);
    trials.add("has-size", tracker.has_size(none(), none(), 0).await);
    trials.add("record-many", tracker.record_many(Vec::new()).await);
    trials.add("reference", tracker.reference(nothing()).await);
    trials.add("get", tracker.get(none(), none(), 0).await);
    trials.add("list", tracker.list(files).await);
    trials.add("tombstone", tracker.tombstone(none(), none()).await);
    trials.add("expire", tracker.expire(0, 1).await);
    trials.add("forget", tracker.forget(none(), none()).await);
    trials.add("observe", tracker.observe(none(), none(), RemoteState::Live, 0).await);
    trials.add("remote", tracker.remote(none(), none()).await);
    trials.add("remotes", tracker.remotes(remotes).await);
    trials.add("copies-of", tracker.copies_of(none(), vec![none()]).await);
    trials.add("stats", tracker.stats(None).await);
    trials.add("usage", tracker.usage().await);
}

async fn of_coordination(ledger: &Coordination, trials: &mut Trials) {
    let who = || DOCTOR.to_owned();
    trials.add("beat", ledger.beat(who(), 0, Vec::new()).await);
    trials.add("acquire", ledger.acquire(who(), 0, attempt(), None, None).await);
    trials.add("ended", ledger.ended(who(), vec![DOCTOR.to_owned()], false).await);
    trials.add("record-leased", ledger.record_leased(who(), Vec::new()).await);
    trials.add("take-over", ledger.take_over(who(), Vec::new(), 1).await);
    trials.add("resume", ledger.resume(who(), Vec::new()).await);
    trials.add("lost", ledger.lost(who(), Vec::new()).await);
    trials.add("others", ledger.others(who(), None, 1).await);
    trials.add("audit-counts", ledger.audit_counts(who(), Vec::new()).await);
}

async fn of_batches(ledger: &Batches, trials: &mut Trials) {
    let who = || DOCTOR.to_owned();
    let beginning = Beginning {
        attempt: attempt(),
        limits: None,
        instead: None,
        places: Vec::new(),
        terms: None,
        now_ms: 0,
    };
    let removal = Removal {
        tenant: DOCTOR.into(),
        id: DOCTOR.into(),
        attempt: DOCTOR.into(),
    };
    trials.add("begin-many", ledger.begin_many(who(), 0, vec![beginning]).await);
    trials.add(
        "end-many",
        ledger.end_many(who(), vec![Ending::Over(DOCTOR.into())]).await,
    );
    trials.add("remove-many", ledger.remove_many(who(), vec![removal]).await);
}
