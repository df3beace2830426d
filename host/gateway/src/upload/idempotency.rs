//! The same upload again: a key and content that were answered before.

use loadlock_journal::{Idempotency, State};
use serde_json::json;

use super::job::UploadJob;
use crate::api::request::Target;
use crate::error::{Error, ErrorCode, Result};
use crate::records::record_of;
use crate::view;

impl UploadJob<'_> {
    /// What makes an upload the same as another one.
    pub(super) fn idempotency(&self) -> Option<Idempotency> {
        let pin = match self.asked.target {
            Target::Auto => None,
            Target::Pinned(name) => Some(name),
        };
        let digest = self.known_digest().filter(|_| !self.asked.key_is_of_content);
        let fingerprint = json!([digest, self.file.name(), self.asked.purpose, pin]);
        self.asked.idempotency_key.as_ref().map(|key| Idempotency {
            key: key.clone(),
            fingerprint: fingerprint.to_string(),
        })
    }

    /// What this upload was answered before, if it was: it needs no room, no provider and no tracker.
    pub(super) fn answered_before(&self) -> Result<Option<view::File>> {
        let Some(asked) = self.idempotency() else {
            return Ok(None);
        };
        let now = self.state.clock.wall_ms();
        let found = self
            .state
            .journal
            .find_keyed(self.asked.who.tenant(), &asked.key, now)?;
        Ok(found
            .filter(|entry| entry.intent.idempotency.as_ref() == Some(&asked))
            .and_then(|entry| record_of(&entry))
            .map(view::File::from))
    }

    /// The answer that is repeated, unless its file has been deleted or has expired since. Where the ledger cannot be
    /// asked it is repeated as it was.
    pub(super) async fn unless_gone(&self, file: view::File) -> Result<view::File> {
        // The journal first: what it says is recorded, the ledger has.
        let entry = self.state.journal.entry(&file.id)?;
        if entry.is_some_and(|entry| matches!(entry.state, State::Accepted { .. })) {
            return Ok(file);
        }
        let (tenant, now) = (self.asked.who.tenant().to_owned(), self.state.clock.wall_ms());
        let found = self.state.ledger.tracker.get(tenant, file.id.clone(), now).await;
        if !matches!(found, Ok(Ok(None))) {
            return Ok(file);
        }
        Err(Error::new(
            ErrorCode::IdempotencyConflict,
            format!(
                "the file of this idempotency key, `{}`, has been deleted or has expired",
                file.id
            ),
        )
        .hint("use a new key to store it again"))
    }
}
