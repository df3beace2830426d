//! Files that are deleted.
//!
//! The ledger deletes a file, and the journal has the events. A note in the journal, durable before the ledger is
//! asked, stands for the event until the delete is known: then it becomes the event, in one transaction. What a crash
//! leaves between is settled by asking the ledger whether it has the file.

use loadlock_journal::{OutgoingEvent, OutgoingKind};

use super::message::of_record;
use crate::error::{Error, ErrorCode, Result, answered};
use crate::principal::Principal;
use crate::state::gateway::{Gateway, GatewayState};
use crate::state::open_entries::Hold;

/// Key of a note, before the id of the file. Its value is the event.
const DELETING: &str = "deleting-file/";

/// A file that is being deleted, which somebody wants to know. Dropped, its note is settled later.
pub(crate) struct Deletion<'a> {
    state: &'a GatewayState,
    event: OutgoingEvent,
    _hold: Hold<'a>,
}

impl Gateway {
    /// Notes that a file is about to be deleted, if anybody wants to be told. Durable when it returns.
    ///
    /// # Errors
    /// [`ErrorCode::FileNotFound`]; [`ErrorCode::TrackerFailed`]; [`ErrorCode::StateUnavailable`].
    pub(crate) async fn note_deletion(&self, who: &Principal, id: &str) -> Result<Option<Deletion<'_>>> {
        let state = &self.0;
        if !state.journal.is_wanted(OutgoingKind::Deleted) {
            return Ok(None);
        }
        let record = self.record_of(who, id).await?;
        let event = of_record(OutgoingKind::Deleted, who, &record, state.clock.wall_ms());
        let hold = state.open_entries.hold(id.to_owned());
        let bytes = serde_json::to_vec(&event)
            .map_err(|error| Error::new(ErrorCode::Internal, format!("an event without words: {error}")))?;
        state.journal.put_state(&format!("{DELETING}{id}"), bytes).await?;
        state.journal.flush().await?;
        Ok(Some(Deletion {
            state,
            event,
            _hold: hold,
        }))
    }
}

impl Deletion<'_> {
    /// The file is gone.
    pub(crate) async fn done(self) {
        let id = self.event.file.clone();
        if let Err(error) = self.state.tell_deleted(self.event).await {
            tracing::warn!(target: "loadlock::webhooks", %id, %error, "that a file was deleted is told later");
        }
    }
}

impl GatewayState {
    async fn tell_deleted(&self, event: OutgoingEvent) -> Result<()> {
        let note = format!("{DELETING}{}", event.file);
        Ok(self.journal.tell_noted(event, note).await?)
    }

    /// Tells of files whose delete broke off and happened all the same.
    pub(crate) async fn settle_deletions(&self) -> Result<()> {
        for key in self.journal.state_keys(DELETING)? {
            let id = key.trim_start_matches(DELETING);
            if self.open_entries.is_held(id) || self.is_on_its_way(id)? {
                continue;
            }
            let note = self.journal.get_state(&key)?.unwrap_or_default();
            let Ok(event) = serde_json::from_slice::<OutgoingEvent>(&note) else {
                self.journal.remove_state(&key).await?;
                continue;
            };
            // As of before it could expire: what has expired was not deleted.
            let found = self
                .ledger
                .tracker
                .get(event.tenant.clone(), event.file.clone(), event.at_ms);
            match answered(found.await) {
                Ok(None) => self.tell_deleted(event).await?,
                Ok(Some(_)) => {
                    self.journal.remove_state(&key).await?;
                }
                Err(error) => {
                    tracing::warn!(%error, "the tracker is away; that files were deleted is told later");
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
