//! What changes while the gateway serves: everything that the configuration says but for where it keeps its state,
//! where it listens, its ledger, and the ceiling of its spool.

use std::sync::Arc;

use loadlock_audit::{Event, What};
use loadlock_config::{Config, ConfiguredProvider};
use loadlock_policy::swap::{SwapTerms, shrinks};

use crate::admission::Grants;
use crate::error::{Error, ErrorCode, Result};
use crate::setup::{Setup, auth, order_of, revoked};
use crate::state::gateway::{Gateway, GatewayState};
use crate::state::generation::Generation;
use crate::state::out_of_service::{OutOfService, is_its_own, nobody_left};
use crate::state::provider::ProviderUnit;
use crate::state::providers::ProviderSet;
use crate::swap::record::{PlacedComponent, SwapRecords};
use crate::swap::target::SwapTarget;
use crate::webhooks::receiver::Webhooks;

/// What a reload has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Keys of the components that were replaced, added or removed: `providers.NAME`, `validator`, `auth`.
    pub changed: Vec<String>,
    /// What is not in force.
    pub waits: Vec<WaitingKey>,
}

/// A key of the configuration that is not in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingKey {
    /// The key.
    pub key: String,
    /// Why it is not, one sentence.
    pub why: String,
}

impl WaitingKey {
    /// Of a provider.
    fn name(&self) -> &str {
        self.key.strip_prefix("providers.").unwrap_or(&self.key)
    }
}

impl Reloaded {
    fn waits_for(&mut self, key: String, why: impl Into<String>) {
        self.waits.push(WaitingKey { key, why: why.into() });
    }
}

impl Gateway {
    /// Puts `config` in force: a request is judged by the old rules or by the new ones, an upload that was admitted
    /// goes on, and an attempt that was begun ends with the component that it was begun with. Providers come, go and
    /// change; one that cannot be changed as the configuration asks goes on as it was, and is among what waits.
    ///
    /// # Errors
    /// [`ErrorCode::ConfigInvalid`] if a key cannot be read, a folder cannot be opened or the auth component refuses
    /// the policy; [`ErrorCode::ComponentRefused`] or [`ErrorCode::ComponentFailed`] if another validator or auth
    /// component cannot be used; everything stays as it was then.
    pub async fn reload(&self, config: &Config) -> Result<Reloaded> {
        let state = &self.0;
        let _turn = state.config.changing().await;
        // What may fail comes before what changes anything.
        let listed = revoked::stamp(&state.config.home.keys())?;
        let policy = auth::policy(state.config.loader.env, config, &state.config.home)?;
        let key_ids = auth::key_ids(&policy);
        let protected = state.config.home.protected(config.protected_files())?;
        let grants = Grants::open(&config.grants, &protected)?;
        let webhooks = Webhooks::next(&state.live().config, config, &state.config.loader)?;
        let mut reloaded = Reloaded::default();
        let (swaps, before) = (state.swaps()?, state.generations());
        let set = state.next_providers(config, &grants, &swaps, &mut reloaded).await?;
        let as_they_were: Vec<String> = reloaded.waits.iter().map(|waiting| waiting.name().to_owned()).collect();
        GatewayState::check_threshold(config, &set)?;
        let validator = state.next_validator(config, &swaps).await?;
        let auth = state.next_auth(config, &swaps, policy.clone()).await?;
        {
            let _nobody_else_tells_it = state.config.reloading().await;
            match auth {
                Some(auth) => {
                    state.follow_auth(auth);
                    reloaded.changed.push("auth".into());
                }
                None => configured(state.callers.auth.configure(policy).await)?,
            }
            // What was revoked since is told before anybody is let in.
            state.callers.knows(listed);
        }
        if let Some(webhooks) = webhooks {
            state.config.webhooks.replace(webhooks, &state.journal);
            reloaded.changed.push("webhooks".into());
        }
        state.callers.failures.replace_keys(key_ids);
        if let Some(validator) = validator {
            state.follow_validator(validator);
            reloaded.changed.push("validator".into());
        }
        // First what providers may read, then what may be named: never the other way round.
        for unit in &set.units {
            unit.component.add_roots(&grants.roots_of(&unit.name));
        }
        state.providers.replace(set);
        state.providers.permits.resize(config.limits.concurrency);
        state.providers.arriving.resize(config.limits.concurrency / 2);
        for key in state.live().config.waits_for_restart(config) {
            reloaded.waits_for(key, "it is set when the gateway starts");
        }
        state.config.replace(config, grants, &as_they_were);
        state.callers.tenants.limit(config);
        state.swaps_after_reload(&before)?;
        state.components_recorded(&reloaded).await;
        state.configuration_recorded().await?;
        tracing::info!(target: "loadlock::auth", keys = config.auth.keys.len(), revoked = config.auth.revoked.len(), "[AUTH] policy replaced");
        Ok(reloaded)
    }
}

