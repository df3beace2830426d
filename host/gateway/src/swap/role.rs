//! Another validator, another auth component.

use std::sync::Arc;

use loadlock_config::{ComponentRef, Config};
use loadlock_sandbox::auth::{Auth, AuthPolicy};
use loadlock_sandbox::validator::{FileCandidate, Validator};
use loadlock_sandbox::{Source, digest};

use super::Change;
use super::provider::{LOADING, WantedComponent, refuse, too_slow};
use super::record::{PlacedComponent, RecordedComponent, SwapRecords};
use super::request::{ComponentState, Swapped};
use super::target::SwapTarget;
use super::trial::role_gives_way;
use crate::error::{Error, ErrorCode, Result};
use crate::fault::{self, Point};
use crate::setup::{Setup, auth, refused, revoked};
use crate::state::gateway::GatewayState;
use crate::state::generation::Generation;
use crate::state::role_slot::{RoleSlot, RoleUnit};

impl GatewayState {
    pub(super) async fn change_validator(self: &Arc<Self>, change: Change) -> Result<Swapped> {
        let config = self.live().config.clone();
        let configured = &config.validator.component;
        let wanted = self.wanted("validator", configured, &change)?;
        let slot: fn(&Self) -> &RoleSlot<Validator> = |state| &state.intake.validator;
        if let Some(same) = runs_already(slot(self), &wanted) {
            return Ok(same);
        }
        let unit = self.load_validator(&config, &wanted.source).await?;
        self.put_role(SwapTarget::Validator, slot, unit, configured, &wanted, Vec::new())
    }

    pub(super) async fn change_auth(self: &Arc<Self>, change: Change) -> Result<Swapped> {
        let config = self.live().config.clone();
        let configured = &config.auth.component;
        let wanted = self.wanted("auth", configured, &change)?;
        let slot: fn(&Self) -> &RoleSlot<Auth> = |state| &state.callers.auth;
        if let Some(same) = runs_already(slot(self), &wanted) {
            return Ok(same);
        }
        let listed = revoked::stamp(&self.config.home.keys())?;
        let policy = auth::policy(self.config.loader.env, &config, &self.config.home)?;
        let (unit, objections) = self.load_auth(&config, &wanted.source, policy).await?;
        refuse("auth", &objections, wanted.accept)?;
        let _nobody_else_tells_it = self.config.reloading().await;
        let swapped = self.put_role(SwapTarget::Auth, slot, unit, configured, &wanted, objections)?;
        // What was revoked since is told before anybody is let in.
        self.callers.knows(listed);
        Ok(swapped)
    }

    /// Loads a validator, has it judge a file, and keeps its bytes.
    pub(crate) async fn load_validator(&self, config: &Config, source: &Source) -> Result<RoleUnit<Validator>> {
        let loading = Validator::load(&self.config.loader.sandbox, source);
        let validator = tokio::time::timeout(LOADING, loading).await.map_err(|_| too_slow())?;
        let validator = validator.map_err(|error| refused(&error))?;
        let candidate = FileCandidate {
            name: b"probe.txt".to_vec(),
            folder: Vec::new(),
            size: 5,
            head: b"probe".to_vec(),
            declared_type: None,
        };
        // Any verdict will do.
        let verdict = validator.inspect(candidate, &config.validator.rules).await;
        verdict.map_err(|error| unusable(&error))?.ok();
        let generation = Generation::of(validator.name(), validator.inspection());
        self.kept().keep(source, &generation.sha256)?;
        Ok(RoleUnit::new(
            validator,
            self.numbered(generation, &self.intake.validator),
        ))
    }

    /// Loads an auth component with a policy, has it judge a token of this machine, and keeps its bytes.
    pub(crate) async fn load_auth(
        &self,
        config: &Config,
        source: &Source,
        policy: AuthPolicy,
    ) -> Result<(RoleUnit<Auth>, Vec<String>)> {
        let loading = Auth::load(&self.config.loader.sandbox, source, policy.clone());
        let component = tokio::time::timeout(LOADING, loading).await.map_err(|_| too_slow())?;
        let component = component.map_err(|error| refused(&error))?;
        component
            .configure(policy)
            .await
            .map_err(|error| unusable(&error))?
            .map_err(|reason| auth::refuses_policy(&reason))?;
        let now_s = self.clock.wall_ms() / 1_000;
        let token = auth::own_token(config, &self.config.home, now_s)?;
        let answer = component.authenticate(Some(token.to_string()), now_s).await;
        let objections = match answer {
            Ok(Ok(_)) => Vec::new(),
            Ok(Err(denial)) => vec![format!(
                "it does not let this machine's own commands in ({}), so nobody could roll it back but by the \
                 configuration",
                denial.code
            )],
            Err(error) => return Err(unusable(&error)),
        };
        let generation = Generation::of(component.name(), component.inspection());
        self.kept().keep(source, &generation.sha256)?;
        let unit = RoleUnit::new(component, self.numbered(generation, &self.callers.auth));
        Ok((unit, objections))
    }

