//! Remote deletes, journalled like uploads: durable before the vendor is asked, kept until it confirmed.

use redb::ReadableTable;

use crate::change::{ChangeAnswer, ChangeVerdict, Need};
use crate::error::JournalError;
use crate::row;
use crate::schema::JournalTables;
use crate::types::{DeleteIntent, EntryId, PendingDelete};

/// Whether the remote file is about to be deleted.
pub(super) fn is_dying(tables: &JournalTables<'_>, account: &str, remote_id: &str) -> Result<bool, redb::Error> {
    Ok(tables
        .deletes
        .get(row::key(&[account, remote_id]).as_slice())?
        .is_some())
}

/// The first accepted and unrecorded entry that refers to the remote file.
pub(super) fn held_by(
    tables: &JournalTables<'_>,
    account: &str,
    remote_id: &str,
) -> Result<Option<EntryId>, redb::Error> {
    let key = row::key(&[account, remote_id]);
    let mut range = tables.remote.range((key.as_slice(), 0)..=(key.as_slice(), u64::MAX))?;
    let first = range.next().transpose()?;
    Ok(first.map(|(_, id)| id.value().to_owned()))
}

/// Writes a pending delete unless there is one. True if it wrote; the inner error refuses.
pub(super) fn put_delete(
    tables: &mut JournalTables<'_>,
    intent: &DeleteIntent,
) -> Result<Result<bool, JournalError>, redb::Error> {
    let key = row::key(&[&intent.account, &intent.remote_id]);
    if tables.deletes.get(key.as_slice())?.is_some() {
        return Ok(Ok(false));
    }
    let pending = PendingDelete {
        intent: intent.clone(),
        tries: 0,
        last_at_ms: intent.at_ms,
        last_error: None,
    };
    let bytes = match row::encode("the delete", &pending) {
        Ok(bytes) => bytes,
        Err(error) => return Ok(Err(error)),
    };
    tables.deletes.insert(key.as_slice(), bytes.as_slice())?;
    Ok(Ok(true))
}

/// A remote file is about to be deleted. The same again is a repetition.
pub(super) fn deleting(tables: &mut JournalTables<'_>, intent: &DeleteIntent) -> Result<ChangeVerdict, redb::Error> {
    if let Some(holder) = held_by(tables, &intent.account, &intent.remote_id)? {
        return ChangeVerdict::refused(JournalError::RemoteHeld {
            remote_id: intent.remote_id.clone(),
            id: holder,
        });
    }
    match put_delete(tables, intent)? {
        Ok(true) => ChangeVerdict::done(Need::Durable),
        Ok(false) => ChangeVerdict::done(Need::Nothing),
        Err(error) => ChangeVerdict::refused(error),
    }
}

/// The vendor refused or did not answer: it stays pending.
pub(super) fn delete_failed(
    tables: &mut JournalTables<'_>,
    account: &str,
    remote_id: &str,
    error: &str,
    at_ms: u64,
) -> Result<ChangeVerdict, redb::Error> {
    let key = row::key(&[account, remote_id]);
    let found: Option<PendingDelete> = {
        let bytes = tables.deletes.get(key.as_slice())?;
        bytes.map(|bytes| row::decode("delete", bytes.value())).transpose()?
    };
    let Some(mut pending) = found else {
        return ChangeVerdict::done(Need::Nothing);
    };
    pending.tries = pending.tries.saturating_add(1);
    pending.last_at_ms = at_ms;
    pending.last_error = Some(error.to_owned());
    let bytes = match row::encode("the delete's failure", &pending) {
        Ok(bytes) => bytes,
        Err(error) => return ChangeVerdict::refused(error),
    };
    tables.deletes.insert(key.as_slice(), bytes.as_slice())?;
    ChangeVerdict::done(Need::Lazy)
}

/// The vendor confirmed that it is gone.
pub(super) fn deleted(
    tables: &mut JournalTables<'_>,
    account: &str,
    remote_id: &str,
) -> Result<ChangeVerdict, redb::Error> {
    let removed = tables
        .deletes
        .remove(row::key(&[account, remote_id]).as_slice())?
        .is_some();
    let need = if removed { Need::Lazy } else { Need::Nothing };
    Ok(ChangeVerdict::Applied(ChangeAnswer::Removed(removed), need))
}
