//! Opening a gateway. The only file that knows every part.

use std::sync::{Arc, Mutex};

use loadlock_config::ComponentSource;
use loadlock_journal::Journal;
use loadlock_sandbox::auth::Auth;
use loadlock_sandbox::batches::Batches;
use loadlock_sandbox::coordination::Coordination;
use loadlock_sandbox::files::GrantRoot;
use loadlock_sandbox::tracker::{Tracker, TrackerGrants};
use loadlock_sandbox::validator::Validator;
use loadlock_sandbox::{Limits, Sandbox};

use crate::admission::{Digests, Grants, Spool, spool_root};
use crate::audit::Auditor;
use crate::cluster::peers::{INSTANCES, Peers};
use crate::cluster::start::start;
use crate::error::Result;
use crate::home::Home;
use crate::recovery::pass::Settled;
use crate::session::{Sessions, remove_old_layout};
use crate::setup::revoked::{self, RevokedStamp};
use crate::setup::{Needs, Setup, auth, load_provider, network, order_of, refused};
use crate::state::accepted_credentials::AcceptedCredentials;
use crate::state::callers::Callers;
use crate::state::deletes::Deletes;
use crate::state::failure_limiter::FailureLimiter;
use crate::state::gateway::{Gateway, GatewayState};
use crate::state::intake::Intake;
use crate::state::last_usages::LastUsages;
use crate::state::ledger::Ledger;
use crate::state::live::LiveConfig;
use crate::state::open_entries::OpenEntries;
use crate::state::out_of_service::{OutOfService, is_its_own, nobody_left};
use crate::state::outbox::Outbox;
use crate::state::provider::{ProviderUnit, ProviderUnits};
use crate::state::read_pool::ReadPool;
use crate::state::single_flight::SingleFlight;
use crate::state::tenant_limits::Tenants;

impl Gateway {
    /// Takes `$LOADLOCK_HOME`, opens the grants, loads and binds every component.
    ///
    /// # Errors
    /// The first thing that stands in the way: a start with half of the configuration would be a surprise later.
    pub async fn open(mut setup: Setup) -> Result<Self> {
        let (look_only, answering) = (setup.look_only, setup.answering.take());
        let gateway = Self(Arc::new(opened(setup).await?));
        let state = &gateway.0;
        state.check_threshold()?;
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

/// Every part, open and not yet in use.
async fn opened(setup: Setup) -> Result<GatewayState> {
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
    let components = components(&setup, &sandbox, &home, &grants, &spool_root).await?;
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
            auth: components.auth,
            revoked: Mutex::new(components.revoked),
            failures: FailureLimiter::new(components.key_ids, AcceptedCredentials::open(&home.accepted())),
            tenants: Tenants::default(),
            readers: ReadPool::new(setup.engine.slots),
        },
        intake: Intake {
            validator: components.validator,
            rules: config.validator.rules.clone(),
            // What is left in the spool beside sessions is uploads that are settled below: the journal knows them, and
            // needs no body for it.
            sessions: Sessions::load(&spool, setup.clock.wall_ms(), !setup.look_only),
            spool,
            digests: Digests::open(&home.digests()),
        },
        providers: ProviderUnits::new(components.providers, components.out_of_service, limits.concurrency),
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
        config: LiveConfig::new(setup.config, grants, setup.env, home),
    })
}

/// What runs in the sandbox.
struct Components {
    auth: Auth,
    /// Which list of revoked tokens it knows.
    revoked: Option<RevokedStamp>,
    /// Ids of the keys that tokens may be signed with.
    key_ids: Vec<String>,
    validator: Validator,
    tracker: Tracker,
    /// The tracker once more, where it can be shared.
    coordination: Option<Coordination>,
    /// And for many things in one call, where it takes them.
    batches: Vec<Batches>,
    providers: Vec<ProviderUnit>,
    out_of_service: Vec<OutOfService>,
}

/// Loads and binds every component, all roles side by side.
async fn components(
    setup: &Setup,
    sandbox: &Sandbox,
    home: &Home,
    grants: &Grants,
    spool: &Arc<GrantRoot>,
) -> Result<Components> {
    let config = &setup.config;
    let local_key = auth::local_key(&home.keys())?;
    let revoked = revoked::stamp(&home.keys())?;
    let policy = auth::policy(setup.env, config, home)?;
    let key_ids = auth::key_ids(&policy);
    let auth_source = setup.source(&config.auth.component, sandbox)?;
    let validator_source = setup.source(&config.validator.component, sandbox)?;
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
    let (auth, validator, tracker, coordination, batches, providers) = tokio::join!(
        Auth::load(sandbox, &auth_source, policy),
        Validator::load(sandbox, &validator_source),
        Tracker::load(sandbox, &tracker_source, tracker_grants),
        Coordination::load(sandbox, &tracker_source, coordination_grants),
        Batches::load(sandbox, &tracker_source, batch_grants, INSTANCES),
        providers(setup, sandbox, home, grants, spool, &local_key),
    );
    let (providers, out_of_service) = providers?;
    Ok(Components {
        revoked,
        coordination: coordination.map_err(|error| refused(&error))?,
        batches: batches.map_err(|error| refused(&error))?,
        auth: auth.map_err(|error| refused(&error))?,
        key_ids,
        validator: validator.map_err(|error| refused(&error))?,
        tracker: tracker.map_err(|error| refused(&error))?,
        providers,
        out_of_service,
    })
}

/// Makes every provider ready. One that cannot be is out of service alone, unless nobody is left.
async fn providers(
    setup: &Setup,
    sandbox: &Sandbox,
    home: &Home,
    grants: &Grants,
    spool: &Arc<GrantRoot>,
    local_key: &[u8],
) -> Result<(Vec<ProviderUnit>, Vec<OutOfService>)> {
    let (mut units, mut out) = (Vec::with_capacity(setup.config.providers.len()), Vec::new());
    for configured in &setup.config.providers {
        match load_provider(setup, sandbox, home, grants, spool.clone(), configured, local_key).await {
            Ok(unit) => units.push(unit),
            Err(why) if is_its_own(&why) => out.push(OutOfService {
                name: configured.name.clone(),
                component: configured.connection.component.to_string(),
                order: order_of(&setup.config, &configured.name),
                account: configured.account.clone(),
                why,
            }),
            Err(error) => return Err(error),
        }
    }
    match nobody_left(&out).filter(|_| units.is_empty()) {
        Some(error) => Err(error),
        None => {
            out.iter().for_each(OutOfService::announce);
            Ok((units, out))
        }
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
