//! The way back after a trial that failed: the generation before takes its place again, if what the component keeps is
//! as it left it. Called in the middle of an upload, so the place changes at once; what is written about it follows.

use std::sync::{Arc, Weak};

use loadlock_audit::{Event, What};
use loadlock_policy::swap::may_return;

use super::record::RecordedComponent;
use super::target::SwapTarget;
use crate::error::{ErrorCode, Result};
use crate::state::gateway::GatewayState;
use crate::state::generation::{Generation, GiveWay};
use crate::state::provider::ProviderUnit;
use crate::state::role_slot::{RoleSlot, RoleUnit};

/// How a failed trial ended.
struct FailedTrial {
    target: SwapTarget,
    failed: Generation,
    before: Generation,
    returned: bool,
}

/// What follows a failed trial of a provider's generation.
pub(crate) fn provider_gives_way(gateway: &Arc<GatewayState>, unit: &Arc<ProviderUnit>) -> GiveWay<ProviderUnit> {
    let (gateway, unit) = (Arc::downgrade(gateway), Arc::downgrade(unit));
    Box::new(move |before| {
        let (Some(state), Some(unit)) = (gateway.upgrade(), unit.upgrade()) else {
            return;
        };
        let versions = (&before.generation.state_version, &unit.generation.state_version);
        let may = may_return(
            versions.0.as_deref(),
            versions.1.as_deref(),
            unit.component.keeps_anything(),
        );
        if may && !state.providers.put(&unit, before.clone()) {
            // Another generation has its place by now.
            return;
        }
        tell(
            FailedTrial {
                target: SwapTarget::Provider(unit.name.clone()),
                failed: unit.generation.clone(),
                before: before.generation.clone(),
                returned: may,
            },
            &state,
        );
    })
}

/// What follows a failed trial of a role's generation, which keeps nothing.
pub(crate) fn role_gives_way<C: Send + Sync + 'static>(
    gateway: &Arc<GatewayState>,
    unit: &Arc<RoleUnit<C>>,
    slot: fn(&GatewayState) -> &RoleSlot<C>,
    target: SwapTarget,
) -> GiveWay<RoleUnit<C>> {
    let (gateway, unit): (Weak<GatewayState>, Weak<RoleUnit<C>>) = (Arc::downgrade(gateway), Arc::downgrade(unit));
    Box::new(move |before| {
        let (Some(state), Some(unit)) = (gateway.upgrade(), unit.upgrade()) else {
            return;
        };
        if slot(&state).put(&unit, before.clone()) {
            tell(
                FailedTrial {
                    target,
                    failed: unit.generation.clone(),
                    before: before.generation.clone(),
                    returned: true,
                },
                &state,
            );
        }
    })
}

/// Says and records it.
fn tell(trial: FailedTrial, state: &Arc<GatewayState>) {
    let (target, failed, before) = (&trial.target, &trial.failed, &trial.before);
    let outcome = if trial.returned { "returned" } else { "kept" };
    crate::metrics::swap(target.label(), outcome);
    let what = match trial.returned {
        true => "the one before is back",
        false => "it stays: what it keeps has another version, or none, so the one before may not be able to read it",
    };
    tracing::error!(target: "loadlock::swap", component = %target, failed = %failed.sha256, before = %before.sha256,
         "[SWAP] too many of the first calls of {} went wrong; {what}", failed.source);
    let state = state.clone();
    tokio::spawn(async move {
        if let Err(error) = state.trial_failed(&trial).await {
            tracing::error!(%error, "the return of a component is not kept over a restart");
        }
    });
}

impl GatewayState {
    async fn trial_failed(&self, trial: &FailedTrial) -> Result<()> {
        let (target, failed, before) = (&trial.target, &trial.failed, &trial.before);
        let (runs, story) = match trial.returned {
            true => (
                before,
                format!(
                    "{target}: back to {} after bad calls of {}",
                    before.sha256, failed.sha256
                ),
            ),
            false => (failed, format!("{target}: {} stays after bad calls", failed.sha256)),
        };
        let what = What {
            provider: match target {
                SwapTarget::Provider(name) => Some(name.clone()),
                SwapTarget::Validator | SwapTarget::Auth => None,
            },
            component: Some(runs.sha256.clone()),
            detail: Some(story),
            ..What::default()
        };
        let failure = Err(ErrorCode::ComponentFailed.as_str());
        self.audit.note(Event::Component, None, what, failure).await;
        if !trial.returned {
            return Ok(());
        }
        let _turn = self.config.changing().await;
        if self.running(target).as_ref() != Some(before) {
            // Somebody has decided otherwise meanwhile.
            return Ok(());
        }
        let previous = self.earlier(target)?;
        self.recorded(target, before, previous)
    }

    /// What a rollback goes to after a return: what ran before the one that is back.
    fn earlier(&self, target: &SwapTarget) -> Result<Option<RecordedComponent>> {
        let config = self.live().config.clone();
        let Some(configured) = target.configured(&config) else {
            return Ok(None);
        };
        let swaps = self.swaps()?;
        let record = swaps.of(&target.to_string(), configured);
        Ok(record.and_then(|record| record.earlier.clone()))
    }

    /// What runs in a place.
    fn running(&self, target: &SwapTarget) -> Option<Generation> {
        match target {
            SwapTarget::Provider(name) => self.providers.named(name).ok().map(|unit| unit.generation.clone()),
            SwapTarget::Validator => Some(self.intake.validator.now().generation.clone()),
            SwapTarget::Auth => Some(self.callers.auth.now().generation.clone()),
        }
    }

    /// Keeps over a restart what runs in a place. Under the turn to change.
    pub(crate) fn recorded(
        &self,
        target: &SwapTarget,
        running: &Generation,
        previous: Option<RecordedComponent>,
    ) -> Result<()> {
        let config = self.live().config.clone();
        let Some(configured) = target.configured(&config) else {
            return Ok(());
        };
        self.note_swap(&target.to_string(), configured, running, previous)
    }
}
