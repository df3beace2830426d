//! The same upload again: a key and content that were answered before.

use loadlock_journal::Idempotency;
use serde_json::json;

use super::entry::{journal_error, record_of};
use super::upload::Order;
use crate::error::Result;
use crate::gateway::Inner;
use crate::request::Target;
use crate::view;

/// What makes an upload the same as another one.
pub(super) fn idempotency(order: &Order<'_>, digest: Option<&str>) -> Option<Idempotency> {
    let pin = match order.target {
        Target::Auto => None,
        Target::Pinned(name) => Some(name),
    };
    order.idempotency_key.as_ref().map(|key| Idempotency {
        key: key.clone(),
        fingerprint: json!([digest, order.file.name(), order.purpose, pin]).to_string(),
    })
}

impl Inner {
    /// What this upload was answered before, if it was: it needs no room, no provider and no tracker.
    pub(super) fn replayed(&self, order: &Order<'_>, digest: Option<&str>) -> Result<Option<view::File>> {
        let Some(asked) = idempotency(order, digest) else {
            return Ok(None);
        };
        let found = self
            .journal
            .find_keyed(order.who.tenant(), &asked.key, self.clock.wall_ms())
            .map_err(|error| journal_error(&error))?;
        Ok(found
            .filter(|entry| entry.intent.idempotency.as_ref() == Some(&asked))
            .and_then(|entry| record_of(&entry))
            .map(view::File::from))
    }
}
