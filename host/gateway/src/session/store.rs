//! All sessions of a gateway.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::data::PARTIAL;
use super::record::{Owner, RECORD, Record};
use super::{Facts, Live, Session, no_session, written_state};
use crate::admission::{BYTES, Spool, SpoolEntry, unavailable};
use crate::error::{Error, ErrorCode, Result};
use crate::principal::{Principal, Scope};
use crate::staged::Staged;
use crate::state::gateway::Gateway;

/// Sessions that one tenant may have open: each is a directory and a record in memory.
const PER_TENANT: usize = 4_096;

/// The data file of a session that was made from a staged body.
pub const STAGED_BODY: &str = BYTES;

/// A session that is about to be opened.
#[derive(Debug, Clone)]
pub struct NewSession<T> {
    /// The front door's own word: sessions of another door are not found by it.
    pub kind: &'static str,
    /// When it is removed, milliseconds since 1970.
    pub expires_at_ms: Option<u64>,
    /// What the door has to remember; up to 1 MiB of JSON.
    pub state: T,
}

/// Sessions by id.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

impl Sessions {
    /// Finds the sessions in the spool and removes everything else from it. Only while no upload is under way.
    pub(crate) fn load(spool: &Spool, now_ms: u64, clean: bool) -> Self {
        let entries = std::fs::read_dir(spool.path()).into_iter().flatten().flatten();
        let mut found = HashMap::new();
        for entry in entries {
            let directory = entry.path();
            let id = entry.file_name().to_string_lossy().into_owned();
            match Record::read(&directory) {
                Ok(Some(record)) if record.expires_at_ms.is_none_or(|end| now_ms < end) => {
                    found.insert(id.clone(), adopt(spool, id, &directory, record));
                    continue;
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(path = %directory.display(), %error, "a session's record cannot be read; the \
                         session is removed");
                }
            }
            if clean && let Err(error) = std::fs::remove_dir_all(&directory) {
                tracing::warn!(path = %directory.display(), %error, "cannot remove a spool entry");
            }
        }
        Self(Mutex::new(found))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session whose directory is there.
fn adopt(spool: &Spool, id: String, directory: &Path, record: Record) -> Session {
    let mut data = BTreeMap::new();
    for file in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if name == RECORD {
            continue;
        }
        if name.ends_with(PARTIAL) {
            let _ = std::fs::remove_file(file.path());
        } else if !name.contains('.')
            && let Ok(metadata) = file.metadata()
        {
            spool.space().count(metadata.len());
            data.insert(name, metadata.len());
        }
    }
    live(spool, id, directory, record, data)
}

fn live(spool: &Spool, id: String, directory: &Path, record: Record, data: BTreeMap<String, u64>) -> Session {
    Session(Arc::new(Live {
        id,
        kind: record.kind.clone(),
        owner: Principal::resumed((&record.owner).into()),
        created_at_ms: record.created_at_ms,
        directory: directory.to_owned(),
        spool: spool.clone(),
        facts: Mutex::new(Facts {
            record,
            data,
            closed: false,
        }),
        changing: tokio::sync::Mutex::default(),
        appending: Arc::default(),
    }))
}

impl Sessions {
    /// A session in a directory that is there.
    pub(super) async fn begin<T: Serialize>(
        &self,
        spool: &Spool,
        who: &Principal,
        new: NewSession<T>,
        entry: &mut SpoolEntry,
        now_ms: u64,
    ) -> Result<Session> {
        let of_tenant = |session: &&Session| session.owner().tenant() == who.tenant();
        if self.lock().values().filter(of_tenant).count() >= PER_TENANT {
            return Err(Error::new(
                ErrorCode::Overloaded,
                format!("the tenant has {PER_TENANT} unfinished uploads"),
            )
            .hint("finish or cancel some, or wait until they expire"));
        }
        let record = Record {
            kind: new.kind.to_owned(),
            owner: Owner::from(who.identity()),
            created_at_ms: now_ms,
            expires_at_ms: new.expires_at_ms,
            state: written_state(&new.state)?,
        };
        let path = entry.directory().to_owned();
        let id = path.file_name().unwrap_or_default().to_string_lossy();
        let session = live(spool, id.into_owned(), &path, record.clone(), BTreeMap::new());
        let parent = spool.path().to_owned();
        tokio::task::spawn_blocking(move || {
            record.write(&path)?;
            loadlock_durable::names(&parent)
        })
        .await
        .map_err(std::io::Error::other)
        .flatten()
        .map_err(|error| unavailable(&error))?;
        entry.disown();
        self.lock().insert(session.id().to_owned(), session.clone());
        Ok(session)
    }

