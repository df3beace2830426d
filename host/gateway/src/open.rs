//! Opening a gateway. The only file that knows every part.

use std::sync::{Arc, Mutex};

use loadlock_config::{ComponentRef, ComponentSource, ConfiguredProvider};
use loadlock_journal::Journal;
use loadlock_sandbox::Limits;
use loadlock_sandbox::auth::Auth;
use loadlock_sandbox::batches::Batches;
use loadlock_sandbox::coordination::Coordination;
use loadlock_sandbox::tracker::{Tracker, TrackerGrants};
use loadlock_sandbox::validator::Validator;

use crate::admission::{Digests, Grants, Spool, spool_root};
use crate::audit::Auditor;
use crate::cluster::peers::{INSTANCES, Peers};
use crate::cluster::start::start;
use crate::error::Result;
use crate::forward::places::ForwardPlaces;
use crate::home::Home;
use crate::recovery::pass::Settled;
use crate::session::{Sessions, remove_old_layout};
use crate::setup::loader::Loader;
use crate::setup::revoked::{self, RevokedStamp};
use crate::setup::{Needs, ProviderLoading, Setup, auth, network, order_of, refused};
use crate::state::accepted_credentials::AcceptedCredentials;
use crate::state::callers::Callers;
use crate::state::copy_turns::CopyTurns;
use crate::state::deletes::Deletes;
use crate::state::failure_limiter::FailureLimiter;
use crate::state::gateway::{Gateway, GatewayState};
use crate::state::generation::Generation;
use crate::state::intake::Intake;
use crate::state::issuer_keys::IssuerKeys;
use crate::state::last_usages::LastUsages;
use crate::state::ledger::Ledger;
use crate::state::live::LiveConfig;
use crate::state::open_entries::OpenEntries;
use crate::state::out_of_service::{OutOfService, is_its_own, nobody_left};
use crate::state::outbox::Outbox;
use crate::state::provider::ProviderUnit;
use crate::state::providers::{ProviderSet, ProviderUnits};
use crate::state::read_pool::ReadPool;
use crate::state::role_slot::{RoleSlot, RoleUnit};
use crate::state::single_flight::SingleFlight;
use crate::state::tenant_limits::Tenants;
use crate::swap::KeptComponents;
use crate::swap::record::{PlacedComponent, SwapRecords};
use crate::webhooks::receiver::Webhooks;

impl Gateway {
    /// Takes `$LOADLOCK_HOME`, opens the grants, loads and binds every component.
    ///
    /// # Errors
    /// The first thing that stands in the way: a start with half of the configuration would be a surprise later.
    pub async fn open(mut setup: Setup) -> Result<Self> {
        let (look_only, answering) = (setup.look_only, setup.answering.take());
        let gateway = Self(Arc::new(opened(setup).await?));
        let state = &gateway.0;
        GatewayState::check_threshold(&state.live().config, &state.providers.now())?;
        state.tracker_ready().await?;
        state.configuration_recorded().await?;
        state.providers.restore(&state.journal, &state.clock);
        if let Some(answering) = answering {
            answering(&gateway);
        }
        if look_only {
            return Ok(gateway);
        }
        start(state).await;
        let settled = gateway.settle().await?;
        if settled != Settled::default() {
            tracing::warn!("settled what an earlier process left open: {settled}");
        }
        Ok(gateway)
    }
}

/// Sandboxes beside those of uploads in flight: readers of content, health, deletes, questions to auth, validator and
/// ledger. Uploads that wait for their vendors leave room for them.
const OTHER_CALLS: u32 = 192;

