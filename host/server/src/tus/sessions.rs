//! All uploads, by tenant: making, finding, ending them.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use loadlock_gateway::{Principal, Room};
use rand::RngExt;

use super::concat::{ID_BYTES, Kind};
use super::info::{Info, State};
use super::problem::Problem;
use super::session::Session;
use super::{blocking, disk};
use crate::app::App;

/// Most uploads of one tenant that wait for bytes or for a provider. Each costs a folder and some memory.
const OPEN: usize = 1_000;
/// Most uploads of one tenant, ended ones included; those are kept so that a client whose last answer was lost learns
/// what became of its file.
const KNOWN: usize = 10_000;
/// Expired uploads that are remembered, to answer 410 instead of 404.
const EXPIRED: usize = 10_000;
/// Longest time between two looks for expired uploads.
const SWEEP: Duration = Duration::from_secs(60);

/// Unguessable: 96 random bits at the least.
fn new_id(tag: Option<&str>) -> String {
    let id = hex::encode(rand::rng().random::<[u8; ID_BYTES]>());
    match tag {
        Some(tag) => format!("{tag}{}", id.get(tag.len()..).unwrap_or_default()),
        None => id,
    }
}

/// All uploads.
pub(crate) struct Sessions {
    root: PathBuf,
    /// How long an upload is kept after its last byte.
    pub(crate) keep: Duration,
    /// What ids begin with where there are other gateways.
    tag: Option<String>,
    tenants: Mutex<HashMap<String, HashMap<String, Arc<Session>>>>,
    expired: Mutex<VecDeque<(String, String)>>,
}

impl Sessions {
    /// Takes over what an earlier process left.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn open(app: &App) -> std::io::Result<Self> {
        let gateway = app.gateway();
        let root = gateway.sessions_directory().join("tus");
        disk::open(&root)?;
        let mut tenants: HashMap<String, HashMap<_, _>> = HashMap::new();
        for (id, info) in disk::recover(&root)? {
            let mut room = gateway.room();
            if !info.done() {
                room.count(info.offset);
            }
            let tenant = tenants.entry(info.tenant.clone()).or_default();
            let session = Session::new(id.clone(), root.join(&id), info, room);
            tenant.insert(id, Arc::new(session));
        }
        Ok(Self {
            root,
            keep: gateway.config().limits.tus_expiry,
            tag: gateway.session_tag().map(str::to_owned),
            tenants: Mutex::new(tenants),
            expired: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashMap<String, Arc<Session>>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When an upload goes that gets a byte now.
    pub(crate) fn expiry(&self) -> u64 {
        now_ms().saturating_add(u64::try_from(self.keep.as_millis()).unwrap_or(u64::MAX))
    }

    /// Makes an upload.
    ///
    /// # Errors
    /// 429 if the tenant has too many unfinished ones; the disk's.
    pub(crate) async fn create(
        &self,
        who: &Principal,
        kind: Kind,
        length: Option<u64>,
        metadata: Option<String>,
        room: Room,
    ) -> Result<Arc<Session>, Problem> {
        let forgotten = self.forgettable(who.tenant())?;
        if let Some(session) = forgotten {
            self.remove(&session).await?;
        }
        let id = new_id(self.tag.as_deref());
        let info = Info {
            tenant: who.tenant().to_owned(),
            kind,
            length,
            metadata,
            offset: 0,
            expires_ms: self.expiry(),
            state: State::Open,
        };
        let (root, name, kept) = (self.root.clone(), id.clone(), info.clone());
        let folder = blocking(move || disk::create(&root, &name, &kept)).await?;
        let session = Arc::new(Session::new(id.clone(), folder, info, room));
        self.lock()
            .entry(who.tenant().to_owned())
            .or_default()
            .insert(id, session.clone());
        Ok(session)
    }

    /// Whether the tenant may have one more, and which ended one goes for it.
    fn forgettable(&self, tenant: &str) -> Result<Option<Arc<Session>>, Problem> {
        let tenants = self.lock();
        let Some(known) = tenants.get(tenant) else {
            return Ok(None);
        };
        if known.len() < OPEN {
            return Ok(None);
        }
        let ended = known.values().filter(|session| session.inner().info.done());
        let oldest = ended.clone().min_by_key(|session| session.inner().info.expires_ms);
        let open = known.len() - ended.count();
        if open >= OPEN {
            return Err(Problem::too_many(open));
        }
        Ok(oldest.filter(|_| known.len() >= KNOWN).cloned())
    }

    /// The tenant's own upload of that id.
    ///
    /// # Errors
    /// 410 if it expired, 404 if there is none or it is somebody else's.
    pub(crate) fn find(&self, who: &Principal, id: &str) -> Result<Arc<Session>, Problem> {
        let found = self.lock().get(who.tenant()).and_then(|known| known.get(id)).cloned();
        match found {
            Some(session) if overdue(&session).is_none() => Ok(session),
            Some(_) => Err(Problem::expired()),
            None if self.remembers(who.tenant(), id) => Err(Problem::expired()),
            None => Err(Problem::not_found()),
        }
    }

    fn remembers(&self, tenant: &str, id: &str) -> bool {
        let expired = self.expired.lock().unwrap_or_else(PoisonError::into_inner);
        expired.iter().any(|(whose, which)| whose == tenant && which == id)
    }

    /// Ends an upload; its bytes are gone when this returns.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) async fn remove(&self, session: &Arc<Session>) -> Result<(), Problem> {
        session.erase().await?;
        let tenant = session.info().tenant;
        let mut tenants = self.lock();
        if let Some(known) = tenants.get_mut(&tenant) {
            known.remove(&session.id);
            if known.is_empty() {
                tenants.remove(&tenant);
            }
        }
        Ok(())
    }

    /// Removes what expired and nobody is using.
    async fn sweep(&self) {
        let all: Vec<_> = self.lock().values().flat_map(|known| known.values().cloned()).collect();
        for session in all {
            let Some(_idle) = overdue(&session) else {
                continue;
            };
            match self.remove(&session).await {
                Ok(()) => {
                    tracing::info!(id = %session.id, "an upload expired");
                    let mut expired = self.expired.lock().unwrap_or_else(PoisonError::into_inner);
                    if expired.len() == EXPIRED {
                        expired.pop_front();
                    }
                    expired.push_back((session.info().tenant, session.id.clone()));
                }
                Err(problem) => {
                    tracing::warn!(id = %session.id, ?problem, "an expired upload cannot be removed");
                }
            }
        }
    }

    /// Sweeps until the server stops.
    pub(crate) async fn sweep_for_ever(sessions: Weak<Self>, app: App) {
        loop {
            let Some(alive) = sessions.upgrade() else {
                return;
            };
            alive.sweep().await;
            // Often enough that nothing is kept for much longer than promised.
            let pause = (alive.keep / 4).min(SWEEP);
            drop(alive);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = app.stopping().cancelled() => return,
            }
        }
    }
}

/// The right to remove an upload that expired and that nobody is using.
fn overdue(session: &Session) -> Option<tokio::sync::OwnedMutexGuard<()>> {
    let late = || {
        let inner = session.inner();
        inner.storing.is_none() && inner.info.expires_ms <= now_ms()
    };
    let idle = late().then(|| session.idle())??;
    late().then_some(idle)
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}
