//! Rows and indices that several changes touch.

use redb::ReadableTable;

use crate::change::ChangeVerdict;
use crate::entry::{Entry, State};
use crate::error::JournalError;
use crate::row;
use crate::schema::JournalTables;
use crate::types::Accepted;

/// The dedup key of an accepted entry: where it really went, and the digest of what was really sent.
pub(super) fn content_of(entry: &Entry, accepted: &Accepted) -> Vec<u8> {
    let key = &entry.intent.key;
    row::key(&[
        &key.tenant,
        &accepted.account,
        &key.purpose,
        &key.treatment,
        &accepted.sha256,
    ])
}

/// Reads an entry.
pub(super) fn load(tables: &JournalTables<'_>, id: &str) -> Result<Option<Entry>, redb::Error> {
    let found = tables.entries.get(id)?;
    found.map(|bytes| row::decode("entry", bytes.value())).transpose()
}

/// Reads an entry that an index names: its absence is corruption.
pub(super) fn indexed(tables: &JournalTables<'_>, id: &str) -> Result<Entry, redb::Error> {
    load(tables, id)?.ok_or_else(|| redb::Error::Corrupted(format!("an index names entry {id}, which is not there")))
}

/// Frees the entry's idempotency key, if it still holds one.
pub(super) fn free_key(tables: &mut JournalTables<'_>, entry: &Entry) -> Result<bool, redb::Error> {
    let Some(idempotency) = &entry.intent.idempotency else {
        return Ok(false);
    };
    let key = row::key(&[&entry.intent.tenant, &idempotency.key]);
    let holds = tables
        .keys
        .get(key.as_slice())?
        .is_some_and(|id| id.value() == entry.id());
    if holds {
        tables.keys.remove(key.as_slice())?;
    }
    tables.keyed.remove((entry.intent.created_at_ms, entry.id()))?;
    Ok(holds)
}

/// Whether the entry's idempotency key still answers with this entry.
pub(super) fn holds_key(tables: &JournalTables<'_>, entry: &Entry) -> Result<bool, redb::Error> {
    let Some(idempotency) = &entry.intent.idempotency else {
        return Ok(false);
    };
    let key = row::key(&[&entry.intent.tenant, &idempotency.key]);
    Ok(tables
        .keys
        .get(key.as_slice())?
        .is_some_and(|id| id.value() == entry.id()))
}

pub(super) fn wrong_state(entry: &Entry, wanted: &'static str) -> Result<ChangeVerdict, redb::Error> {
    ChangeVerdict::refused(JournalError::State {
        id: entry.intent.id.clone(),
        state: entry.state.name(),
        wanted,
    })
}

pub(super) fn no_entry(id: &str) -> Result<ChangeVerdict, redb::Error> {
    ChangeVerdict::refused(JournalError::NoEntry { id: id.to_owned() })
}

/// Takes the entry out of the index of its state.
pub(super) fn leave(tables: &mut JournalTables<'_>, entry: &Entry) -> Result<(), redb::Error> {
    match &entry.state {
        State::Sent => {
            tables.open.remove(entry.begun)?;
        }
        State::Unknown { .. } => {
            tables.unknown.remove(entry.id())?;
        }
        State::Accepted { accepted, order } => {
            tables.accepted.remove(*order)?;
            let key = content_of(entry, accepted);
            tables.content.remove((key.as_slice(), *order))?;
            let remote = row::key(&[&accepted.account, &accepted.remote_id]);
            tables.remote.remove((remote.as_slice(), *order))?;
        }
        State::Failed(end) => {
            tables.failed.remove((end.at_ms, entry.id()))?;
        }
        State::Recorded { .. } => {}
    }
    Ok(())
}
