//! The gateway: everything that is open while a process serves.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, RwLock};

use loadlock_config::{ComponentSource, Config};
use loadlock_journal::Journal;
use loadlock_sandbox::Limits;
use loadlock_sandbox::auth::Auth;
use loadlock_sandbox::coordination::Coordination;
use loadlock_sandbox::tracker::{Tracker, TrackerGrants};
use loadlock_sandbox::validator::{Rules, Validator};

use crate::admission::{Digests, Grants, Room, Spool, spool_root};
use crate::audit::Auditor;
use crate::clock::Clock;
use crate::error::{Error, ErrorCode, Result};
use crate::home::Home;
use crate::limiter::FailureLimiter;
use crate::pipeline::flights::Flights;
use crate::pipeline::on_the_way::OnTheWay;
use crate::pipeline::{Settled, journal_error};
use crate::principal::{Door, Peer, Principal};
use crate::reload::Live;
use crate::session::Sessions;
use crate::setup::{Environment, Needs, ProviderUnit, Setup, auth, load_provider, network, refused};
use crate::share::Tenants;
use crate::together::{self, Together};

/// An open gateway. Cheap to clone; the last clone releases `$LOADLOCK_HOME`.
#[derive(Clone)]
pub struct Gateway(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    /// As it was at the start.
    pub(crate) config: Config,
    /// What a reload replaces; see [`Inner::live`].
    pub(crate) live: RwLock<Arc<Live>>,
    /// Held while one does.
    pub(crate) reloading: tokio::sync::Mutex<()>,
    pub(crate) spool: Spool,
    pub(crate) auth: Auth,
    pub(crate) validator: Validator,
    pub(crate) rules: Rules,
    pub(crate) tracker: Tracker,
    /// Other gateways on the same ledger; absent where there can be none.
    pub(crate) together: Option<Arc<Together>>,
    pub(crate) providers: Vec<ProviderUnit>,
    pub(crate) sessions: Sessions,
    pub(crate) flights: Flights,
    /// Uploads that may be under way at once, at all providers together.
    pub(crate) turns: tokio::sync::Semaphore,
    pub(crate) journal: Journal,
    /// Records that the ledger is about to get.
    pub(crate) on_the_way: OnTheWay,
    /// Read while records go to the tracker, written while one is taken back: none may arrive after that.
    pub(crate) delivering: tokio::sync::RwLock<()>,
    /// Held by whoever hands records to the tracker.
    pub(crate) recording: tokio::sync::Mutex<()>,
    /// Digests of files that were read before.
    pub(crate) digests: Digests,
    /// Journal entries that an upload of this process holds: not open for settling.
    pub(crate) active: Mutex<HashSet<String>>,
    /// Held while open entries are settled or the books are reconciled: one at a time.
    pub(crate) settling: tokio::sync::Mutex<()>,
    /// Remote files that are being deleted at this moment, by account and id.
    pub(crate) burying: Mutex<HashSet<(String, String)>>,
    /// Notified when one of them is done.
    pub(crate) buried: tokio::sync::Notify,
    /// Longest that a start waits for a vendor that does not answer.
    pub(crate) patience: std::time::Duration,
    pub(crate) clock: Clock,
    pub(crate) env: Environment,
    pub(crate) audit: Auditor,
    pub(crate) tenants: Tenants,
    pub(crate) failures: FailureLimiter,
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
        let audit = Auditor::open(&home, setup.clock.clone())?;
        let protected = home.protected(config.protected_files())?;
        let grants = Grants::open(&config.grants, &protected)?;
        let spool_root = spool_root(&home.spool())?;
        let journal = Journal::open(&home.journal()).map_err(|error| journal_error(&error))?;
        // Who only looks delivers nothing.
        let on_the_way = match setup.look_only {
            true => OnTheWay::default(),
            false => OnTheWay::of(&journal)?,
        };
        let sandbox = setup.sandbox(Some(home.cache()))?;
        let local_key = auth::local_key(&home.keys())?;

        let policy = auth::policy(setup.env, &config, &local_key)?;
        let key_ids = auth::key_ids(&policy);
        let auth_source = setup.source(&config.auth.component, &sandbox)?;
        let validator_source = setup.source(&config.validator.component, &sandbox)?;
        let tracker_source = setup.source(&config.tracker.component, &sandbox)?;
        let tracker_grants = || -> Result<TrackerGrants> {
            Ok(TrackerGrants {
                settings: config.tracker.settings.clone().into_iter().collect(),
                state: Some(home.component_state("tracker", "ledger")?),
                network: network(&setup, "tracker", &config.tracker, &Needs::AsGranted, &local_key)?.network,
                limits: tracker_limits(&config.tracker.component.source),
            })
        };
        let (tracker_grants, together_grants) = (tracker_grants()?, tracker_grants()?);
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
        let (auth, validator, tracker, ledger, providers) = tokio::join!(
            Auth::load(&sandbox, &auth_source, policy),
            Validator::load(&sandbox, &validator_source),
            Tracker::load(&sandbox, &tracker_source, tracker_grants),
            Coordination::load(&sandbox, &tracker_source, together_grants),
            units,
        );
        let together = match ledger.map_err(|error| refused(&error))? {
            Some(ledger) => Some(Arc::new(Together::new(ledger, &journal, &setup.clock).await?)),
            None => None,
        };
        if together.is_some() {
            audit.log().count();
        }
        let validator_config = &config.validator;
        let mut spool = Spool::new(home.spool(), spool_root, config.limits.spool_size.0);
        if let Some(together) = &together {
            spool.mark_with(together.tag());
        }
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
            together,
            providers: providers?,
            // What is left in the spool beside sessions is uploads that are settled below: the journal knows them, and
            // needs no body for it.
            sessions: Sessions::load(&spool, setup.clock.wall_ms(), !setup.look_only),
            spool,
            flights: Flights::default(),
            turns: tokio::sync::Semaphore::new(config.limits.concurrency as usize),
            on_the_way,
            journal,
            delivering: tokio::sync::RwLock::default(),
            recording: tokio::sync::Mutex::default(),
            digests: Digests::open(&home.digests()),
            active: Mutex::default(),
            audit,
            tenants: Tenants::default(),
            failures: FailureLimiter::new(key_ids),
            settling: tokio::sync::Mutex::default(),
            burying: Mutex::default(),
            buried: tokio::sync::Notify::new(),
            patience: setup.patience,
            clock: setup.clock.clone(),
            env: setup.env,
            live: RwLock::new(Arc::new(Live {
                config: config.clone(),
                grants,
            })),
            reloading: tokio::sync::Mutex::default(),
            config,
            home,
        };
        let gateway = Self(Arc::new(gateway));
        gateway.0.check_threshold()?;
        gateway.0.tracker_ready().await?;
        gateway.0.configuration_recorded().await?;
        gateway.restore_breakers();
        gateway.0.restore_health();
        if setup.look_only {
            return Ok(gateway);
        }
        together::start(&gateway.0).await;
        let settled = gateway.settle().await?;
        if settled != Settled::default() {
            tracing::warn!(?settled, "settled what an earlier process left open");
        }
        Ok(gateway)
    }

    /// Who presents this credential at this door, of a request of which nothing else is known.
    ///
    /// # Errors
    /// As [`Gateway::authenticate_from`].
    pub async fn authenticate(&self, door: Door, credential: Option<&str>) -> Result<Principal> {
        self.authenticate_from(door, credential, Peer::default()).await
    }

    /// The configuration that it was opened with; see [`Gateway::latest_config`] for what a reload has changed since.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The wall clock that records and sessions go by, milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.0.clock.wall_ms()
    }

    /// A share of the spool's ceiling for bytes that a front door keeps itself, empty at first.
    pub fn room(&self) -> Room {
        self.0.spool.room()
    }

    /// Where front doors keep uploads that clients send in pieces.
    pub fn sessions_directory(&self) -> std::path::PathBuf {
        self.0.home.sessions()
    }

    /// That a pinned provider is configured, for doors that learn of it before the bytes.
    ///
    /// # Errors
    /// [`ErrorCode::ProviderUnknown`].
    pub fn require_provider(&self, target: &crate::Target) -> Result<()> {
        match target {
            crate::Target::Auto => Ok(()),
            crate::Target::Pinned(name) => self.0.provider(name).map(drop),
        }
    }

    /// Where its state is.
    pub fn home(&self) -> &std::path::Path {
        self.0.home.path()
    }
}

