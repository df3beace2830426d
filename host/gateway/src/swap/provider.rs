//! Another component for a provider.

use std::sync::Arc;
use std::time::Duration;

use loadlock_config::{ComponentRef, Config, ConfiguredProvider};
use loadlock_policy::model::FailureKind;
use loadlock_policy::swap::shrinks;
use loadlock_sandbox::{Source, digest};

use super::record::RecordedComponent;
use super::request::{ComponentState, Swapped};
use super::target::{SwapTarget, provider_key};
use super::trial::provider_gives_way;
use super::{Change, no_way_back};
use crate::error::{Error, ErrorCode, Result};
use crate::fault::{self, Point};
use crate::setup::{ProviderLoading, Setup, auth, order_of};
use crate::state::gateway::GatewayState;
use crate::state::provider::{LoadedProvider, ProviderUnit};
use crate::state::providers::ProviderSet;

/// Longest that loading a component may take: reading, compiling, and asking for its profile twice.
pub(crate) const LOADING: Duration = Duration::from_secs(600);
/// Longest that its probe may take.
const PROBE: Duration = Duration::from_secs(20);

/// A component that is to take a place.
pub(super) struct WantedComponent {
    pub(super) reference: ComponentRef,
    pub(super) source: Source,
    pub(super) accept: bool,
    pub(super) back: bool,
}

impl GatewayState {
    /// Finds and reads the component that is to take the place of a configured one.
    pub(super) fn wanted(&self, key: &str, configured: &ComponentRef, change: &Change) -> Result<WantedComponent> {
        let loader = &self.config.loader;
        let live = self.live();
        let setup = Setup::of(loader, &live.config);
        match change {
            Change::To(request) => {
                let reference = request.component(&live.config)?;
                Ok(WantedComponent {
                    source: setup.source(&reference, &loader.sandbox)?,
                    reference,
                    accept: request.accept,
                    back: false,
                })
            }
            Change::Back { accept } => {
                let swaps = self.swaps()?;
                let record = swaps.of(key, configured).and_then(|record| record.previous.as_ref());
                let previous = record.ok_or_else(|| no_way_back(key))?;
                Ok(WantedComponent {
                    reference: previous.reference(),
                    source: previous.read(&setup, &loader.sandbox, &self.kept())?,
                    accept: *accept,
                    back: true,
                })
            }
        }
    }

    pub(super) async fn change_provider(self: &Arc<Self>, name: &str, change: Change) -> Result<Swapped> {
        let (target, key) = (SwapTarget::Provider(name.to_owned()), provider_key(name));
        let config = self.live().config.clone();
        let Some(configured) = config.provider(name) else {
            return Err(self.providers.named(name).err().unwrap_or_else(|| no_way_back(&key)));
        };
        let wanted = self.wanted(&key, &configured.connection.component, &change)?;
        let current = self.providers.named(name).ok();
        if let Some(unit) = &current
            && unit.generation.sha256 == digest(&wanted.source.bytes)
            && unit.component.name() == wanted.source.name
        {
            return Ok(Swapped::unchanged(key, &unit.generation));
        }
        let other = configured.with_component(wanted.reference.clone());
        let mut loaded = self.load_provider(&config, &other, &wanted.source).await?;
        loaded.generation.by_command = !wanted.reference.is_same(&configured.connection.component);
        let objections = objections(current.as_deref(), &loaded, wanted.back);
        refuse(&key, &objections, wanted.accept)?;
        let unit = self.next_unit(current.as_ref(), loaded, order_of(&config, name));
        let (probe, answers) = probed(&unit).await?;
        if !answers {
            refuse(&key, std::slice::from_ref(&probe), wanted.accept)?;
        }
        let previous = current
            .as_ref()
            .map(|before| RecordedComponent::from(&before.generation));
        self.recorded(&target, &unit.generation, previous.filter(|_| !wanted.back))?;
        let on_trial = current.is_some() && !wanted.back;
        match &current {
            Some(before) => {
                if on_trial {
                    let give_way = provider_gives_way(self, &unit);
                    unit.trial.begin(before.clone(), give_way);
                }
                before.trial.end();
                self.providers.put(before, unit.clone());
            }
            None => self.providers.replace(self.with_provider(&config, &unit)),
        }
        fault::at(Point::SwapInForce);
        self.forget_unused();
        Ok(Swapped {
            component: key,
            before: current.map(|before| ComponentState::from(&before.generation)),
            after: ComponentState::from(&unit.generation),
            generation: unit.generation.number,
            changed: true,
            on_trial,
            accepted: objections,
            probe,
        })
    }

