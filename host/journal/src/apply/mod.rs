//! The journal's transitions. Each looks first and changes only when nothing can refuse it any more, so a refused
//! change leaves nothing in a transaction that it shares with others.

mod begin;
mod deletes;
mod settle;
mod sweep;

use redb::ReadableTable;

use crate::change::{Answer, Change, Need, Verdict};
use crate::entry::{Entry, State};
use crate::error::JournalError;
use crate::row;
use crate::schema::Tables;

pub(crate) use sweep::FAILED_KEPT;
#[cfg(test)]
pub(crate) use sweep::SWEEP_LIMIT;

/// Applies one change.
///
/// # Errors
/// Only the store's: the transaction must then be dropped. A refusal is a [`Verdict`].
pub(crate) fn apply(tables: &mut Tables<'_>, change: &Change) -> Result<Verdict, redb::Error> {
    match change {
        Change::Begin(intent) => begin::begin(tables, intent, None),
        Change::BeginAccepted(both) => begin::begin(tables, &both.0, Some(&both.1)),
        Change::Sending { id, attempt } => begin::sending(tables, id, attempt),
        Change::Accepted { id, accepted } => settle::accepted(tables, id, accepted),
        Change::Recorded { ids } => settle::recorded(tables, ids),
        Change::Failed { id, end } => settle::failed(tables, id, end),
        Change::Unknown { id, why, at_ms } => settle::unknown(tables, id, why, *at_ms),
        Change::Deleting(intent) => deletes::deleting(tables, intent),
        Change::DeleteFailed {
            account,
            remote_id,
            error,
            at_ms,
        } => deletes::delete_failed(tables, account, remote_id, error, *at_ms),
        Change::Deleted { account, remote_id } => deletes::deleted(tables, account, remote_id),
        Change::Sweep { now_ms } => sweep::sweep(tables, *now_ms),
        Change::PutState { key, bytes } => put_state(tables, key, bytes),
        Change::RemoveState { key } => {
            let removed = tables.state.remove(key.as_str())?.is_some();
            let need = if removed { Need::Lazy } else { Need::Nothing };
            Ok(Verdict::Applied(Answer::Removed(removed), need))
        }
        Change::Flush => Verdict::done(Need::Durable),
        Change::Forget { ids } => begin::forget(tables, ids),
    }
}

fn put_state(tables: &mut Tables<'_>, key: &str, bytes: &[u8]) -> Result<Verdict, redb::Error> {
    if let Err(error) = row::within("a state key with its value", key.len() + bytes.len()) {
        return Verdict::refused(error);
    }
    tables.state.insert(key, bytes)?;
    Verdict::done(Need::Lazy)
}

/// Reads an entry.
fn load(tables: &Tables<'_>, id: &str) -> Result<Option<Entry>, redb::Error> {
    let found = tables.entries.get(id)?;
    found.map(|bytes| row::decode("entry", bytes.value())).transpose()
}

/// Reads an entry that an index names: its absence is corruption.
fn indexed(tables: &Tables<'_>, id: &str) -> Result<Entry, redb::Error> {
    load(tables, id)?.ok_or_else(|| redb::Error::Corrupted(format!("an index names entry {id}, which is not there")))
}

/// Frees the entry's idempotency key, if it still holds one.
fn free_key(tables: &mut Tables<'_>, entry: &Entry) -> Result<bool, redb::Error> {
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
fn holds_key(tables: &Tables<'_>, entry: &Entry) -> Result<bool, redb::Error> {
    let Some(idempotency) = &entry.intent.idempotency else {
        return Ok(false);
    };
    let key = row::key(&[&entry.intent.tenant, &idempotency.key]);
    Ok(tables
        .keys
        .get(key.as_slice())?
        .is_some_and(|id| id.value() == entry.id()))
}

fn wrong_state(entry: &Entry, wanted: &'static str) -> Result<Verdict, redb::Error> {
    Verdict::refused(JournalError::State {
        id: entry.intent.id.clone(),
        state: entry.state.name(),
        wanted,
    })
}

fn no_entry(id: &str) -> Result<Verdict, redb::Error> {
    Verdict::refused(JournalError::NoEntry { id: id.to_owned() })
}

/// Takes the entry out of the index of its state.
fn leave(tables: &mut Tables<'_>, entry: &Entry) -> Result<(), redb::Error> {
    match &entry.state {
        State::Sent => {
            tables.open.remove(entry.begun)?;
        }
        State::Unknown { .. } => {
            tables.unknown.remove(entry.id())?;
        }
        State::Accepted { accepted, order } => {
            tables.accepted.remove(*order)?;
            let key = settle::content_of(entry, accepted);
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
