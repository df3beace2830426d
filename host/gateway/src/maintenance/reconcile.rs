//! `reconcile`: the vendors' lists against the ledger, and what follows from it.

use std::sync::Arc;

use loadlock_journal::{DeleteIntent, JournalError};
use loadlock_policy::upkeep::{Action, AfterStat, MassChange, Reason, plan};
use loadlock_sandbox::tracker::{RemoteRow, RemoteState};
use serde::{Deserialize, Serialize};

use super::inventory::{Compared, Unlisted};
use crate::error::{Result, answered};
use crate::principal::{Principal, Scope};
use crate::recovery::pass::{Pass, Settled};
use crate::state::gateway::{Gateway, GatewayState};
use crate::state::provider::ProviderUnit;
use crate::upload::content_check::remote_of;

/// What to reconcile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconcile {
    /// Only this provider.
    pub provider: Option<String>,
    /// Say what would be done, and change nothing.
    pub dry_run: bool,
    /// Carry out even what changes more than a fifth of an account at once.
    pub allow_mass: bool,
}

/// What was found and done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciled {
    /// One for each provider, in the order of the configuration.
    pub providers: Vec<ProviderReconciled>,
}

/// What was found and done at one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderReconciled {
    /// Its configured name.
    pub provider: String,
    /// How it went.
    pub verdict: Verdict,
    /// Live rows of the ledger that were looked for.
    pub live: u64,
    /// Files on its list.
    pub listed: u64,
    /// Of the live rows and of uploads that are accepted and not recorded yet, those that are on the list.
    pub matching: u64,
    /// What follows, in order.
    pub steps: Vec<Step>,
}

/// How reconciling one provider went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", content = "detail", rename_all = "snake_case")]
pub enum Verdict {
    /// Compared, and what follows was carried out, or planned in a dry run.
    Compared,
    /// Nothing was changed: there is no complete list to compare with.
    NotListed(Unlisted),
    /// Nothing was changed: it would be too much at once.
    TooMuch(MassChange),
}

/// One action and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The action.
    #[serde(flatten)]
    pub action: Action,
    /// Its end.
    pub end: StepEnd,
}

/// What became of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepEnd {
    /// Not carried out: this is a dry run, or the whole plan was refused.
    Planned,
    /// Carried out.
    Done,
    /// Told, as there is nothing to do.
    Told,
    /// Not needed any more, or not justified after a second look.
    Skipped(String),
    /// Tried in vain.
    Failed(String),
}

impl Reconciled {
    /// Whether everything went as it should: no step failed and no provider was refused. A vendor without a list is no
    /// failure.
    pub fn succeeded(&self) -> bool {
        self.providers.iter().all(|one| {
            let fine = matches!(
                one.verdict,
                Verdict::Compared | Verdict::NotListed(Unlisted::CannotList)
            );
            let failed = |step: &Step| matches!(step.end, StepEnd::Failed(_));
            fine && !one.steps.iter().any(failed)
        })
    }
}

impl Gateway {
    /// Compares each provider's list with the ledger. Rows that the vendor lost are marked and never given out again;
    /// our own leftovers are deleted; what nobody here recorded is told and left alone. Uploads whose outcome is
    /// unknown are looked for first.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`] without the scope `admin`, [`crate::ErrorCode::ProviderUnknown`]; and
    /// [`crate::ErrorCode::TrackerFailed`] or [`crate::ErrorCode::StateUnavailable`] if ledger or journal cannot be
    /// read: then nothing more is changed.
    pub async fn reconcile(&self, who: &Principal, request: Reconcile) -> Result<Reconciled> {
        who.require(Scope::Admin)?;
        let state = &*self.0;
        let units: Vec<Arc<ProviderUnit>> = match &request.provider {
            Some(name) => vec![state.providers.named(name)?],
            None => state.providers.iter().collect(),
        };
        let _one_at_a_time = state.open_entries.settling().await;
        if !request.dry_run {
            state.settle_at(&units).await?;
        }
        let mut providers = Vec::with_capacity(units.len());
        for unit in units {
            let one = match state.compare(&unit).await? {
                Ok(compared) => state.reconcile_one(&unit, &compared, &request).await,
                Err(unlisted) => not_listed(&unit.name, unlisted),
            };
            providers.push(one);
        }
        if request.provider.is_none() {
            let set = state.providers.now();
            let out = set.out_of_service.iter();
            providers.extend(out.map(|one| not_listed(&one.name, Unlisted::Failed(one.reason()))));
        }
        Ok(Reconciled { providers })
    }
}

fn not_listed(provider: &str, why: Unlisted) -> ProviderReconciled {
    ProviderReconciled {
        provider: provider.to_owned(),
        verdict: Verdict::NotListed(why),
        live: 0,
        listed: 0,
        matching: 0,
        steps: Vec::new(),
    }
}

