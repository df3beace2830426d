//! Loading one provider: component, profile, network, account, resilience.

use loadlock_config::{ComponentSource, Config, ConfiguredProvider, Egress};
use loadlock_policy::Millis;
use loadlock_policy::model::Profile;
use loadlock_policy::retry::RetryPolicy;
use loadlock_sandbox::provider::{Provider, ProviderGrants};
use loadlock_sandbox::{Limits, Network, Sandbox, Source};

use super::forward::lane;
use super::loader::Loader;
use super::{Needs, Setup, network, refused};
use crate::admission::Grants;
use crate::error::{Error, ErrorCode, Result};
use crate::home::Home;
use crate::state::generation::Generation;
use crate::state::provider::LoadedProvider;

/// Calls beside the uploads, so that a provider that is full can still be asked for what it has.
const OTHER_CALLS: usize = 8;

/// What a provider's configuration makes of it, without anything being opened or sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Why no upload through it can work, one sentence with what to do.
    pub blocked: Option<String>,
    /// What else its component asks for and is not granted: some of what it can do will not work.
    pub unmet: Vec<String>,
}

/// Judges a configured provider as a start and a route do: component, profile, egress, addresses, credential.
///
/// # Errors
/// What would put it out of service: [`ErrorCode::ComponentRefused`], [`ErrorCode::ConfigInvalid`].
pub async fn judge(setup: &Setup, sandbox: &Sandbox, configured: &ConfiguredProvider) -> Result<Judged> {
    let name = &configured.name;
    let source = setup.source(&configured.connection.component, sandbox)?;
    let grants = ProviderGrants {
        settings: configured.connection.settings.clone().into_iter().collect(),
        roots: Vec::new(),
        state: None,
        network: Network::Denied,
        limits: call_limits(setup, configured),
    };
    let component = Provider::load(sandbox, &source, grants).await;
    let component = component.map_err(|error| refused(&error))?;
    let profile = stable_profile(&component, name).await?;
    let needs = Needs::Of {
        egress: &profile.egress,
        can_list: profile.can_list,
    };
    // The fingerprint that this key is for is shown to nobody.
    let bound = network(setup, name, &configured.connection, &needs, &[0; 32])?;
    Ok(Judged {
        blocked: bound.blocked,
        unmet: bound.unmet,
    })
}

/// What providers are loaded with.
#[derive(Clone, Copy)]
pub(crate) struct ProviderLoading<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) loader: &'a Loader,
    pub(crate) home: &'a Home,
    pub(crate) grants: &'a Grants,
    pub(crate) installation_key: &'a [u8],
}

impl ProviderLoading<'_> {
    /// Loads and binds one provider; `before` is a generation of it that calls may be under way in.
    pub(crate) async fn load(
        &self,
        configured: &ConfiguredProvider,
        source: &Source,
        before: Option<&Provider>,
    ) -> Result<LoadedProvider> {
        let (setup, name) = (self.setup, configured.name.clone());
        let mut roots = self.grants.roots_of(&name);
        roots.push(self.loader.spool.clone());
        let grants = ProviderGrants {
            settings: configured.connection.settings.clone().into_iter().collect(),
            roots,
            state: Some(self.home.component_state("providers", &name)?),
            network: Network::Denied,
            limits: call_limits(setup, configured),
        };
        let component = Provider::load(&self.loader.sandbox, source, grants).await;
        let mut component = component.map_err(|error| refused(&error))?;
        if let Some(before) = before {
            component.take_over_from(before);
        }
        let profile = stable_profile(&component, &name).await?;
        let needs = Needs::Of {
            egress: &profile.egress,
            can_list: profile.can_list,
        };
        let bound = network(setup, &name, &configured.connection, &needs, self.installation_key)?;
        for unmet in &bound.unmet {
            tracing::warn!(target: "loadlock::egress", provider = name, "the component asks for {unmet}, which is not \
                 granted");
        }
        let forward = lane(setup, configured, &profile, &bound.network)?;
        component.bind_network(bound.network);
        let account = configured.account.clone().or(bound.fingerprint);
        let limits = &setup.config.limits;
        Ok(LoadedProvider {
            generation: Generation::of(component.name(), component.inspection()),
            egress_by_default: configured.connection.egress == Egress::Declared,
            blocked: bound.blocked,
            account: account.unwrap_or_else(|| name.clone()),
            max_upload_bytes: configured.max_upload_size.0,
            purposes: configured.purposes.clone(),
            forward,
            retry: retry(configured),
            breaker_policy: configured.breaker,
            concurrency: configured
                .concurrency
                .or(profile.max_concurrency)
                .unwrap_or(limits.concurrency),
            component,
            profile,
            name,
        })
    }
}

/// Its retries, with what the transport's bounds say.
fn retry(configured: &ConfiguredProvider) -> RetryPolicy {
    let connect = loadlock_egress::Timeouts::default().connect;
    RetryPolicy {
        look_for: RetryPolicy::look_for(configured.retry.base),
        connect: Millis(u64::try_from(connect.as_millis()).unwrap_or(u64::MAX)),
        ..configured.retry
    }
}

/// Position in the operator's order, from 0; `None`: only if it is named.
pub(crate) fn order_of(config: &Config, name: &str) -> Option<u32> {
    let at = config.order.iter().position(|ordered| ordered == name)?;
    u32::try_from(at).ok()
}

/// What one call of it may use.
fn call_limits(setup: &Setup, configured: &ConfiguredProvider) -> Limits {
    Limits {
        memory_bytes: usize::try_from(configured.sandbox.memory.0).unwrap_or(usize::MAX),
        cpu: configured.sandbox.cpu,
        wall: configured.sandbox.timeout,
        concurrency: configured.concurrency.unwrap_or(setup.config.limits.concurrency) as usize + OTHER_CALLS,
        state_bytes: match (&configured.sandbox.state, &configured.connection.component.source) {
            (Some(size), _) => Some(size.0),
            // Files on this machine are for its disk to hold.
            (None, ComponentSource::Builtin(_)) => None,
            (None, ComponentSource::File(_) | ComponentSource::Locked(_)) => Limits::default().state_bytes,
        },
        ..Limits::default()
    }
}

/// Asks for the profile in two fresh instances: a component whose answer depends on anything but its settings could
/// pass the checks with one profile and upload with another.
async fn stable_profile(component: &Provider, name: &str) -> Result<Profile> {
    let failed = |what: String| {
        Error::new(ErrorCode::ComponentRefused, format!("{name}: {what}"))
            .hint("correct the provider's settings, or use another component")
    };
    let mut profiles = Vec::with_capacity(2);
    for _ in 0..2 {
        let report = component.profile().await;
        for line in &report.log {
            tracing::info!(target: "loadlock::component", component = name, "{line}");
        }
        profiles.push(match report.outcome {
            Ok(Ok(profile)) => profile,
            Ok(Err(failure)) => {
                return Err(failed(format!("it has no usable profile: {}", failure.message)));
            }
            Err(error) => return Err(failed(format!("it has no usable profile: {error}"))),
        });
    }
    match profiles.as_slice() {
        [first, second] if first == second => Ok(first.clone()),
        _ => Err(failed("its profile changes from call to call".into())),
    }
}
