//! Ends: accepted, recorded, failed, outcome unknown.

use super::deletes::{held_by, is_dying, put_delete};
use super::rows::{content_of, free_key, holds_key, leave, load, no_entry, wrong_state};
use super::sweep::FAILED_KEPT;
use crate::change::{ChangeVerdict, Need};
use crate::entry::State;
use crate::error::JournalError;
use crate::row;
use crate::schema::JournalTables;
use crate::types::{Accepted, EntryId, FailedEnd};

/// The provider took it. The same acceptance again is a repetition.
pub(super) fn accepted(
    tables: &mut JournalTables<'_>,
    id: &str,
    accepted: &Accepted,
) -> Result<ChangeVerdict, redb::Error> {
    let Some(mut entry) = load(tables, id)? else {
        return no_entry(id);
    };
    match &entry.state {
        State::Sent | State::Unknown { .. } => {}
        State::Accepted { accepted: before, .. } | State::Recorded { accepted: before }
            if before.account == accepted.account && before.remote_id == accepted.remote_id =>
        {
            return ChangeVerdict::done(Need::Nothing);
        }
        State::Accepted { .. } | State::Recorded { .. } | State::Failed(_) => {
            return wrong_state(&entry, "accepted");
        }
    }
    if is_dying(tables, &accepted.account, &accepted.remote_id)? {
        return ChangeVerdict::refused(JournalError::RemoteDying {
            remote_id: accepted.remote_id.clone(),
        });
    }
    let order = tables.next_place()?;
    let before = std::mem::replace(
        &mut entry.state,
        State::Accepted {
            accepted: accepted.clone(),
            order,
        },
    );
    let bytes = match row::encode("the provider's answer", &entry) {
        Ok(bytes) => bytes,
        Err(error) => return ChangeVerdict::refused(error),
    };
    let after = std::mem::replace(&mut entry.state, before);
    leave(tables, &entry)?;
    entry.state = after;
    tables.entries.insert(id, bytes.as_slice())?;
    tables.accepted.insert(order, id)?;
    tables
        .content
        .insert((content_of(&entry, accepted).as_slice(), order), id)?;
    let remote = row::key(&[&accepted.account, &accepted.remote_id]);
    tables.remote.insert((remote.as_slice(), order), id)?;
    ChangeVerdict::done(Need::Durable)
}

/// The tracker has them. Ids that are gone or recorded already are repetitions.
pub(super) fn recorded(tables: &mut JournalTables<'_>, ids: &[EntryId]) -> Result<ChangeVerdict, redb::Error> {
    let mut entries = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(entry) = load(tables, id)? else {
            continue;
        };
        match &entry.state {
            State::Accepted { accepted, .. } => {
                let mut after = entry.clone();
                after.state = State::Recorded {
                    accepted: accepted.clone(),
                };
                entries.push((entry, after));
            }
            State::Recorded { .. } => {}
            State::Sent | State::Failed(_) | State::Unknown { .. } => {
                return wrong_state(&entry, "recorded");
            }
        }
    }
    let mut need = Need::Nothing;
    // An id that is named twice is done twice, to the same effect.
    for (before, after) in entries {
        leave(tables, &before)?;
        if holds_key(tables, &before)? {
            match row::encode("the recorded upload", &after) {
                Ok(bytes) => tables.entries.insert(after.id(), bytes.as_slice())?,
                Err(error) => return Err(redb::Error::Corrupted(error.to_string())),
            };
        } else {
            tables.entries.remove(before.id())?;
        }
        need = Need::Lazy;
    }
    ChangeVerdict::done(need)
}

/// It ended without a remote file, or with one that is about to be deleted. Frees the idempotency key, so that a stored
/// failure poisons no repetition.
pub(super) fn failed(tables: &mut JournalTables<'_>, id: &str, end: &FailedEnd) -> Result<ChangeVerdict, redb::Error> {
    let Some(mut entry) = load(tables, id)? else {
        return no_entry(id);
    };
    match &entry.state {
        State::Sent | State::Unknown { .. } => {}
        State::Failed(_) => return ChangeVerdict::done(Need::Nothing),
        State::Accepted { .. } | State::Recorded { .. } => return wrong_state(&entry, "failed"),
    }
    if let Some(delete) = &end.delete
        && let Some(holder) = held_by(tables, &delete.account, &delete.remote_id)?
    {
        return ChangeVerdict::refused(JournalError::RemoteHeld {
            remote_id: delete.remote_id.clone(),
            id: holder,
        });
    }
    let before = std::mem::replace(&mut entry.state, State::Failed(end.clone()));
    let bytes = match row::encode("the upload's failure", &entry) {
        Ok(bytes) => bytes,
        Err(error) => return ChangeVerdict::refused(error),
    };
    if let Some(delete) = &end.delete
        && let Err(error) = put_delete(tables, delete)?
    {
        return ChangeVerdict::refused(error);
    }
    entry.state = before;
    free_key(tables, &entry)?;
    leave(tables, &entry)?;
    tables.entries.insert(id, bytes.as_slice())?;
    tables.failed.insert((end.at_ms, id), ())?;
    while redb::ReadableTableMetadata::len(&tables.failed)? > FAILED_KEPT {
        let Some((oldest, _)) = tables.failed.pop_first()? else {
            break;
        };
        tables.entries.remove(oldest.value().1)?;
    }
    ChangeVerdict::done(if end.delete.is_some() {
        Need::Durable
    } else {
        Need::Lazy
    })
}

/// Nobody can tell. Kept, and its idempotency key keeps answering so.
pub(super) fn unknown(
    tables: &mut JournalTables<'_>,
    id: &str,
    why: &str,
    at_ms: u64,
) -> Result<ChangeVerdict, redb::Error> {
    let Some(mut entry) = load(tables, id)? else {
        return no_entry(id);
    };
    match &entry.state {
        State::Sent => {}
        State::Unknown { .. } => return ChangeVerdict::done(Need::Nothing),
        State::Accepted { .. } | State::Recorded { .. } | State::Failed(_) => {
            return wrong_state(&entry, "outcome_unknown");
        }
    }
    let before = std::mem::replace(
        &mut entry.state,
        State::Unknown {
            why: why.to_owned(),
            at_ms,
        },
    );
    let bytes = match row::encode("why the outcome is unknown", &entry) {
        Ok(bytes) => bytes,
        Err(error) => return ChangeVerdict::refused(error),
    };
    entry.state = before;
    leave(tables, &entry)?;
    tables.entries.insert(id, bytes.as_slice())?;
    tables.unknown.insert(id, at_ms)?;
    ChangeVerdict::done(Need::Durable)
}
