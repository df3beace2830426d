//! An upload's entry in the journal, as a value that cannot be forgotten.
//!
//! `begin` is durable before the first byte leaves, `accepted` before the answer is given. An entry that is dropped on
//! the way (the caller went away) stays open in the journal until [`Inner::settle`] has asked the vendor about it.

use std::sync::PoisonError;

use loadlock_journal::{
    Accepted, Attempt, Begun, ContentKey, DeleteIntent, Entry as Row, FailedEnd, Intent, JournalError, Outcome,
    SourceRef,
};
use loadlock_policy::model::{RemoteFile, VerifyMethod};
use loadlock_sandbox::tracker::FileRecord;

use super::attempt::Receipt;
use super::dedup::{content_key, dedup_key};
use super::replay::idempotency;
use super::upload::{Order, Stop};
use crate::admission::AdmittedFile;
use crate::error::{Error, ErrorCode, Result};
use crate::fault::{self, Point};
use crate::gateway::Inner;
use crate::setup::ProviderUnit;
use crate::{id, view};

/// An entry that an upload of this process holds: settling leaves it alone. Taken before the entry is in the journal
/// and given back after its last step, so that there is no moment at which settling could take it for an abandoned one.
struct Hold<'a> {
    inner: &'a Inner,
    id: String,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        // Ended or not: from here on settling may look at it.
        self.inner
            .active
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.id);
    }
}

/// An open entry.
pub(crate) struct Entry<'a> {
    inner: &'a Inner,
    _hold: Hold<'a>,
    id: String,
    mark: String,
    remote_name: String,
    provider: String,
    account: String,
    leg: usize,
}

/// What beginning an upload answers.
pub(crate) enum Started<'a> {
    /// Its entry.
    New(Entry<'a>),
    /// The same upload was made before, with the same idempotency key.
    Known(Box<view::File>),
}

/// The journal's failures, as a user reads them. None of them leaves anything sent.
pub(crate) fn journal_error(error: &JournalError) -> Error {
    Error::new(ErrorCode::StateUnavailable, format!("the journal: {error}"))
}

/// The name that the vendor gets: with the mark where that is how a lost upload is found.
pub(crate) fn remote_name(unit: &ProviderUnit, file: &AdmittedFile, mark: &str) -> String {
    match unit.profile.verify {
        VerifyMethod::Mark => id::marked_name(file.name(), mark),
        VerifyMethod::Digest | VerifyMethod::IdempotencyKey | VerifyMethod::None => file.name().to_owned(),
    }
}

/// The record of an entry that a vendor accepted.
pub(crate) fn record_of(row: &Row) -> Option<FileRecord> {
    let (intent, accepted) = (&row.intent, row.accepted()?);
    Some(FileRecord {
        id: intent.id.clone(),
        key: intent.key.at(&accepted.account).with_digest(&accepted.sha256),
        filename: intent.filename.clone(),
        bytes: intent.bytes,
        media_type: intent.media_type.clone(),
        provider: accepted.provider.clone(),
        remote_id: accepted.remote_id.clone(),
        deduplicated: accepted.attempts == 0,
        attempts: accepted.attempts,
        created_at_ms: accepted.accepted_at_ms,
        expires_at_ms: accepted.expires_at_ms,
    })
}