fn configured(answer: Result<Result<(), String>, loadlock_sandbox::CallError>) -> Result<()> {
    let answer = answer.map_err(|error| {
        let message = format!("the auth component gave no answer: {error}");
        Error::new(ErrorCode::ComponentFailed, message)
    })?;
    answer.map_err(|reason| auth::refuses_policy(&reason))
}

/// What becomes of one configured provider.
enum NextProvider {
    /// It goes on as it is.
    Same(Arc<ProviderUnit>),
    /// Another generation, or its first one.
    New(Arc<ProviderUnit>),
    /// It goes on as it is, though the configuration asks otherwise.
    Waits(Arc<ProviderUnit>, String),
    Out(Arc<OutOfService>),
}

impl GatewayState {
    /// The providers that this configuration asks for. Nothing has changed yet.
    async fn next_providers(
        self: &Arc<Self>,
        config: &Config,
        grants: &Grants,
        swaps: &SwapRecords,
        reloaded: &mut Reloaded,
    ) -> Result<ProviderSet> {
        let (now, live) = (self.providers.now(), self.live());
        let mut set = ProviderSet::default();
        for configured in &config.providers {
            let key = format!("providers.{}", configured.name);
            let unit = match self
                .next_provider(&live.config, config, grants, swaps, configured)
                .await?
            {
                NextProvider::Same(unit) => unit,
                NextProvider::New(unit) => {
                    reloaded.changed.push(key);
                    unit
                }
                NextProvider::Waits(unit, why) => {
                    reloaded.waits_for(key, why);
                    unit
                }
                NextProvider::Out(out) => {
                    reloaded.waits_for(key, out.reason());
                    set.out_of_service.push(out);
                    continue;
                }
            };
            set.units.push(unit);
        }
        if let Some(error) = nobody_left(&set.out_of_service).filter(|_| set.units.is_empty()) {
            return Err(error);
        }
        for unit in &set.units {
            unit.set_order(order_of(config, &unit.name));
        }
        let stays = |name: &String| config.provider(name).is_some();
        let gone = now.units.iter().filter(|unit| !stays(&unit.name));
        reloaded
            .changed
            .extend(gone.map(|unit| format!("providers.{}", unit.name)));
        Ok(set)
    }

    async fn next_provider(
        self: &Arc<Self>,
        old: &Config,
        config: &Config,
        grants: &Grants,
        swaps: &SwapRecords,
        configured: &ConfiguredProvider,
    ) -> Result<NextProvider> {
        let current = self.providers.named(&configured.name).ok();
        let same = old.provider(&configured.name).is_some_and(|before| {
            before.is_same(configured)
                && (configured.concurrency.is_some() || old.limits.concurrency == config.limits.concurrency)
        });
        if let Some(unit) = current.as_ref().filter(|_| same) {
            return Ok(NextProvider::Same(unit.clone()));
        }
        let order = order_of(config, &configured.name);
        let loaded = match self.reload_provider(config, grants, swaps, configured).await {
            Ok(loaded) => loaded,
            Err(why) if is_its_own(&why) => {
                return Ok(match current {
                    Some(unit) => NextProvider::Waits(unit, format!("{}; it goes on as it was", why.message)),
                    None => {
                        let out = OutOfService::of(configured, order, why);
                        out.announce();
                        NextProvider::Out(Arc::new(out))
                    }
                });
            }
            Err(error) => return Err(error),
        };
        let Some(before) = &current else {
            return Ok(NextProvider::New(self.next_unit(None, loaded, order)));
        };
        let is_other = before.generation.sha256 != loaded.generation.sha256;
        // The account is the configuration's to say; what a component takes away is not.
        let terms = SwapTerms {
            account: &before.account,
            profile: &loaded.profile,
        };
        let lost: Vec<String> = shrinks(&before.terms(), &terms)
            .iter()
            .map(ToString::to_string)
            .collect();
        if is_other && !lost.is_empty() {
            let why = format!(
                "its component cannot stand in for the one that runs: {}; `loadlock component swap {} {} --accept` \
                 swaps it all the same",
                lost.join("; "),
                configured.name,
                configured.connection.component.source
            );
            return Ok(NextProvider::Waits(before.clone(), why));
        }
        let unit = self.next_unit(Some(before), loaded, order);
        if is_other && unit.account == before.account {
            let give_way = crate::swap::trial::provider_gives_way(self, &unit);
            unit.trial.begin(before.clone(), give_way);
        }
        Ok(NextProvider::New(unit))
    }