impl Inner {
    /// The provider that can be asked about what was stored at this account: the one of this name, or another of the
    /// same account. One that has another account by now knows nothing of it, and its "not found" would say nothing.
    pub(crate) fn provider_of(&self, name: &str, account: &str) -> Option<&ProviderUnit> {
        let mut of_account = self.providers.iter().filter(|unit| unit.account == account);
        let first = of_account.clone().next();
        of_account.find(|unit| unit.name == name).or(first)
    }

    pub(crate) fn provider(&self, name: &str) -> Result<&ProviderUnit> {
        self.providers.iter().find(|unit| unit.name == name).ok_or_else(|| {
            let names: Vec<_> = self.providers.iter().map(|unit| format!("`{}`", unit.name)).collect();
            Error::new(ErrorCode::ProviderUnknown, format!("there is no provider `{name}`"))
                .hint(format!("configured are {}", names.join(", ")))
        })
    }
}

/// One call of a tracker: a transaction on its own disk.
fn tracker_limits(source: &ComponentSource) -> Limits {
    Limits {
        // The embedded ledger may grow as the disk lets it.
        state_bytes: match source {
            ComponentSource::Builtin(_) => None,
            ComponentSource::File(_) => Some(16 << 30),
        },
        memory_bytes: 256 << 20,
        cpu: std::time::Duration::from_secs(30),
        wall: std::time::Duration::from_secs(60),
        ..Limits::default()
    }
}
