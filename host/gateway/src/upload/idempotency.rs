//! The same upload again: a key and content that were answered before.

use loadlock_journal::Idempotency;
use serde_json::json;

use super::job::UploadJob;
use crate::api::request::Target;
use crate::error::Result;
use crate::records::record_of;
use crate::view;

impl UploadJob<'_> {
    /// What makes an upload the same as another one.
    pub(super) fn idempotency(&self) -> Option<Idempotency> {
        let pin = match self.asked.target {
            Target::Auto => None,
            Target::Pinned(name) => Some(name),
        };
        let fingerprint = json!([self.known_digest(), self.file.name(), self.asked.purpose, pin]);
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
}
