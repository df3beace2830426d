//! All sessions of a gateway.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde::Serialize;

use super::data::PARTIAL;
use super::record::{RECORD, SessionOwner, SessionRecord};
use super::{OpenSession, Session, SessionFacts, no_session, written_state};
use crate::admission::{BYTES, Spool, SpoolEntry, unavailable};
use crate::error::{Error, ErrorCode, Result};
use crate::principal::Principal;

/// Unfinished sessions that one tenant may have: each is a directory and a record in memory.
const UNFINISHED: usize = 4_096;
/// Sessions that one tenant may have, those included that are kept for their answer: beyond it the oldest of those
/// goes.
const KNOWN: usize = 10_000;
/// Expired sessions that are remembered.
const EXPIRED: usize = 10_000;

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

/// Sessions by tenant and id.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<Shelf>);

#[derive(Debug, Default)]
pub(crate) struct Shelf {
    tenants: HashMap<String, HashMap<String, Session>>,
    /// Tenants and ids, the oldest first.
    expired: VecDeque<(String, String)>,
}

impl Shelf {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Session> {
        self.tenants.values().flat_map(HashMap::values)
    }

    pub(crate) fn of(&self, tenant: &str) -> impl Iterator<Item = &Session> {
        self.tenants.get(tenant).into_iter().flat_map(HashMap::values)
    }

    fn put(&mut self, session: Session) {
        let tenant = session.owner().tenant().to_owned();
        let known = self.tenants.entry(tenant).or_default();
        known.insert(session.id().to_owned(), session);
    }

    fn remove(&mut self, session: &Session) {
        let tenant = session.owner().tenant();
        if let Some(known) = self.tenants.get_mut(tenant) {
            known.remove(session.id());
            if known.is_empty() {
                self.tenants.remove(tenant);
            }
        }
    }

    fn remember_expired(&mut self, tenant: &str, id: &str) {
        if self.expired.len() == EXPIRED {
            self.expired.pop_front();
        }
        self.expired.push_back((tenant.to_owned(), id.to_owned()));
    }
}

/// Removes what versions before this one kept of tus uploads: a folder each, beside the spool. Their clients are told
/// that there is no such upload, and start it again.
pub(crate) fn remove_old_layout(directory: &Path) {
    let uploads = match std::fs::read_dir(directory.join("tus")) {
        Ok(entries) => entries.flatten().count(),
        Err(_) => return,
    };
    match std::fs::remove_dir_all(directory) {
        Ok(()) => tracing::warn!(
            uploads,
            path = %directory.display(),
            "removed the resumable uploads of an earlier version; their clients start those again that were not \
             finished"
        ),
        Err(error) => tracing::warn!(
            %error,
            path = %directory.display(),
            "the resumable uploads of an earlier version cannot be removed"
        ),
    }
}

impl Sessions {
    /// Finds the sessions in the spool and removes everything else from it. Only while no upload is under way.
    pub(crate) fn load(spool: &Spool, now_ms: u64, clean: bool) -> Self {
        let entries = std::fs::read_dir(spool.path()).into_iter().flatten().flatten();
        let mut shelf = Shelf::default();
        for entry in entries {
            let directory = entry.path();
            let id = entry.file_name().to_string_lossy().into_owned();
            match SessionRecord::read(&directory) {
                Ok(Some(record)) if record.expires_at_ms.is_none_or(|end| now_ms < end) => {
                    match adopt(spool, &id, &directory, record, clean) {
                        Ok(session) => {
                            shelf.put(session);
                            continue;
                        }
                        Err(error) => {
                            tracing::error!(path = %directory.display(), %error, "a session's data is not what its \
                                 record says; the session is removed");
                        }
                    }
                }
                Ok(Some(record)) => shelf.remember_expired(&record.owner.tenant, &id),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(path = %directory.display(), %error, "a session's record cannot be read; the \
                         session is removed");
                }
            }
            if clean && let Err(error) = std::fs::remove_dir_all(&directory) {
                tracing::warn!(path = %directory.display(), %error, "cannot remove a spool entry");
            }
        }
        Self(Mutex::new(shelf))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session whose directory is there. What was appended and not committed is cut off.
fn adopt(spool: &Spool, id: &str, directory: &Path, record: SessionRecord, clean: bool) -> std::io::Result<Session> {
    let mut data = BTreeMap::new();
    for file in std::fs::read_dir(directory)?.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if name == RECORD {
            continue;
        }
        // An ended session has no data: a crash came before it was removed.
        if clean && (name.ends_with(PARTIAL) || (record.ended && !name.contains('.'))) {
            let _ = std::fs::remove_file(file.path());
        } else if !name.contains('.')
            && let Ok(metadata) = file.metadata()
        {
            data.insert(name, metadata.len());
        }
    }
    for (name, committed) in &record.lengths {
        let there = data.get(name).copied().unwrap_or(0);
        if there < *committed {
            return Err(std::io::Error::other(format!(
                "`{name}` has {there} bytes, and {committed} were synced"
            )));
        }
        if there > *committed && clean {
            let file = std::fs::OpenOptions::new().write(true).open(directory.join(name))?;
            file.set_len(*committed)?;
        }
        data.insert(name.clone(), *committed);
    }
    spool.space().count(data.values().sum());
    Ok(live(spool, id.to_owned(), directory, record, data, true))
}

