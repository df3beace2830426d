//! A session's facts on the disk: one JSON file, replaced as a whole.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use loadlock_sandbox::auth::Identified;
use serde::{Deserialize, Serialize};

pub(super) use crate::admission::SESSION_RECORD as RECORD;

const NEXT: &str = "session.json.new";
/// No record is larger; what is, is not ours.
const MAX_BYTES: u64 = 1 << 20;

/// Everything that is known about a session besides its data.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SessionRecord {
    /// Which door it belongs to.
    pub(super) kind: String,
    pub(super) owner: SessionOwner,
    pub(super) created_at_ms: u64,
    pub(super) expires_at_ms: Option<u64>,
    /// The door's own.
    pub(super) state: serde_json::Value,
    /// Bytes of each data file that is appended to: so many are on the disk for certain, and what follows them is cut
    /// off at a start.
    #[serde(default)]
    pub(super) lengths: BTreeMap<String, u64>,
    /// It needs its data no more, and is kept for its answer.
    #[serde(default)]
    pub(super) ended: bool,
}

/// What a written record survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lasting {
    /// A crash of the process. For what nobody was promised.
    Process,
    /// A power loss too.
    Power,
}

/// Who opened it: enough to go on for them after a restart, and no credential.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SessionOwner {
    pub(super) tenant: String,
    pub(super) subject: String,
    pub(super) scopes: Vec<String>,
    /// What the credential was, so that its being withdrawn is noticed.
    #[serde(default)]
    pub(super) legacy: bool,
    #[serde(default)]
    pub(super) key_id: Option<String>,
    #[serde(default)]
    pub(super) key_digest: Option<String>,
    #[serde(default)]
    pub(super) token_id: Option<String>,
}

impl From<&Identified> for SessionOwner {
    fn from(identity: &Identified) -> Self {
        Self {
            tenant: identity.tenant.clone(),
            subject: identity.subject.clone(),
            scopes: identity.scopes.clone(),
            legacy: identity.legacy,
            key_id: identity.key_id.clone(),
            key_digest: identity.key_digest.clone(),
            token_id: identity.token_id.clone(),
        }
    }
}

impl From<&SessionOwner> for Identified {
    fn from(owner: &SessionOwner) -> Self {
        Self {
            subject: owner.subject.clone(),
            tenant: owner.tenant.clone(),
            scopes: owner.scopes.clone(),
            legacy: owner.legacy,
            key_id: owner.key_id.clone(),
            key_digest: owner.key_digest.clone(),
            token_id: owner.token_id.clone(),
            expires_at: None,
        }
    }
}

impl SessionRecord {
    /// Replaces the record in `directory`. If it is to survive a power loss, that leaves the old one or the new one.
    pub(super) fn write(&self, directory: &Path, lasting: Lasting) -> std::io::Result<()> {
        let next = directory.join(NEXT);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&next)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        if lasting == Lasting::Power {
            loadlock_durable::content(&file)?;
        }
        std::fs::rename(next, directory.join(RECORD))?;
        match lasting {
            Lasting::Power => loadlock_durable::names(directory),
            Lasting::Process => Ok(()),
        }
    }

    /// The record of a directory; `None` if it is no session.
    pub(super) fn read(directory: &Path) -> std::io::Result<Option<Self>> {
        let path = directory.join(RECORD);
        match std::fs::metadata(&path) {
            Ok(found) if found.len() > MAX_BYTES => {
                return Err(std::io::Error::other("the record is too large"));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        Ok(Some(serde_json::from_slice(&std::fs::read(path)?)?))
    }

    /// Makes the directory an entry that the next start removes.
    pub(super) fn remove(directory: &Path) -> std::io::Result<()> {
        match std::fs::remove_file(directory.join(RECORD)) {
            Ok(()) => loadlock_durable::names(directory),
            // It was never written.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}