    pub(super) fn find(&self, tenant: &str, kind: &str, id: &str, now_ms: u64) -> Result<Session> {
        let found = self.lock().get(id).cloned();
        found
            .filter(|session| session.kind() == kind && session.owner().tenant() == tenant)
            .filter(|session| session.expires_at_ms().is_none_or(|end| now_ms < end))
            .ok_or_else(|| no_session(id))
    }

    pub(super) fn close(&self, session: &Session) -> Result<()> {
        self.lock().remove(session.id());
        let mut facts = session.facts();
        if std::mem::replace(&mut facts.closed, true) {
            return Ok(());
        }
        Record::remove(session.directory()).map_err(|error| unavailable(&error))
    }

    pub(super) fn close_expired(&self, now_ms: u64) -> usize {
        let unused = |session: &&Session| Arc::strong_count(&session.0) == 1;
        let over = |session: &&Session| session.expires_at_ms().is_some_and(|end| end <= now_ms);
        let sessions = self.lock();
        let expired: Vec<Session> = sessions.values().filter(unused).filter(over).cloned().collect();
        drop(sessions);
        for session in &expired {
            if let Err(error) = self.close(session) {
                tracing::warn!(%error, "an expired session could not be removed");
            }
        }
        expired.len()
    }
}

impl Gateway {
    /// Opens a session without data. It is durable when this returns.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`], [`ErrorCode::Overloaded`] if the tenant has too many, [`ErrorCode::StateUnavailable`].
    pub async fn open_session<T: Serialize>(&self, who: &Principal, new: NewSession<T>) -> Result<Session> {
        who.require(Scope::Write)?;
        let state = &self.0;
        let mut entry = state.admission.spool.create()?;
        let now = state.clock.wall_ms();
        let sessions = &state.admission.sessions;
        sessions.begin(&state.admission.spool, who, new, &mut entry, now).await
    }

    /// Makes a staged body a session of its own: the body is its data file [`STAGED_BODY`], and stays until the session
    /// is closed.
    ///
    /// # Errors
    /// As [`Gateway::open_session`]; [`ErrorCode::Internal`] if the body belongs to a session already.
    pub async fn keep<T: Serialize>(&self, who: &Principal, staged: Staged, new: NewSession<T>) -> Result<Session> {
        who.require(Scope::Write)?;
        let bytes = staged.bytes();
        let opened = staged.opened_for(who)?;
        let state = &self.0;
        let spooled = opened
            .spooled
            .map(|spooled| spooled.on_disk(&state.admission.spool, opened.file.file));
        let Some((mut entry, file)) = spooled.transpose()?.flatten() else {
            return Err(Error::new(
                ErrorCode::Internal,
                "only a body of its own can become a session",
            ));
        };
        // From here on the body outlives its request; its name is synced with the record's.
        tokio::task::spawn_blocking(move || loadlock_durable::content(&file))
            .await
            .map_err(std::io::Error::other)
            .flatten()
            .map_err(|error| unavailable(&error))?;
        let now = state.clock.wall_ms();
        let sessions = &state.admission.sessions;
        let session = sessions
            .begin(&state.admission.spool, who, new, &mut entry, now)
            .await?;
        session.noted(STAGED_BODY, bytes);
        Ok(session)
    }

    /// One of the tenant's own sessions, for a caller with this scope.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`]; [`ErrorCode::FileNotFound`], also for another tenant's, another door's, and one that
    /// has expired.
    pub fn session(&self, who: &Principal, scope: Scope, kind: &str, id: &str) -> Result<Session> {
        who.require(scope)?;
        let now = self.0.clock.wall_ms();
        self.0.admission.sessions.find(who.tenant(), kind, id, now)
    }

    /// All sessions of one door, over all tenants: for going on after a restart.
    pub fn sessions(&self, kind: &str) -> Vec<Session> {
        let sessions = self.0.admission.sessions.lock();
        let of_kind = sessions.values().filter(|session| session.kind() == kind);
        of_kind.cloned().collect()
    }

    /// Ends a session: nobody finds it any more, and its data goes as soon as no request uses it.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub fn close_session(&self, session: &Session) -> Result<()> {
        self.0.admission.sessions.close(session)
    }

    /// Closes what has expired and no request uses now; answers how many.
    pub fn close_expired_sessions(&self) -> usize {
        self.0.admission.sessions.close_expired(self.0.clock.wall_ms())
    }
}
