//! One upload on its way: what was asked for, and everything that it holds. Its phases are methods, one module each;
//! `run` has them in order.

use std::sync::{Arc, Mutex, PoisonError};

use loadlock_journal::Callback;
use loadlock_policy::Millis;
use loadlock_policy::model::{ContentKey, DedupKey, RemoteFile};
use loadlock_sandbox::coordination::TenantLimits;
use loadlock_sandbox::files::ReadReport;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::cancel::unless_cancelled;
use super::cut_through::{PutOff, WhileArriving};
use super::entry::Entry;
use super::lead::Lead;
use super::route::RouteLeg;
use crate::admission::AdmittedFile;
use crate::api::progress::Progress;
use crate::api::request::Target;
use crate::error::{Error, ErrorCode, Result};
use crate::hash::hash;
use crate::id;
use crate::principal::Principal;
use crate::records::treatment;
use crate::state::gateway::GatewayState;
use crate::state::live::Live;
use crate::state::tenant_limits::HeldRoom;

/// Ids under which an upload may be found: journal entries that it began, and files that it asked the ledger for. Kept
/// outside of it, for whoever has to take them back when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Traces {
    ids: Mutex<Vec<String>>,
    unanswered: Mutex<Option<String>>,
}

impl Traces {
    pub(super) fn add(&self, id: &str) {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.push(id.to_owned());
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The ledger is asked to make this file, should its content be stored.
    pub(super) fn ask(&self, id: &str) {
        self.add(id);
        *self.unanswered.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.to_owned());
    }

    /// The file that the ledger was asked for and has not answered about.
    pub(super) fn take_unanswered(&self) -> Option<String> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn into_ids(self) -> Vec<String> {
        self.ids.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was asked for, besides the bytes.
#[derive(Clone)]
pub(super) struct Terms<'a> {
    pub(super) who: &'a Principal,
    pub(super) target: &'a Target,
    /// As it was asked for, if it was.
    pub(super) purpose: Option<&'a str>,
    /// Another display name.
    pub(super) name: Option<&'a str>,
    pub(super) expires_in_s: Option<u64>,
    pub(super) idempotency_key: Option<String>,
    /// The key stands for one content.
    pub(super) key_is_of_content: bool,
    /// The file that it is to be a copy of.
    pub(super) copy_of: Option<&'a str>,
    /// Types that it may have; any, if there are none.
    pub(super) only_types: &'a [String],
    /// Who is told of its end besides those who are told of every one.
    pub(super) callback: Option<&'a Callback>,
    /// Cancelled when the caller gives up.
    pub(super) cancel: &'a CancellationToken,
    pub(super) progress: &'a dyn Progress,
}

/// One admitted upload. Dropped, it gives back what it holds, in the order of its fields.
pub(super) struct UploadJob<'a> {
    pub(super) state: &'a GatewayState,
    /// The configuration that it is judged by to its end.
    pub(super) live: Arc<Live>,
    pub(super) asked: Terms<'a>,
    pub(super) file: &'a AdmittedFile,
    /// Its body, while that is still coming.
    pub(super) arriving: Option<WhileArriving<'a>>,
    /// When it has to be over, by policy's clock.
    pub(super) deadline: Millis,
    pub(super) expires_at_ms: Option<u64>,
    pub(super) traces: &'a Traces,
    /// SHA-256 of the content, once it is known.
    pub(super) digest: OnceCell<String>,
    /// What the journal has of it, while that is open.
    pub(super) entry: Option<Entry<'a>>,
    /// Where equal uploads wait for this one. Given back after the entry: what is still held of that keeps a lease.
    pub(super) leads: Vec<Lead>,
    /// Room within its tenant's limits. Given back last: by then the file is in the ledger or the journal, or there is
    /// none.
    pub(super) room: Option<HeldRoom>,
    /// What the provider had read when the caller gave up in the middle of an attempt.
    pub(super) read: Option<ReadReport>,
    /// What the lost upload turned out to be.
    pub(super) found: Option<RemoteFile>,
    /// Deletes at the provider that came before the bytes left.
    pub(super) deletes_before: u64,
}

impl UploadJob<'_> {
    /// The digest of what is uploaded, computed unless it is known.
    pub(super) async fn digest(&self) -> Result<String> {
        if let Some(known) = self.digest.get() {
            return Ok(known.clone());
        }
        if self.is_held_back() {
            return Err(self.put_off(PutOff::StoredSize));
        }
        self.learn_digest();
        let computed = self.digest.get_or_try_init(|| async {
            let computed = self.hash().await.map_err(unreadable)?;
            self.file.unchanged()?;
            Ok::<_, Error>(computed)
        });
        let digest = unless_cancelled(self.asked.cancel, "while it was hashed", computed).await??;
        Ok(digest.clone())
    }

    /// The digest, if it is known.
    pub(super) fn known_digest(&self) -> Option<&str> {
        self.digest.get().map(String::as_str)
    }

    /// Reads the file for its digest.
    pub(super) async fn hash(&self) -> std::io::Result<String> {
        hash(self.file.opened().file.clone(), self.file.size()).await
    }

    /// What the content is stored under at this leg of the route, before its digest is known.
    pub(super) fn content_key(&self, leg: &RouteLeg) -> ContentKey {
        ContentKey {
            tenant: self.asked.who.tenant().to_owned(),
            account: leg.unit.account.clone(),
            purpose: leg.purpose.clone(),
            treatment: treatment(&leg.unit, self.file.extension(), self.file.media_type()),
            sha256: None,
        }
    }

    /// The same with the digest.
    pub(super) fn dedup_key(&self, leg: &RouteLeg, sha256: impl Into<String>) -> DedupKey {
        self.content_key(leg).with_digest(sha256)
    }

    /// Whether its entry was given up on the way here. What an idempotency key answers is in the journal first; another
    /// one is begun when it is sent.
    pub(super) fn lost_its_entry(&self) -> bool {
        self.asked.idempotency_key.is_some() && self.entry.is_none()
    }

    /// An id for what it makes.
    pub(super) fn new_id(&self) -> String {
        self.asked.copy_of.map_or_else(id::file, id::copy)
    }

    /// What its tenant may store, if that is limited.
    pub(super) fn limits(&self) -> Option<TenantLimits> {
        let limits = self.state.quota_of(self.asked.who.tenant());
        (limits != TenantLimits::default()).then_some(limits)
    }
}

/// The file cannot be read to its end.
pub(super) fn unreadable(error: std::io::Error) -> Error {
    Error::new(ErrorCode::FileChanged, format!("cannot read the file: {error}"))
}
