//! The gateway: everything that is open while a process serves.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use loadlock_config::Config;
use loadlock_journal::Journal;
use loadlock_sandbox::auth::Auth;
use loadlock_sandbox::tracker::{Tracker, TrackerGrants};
use loadlock_sandbox::validator::{Rules, Validator};
use loadlock_sandbox::{Limits, Network};

use crate::admission::{Grants, Spool, spool_root};
use crate::clock::Clock;
use crate::error::{Error, ErrorCode, Result};
use crate::home::Home;
use crate::pipeline::flights::Flights;
use crate::pipeline::{Settled, journal_error};
use crate::principal::{Door, Principal, authenticate};
use crate::setup::{ProviderUnit, Setup, auth, load_provider, refused};

/// An open gateway. Cheap to clone; the last clone releases `$LOADLOCK_HOME`.
#[derive(Clone)]
pub struct Gateway(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) grants: Grants,
    pub(crate) spool: Spool,
    pub(crate) auth: Auth,
    pub(crate) validator: Validator,
    pub(crate) rules: Rules,
    pub(crate) tracker: Tracker,
    pub(crate) providers: Vec<ProviderUnit>,
    pub(crate) flights: Flights,
    pub(crate) journal: Journal,
    /// Journal entries that an upload of this process holds: not open for settling.
    pub(crate) active: Mutex<HashSet<String>>,
    pub(crate) clock: Clock,
    /// Released last: everything above may still write.
    pub(crate) home: Home,
}

impl Gateway {
    /// Takes `$LOADLOCK_HOME`, opens the grants, loads and binds every component.
    ///
    /// # Errors
    /// The first thing that stands in the way: a start with half of the configuration would be a surprise later.
    pub async fn open(setup: Setup) -> Result<Self> {
        let config = setup.config.clone();
        let home = Home::open(&config.home)?;
        let protected = home.protected(config.protected_files())?;
        let grants = Grants::open(&config.grants, &protected)?;
        let spool_root = spool_root(&home.spool())?;
        let journal = Journal::open(&home.journal()).map_err(|error| journal_error(&error))?;
        let sandbox = setup.sandbox(Some(home.cache()))?;
        let local_key = auth::local_key(&home.keys())?;

        let policy = auth::policy(&setup, &config, &local_key)?;
        let auth_source = setup.source(&config.auth.component, &sandbox)?;
        let validator_source = setup.source(&config.validator.component, &sandbox)?;
        let tracker_source = setup.source(&config.tracker.component, &sandbox)?;
        let tracker_grants = TrackerGrants {
            settings: config.tracker.settings.clone().into_iter().collect(),
            state: Some(home.component_state("tracker", "ledger")?),
            network: Network::Denied,
            limits: tracker_limits(),
        };
        let units = async {
            let mut units = Vec::with_capacity(config.providers.len());
            for configured in &config.providers {
                let unit = load_provider(
                    &setup,
                    &sandbox,
                    &home,
                    &grants,
                    spool_root.clone(),
                    configured,
                    &local_key,
                )
                .await?;
                units.push(unit);
            }
            Ok::<_, Error>(units)
        };
        let (auth, validator, tracker, providers) = tokio::join!(
            Auth::load(&sandbox, &auth_source, policy),
            Validator::load(&sandbox, &validator_source),
            Tracker::load(&sandbox, &tracker_source, tracker_grants),
            units,
        );
        let validator_config = &config.validator;
        let gateway = Inner {
            rules: Rules {
                max_bytes: Some(config.limits.max_upload_size.0),
                allow_empty: validator_config.allow_empty,
                allow: validator_config.allow.clone(),
                deny: validator_config.deny.clone(),
                deny_types: validator_config.deny_types.clone(),
                deny_secrets: validator_config.deny_secrets,
                deny_mismatch: validator_config.deny_mismatch,
            },
            auth: auth.map_err(|error| refused(&error))?,
            validator: validator.map_err(|error| refused(&error))?,
            tracker: tracker.map_err(|error| refused(&error))?,
            providers: providers?,
            spool: Spool::new(home.spool(), spool_root, config.limits.spool_size.0),
            flights: Flights::default(),
            journal,
            active: Mutex::default(),
            clock: setup.clock.clone(),
            grants,
            config,
            home,
        };
        let gateway = Self(Arc::new(gateway));
        gateway.0.check_threshold()?;
        gateway.restore_breakers();
        let settled = gateway.settle().await?;
        if settled != Settled::default() {
            tracing::warn!(?settled, "settled what an earlier process left open");
        }
        // What is left in the spool belonged to uploads that are settled now.
        gateway.0.spool.clean();
        Ok(gateway)
    }

    /// Who presents this credential at this door.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthenticated`].
    pub async fn authenticate(&self, door: Door, credential: Option<&str>) -> Result<Principal> {
        authenticate(
            &self.0.auth,
            door,
            credential,
            self.0.clock.wall_ms() / 1_000,
        )
        .await
    }

    /// The configuration that it runs with.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Where its state is.
    pub fn home(&self) -> &std::path::Path {
        self.0.home.path()
    }
}

impl Inner {
    pub(crate) fn provider(&self, name: &str) -> Result<&ProviderUnit> {
        self.providers
            .iter()
            .find(|unit| unit.name == name)
            .ok_or_else(|| {
                let names: Vec<_> = self
                    .providers
                    .iter()
                    .map(|unit| format!("`{}`", unit.name))
                    .collect();
                Error::new(
                    ErrorCode::ProviderUnknown,
                    format!("there is no provider `{name}`"),
                )
                .hint(format!("configured are {}", names.join(", ")))
            })
    }
}

/// One call of a tracker: a transaction on its own disk.
fn tracker_limits() -> Limits {
    Limits {
        memory_bytes: 256 << 20,
        cpu: std::time::Duration::from_secs(30),
        wall: std::time::Duration::from_secs(60),
        ..Limits::default()
    }
}