/// Every part, open and not yet in use.
async fn opened(mut setup: Setup) -> Result<GatewayState> {
    let uploads = setup.config.limits.concurrency;
    setup.engine.slots = setup.engine.slots.max(uploads.saturating_add(OTHER_CALLS));
    let config = &setup.config;
    let home = Home::open(&config.home)?;
    let audit = Auditor::open(&home, setup.clock.clone())?;
    let protected = home.protected(config.protected_files())?;
    let grants = Grants::open(&config.grants, &protected)?;
    let spool_root = spool_root(&home.spool())?;
    let journal = Journal::open(&home.journal())?;
    // Who only looks delivers nothing.
    let outbox = match setup.look_only {
        true => Outbox::default(),
        false => Outbox::of(&journal)?,
    };
    let sandbox = setup.sandbox(Some(home.cache()))?;
    let loader = setup.loader(sandbox, spool_root.clone());
    let webhooks = Webhooks::open(config, &loader, &journal)?;
    let components = components(&setup, &loader, &home, &grants).await?;
    let peers = Peers::join(components.coordination, components.batches, &journal, &setup.clock).await?;
    if !peers.is_alone() {
        audit.log().count();
    }
    if !setup.look_only {
        remove_old_layout(&home.old_sessions());
    }
    let limits = &config.limits;
    let mut spool = Spool::new(home.spool(), spool_root, limits.spool_size.0);
    if let Some(tag) = peers.session_tag() {
        spool.mark_with(tag);
    }
    Ok(GatewayState {
        callers: Callers {
            auth: RoleSlot::new("auth", components.auth),
            revoked: Mutex::new(components.revoked),
            issuers: IssuerKeys::default(),
            failures: FailureLimiter::new(components.key_ids, AcceptedCredentials::open(&home.accepted())),
            tenants: Tenants::default(),
            readers: ReadPool::new(setup.engine.slots),
            forwards: ForwardPlaces::default(),
        },
        intake: Intake {
            validator: RoleSlot::new("validator", components.validator),
            // What is left in the spool beside sessions is uploads that are settled below: the journal knows them, and
            // needs no body for it.
            sessions: Sessions::load(&spool, setup.clock.wall_ms(), !setup.look_only),
            spool,
            digests: Digests::open(&home.digests()),
            copy_turns: CopyTurns::default(),
        },
        providers: ProviderUnits::new(components.providers, limits.concurrency),
        single_flight: SingleFlight::default(),
        journal,
        ledger: Ledger {
            tracker: components.tracker,
            outbox,
            usages: LastUsages::default(),
        },
        open_entries: OpenEntries::new(setup.patience),
        deletes: Deletes::default(),
        peers,
        clock: setup.clock.clone(),
        audit,
        config: LiveConfig::new(setup.config, grants, loader, home, webhooks),
    })
}

/// What runs in the sandbox.
struct Components {
    auth: RoleUnit<Auth>,
    /// Which list of revoked tokens it knows.
    revoked: Option<RevokedStamp>,
    /// Ids of the keys that tokens may be signed with.
    key_ids: Vec<String>,
    validator: RoleUnit<Validator>,
    tracker: Tracker,
    /// The tracker once more, where it can be shared.
    coordination: Option<Coordination>,
    /// And for many things in one call, where it takes them.
    batches: Vec<Batches>,
    providers: ProviderSet,
}

/// Loads and binds every component, all roles side by side.
async fn components(setup: &Setup, loader: &Loader, home: &Home, grants: &Grants) -> Result<Components> {
    let (config, sandbox) = (&setup.config, &loader.sandbox);
    let local_key = auth::local_key(&home.keys())?;
    let revoked = revoked::stamp(&home.keys())?;
    let policy = auth::policy(setup.env, config, home)?;
    let key_ids = auth::key_ids(&policy);
    let placing = Placing::read(setup, loader, home)?;
    let placed_auth = placing.of("auth", &config.auth.component)?;
    let placed_validator = placing.of("validator", &config.validator.component)?;
    let tracker_source = setup.source(&config.tracker.component, sandbox)?;
    let tracker_grants = || -> Result<TrackerGrants> {
        Ok(TrackerGrants {
            settings: config.tracker.settings.clone().into_iter().collect(),
            state: Some(home.component_state("tracker", "ledger")?),
            network: network(setup, "tracker", &config.tracker, &Needs::AsGranted, &local_key)?.network,
            limits: tracker_limits(&config.tracker.component.source),
        })
    };
    let (batch_grants, coordination_grants) = (tracker_grants()?, tracker_grants()?);
    let tracker_grants = tracker_grants()?;
    let loading = ProviderLoading {
        setup,
        loader,
        home,
        grants,
        installation_key: &local_key,
    };
    let (auth, validator, tracker, coordination, batches, providers) = tokio::join!(
        Auth::load(sandbox, &placed_auth.source, policy),
        Validator::load(sandbox, &placed_validator.source),
        Tracker::load(sandbox, &tracker_source, tracker_grants),
        Coordination::load(sandbox, &tracker_source, coordination_grants),
        Batches::load(sandbox, &tracker_source, batch_grants, INSTANCES),
        providers(&loading, &placing),
    );
    let (auth, validator) = (
        auth.map_err(|error| refused(&error))?,
        validator.map_err(|error| refused(&error))?,
    );
    let auth_generation = Generation::of(auth.name(), auth.inspection());
    let validator_generation = Generation::of(validator.name(), validator.inspection());
    Ok(Components {
        revoked,
        coordination: coordination.map_err(|error| refused(&error))?,
        batches: batches.map_err(|error| refused(&error))?,
        auth: RoleUnit::new(auth, placing.placed(&placed_auth, auth_generation)?),
        key_ids,
        validator: RoleUnit::new(validator, placing.placed(&placed_validator, validator_generation)?),
        tracker: tracker.map_err(|error| refused(&error))?,
        providers: providers?,
    })
}