    /// Loads a provider's component, and keeps its bytes.
    pub(crate) async fn load_provider(
        &self,
        config: &Config,
        configured: &ConfiguredProvider,
        source: &Source,
    ) -> Result<LoadedProvider> {
        let home = &self.config.home;
        let (setup, live) = (Setup::of(&self.config.loader, config), self.live());
        let installation_key = auth::local_key(&home.keys())?;
        let loading = ProviderLoading {
            setup: &setup,
            loader: &self.config.loader,
            home,
            grants: &live.grants,
            installation_key: &installation_key,
        };
        let generations = self.providers.generations(&configured.name);
        let before = generations.last().map(|unit| &unit.component);
        let loading = loading.load(configured, source, before);
        let loaded = tokio::time::timeout(LOADING, loading).await.map_err(|_| too_slow())?;
        let mut loaded = loaded?;
        let last = generations.iter().map(|unit| unit.generation.number).max();
        loaded.generation.number = last.unwrap_or(0) + 1;
        self.kept().keep(source, &loaded.generation.sha256)?;
        Ok(loaded)
    }

    /// A generation that is to follow: at the same account what is known of the vendor is known of it.
    pub(crate) fn next_unit(
        &self,
        current: Option<&Arc<ProviderUnit>>,
        loaded: LoadedProvider,
        order: Option<u32>,
    ) -> Arc<ProviderUnit> {
        let same = current.filter(|before| before.account == loaded.account);
        let unit = match same {
            Some(before) => ProviderUnit::with_health(loaded, before.health.clone()),
            None => {
                let unit = ProviderUnit::new(loaded, self.clock.now());
                unit.restore(&self.journal, &self.clock);
                unit
            }
        };
        unit.set_order(order);
        Arc::new(unit)
    }

    /// The providers with one more in service, in the order of the configuration.
    fn with_provider(&self, config: &Config, unit: &Arc<ProviderUnit>) -> ProviderSet {
        let now = self.providers.now();
        let in_service = |name: &String| {
            let mut all = now.units.iter().chain([unit]);
            all.find(|one| one.name == *name).cloned()
        };
        let names = config.providers.iter().map(|configured| &configured.name);
        ProviderSet {
            units: names.filter_map(in_service).collect(),
            out_of_service: now
                .out_of_service
                .iter()
                .filter(|out| out.name != unit.name)
                .cloned()
                .collect(),
        }
    }

    /// Removes kept components that neither run nor are gone back to.
    pub(crate) fn forget_unused(&self) {
        let Ok(swaps) = self.swaps() else {
            return;
        };
        let mut used = swaps.digests();
        let now = self.providers.now();
        used.extend(now.units.iter().map(|unit| unit.generation.sha256.clone()));
        used.insert(self.intake.validator.now().generation.sha256.clone());
        used.insert(self.callers.auth.now().generation.sha256.clone());
        self.kept().remove_others(&used);
    }
}

/// Why the new one could not stand in for the running one.
fn objections(current: Option<&ProviderUnit>, loaded: &LoadedProvider, back: bool) -> Vec<String> {
    let Some(before) = current else {
        return Vec::new();
    };
    let found = shrinks(&before.terms(), &loaded.terms());
    let mut found: Vec<String> = found.iter().map(ToString::to_string).collect();
    if let (Some(why), None) = (&loaded.blocked, &before.blocked) {
        found.push(why.clone());
    }
    let versions = (&before.generation.state_version, &loaded.generation.state_version);
    // Forward a component reads what the one before has left; back is another matter.
    if back
        && !loadlock_policy::swap::may_return(
            versions.1.as_deref(),
            versions.0.as_deref(),
            before.component.keeps_anything(),
        )
    {
        found.push("what the running one keeps has another version, or none, so it may not be able to read it".into());
    }
    found
}

/// Refuses what is not accepted.
pub(super) fn refuse(key: &str, objections: &[String], accept: bool) -> Result<()> {
    if objections.is_empty() || accept {
        return Ok(());
    }
    let message = format!(
        "the component cannot stand in for the one that runs as `{key}`: {}",
        objections.join("; ")
    );
    Err(Error::new(ErrorCode::SwapRefused, message))
}

/// What a probe answers, and whether it answers well. A component without a probe has none to fail.
async fn probed(unit: &ProviderUnit) -> Result<(String, bool)> {
    let Ok(report) = tokio::time::timeout(PROBE, unit.component.probe()).await else {
        return Ok((format!("its probe has no answer within {} s", PROBE.as_secs()), false));
    };
    crate::state::provider::log_call(&unit.name, &report);
    match report.outcome {
        Ok(Ok(detail)) => Ok((detail.chars().take(300).collect(), true)),
        Ok(Err(failure)) if failure.kind == FailureKind::Unsupported => Ok(("it has no probe".into(), true)),
        Ok(Err(failure)) => Ok((format!("its probe failed: {failure}"), false)),
        Err(error) => Err(Error::new(
            ErrorCode::ComponentFailed,
            format!("the component cannot be used: its probe ended with: {error}"),
        )),
    }
}

pub(super) fn too_slow() -> Error {
    let message = format!("loading the component took longer than {} s", LOADING.as_secs());
    Error::new(ErrorCode::ComponentRefused, message)
}
