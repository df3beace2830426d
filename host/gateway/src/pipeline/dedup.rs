//! Finding what is stored already.

use loadlock_policy::model::{ContentKey, Treatment};
use loadlock_sandbox::tracker::{DedupKey, FileRecord, Recorded, RemoteRow};

use super::cancel::unless_cancelled;
use super::entry::{Entry, Started, journal_error};
use super::flights;
use super::lifetime::Lifetime;
use super::send::unreadable;
use super::upload::{Order, Stop};
use crate::admission::AdmittedFile;
use crate::error::Result;
use crate::fault::{self, Point};
use crate::files::answered;
use crate::gateway::Inner;
use crate::principal::Principal;
use crate::setup::ProviderUnit;
use crate::upkeep::Found;
use crate::{id, view};

/// What besides the bytes decides how the provider's vendor treats this file.
fn treatment(unit: &ProviderUnit, file: &AdmittedFile) -> String {
    match unit.profile.treatment {
        Treatment::Content => String::new(),
        Treatment::Extension => file.extension().to_owned(),
        Treatment::MediaType => file.media_type().to_owned(),
    }
}

pub(crate) fn dedup_key(
    who: &Principal,
    unit: &ProviderUnit,
    purpose: &str,
    file: &AdmittedFile,
    sha256: String,
) -> DedupKey {
    content_key(who, unit, purpose, file).with_digest(sha256)
}

/// The same before the digest is known.
pub(crate) fn content_key(who: &Principal, unit: &ProviderUnit, purpose: &str, file: &AdmittedFile) -> ContentKey {
    ContentKey {
        tenant: who.tenant().to_owned(),
        account: unit.account.clone(),
        purpose: purpose.to_owned(),
        treatment: treatment(unit, file),
        sha256: None,
    }
}

/// The digest of what is uploaded, computed unless it is known.
pub(super) async fn content_digest(order: &Order<'_>, digest: &mut Option<String>) -> Result<String> {
    if let Some(known) = digest {
        return Ok(known.clone());
    }
    let file = order.file;
    let hash = flights::hash(file.opened().file.clone(), file.size());
    let computed = unless_cancelled(order.cancel, "while it was hashed", hash)
        .await?
        .map_err(unreadable)?;
    file.unchanged()?;
    Ok(digest.insert(computed).clone())
}

