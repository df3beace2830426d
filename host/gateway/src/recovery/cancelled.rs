//! Uploads whose callers were told that they are cancelled before their end was known: what is found of them is taken
//! back.
//!
//! A note in the journal outlives the process. It stands for an entry that may have been sent, or for a file that the
//! ledger was asked to make over a remote file that was there: that has no entry, and the ledger may answer when nobody
//! waits any more.

use loadlock_audit::{Event as AuditEvent, What};
use loadlock_journal::{Entry as Row, State};
use loadlock_sandbox::tracker::Release;

use super::pass::Settled;
use crate::error::{ErrorCode, Result, answered};
use crate::fault::{self, Point};
use crate::records::record_of;
use crate::state::gateway::GatewayState;
use crate::view;

/// Key of a note, before the id of the entry or file. Its value is the tenant.
const GIVEN_UP: &str = "given-up/";

fn key(id: &str) -> String {
    format!("{GIVEN_UP}{id}")
}

impl GatewayState {
    /// Whoever asked for these uploads is told that they are cancelled. Durable when it returns. Answers the upload
    /// that was accepted already, if there is one.
    pub(crate) async fn cancel_uploads(&self, tenant: &str, ids: Vec<String>) -> Result<Option<view::File>> {
        fault::at(Point::GivenUpBefore);
        for id in ids {
            if self.entry(&id)?.is_none_or(|row| row.state == State::Sent) {
                self.note_cancelled(tenant, &id).await?;
            }
            // Its acceptance may have been in the journal's queue before the note.
            if let Some(row) = self.entry(&id)?
                && let Some(record) = record_of(&row)
            {
                self.forget_cancelled(&id).await;
                return Ok(Some(record.into()));
            }
        }
        fault::at(Point::GivenUpAfter);
        Ok(None)
    }

    /// Notes that what is found under this id is to be taken back. Durable when it returns.
    pub(crate) async fn note_cancelled(&self, tenant: &str, id: &str) -> Result<()> {
        self.journal.put_state(&key(id), tenant.as_bytes().to_vec()).await?;
        Ok(self.journal.flush().await?)
    }

    fn entry(&self, id: &str) -> Result<Option<Row>> {
        Ok(self.journal.entry(id)?)
    }

    pub(crate) fn was_cancelled(&self, row: &Row) -> Result<bool> {
        let note = self.journal.get_state(&key(row.id()));
        Ok(note?.is_some())
    }

    pub(crate) async fn forget_cancelled(&self, id: &str) {
        if let Err(error) = self.journal.remove_state(&key(id)).await {
            tracing::warn!(%error, "a note about an upload that was given up stays");
        }
    }

    /// Takes back the files of notes that no entry stands for; call it after the entries are settled. The ledger
    /// answers in the order in which it is asked, so what it does not have now it was never asked for.
    pub(crate) async fn take_back_cancelled(&self, settled: &mut Settled) -> Result<()> {
        let keys = self.journal.state_keys(GIVEN_UP);
        for key in keys? {
            let id = key.trim_start_matches(GIVEN_UP);
            // A caller that went away may have left the beginning of an entry in the journal's queue.
            self.journal.flush().await?;
            match self.entry(id)? {
                None => {}
                // It was given out after all, under its key.
                Some(row) if record_of(&row).is_some() => {
                    self.forget_cancelled(id).await;
                    continue;
                }
                // Failed and let go of for another id, while the ledger may know it by this one.
                Some(row) if matches!(row.state, State::Failed(_)) => {}
                Some(_) => continue,
            }
            let note = self.journal.get_state(&key);
            let note = note?;
            let tenant = String::from_utf8_lossy(&note.unwrap_or_default()).into_owned();
            match self.let_go(&tenant, id).await {
                Ok(Release::NotFound) if self.peers.may_make(id, &self.clock) => continue,
                Ok(Release::NotFound) => {}
                Ok(Release::Released(_) | Release::Last(_)) => {
                    settled.failed += 1;
                    let what = What {
                        file_id: Some(id.to_owned()),
                        detail: Some("cancelled while the ledger was asked".into()),
                        ..What::default()
                    };
                    let end = Err(ErrorCode::Cancelled.as_str());
                    self.audit.note(AuditEvent::Upload, Some(tenant), what, end).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the tracker is away; a cancelled upload is taken back later");
                    return Ok(());
                }
            }
            self.forget_cancelled(id).await;
        }
        Ok(())
    }

    /// Whether the ledger is about to get this file's record.
    pub(crate) fn is_on_its_way(&self, id: &str) -> Result<bool> {
        let is_accepted = |row: Row| matches!(row.state, State::Accepted { .. });
        // Order: whoever hands it over says so first, and then looks whether it is still accepted.
        Ok(self.entry(id)?.is_some_and(is_accepted) || self.ledger.outbox.is_on_its_way(id))
    }

    /// Removes a file, and deletes the remote file if no other refers to it. A record that is on its way arrives first.
    pub(crate) async fn let_go(&self, tenant: &str, id: &str) -> Result<Release> {
        if self.peers.look_with_lease() && !self.is_on_its_way(id)? {
            // That its record was delivered is known to the disk only from here on.
            self.journal.flush().await?;
            fault::at(Point::TombstoneBefore);
            let removed = self.peers.remove(tenant, id).await?;
            if let Some((release, lease)) = removed {
                fault::at(Point::TombstoneAfter);
                if let Release::Last(row) = &release {
                    self.delete_released(row, lease).await;
                }
                return Ok(release);
            }
        }
        let release = self
            .take_back(async {
                fault::at(Point::TombstoneBefore);
                let (tenant, id) = (tenant.to_owned(), id.to_owned());
                answered(self.ledger.tracker.tombstone(tenant, id).await)
            })
            .await?;
        fault::at(Point::TombstoneAfter);
        if let Release::Last(row) = &release {
            self.delete_dying(row).await;
        }
        Ok(release)
    }
}