    fn numbered<C>(&self, generation: Generation, slot: &RoleSlot<C>) -> Generation {
        let last = slot.generations().iter().map(|unit| unit.generation.number).max();
        Generation {
            number: last.unwrap_or(0) + 1,
            ..generation
        }
    }

    /// Puts a generation in the place of the one that is there, and on trial.
    pub(crate) fn follow<C: Send + Sync + 'static>(
        self: &Arc<Self>,
        slot: fn(&Self) -> &RoleSlot<C>,
        target: SwapTarget,
        unit: &Arc<RoleUnit<C>>,
        on_trial: bool,
    ) {
        let before = slot(self).now();
        if on_trial {
            let give_way = role_gives_way(self, unit, slot, target);
            unit.trial.begin(before.clone(), give_way);
        }
        before.trial.end();
        slot(self).put(&before, unit.clone());
    }

    fn put_role<C: Send + Sync + 'static>(
        self: &Arc<Self>,
        target: SwapTarget,
        slot: fn(&Self) -> &RoleSlot<C>,
        mut unit: RoleUnit<C>,
        configured: &ComponentRef,
        wanted: &WantedComponent,
        accepted: Vec<String>,
    ) -> Result<Swapped> {
        unit.generation.by_command = !wanted.reference.is_same(configured);
        let (unit, before) = (Arc::new(unit), slot(self).now());
        let previous = (!wanted.back).then(|| RecordedComponent::from(&before.generation));
        self.recorded(&target, &unit.generation, previous)?;
        self.follow(slot, target.clone(), &unit, !wanted.back);
        fault::at(Point::SwapInForce);
        self.forget_unused();
        Ok(Swapped {
            component: target.to_string(),
            before: Some(ComponentState::from(&before.generation)),
            after: ComponentState::from(&unit.generation),
            generation: unit.generation.number,
            changed: true,
            on_trial: !wanted.back,
            accepted,
            probe: "it answers".into(),
        })
    }
}

fn runs_already<C>(slot: &RoleSlot<C>, wanted: &WantedComponent) -> Option<Swapped> {
    let now = slot.now();
    let same = now.generation.sha256 == digest(&wanted.source.bytes) && now.generation.source == wanted.source.name;
    same.then(|| Swapped::unchanged(slot.role.to_owned(), &now.generation))
}

fn unusable(error: &loadlock_sandbox::CallError) -> Error {
    Error::new(
        ErrorCode::ComponentFailed,
        format!("the component cannot be used: its probe ended with: {error}"),
    )
}

/// What a reload needs of roles. Under the turn to change.
impl GatewayState {
    /// Another validator, if this configuration asks for one.
    pub(crate) async fn next_validator(
        &self,
        config: &Config,
        swaps: &SwapRecords,
    ) -> Result<Option<RoleUnit<Validator>>> {
        let (old, new) = (&self.live().config.validator.component, &config.validator.component);
        if old.is_same(new) {
            return Ok(None);
        }
        let placed = self.placed(config, swaps, "validator", new)?;
        let mut unit = self.load_validator(config, &placed.source).await?;
        unit.generation.by_command = placed.by_command;
        Ok(Some(unit))
    }

    /// Another auth component with the policy of this configuration, if that asks for one.
    pub(crate) async fn next_auth(
        &self,
        config: &Config,
        swaps: &SwapRecords,
        policy: AuthPolicy,
    ) -> Result<Option<RoleUnit<Auth>>> {
        let (old, new) = (&self.live().config.auth.component, &config.auth.component);
        if old.is_same(new) {
            return Ok(None);
        }
        let placed = self.placed(config, swaps, "auth", new)?;
        // The configuration is the way back.
        let (mut unit, _) = self.load_auth(config, &placed.source, policy).await?;
        unit.generation.by_command = placed.by_command;
        Ok(Some(unit))
    }

    pub(crate) fn follow_validator(self: &Arc<Self>, unit: RoleUnit<Validator>) {
        self.follow(
            |state| &state.intake.validator,
            SwapTarget::Validator,
            &Arc::new(unit),
            true,
        );
    }

    pub(crate) fn follow_auth(self: &Arc<Self>, unit: RoleUnit<Auth>) {
        self.follow(|state| &state.callers.auth, SwapTarget::Auth, &Arc::new(unit), true);
    }

    fn placed(
        &self,
        config: &Config,
        swaps: &SwapRecords,
        key: &str,
        configured: &ComponentRef,
    ) -> Result<PlacedComponent> {
        let loader = &self.config.loader;
        let setup = Setup::of(loader, config);
        PlacedComponent::find(&setup, &loader.sandbox, self.config.home.path(), swaps, key, configured)
    }
}