impl Inner {
    /// Claims a live remote file with the same content, if there is one. Hashes a file whose digest is not known only
    /// if something of its size is. A tracker that cannot answer means that nothing is found: uploading again is safe,
    /// refusing service is not needed.
    pub(crate) async fn dedup<'a>(
        &'a self,
        order: &Order<'_>,
        stop: &Stop<'_>,
        digest: &mut Option<String>,
        begun: &mut Option<Entry<'a>>,
    ) -> Result<Option<view::File>> {
        let (Order { who, file, .. }, (unit, purpose)) = (order, stop);
        if order.idempotency_key.is_some() && begun.is_none() {
            // What a key answers is in the journal first; its entry was given up on the way here, and another one is
            // begun when it is sent.
            return Ok(None);
        }
        self.caught_up(|_, waiting| waiting.may_equal(who.tenant(), file.size(), digest.as_deref()))
            .await;
        // Whoever knows the digest asks for it at once; the size says whether it is worth computing.
        let sized = match digest {
            Some(_) => Ok(true),
            None => {
                let (tenant, account) = (who.tenant().to_owned(), unit.account.clone());
                answered(self.tracker.has_size(tenant, account, file.size()).await)
            }
        };
        match sized {
            Ok(true) => {}
            Ok(false) => {
                return self.dedup_in_journal(order, stop, digest.as_deref(), begun).await;
            }
            Err(error) => {
                tracing::warn!(%error, "the tracker cannot be asked; asking the journal alone");
                // It knows digests alone, and has something to find only while records wait.
                if self.journal.backlog().is_ok_and(|backlog| backlog.entries > 0) {
                    content_digest(order, digest).await?;
                }
                return self.dedup_in_journal(order, stop, digest.as_deref(), begun).await;
            }
        }
        let sha256 = content_digest(order, digest).await?;
        let key = dedup_key(who, unit, purpose, file, sha256);
        let row = match self.find_live(unit, &key).await {
            Ok(Found::Usable(row)) => *row,
            // Whether the vendor still holds it cannot be told now: this upload goes its own way.
            Ok(Found::Undecided) => return Ok(None),
            Ok(Found::Nothing) => {
                return self.dedup_in_journal(order, stop, digest.as_deref(), begun).await;
            }
            Err(error) => {
                tracing::warn!(%error, "the tracker cannot be asked; asking the journal alone");
                return self.dedup_in_journal(order, stop, digest.as_deref(), begun).await;
            }
        };
        self.refer(order, stop, key, row, begun).await
    }

    /// A file under `key` over a live remote file, which takes the place of the entry that was begun; `None` if the
    /// remote file is on its way out or goes too early, or if the ledger's answer was lost. In the last case the entry
    /// is given up: the ledger may know its id.
    pub(super) async fn refer<'a>(
        &'a self,
        order: &Order<'_>,
        stop: &Stop<'_>,
        key: DedupKey,
        row: RemoteRow,
        begun: &mut Option<Entry<'a>>,
    ) -> Result<Option<view::File>> {
        let file = order.file;
        let lifetime = Lifetime {
            created_at_ms: row.created_at_ms,
            expires_at_ms: row.expires_at_ms,
        };
        if !self.lives_long_enough(order, stop, lifetime) {
            return Ok(None);
        }
        let begun_id = begun.as_ref().map(|entry| entry.id().to_owned());
        let record = FileRecord {
            id: begun_id.unwrap_or_else(id::file),
            key,
            filename: file.name().to_owned(),
            bytes: file.size(),
            media_type: file.media_type().to_owned(),
            provider: row.provider,
            remote_id: row.remote_id,
            deduplicated: true,
            attempts: 0,
            created_at_ms: self.clock.wall_ms(),
            expires_at_ms: [order.expires_at_ms, row.expires_at_ms].into_iter().flatten().min(),
        };
        if begun.is_none() {
            // Should the caller give up before the ledger answers.
            order.remember(&record.id);
        }
        fault::at(Point::ReferenceBefore);
        let claimed = answered(self.tracker.reference(record.clone()).await);
        fault::at(Point::ReferenceAfter);
        match claimed {
            Ok(Recorded::Inserted | Recorded::Existing) => {
                if let Some(entry) = begun.take() {
                    entry.claimed(&record).await;
                }
                Ok(Some(record.into()))
            }
            // Its last reference went in between: the remote file is on its way out.
            Ok(Recorded::RemoteNotLive) => Ok(None),
            Err(error) => {
                tracing::warn!(%error, "the tracker did not answer about a reference; uploading instead");
                if let Some(entry) = begun.take() {
                    entry.moved_on("the ledger did not answer").await;
                }
                // It may have taken the reference all the same.
                self.note_given_up(&record.key.tenant, &record.id).await?;
                Ok(None)
            }
        }
    }

    /// What the vendor has accepted and the tracker does not know yet, because it was away. A further file over it goes
    /// the same way. An upload that has an entry already (it came with an idempotency key) goes on with that one: a
    /// second one under its key would wait for itself.
    async fn dedup_in_journal<'a>(
        &'a self,
        order: &Order<'_>,
        stop: &Stop<'_>,
        digest: Option<&str>,
        begun: &mut Option<Entry<'a>>,
    ) -> Result<Option<view::File>> {
        let (Some(sha256), (unit, purpose)) = (digest, stop) else {
            return Ok(None);
        };
        let key = dedup_key(order.who, unit, purpose, order.file, sha256.to_owned());
        let since = unit.burials.now().await;
        let Some(known) = self
            .journal
            .find_accepted(&ContentKey::from(key.clone()))
            .map_err(|error| journal_error(&error))?
        else {
            return Ok(None);
        };
        let Some(accepted) = known.accepted().cloned() else {
            return Ok(None);
        };
        let lifetime = Lifetime {
            created_at_ms: accepted.accepted_at_ms,
            expires_at_ms: accepted.expires_at_ms,
        };
        if !self.lives_long_enough(order, stop, lifetime) {
            return Ok(None);
        }
        let entry = match begun.take_if(|entry| entry.is_for(unit)) {
            Some(entry) => entry,
            None if begun.is_some() => return Ok(None),
            None => match self.begin(order, 0, stop, Some(sha256)).await? {
                Started::New(entry) => entry,
                Started::Known(file) => return Ok(Some(*file)),
            },
        };
        let Some(_accepting) = self.accepting(unit, &accepted.remote_id, since).await? else {
            entry.moved_on("the stored file was deleted meanwhile").await;
            return Ok(None);
        };
        let expires_at_ms = [order.expires_at_ms, accepted.expires_at_ms]
            .into_iter()
            .flatten()
            .min();
        entry.joined(order, stop, accepted, expires_at_ms).await.map(Some)
    }
}