impl Inner {
    /// Intent and sent, durable. Nothing may be sent if it fails.
    pub(crate) async fn begin(
        &self,
        order: &Order<'_>,
        leg: usize,
        stop: &Stop<'_>,
        digest: Option<&str>,
    ) -> Result<Started<'_>> {
        let unit = stop.0;
        let mut intent = match order.drafted(stop) {
            Some(drafted) => drafted,
            None => self.intent(order, stop, digest)?,
        };
        intent.created_at_ms = self.clock.wall_ms();
        let (mark, remote_name) = (intent.mark.clone(), intent.remote_name.clone());
        let hold = self.hold(intent.id.clone());
        order.remember(&intent.id);
        fault::at(Point::BeginBefore);
        let begun = self
            .journal
            .begin(intent)
            .await
            .map_err(|error| journal_error(&error))?;
        fault::at(Point::BeginAfter);
        match begun {
            Begun::New(id) => Ok(Started::New(Entry {
                inner: self,
                _hold: hold,
                id,
                mark,
                remote_name,
                provider: unit.name.clone(),
                account: unit.account.clone(),
                leg,
            })),
            Begun::Replay(Outcome::Accepted(row)) => record_of(&row)
                .map(|record| Started::Known(Box::new(record.into())))
                .ok_or_else(|| Error::new(ErrorCode::Internal, "a replay without a receipt")),
            Begun::Replay(Outcome::Unknown(_)) => Err(Error::new(
                ErrorCode::OutcomeUnknown,
                "the upload with this idempotency key ended without a known outcome",
            )),
            Begun::InFlight(_) => Err(Error::new(
                ErrorCode::Overloaded,
                "an upload with this idempotency key is under way",
            )
            .hint("wait for its answer, or ask again with the same key")
            .retry_after(Some(1_000))),
            Begun::Conflict => Err(Error::new(
                ErrorCode::IdempotencyConflict,
                "this idempotency key was used within the last 24 hours for another upload: other content, or another \
                 name, provider or purpose",
            )),
        }
    }

    /// What is written down before anything is sent.
    pub(super) fn intent(&self, order: &Order<'_>, stop: &Stop<'_>, digest: Option<&str>) -> Result<Intent> {
        let (unit, purpose) = stop;
        let (file, now) = (order.file, self.clock.wall_ms());
        let mark = id::mark();
        let remote_name = remote_name(unit, file, &mark);
        let identity = file.opened().identity;
        let source = match (file.spooled(), file.cover()) {
            (Some(spooled), _) => SourceRef::Spool {
                dir: spooled.directory().to_owned(),
            },
            (None, Some(cover)) => SourceRef::Path {
                root: cover.root.path().to_owned(),
                relative: cover.relative.clone(),
                device: identity.device,
                inode: identity.inode,
                size: identity.size,
                modified_ns: identity.modified_ns,
                changed_ns: identity.changed_ns,
            },
            (None, None) => {
                return Err(Error::new(ErrorCode::Internal, "an admitted file without an origin"));
            }
        };
        Ok(Intent {
            id: id::file(),
            tenant: order.who.tenant().to_owned(),
            subject: order.who.subject().to_owned(),
            idempotency: idempotency(order, digest),
            key: ContentKey {
                sha256: digest.map(str::to_owned),
                ..content_key(order.who, unit, purpose, file)
            },
            provider: unit.name.clone(),
            mark,
            remote_name,
            filename: file.name().to_owned(),
            media_type: file.media_type().to_owned(),
            bytes: file.size(),
            source,
            created_at_ms: now,
            expires_at_ms: order.expires_at_ms,
        })
    }
}

impl Inner {
    fn hold(&self, id: String) -> Hold<'_> {
        self.active
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.clone());
        Hold { inner: self, id }
    }
}

impl<'a> Entry<'a> {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// Whether it was begun for this provider's account.
    pub(crate) fn is_for(&self, unit: &ProviderUnit) -> bool {
        self.account == unit.account
    }

    /// Index in the route of the provider that it is for.
    pub(crate) fn leg(&self) -> usize {
        self.leg
    }