    async fn reload_provider(
        &self,
        config: &Config,
        grants: &Grants,
        swaps: &SwapRecords,
        configured: &ConfiguredProvider,
    ) -> Result<crate::state::provider::LoadedProvider> {
        let loader = &self.config.loader;
        let (setup, home) = (Setup::of(loader, config), self.config.home.path());
        let component = &configured.connection.component;
        let key = format!("providers.{}", configured.name);
        let placed = PlacedComponent::find(&setup, &loader.sandbox, home, swaps, &key, component)?;
        let placed_provider = configured.with_component(placed.reference.clone());
        let mut loaded = self.load_provider(config, &placed_provider, &placed.source).await?;
        loaded.component.add_roots(&grants.roots_of(&configured.name));
        loaded.generation.by_command = placed.by_command;
        Ok(loaded)
    }

    /// What runs in each place that can be swapped.
    fn generations(&self) -> Vec<(SwapTarget, Generation)> {
        let units = self.providers.iter();
        let of_unit = |unit: Arc<ProviderUnit>| (SwapTarget::Provider(unit.name.clone()), unit.generation.clone());
        let roles = [
            (SwapTarget::Validator, self.intake.validator.now().generation.clone()),
            (SwapTarget::Auth, self.callers.auth.now().generation.clone()),
        ];
        units.map(of_unit).chain(roles).collect()
    }

    /// Forgets what was put instead of components that are configured otherwise by now, notes what can be gone back to,
    /// and removes bytes that nobody needs.
    fn swaps_after_reload(&self, before: &[(SwapTarget, Generation)]) -> Result<()> {
        let config = &self.live().config.clone();
        let mut swaps = self.swaps()?;
        let as_read = swaps.clone();
        swaps.retain(|key, all| {
            let configured = match key.strip_prefix("providers.") {
                Some(name) => config.provider(name).map(|provider| &provider.connection.component),
                None if key == "validator" => Some(&config.validator.component),
                None => Some(&config.auth.component),
            };
            configured.is_some_and(|configured| all.of(key, configured).is_some())
        });
        if swaps != as_read {
            swaps.write(self.config.home.path())?;
        }
        for (target, generation) in self.generations() {
            let old = before.iter().find(|(before, _)| *before == target);
            if let Some((_, old)) = old.filter(|(_, old)| old.sha256 != generation.sha256) {
                self.recorded(&target, &generation, Some(old.into()))?;
            }
        }
        self.forget_unused();
        Ok(())
    }

    /// Has the auth component know what was revoked on this machine up to now. Asked by whoever lets somebody in, so
    /// that a revocation holds at every door from the moment that it is written.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`] if the list cannot be read; [`ErrorCode::ComponentFailed`] if the component does
    /// not take it. Nobody is let in by an older list.
    pub(crate) async fn revocations_in_force(&self) -> Result<()> {
        let keys = self.config.home.keys();
        if revoked::stamp(&keys)? == self.callers.known() {
            return Ok(());
        }
        let _turn = self.config.reloading().await;
        let listed = revoked::stamp(&keys)?;
        if listed == self.callers.known() {
            return Ok(());
        }
        let policy = auth::policy(self.config.loader.env, &self.live().config, &self.config.home)?;
        let failed = |reason: String| {
            Error::new(
                ErrorCode::ComponentFailed,
                format!("the auth component does not take what was revoked: {reason}"),
            )
        };
        let answer = self.callers.auth.configure(policy).await;
        answer.map_err(|error| failed(error.to_string()))?.map_err(failed)?;
        self.callers.knows(listed);
        Ok(())
    }

    /// The audit log has each component that a reload replaced, added or removed.
    pub(crate) async fn components_recorded(&self, reloaded: &Reloaded) {
        for key in &reloaded.changed {
            let provider = key.strip_prefix("providers.");
            let (runs, label) = match provider {
                Some(name) => (
                    self.providers.named(name).ok().map(|unit| unit.generation.clone()),
                    name,
                ),
                None if key == "validator" => (Some(self.intake.validator.now().generation.clone()), key.as_str()),
                None => (Some(self.callers.auth.now().generation.clone()), key.as_str()),
            };
            let story = match &runs {
                Some(runs) => format!("{key}: {} by the configuration", runs.source),
                None => format!("{key}: removed from the configuration"),
            };
            crate::metrics::swap(label, "swapped");
            tracing::warn!(target: "loadlock::swap", component = %key, "[SWAP] {story}");
            let what = What {
                provider: provider.map(str::to_owned),
                component: runs.map(|runs| runs.sha256),
                detail: Some(story),
                ..What::default()
            };
            self.audit.note(Event::Component, None, what, Ok(())).await;
        }
    }
}