impl GatewayState {
    /// Finds out what became of the uploads whose end is not known: what is on the list then has a record, or goes.
    async fn settle_at(&self, units: &[Arc<ProviderUnit>]) -> Result<()> {
        let mut pass = Pass::of_command(self);
        for id in self.unsettled()? {
            let entry = self.journal.entry(&id);
            let entry = entry?;
            if entry.is_some_and(|entry| {
                let account = &entry.intent.key.account;
                units.iter().any(|unit| unit.account == *account)
            }) {
                pass.entry(&id).await?;
            }
        }
        let settled = pass.settled;
        if settled != Settled::default() {
            tracing::info!("settled before reconciling: {settled}");
            self.deliver_backlog().await?;
        }
        Ok(())
    }

    async fn reconcile_one(&self, unit: &ProviderUnit, compared: &Compared, request: &Reconcile) -> ProviderReconciled {
        let comparison = &compared.comparison;
        let plan = plan(comparison);
        let refused = plan.mass.filter(|_| !request.allow_mass);
        let mut steps = Vec::with_capacity(plan.actions.len());
        for action in plan.actions {
            let end = if matches!(action, Action::LeaveAlone { .. }) {
                StepEnd::Told
            } else if request.dry_run || refused.is_some() {
                StepEnd::Planned
            } else {
                self.act(unit, &compared.rows, &action).await
            };
            steps.push(Step { action, end });
        }
        ProviderReconciled {
            provider: unit.name.clone(),
            verdict: refused.map_or(Verdict::Compared, Verdict::TooMuch),
            live: comparison.live,
            listed: comparison.listed,
            matching: comparison.matching,
            steps,
        }
    }

    async fn act(&self, unit: &ProviderUnit, rows: &[RemoteRow], action: &Action) -> StepEnd {
        let row = |id: &str| rows.iter().find(|row| row.remote_id == id);
        match action {
            Action::LeaveAlone { .. } => StepEnd::Told,
            Action::MarkLive { remote_id } => self.mark(unit, remote_id, RemoteState::Live).await,
            Action::MarkMissing { remote_id } => {
                // A list can leave a file out; the vendor's word about this one decides where there is one.
                if let (true, Some(row)) = (unit.profile.can_stat, row(remote_id)) {
                    match self.ask(unit, &remote_of(row), row.bytes).await {
                        AfterStat::Lost | AfterStat::Unasked => {}
                        AfterStat::Confirmed => {
                            return StepEnd::Skipped("the vendor holds it, though it is not on its list".to_owned());
                        }
                        AfterStat::Undecided => {
                            return StepEnd::Failed("the vendor does not say whether it holds it".to_owned());
                        }
                    }
                }
                self.mark(unit, remote_id, RemoteState::Missing).await
            }
            Action::Delete {
                remote_id,
                why: Reason::Dying,
            }
            | Action::Forget { remote_id } => match row(remote_id) {
                Some(row) if self.delete_dying(row).await => StepEnd::Done,
                Some(_) => not_deleted(),
                None => StepEnd::Skipped("the ledger does not hold it any more".to_owned()),
            },
            Action::Delete { remote_id, why } => self.delete_leftover(unit, remote_id, *why).await,
        }
    }

    async fn mark(&self, unit: &ProviderUnit, remote_id: &str, state: RemoteState) -> StepEnd {
        let noted =
            self.ledger
                .tracker
                .observe(unit.account.clone(), remote_id.to_owned(), state, self.clock.wall_ms());
        match answered(noted.await) {
            Ok(true) => StepEnd::Done,
            Ok(false) => StepEnd::Skipped("the ledger does not hold it any more".to_owned()),
            Err(error) => StepEnd::Failed(error.message),
        }
    }

    async fn delete_leftover(&self, unit: &ProviderUnit, remote_id: &str, why: Reason) -> StepEnd {
        let delete = DeleteIntent {
            account: unit.account.clone(),
            provider: unit.name.clone(),
            remote_id: remote_id.to_owned(),
            why: match why {
                Reason::Leftover => "left by an upload that failed".to_owned(),
                _ => "found by reconciling".to_owned(),
            },
            at_ms: self.clock.wall_ms(),
        };
        match self.journal.deleting(delete.clone()).await {
            Ok(()) if self.discard(&delete).await => StepEnd::Done,
            Ok(()) => not_deleted(),
            Err(JournalError::RemoteHeld { .. }) => StepEnd::Skipped("an upload refers to it".to_owned()),
            Err(error) => StepEnd::Failed(error.to_string()),
        }
    }
}

fn not_deleted() -> StepEnd {
    StepEnd::Failed("the vendor did not delete it; it is tried again".to_owned())
}