    /// Another attempt at the same provider, durable before its first byte leaves.
    pub(crate) async fn again(self, number: u32) -> Result<Entry<'a>> {
        let attempt = Attempt {
            number,
            provider: self.provider.clone(),
            account: self.account.clone(),
            mark: self.mark.clone(),
            remote_name: self.remote_name.clone(),
            at_ms: self.inner.clock.wall_ms(),
        };
        fault::at(Point::SendingBefore);
        self.inner
            .journal
            .sending(&self.id, attempt)
            .await
            .map_err(|error| journal_error(&error))?;
        fault::at(Point::SendingAfter);
        Ok(self)
    }

    /// The vendor has it. Durable; then the record, which a tracker that is away only delays.
    pub(crate) async fn accepted(
        self,
        order: &Order<'_>,
        stop: &Stop<'_>,
        receipt: Receipt,
        attempts: u32,
        expires_at_ms: Option<u64>,
    ) -> Result<view::File> {
        let accepted = Accepted {
            remote_id: receipt.remote.id,
            provider: stop.0.name.clone(),
            account: stop.0.account.clone(),
            sha256: receipt.sha256,
            bytes: order.file.size(),
            attempts,
            accepted_at_ms: self.inner.clock.wall_ms(),
            expires_at_ms,
        };
        self.accept(order, stop, accepted).await
    }

    /// A further file over a remote file that another entry has stored and the tracker does not know yet.
    pub(crate) async fn joined(
        self,
        order: &Order<'_>,
        stop: &Stop<'_>,
        other: Accepted,
        expires_at_ms: Option<u64>,
    ) -> Result<view::File> {
        let accepted = Accepted {
            attempts: 0,
            accepted_at_ms: self.inner.clock.wall_ms(),
            expires_at_ms,
            ..other
        };
        self.accept(order, stop, accepted).await
    }

    async fn accept(&self, order: &Order<'_>, stop: &Stop<'_>, accepted: Accepted) -> Result<view::File> {
        let record = FileRecord {
            id: self.id.clone(),
            key: dedup_key(order.who, stop.0, &stop.1, order.file, accepted.sha256.clone()),
            filename: order.file.name().to_owned(),
            bytes: order.file.size(),
            media_type: order.file.media_type().to_owned(),
            provider: accepted.provider.clone(),
            remote_id: accepted.remote_id.clone(),
            deduplicated: accepted.attempts == 0,
            attempts: accepted.attempts,
            created_at_ms: accepted.accepted_at_ms,
            expires_at_ms: accepted.expires_at_ms,
        };
        fault::at(Point::AcceptedBefore);
        self.inner.on_the_way.add(&record);
        let journalled = self.inner.journal.accepted(&self.id, accepted).await;
        if let Err(error) = journalled {
            self.inner.on_the_way.remove(std::slice::from_ref(&self.id));
            // The vendor has it, so this is no refusal that could be answered by sending again.
            return Err(Error::new(
                ErrorCode::OutcomeUnknown,
                format!("the provider took it, and that could not be written down: {error}"),
            )
            .hint("mend the state first: it is looked for then, and `loadlock files ls` shows it"));
        }
        fault::at(Point::AcceptedAfter);
        self.inner.deliver(&record).await;
        Ok(record.into())
    }

    /// The tracker took a reference for it: a dedup hit under an idempotency key. The file is there, whatever the
    /// journal says.
    pub(crate) async fn claimed(self, record: &FileRecord) {
        let accepted = Accepted {
            remote_id: record.remote_id.clone(),
            provider: record.provider.clone(),
            account: record.key.account.clone(),
            sha256: record.key.sha256.clone(),
            bytes: record.bytes,
            attempts: 0,
            accepted_at_ms: record.created_at_ms,
            expires_at_ms: record.expires_at_ms,
        };
        let journal = &self.inner.journal;
        if let Err(error) = journal.accepted(&self.id, accepted).await {
            tracing::warn!(%error, "the answer to an idempotency key is settled later");
            return;
        }
        fault::at(Point::ClaimedAfter);
        if let Err(error) = journal.recorded(std::slice::from_ref(&self.id)).await {
            tracing::warn!(%error, "an upload will be recorded again");
        }
    }

    /// It is given up for another one.
    pub(crate) async fn moved_on(self, why: &str) {
        self.failed("moved on", why, None).await;
    }

    /// It ended without a remote file; or with one that is not wanted, which is deleted, now or later.
    pub(crate) async fn failed(self, kind: &str, message: &str, unwanted: Option<RemoteFile>) {
        let at_ms = self.inner.clock.wall_ms();
        let delete = unwanted.map(|remote| DeleteIntent {
            account: self.account.clone(),
            provider: self.provider.clone(),
            remote_id: remote.id,
            why: message.to_owned(),
            at_ms,
        });
        let end = FailedEnd {
            kind: kind.to_owned(),
            message: message.to_owned(),
            at_ms,
            delete: delete.clone(),
        };
        fault::at(Point::FailedBefore);
        let failed = self.inner.journal.failed(&self.id, end).await;
        fault::at(Point::FailedAfter);
        match failed {
            Ok(()) => {
                if let Some(delete) = delete {
                    self.inner.discard(&delete).await;
                }
            }
            // Another record holds that remote file: equal content that shares an id. It stays.
            Err(JournalError::RemoteHeld { .. }) => {
                let end = FailedEnd {
                    kind: kind.to_owned(),
                    message: message.to_owned(),
                    at_ms,
                    delete: None,
                };
                if let Err(error) = self.inner.journal.failed(&self.id, end).await {
                    tracing::warn!(%error, "an upload's end could not be journalled; it is settled at the next start");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "an upload's end could not be journalled; it is settled at the next start")
            }
        }
    }

    /// Nobody can tell whether the vendor has it.
    pub(crate) async fn unknown(self, why: &str) {
        let at_ms = self.inner.clock.wall_ms();
        fault::at(Point::UnknownBefore);
        let journalled = self.inner.journal.unknown(&self.id, why.to_owned(), at_ms).await;
        fault::at(Point::UnknownAfter);
        if let Err(error) = journalled {
            tracing::warn!(%error, "an upload's end could not be journalled; it is settled at the next start");
        }
    }
}