fn live(
    spool: &Spool,
    id: String,
    directory: &Path,
    record: SessionRecord,
    data: BTreeMap<String, u64>,
    lasts: bool,
) -> Session {
    Session(Arc::new(OpenSession {
        id,
        kind: record.kind.clone(),
        owner: Principal::resumed((&record.owner).into()),
        created_at_ms: record.created_at_ms,
        directory: directory.to_owned(),
        spool: spool.clone(),
        facts: Mutex::new(SessionFacts {
            record,
            data,
            sha256: BTreeMap::new(),
            closed: false,
            lasts,
        }),
        changing: tokio::sync::Mutex::default(),
        appending: Arc::default(),
        in_use: AtomicUsize::new(0),
        attached: OnceLock::new(),
    }))
}

impl Sessions {
    /// A session in a directory that is there. Nothing of it is on the disk yet.
    pub(crate) fn begin<T: Serialize>(
        &self,
        spool: &Spool,
        who: &Principal,
        new: NewSession<T>,
        entry: &mut SpoolEntry,
        now_ms: u64,
    ) -> Result<Session> {
        let oldest = self.forgettable(who.tenant())?;
        if let Some(oldest) = oldest {
            self.close(&oldest)?;
        }
        let record = SessionRecord {
            kind: new.kind.to_owned(),
            owner: SessionOwner::from(who.identity()),
            created_at_ms: now_ms,
            expires_at_ms: new.expires_at_ms,
            state: written_state(&new.state)?,
            lengths: BTreeMap::new(),
            ended: false,
        };
        let path = entry.directory().to_owned();
        let id = path.file_name().unwrap_or_default().to_string_lossy();
        let session = live(spool, id.into_owned(), &path, record, BTreeMap::new(), false);
        entry.disown();
        self.lock().put(session.clone());
        Ok(session)
    }

    /// Whether the tenant may have one more, and which ended one goes for it.
    fn forgettable(&self, tenant: &str) -> Result<Option<Session>> {
        let shelf = self.lock();
        let (known, unfinished) = shelf.counts(tenant);
        if unfinished >= UNFINISHED {
            return Err(too_many(unfinished));
        }
        let ended = shelf.of(tenant).filter(|session| session.has_ended());
        let oldest = ended.min_by_key(|session| session.expires_at_ms());
        Ok(oldest.filter(|_| known >= KNOWN).cloned())
    }

    /// One of the tenant's own of this kind. One that is being used does not expire meanwhile.
    pub(crate) fn find(&self, tenant: &str, kind: &str, id: &str, now_ms: u64) -> Result<Session> {
        let shelf = self.lock();
        shelf
            .tenants
            .get(tenant)
            .and_then(|known| known.get(id))
            .filter(|session| session.kind() == kind)
            .filter(|session| !overdue(session, now_ms) || busy(session))
            .cloned()
            .ok_or_else(|| no_session(id))
    }

    /// Whether the tenant had such a session that expired, as far as that is remembered.
    pub(crate) fn has_expired(&self, tenant: &str, id: &str, now_ms: u64) -> bool {
        let shelf = self.lock();
        let known = shelf.tenants.get(tenant).and_then(|known| known.get(id));
        known.is_some_and(|session| overdue(session, now_ms))
            || shelf
                .expired
                .iter()
                .any(|(whose, which)| whose == tenant && which == id)
    }

    pub(crate) fn close(&self, session: &Session) -> Result<()> {
        self.lock().remove(session);
        if std::mem::replace(&mut session.facts().closed, true) {
            return Ok(());
        }
        SessionRecord::remove(session.directory()).map_err(|error| unavailable(&error))
    }

    pub(crate) fn close_expired(&self, now_ms: u64) -> usize {
        let mut shelf = self.lock();
        let unused = |session: &&Session| Arc::strong_count(&session.0) == 1 && !busy(session);
        let over = shelf.all().filter(|session| overdue(session, now_ms));
        let expired: Vec<Session> = over.filter(unused).cloned().collect();
        for session in &expired {
            shelf.remember_expired(session.owner().tenant(), session.id());
        }
        drop(shelf);
        for session in &expired {
            match self.close(session) {
                Ok(()) => tracing::info!(id = session.id(), kind = session.kind(), "an unfinished upload expired"),
                Err(error) => tracing::warn!(%error, "an expired session could not be removed"),
            }
        }
        expired.len()
    }
}

fn overdue(session: &Session, now_ms: u64) -> bool {
    session.expires_at_ms().is_some_and(|end| end <= now_ms)
}

fn busy(session: &Session) -> bool {
    session.0.in_use.load(Ordering::Relaxed) > 0
}

impl Shelf {
    /// Sessions of a tenant, and those of them that are unfinished.
    fn counts(&self, tenant: &str) -> (usize, usize) {
        let known = self.tenants.get(tenant).map_or(0, HashMap::len);
        let unfinished = self.of(tenant).filter(|session| !session.has_ended()).count();
        (known, unfinished)
    }
}

pub(super) fn too_many(unfinished: usize) -> Error {
    Error::new(
        ErrorCode::Overloaded,
        format!("the tenant has {unfinished} unfinished uploads"),
    )
    .hint("finish or cancel some, or wait until they expire")
}