/// Which component is loaded in which place.
struct Placing<'a> {
    setup: &'a Setup,
    loader: &'a Loader,
    home: &'a Home,
    swaps: SwapRecords,
}

impl<'a> Placing<'a> {
    fn read(setup: &'a Setup, loader: &'a Loader, home: &'a Home) -> Result<Self> {
        Ok(Self {
            swaps: SwapRecords::read(home.path())?,
            setup,
            loader,
            home,
        })
    }

    fn of(&self, key: &str, configured: &ComponentRef) -> Result<PlacedComponent> {
        let (sandbox, home) = (&self.loader.sandbox, self.home.path());
        PlacedComponent::find(self.setup, sandbox, home, &self.swaps, key, configured)
    }

    /// Keeps the bytes of what was loaded.
    fn placed(&self, placed: &PlacedComponent, mut generation: Generation) -> Result<Generation> {
        if !self.setup.look_only {
            KeptComponents::of(self.home.path()).keep(&placed.source, &generation.sha256)?;
        }
        generation.by_command = placed.by_command;
        Ok(generation)
    }
}

/// Makes every provider ready. One that cannot be is out of service alone, unless nobody is left.
async fn providers(loading: &ProviderLoading<'_>, placing: &Placing<'_>) -> Result<ProviderSet> {
    let config = &loading.setup.config;
    let mut set = ProviderSet::default();
    for configured in &config.providers {
        let order = order_of(config, &configured.name);
        match provider(loading, placing, configured).await {
            Ok(unit) => {
                unit.set_order(order);
                set.units.push(Arc::new(unit));
            }
            Err(why) if is_its_own(&why) => {
                set.out_of_service
                    .push(Arc::new(OutOfService::of(configured, order, why)));
            }
            Err(error) => return Err(error),
        }
    }
    match nobody_left(&set.out_of_service).filter(|_| set.units.is_empty()) {
        Some(error) => Err(error),
        None => {
            set.out_of_service.iter().for_each(|out| out.announce());
            Ok(set)
        }
    }
}

async fn provider(
    loading: &ProviderLoading<'_>,
    placing: &Placing<'_>,
    configured: &ConfiguredProvider,
) -> Result<ProviderUnit> {
    let component = &configured.connection.component;
    let placed = placing.of(&format!("providers.{}", configured.name), component)?;
    let placed_provider = configured.with_component(placed.reference.clone());
    let mut loaded = loading.load(&placed_provider, &placed.source, None).await?;
    loaded.generation = placing.placed(&placed, loaded.generation)?;
    Ok(ProviderUnit::new(loaded, loading.setup.clock.now()))
}

/// One call of a tracker: a transaction on its own disk.
fn tracker_limits(source: &ComponentSource) -> Limits {
    Limits {
        // The embedded ledger may grow as the disk lets it.
        state_bytes: match source {
            ComponentSource::Builtin(_) => None,
            ComponentSource::File(_) | ComponentSource::Locked(_) => Some(16 << 30),
        },
        memory_bytes: 256 << 20,
        cpu: std::time::Duration::from_secs(30),
        wall: std::time::Duration::from_secs(60),
        ..Limits::default()
    }
}
