//! An upload's entry in the journal, as a value that cannot be forgotten.
//!
//! `begin` is durable before the first byte leaves, `accepted` before the answer is given. An entry that is dropped on
//! the way (the caller went away) stays open in the journal until [`Gateway::settle`](crate::Gateway::settle) has asked
//! the vendor about it.

use loadlock_journal::{Accepted, Attempt, DeleteIntent, FailedEnd, Intent, JournalError, MOVED_ON};
use loadlock_policy::model::RemoteFile;
use loadlock_sandbox::provider::LostUpload;
use loadlock_sandbox::tracker::FileRecord;

use crate::error::{Error, ErrorCode, Result};
use crate::fault::{self, Point};
use crate::records::{lost_upload, record};
use crate::state::gateway::GatewayState;
use crate::state::open_entries::Hold;
use crate::state::provider::ProviderUnit;
use crate::view;

/// An open entry.
pub(crate) struct Entry<'a> {
    state: &'a GatewayState,
    _hold: Hold<'a>,
    intent: Intent,
    leg: usize,
}

impl<'a> Entry<'a> {
    /// Of what is about to be begun, for the provider with this index in the route.
    pub(crate) fn new(state: &'a GatewayState, intent: &Intent, leg: usize) -> Self {
        Self {
            state,
            _hold: state.open_entries.hold(intent.id.clone()),
            intent: intent.clone(),
            leg,
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.intent.id
    }

    pub(crate) fn mark(&self) -> &str {
        &self.intent.mark
    }

    /// What is looked for if its answer is lost.
    pub(crate) fn lost(&self, sha256: Option<&str>) -> LostUpload {
        lost_upload(&self.intent, sha256)
    }

    /// The name that the vendor gets.
    pub(crate) fn remote_name(&self) -> &str {
        &self.intent.remote_name
    }

    /// Whether it was begun for this provider's account.
    pub(crate) fn is_for(&self, unit: &ProviderUnit) -> bool {
        self.intent.key.account == unit.account
    }

    /// Index in the route of the provider that it is for.
    pub(crate) fn leg(&self) -> usize {
        self.leg
    }

    /// Another attempt at the same provider, durable before its first byte leaves.
    pub(crate) async fn again(self, number: u32, component: &str) -> Result<Entry<'a>> {
        let attempt = Attempt {
            number,
            provider: self.intent.provider.clone(),
            account: self.intent.key.account.clone(),
            mark: self.intent.mark.clone(),
            remote_name: self.intent.remote_name.clone(),
            at_ms: self.state.clock.wall_ms(),
            component: Some(component.to_owned()),
        };
        fault::at(Point::SendingBefore);
        self.state.journal.sending(&self.intent.id, attempt).await?;
        fault::at(Point::SendingAfter);
        Ok(self)
    }

    /// The vendor has it. Durable; then the record, which a tracker that is away only delays.
    pub(crate) async fn accepted(self, accepted: Accepted) -> Result<view::File> {
        let record = record(&self.intent, &accepted);
        fault::at(Point::AcceptedBefore);
        self.state.ledger.outbox.add(&record);
        let journalled = self.state.journal.accepted(&self.intent.id, accepted).await;
        if let Err(error) = journalled {
            self.state.ledger.outbox.remove(std::slice::from_ref(&self.intent.id));
            // The vendor has it, so this is no refusal that could be answered by sending again.
            return Err(Error::new(
                ErrorCode::OutcomeUnknown,
                format!("the provider stored it, but that could not be recorded: {error}"),
            )
            .hint("repair the state directory first; the upload is then recovered, and `loadlock files ls` shows it"));
        }
        fault::at(Point::AcceptedAfter);
        self.state.deliver(&record).await;
        Ok(record.into())
    }

    /// The tracker took a reference for it: a dedup hit under an idempotency key. The file is there, whatever the
    /// journal says.
    pub(crate) async fn claimed(self, record: &FileRecord) {
        let accepted = Accepted {
            remote_id: record.remote_id.clone(),
            address: record.address.clone(),
            provider: record.provider.clone(),
            account: record.key.account.clone(),
            sha256: record.key.sha256.clone(),
            bytes: record.bytes,
            attempts: 0,
            accepted_at_ms: record.created_at_ms,
            expires_at_ms: record.expires_at_ms,
        };
        let journal = &self.state.journal;
        if let Err(error) = journal.accepted(&self.intent.id, accepted).await {
            tracing::warn!(%error, "the answer to an idempotency key is settled later");
            return;
        }
        fault::at(Point::ClaimedAfter);
        if let Err(error) = journal.recorded(std::slice::from_ref(&self.intent.id)).await {
            tracing::warn!(%error, "an upload will be recorded again");
        }
    }

    /// It is given up for another one.
    pub(crate) async fn moved_on(self, why: &str) {
        self.failed(MOVED_ON, why, None).await;
    }

    /// It ended without a remote file; or with one that is not wanted, which is deleted, now or later.
    pub(crate) async fn failed(self, kind: &str, message: &str, unwanted: Option<RemoteFile>) {
        let at_ms = self.state.clock.wall_ms();
        let delete = unwanted.map(|remote| DeleteIntent {
            account: self.intent.key.account.clone(),
            provider: self.intent.provider.clone(),
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
        let failed = self.state.journal.failed(&self.intent.id, end).await;
        fault::at(Point::FailedAfter);
        match failed {
            Ok(()) => {
                if let Some(delete) = delete {
                    self.state.discard(&delete).await;
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
                if let Err(error) = self.state.journal.failed(&self.intent.id, end).await {
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
        let at_ms = self.state.clock.wall_ms();
        fault::at(Point::UnknownBefore);
        let journalled = self.state.journal.unknown(&self.intent.id, why.to_owned(), at_ms).await;
        fault::at(Point::UnknownAfter);
        if let Err(error) = journalled {
            tracing::warn!(%error, "an upload's end could not be journalled; it is settled at the next start");
        }
    }
}
