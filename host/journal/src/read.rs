//! Reading: recovery at start, the tracker's backlog, dedup, and the balance for `fsck`. Each call sees one snapshot.

use loadlock_policy::model::ContentKey;
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata};

use crate::entry::{Backlog, Counts, Entry};
use crate::row;
use crate::schema::{ACCEPTED, CONTENT, DELETES, ENTRIES, FAILED, KEYS, OPEN, REMOTE, STATE, UNKNOWN};
use crate::types::{IDEMPOTENCY_MS, PendingDelete};

type Read<T> = Result<T, redb::Error>;

fn load(entries: &impl ReadableTable<&'static str, &'static [u8]>, id: &str) -> Read<Entry> {
    let Some(bytes) = entries.get(id)? else {
        return Err(redb::Error::Corrupted(format!(
            "an index names entry {id}, which is not there"
        )));
    };
    row::decode("entry", bytes.value())
}

pub(crate) fn entry(snapshot: &ReadTransaction, id: &str) -> Read<Option<Entry>> {
    let entries = snapshot.open_table(ENTRIES)?;
    let found = entries.get(id)?;
    found.map(|bytes| row::decode("entry", bytes.value())).transpose()
}

pub(crate) fn open_entries(snapshot: &ReadTransaction) -> Read<Vec<Entry>> {
    let entries = snapshot.open_table(ENTRIES)?;
    let mut found = Vec::new();
    for row in snapshot.open_table(OPEN)?.iter()? {
        found.push(load(&entries, row?.1.value())?);
    }
    Ok(found)
}

pub(crate) fn unknown_entries(snapshot: &ReadTransaction, limit: usize) -> Read<Vec<Entry>> {
    let entries = snapshot.open_table(ENTRIES)?;
    let mut found = Vec::new();
    for row in snapshot.open_table(UNKNOWN)?.iter()?.take(limit) {
        found.push(load(&entries, row?.0.value())?);
    }
    Ok(found)
}

pub(crate) fn failed_entries(snapshot: &ReadTransaction, limit: usize) -> Read<Vec<Entry>> {
    let entries = snapshot.open_table(ENTRIES)?;
    let mut found = Vec::new();
    for row in snapshot.open_table(FAILED)?.iter()?.rev().take(limit) {
        let (key, _) = row?;
        found.push(load(&entries, key.value().1)?);
    }
    Ok(found)
}

pub(crate) fn accepted_not_recorded(snapshot: &ReadTransaction, limit: usize) -> Read<Vec<Entry>> {
    let entries = snapshot.open_table(ENTRIES)?;
    let mut found = Vec::new();
    for row in snapshot.open_table(ACCEPTED)?.iter()?.take(limit) {
        found.push(load(&entries, row?.1.value())?);
    }
    Ok(found)
}

pub(crate) fn find_accepted(snapshot: &ReadTransaction, key: &ContentKey) -> Read<Option<Entry>> {
    let Some(key) = row::content_key(key) else {
        return Ok(None);
    };
    let range = (key.as_slice(), 0)..=(key.as_slice(), u64::MAX);
    let newest = snapshot.open_table(CONTENT)?.range(range)?.next_back().transpose()?;
    let Some((_, id)) = newest else {
        return Ok(None);
    };
    Ok(Some(load(&snapshot.open_table(ENTRIES)?, id.value())?))
}

pub(crate) fn find_keyed(snapshot: &ReadTransaction, tenant: &str, key: &str, now_ms: u64) -> Read<Option<Entry>> {
    let key = row::key(&[tenant, key]);
    let Some(id) = snapshot.open_table(KEYS)?.get(key.as_slice())? else {
        return Ok(None);
    };
    let entry = load(&snapshot.open_table(ENTRIES)?, id.value())?;
    let until = entry.intent.created_at_ms.saturating_add(IDEMPOTENCY_MS);
    Ok((now_ms < until).then_some(entry))
}

pub(crate) fn entries_of_remote(snapshot: &ReadTransaction, account: &str, remote_id: &str) -> Read<Vec<Entry>> {
    let key = row::key(&[account, remote_id]);
    let entries = snapshot.open_table(ENTRIES)?;
    let mut found = Vec::new();
    let range = (key.as_slice(), 0)..=(key.as_slice(), u64::MAX);
    for row in snapshot.open_table(REMOTE)?.range(range)? {
        found.push(load(&entries, row?.1.value())?);
    }
    Ok(found)
}

pub(crate) fn pending_deletes(snapshot: &ReadTransaction, limit: usize) -> Read<Vec<PendingDelete>> {
    let mut found = Vec::new();
    for row in snapshot.open_table(DELETES)?.iter()? {
        found.push(row::decode::<PendingDelete>("delete", row?.1.value())?);
    }
    // The longest untried first, so that one vendor's refusals starve nobody.
    found.sort_by_key(|pending| pending.last_at_ms);
    found.truncate(limit);
    Ok(found)
}

pub(crate) fn is_deleting(snapshot: &ReadTransaction, account: &str, remote_id: &str) -> Read<bool> {
    let key = row::key(&[account, remote_id]);
    Ok(snapshot.open_table(DELETES)?.get(key.as_slice())?.is_some())
}

pub(crate) fn backlog(snapshot: &ReadTransaction) -> Read<Backlog> {
    let accepted = snapshot.open_table(ACCEPTED)?;
    let first = accepted.first()?.map(|(_, id)| id.value().to_owned());
    let oldest_ms = match first {
        Some(id) => {
            let entry = load(&snapshot.open_table(ENTRIES)?, &id)?;
            entry.accepted().map(|accepted| accepted.accepted_at_ms)
        }
        None => None,
    };
    Ok(Backlog {
        entries: accepted.len()?,
        oldest_ms,
    })
}

pub(crate) fn counts(snapshot: &ReadTransaction) -> Read<Counts> {
    Ok(Counts {
        open: snapshot.open_table(OPEN)?.len()?,
        accepted: snapshot.open_table(ACCEPTED)?.len()?,
        unknown: snapshot.open_table(UNKNOWN)?.len()?,
        pending_deletes: snapshot.open_table(DELETES)?.len()?,
        failed: snapshot.open_table(FAILED)?.len()?,
        keys: snapshot.open_table(KEYS)?.len()?,
        entries: snapshot.open_table(ENTRIES)?.len()?,
    })
}

pub(crate) fn state(snapshot: &ReadTransaction, key: &str) -> Read<Option<Vec<u8>>> {
    let found = snapshot
        .open_table(STATE)?
        .get(key)?
        .map(|bytes| bytes.value().to_vec());
    Ok(found)
}

pub(crate) fn state_keys(snapshot: &ReadTransaction, prefix: &str) -> Read<Vec<String>> {
    let mut found = Vec::new();
    for row in snapshot.open_table(STATE)?.range(prefix..)? {
        let key = row?.0.value().to_owned();
        if !key.starts_with(prefix) {
            break;
        }
        found.push(key);
    }
    Ok(found)
}
