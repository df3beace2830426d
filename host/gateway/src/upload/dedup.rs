//! Finding what is stored already.

use loadlock_journal::Accepted;
use loadlock_policy::model::{ContentKey, RemoteRef};
use loadlock_policy::upkeep::AfterStat;
use loadlock_sandbox::tracker::{DedupKey, FileRecord, Recorded, RemoteRow};

use super::cut_through::PutOff;
use super::expiry::Lifetime;
use super::job::UploadJob;
use super::revalidate::{DedupHit, is_on_this_machine};
use super::route::RouteLeg;
use crate::error::{Result, answered};
use crate::fault::{self, Point};
use crate::view;

impl UploadJob<'_> {
    /// Whether equal content may be accepted here and not be in the ledger yet.
    pub(super) fn may_be_in_journal(&self) -> bool {
        let (size, digest) = (self.file.size(), self.known_digest());
        let tenant = self.asked.who.tenant();
        let config = &self.live.config;
        let equal = |tenant: &str| {
            let outbox = &self.state.ledger.outbox;
            outbox.any(|_, waiting| waiting.may_equal(tenant, size, digest))
        };
        equal(tenant) || config.dedup_peers(tenant).into_iter().any(equal)
    }

    /// Claims a live remote file with the same content, if there is one. Hashes a file whose digest is not known only
    /// if something of its size is. A tracker that cannot answer means that nothing is found: uploading again is safe,
    /// refusing service is not needed.
    pub(super) async fn dedup(&mut self, leg: &RouteLeg) -> Result<Option<view::File>> {
        if self.lost_its_entry() {
            return Ok(None);
        }
        let (state, unit, size) = (self.state, &leg.unit, self.file.size());
        let tenant = self.asked.who.tenant();
        let digest = self.known_digest();
        state
            .flush_for(|_, waiting| waiting.may_equal(tenant, size, digest))
            .await;
        // Whoever knows the digest asks for it at once; the size says whether it is worth computing.
        let sized = match digest {
            Some(_) => Ok(true),
            None => {
                let (tenant, account) = (tenant.to_owned(), unit.account.clone());
                answered(state.ledger.tracker.has_size(tenant, account, size).await)
            }
        };
        match sized {
            Ok(true) => {}
            Ok(false) => return self.dedup_in_journal(leg).await,
            Err(_) if self.is_held_back() => return Err(self.put_off(PutOff::LedgerAway)),
            Err(error) => {
                tracing::warn!(%error, "the tracker cannot be asked; asking the journal alone");
                // It knows digests alone, and has something to find only while records wait.
                if state.journal.backlog().is_ok_and(|backlog| backlog.entries > 0) {
                    self.digest().await?;
                }
                return self.dedup_in_journal(leg).await;
            }
        }
        let key = self.dedup_key(leg, self.digest().await?);
        let row = match state.find_live(unit, &key).await {
            Ok(DedupHit::Usable(row)) => *row,
            // Whether the vendor still holds it cannot be told now: this upload goes its own way.
            Ok(DedupHit::Undecided) => return Ok(None),
            Ok(DedupHit::Nothing) => return self.dedup_in_journal(leg).await,
            Err(error) => {
                tracing::warn!(%error, "the tracker cannot be asked; asking the journal alone");
                return self.dedup_in_journal(leg).await;
            }
        };
        self.refer(leg, key, row).await
    }

    /// A file under `key` over a live remote file, which takes the place of the entry that was begun; `None` if the
    /// remote file is on its way out or goes too early, or if the ledger's answer was lost. In the last case the entry
    /// is given up: the ledger may know its id.
    pub(super) async fn refer(&mut self, leg: &RouteLeg, key: DedupKey, row: RemoteRow) -> Result<Option<view::File>> {
        let (state, file) = (self.state, self.file);
        let lifetime = Lifetime {
            created_at_ms: row.created_at_ms,
            expires_at_ms: row.expires_at_ms,
        };
        if !self.outlives(leg, lifetime) {
            return Ok(None);
        }
        let begun = self.entry.as_ref().map(|entry| entry.id().to_owned());
        let record = FileRecord {
            id: begun.unwrap_or_else(|| self.new_id()),
            key,
            filename: file.name().to_owned(),
            bytes: file.size(),
            media_type: file.media_type().to_owned(),
            provider: row.provider,
            remote_id: row.remote_id,
            address: row.address,
            deduplicated: true,
            attempts: 0,
            created_at_ms: state.clock.wall_ms(),
            expires_at_ms: [self.expires_at_ms, row.expires_at_ms].into_iter().flatten().min(),
        };
        if self.entry.is_none() {
            // Should the caller give up before the ledger answers.
            self.traces.add(&record.id);
        }
        fault::at(Point::ReferenceBefore);
        let claimed = answered(state.ledger.tracker.reference(record.clone()).await);
        fault::at(Point::ReferenceAfter);
        match claimed {
            Ok(Recorded::Inserted | Recorded::Existing) => {
                match self.entry.take() {
                    Some(entry) => entry.claimed(&record).await,
                    None => {
                        let callback = self.asked.callback.cloned();
                        state.tell_referred(self.asked.who, &record, callback).await;
                    }
                }
                Ok(Some(record.into()))
            }
            // Its last reference went in between: the remote file is on its way out.
            Ok(Recorded::RemoteNotLive) => Ok(None),
            Err(error) => {
                tracing::warn!(%error, "the tracker did not answer about a reference; uploading instead");
                if let Some(entry) = self.entry.take() {
                    entry.moved_on("the ledger did not answer").await;
                }
                // It may have taken the reference all the same.
                state.note_cancelled(&record.key.tenant, &record.id).await?;
                Ok(None)
            }
        }
    }

    /// What the vendor has accepted and the tracker does not know yet, because it was away. A further file over it goes
    /// the same way. An upload that has an entry already (it came with an idempotency key) goes on with that one: a
    /// second one under its key would wait for itself.
    async fn dedup_in_journal(&mut self, leg: &RouteLeg) -> Result<Option<view::File>> {
        let (state, unit) = (self.state, &leg.unit);
        let Some(sha256) = self.known_digest().map(str::to_owned) else {
            return Ok(None);
        };
        let key = self.dedup_key(leg, sha256);
        let deletes_before = unit.health.deleted.now().await;
        let Some(known) = state.journal.find_accepted(&ContentKey::from(key))? else {
            return Ok(None);
        };
        let Some(accepted) = known.accepted().cloned() else {
            return Ok(None);
        };
        let lifetime = Lifetime {
            created_at_ms: accepted.accepted_at_ms,
            expires_at_ms: accepted.expires_at_ms,
        };
        if !self.outlives(leg, lifetime) {
            return Ok(None);
        }
        if is_on_this_machine(unit) {
            let remote = RemoteRef {
                id: accepted.remote_id.clone(),
                purpose: leg.purpose.clone(),
            };
            let seen = state.ask(unit, &remote, self.file.size()).await;
            if !matches!(seen, AfterStat::Confirmed | AfterStat::Unasked) {
                return Ok(None);
            }
        }
        match &self.entry {
            Some(entry) if entry.is_for(unit) => {}
            Some(_) => return Ok(None),
            None => {
                if let Some(known) = self.begin(0, leg).await? {
                    return Ok(Some(known));
                }
            }
        }
        let Some(entry) = self.entry.take() else {
            return Ok(None);
        };
        let accepting = state.accepting(unit, &accepted.remote_id, deletes_before);
        let Some(_accepting) = accepting.await? else {
            entry.moved_on("the stored file was deleted meanwhile").await;
            return Ok(None);
        };
        let expires_at_ms = [self.expires_at_ms, accepted.expires_at_ms].into_iter().flatten().min();
        let accepted = Accepted {
            attempts: 0,
            accepted_at_ms: state.clock.wall_ms(),
            expires_at_ms,
            ..accepted
        };
        entry.accepted(accepted).await.map(Some)
    }
}
