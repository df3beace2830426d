//! The journal's transitions. Each looks first and changes only when nothing can refuse it any more, so a refused
//! change leaves nothing in a transaction that it shares with others.

mod begin;
mod deletes;
mod rows;
mod settle;
mod sweep;

use crate::change::{Change, ChangeAnswer, ChangeVerdict, Need};
use crate::schema::JournalTables;
use crate::{outgoing, row};

#[cfg(test)]
pub(crate) use sweep::{FAILED_KEPT, SWEEP_LIMIT};

/// Applies one change.
///
/// # Errors
/// Only the store's: the transaction must then be dropped. A refusal is a [`ChangeVerdict`].
pub(crate) fn apply(tables: &mut JournalTables<'_>, change: &Change) -> Result<ChangeVerdict, redb::Error> {
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
            Ok(ChangeVerdict::Applied(ChangeAnswer::Removed(removed), need))
        }
        // Its rows are added for whoever subscribed.
        Change::Outgoing { note, .. } => {
            if let Some(key) = note {
                tables.state.remove(key.as_str())?;
            }
            ChangeVerdict::done(Need::Durable)
        }
        Change::PutDelivery {
            receiver,
            place,
            delivery,
        } => outgoing::put(tables, receiver, *place, delivery.as_ref()),
        Change::KeepOutgoing {
            receivers,
            letters_since_ms,
        } => outgoing::keep(tables, receivers, *letters_since_ms),
        Change::Flush => ChangeVerdict::done(Need::Durable),
        Change::Forget { ids } => begin::forget(tables, ids),
    }
}

fn put_state(tables: &mut JournalTables<'_>, key: &str, bytes: &[u8]) -> Result<ChangeVerdict, redb::Error> {
    if let Err(error) = row::within("a state key with its value", key.len() + bytes.len()) {
        return ChangeVerdict::refused(error);
    }
    tables.state.insert(key, bytes)?;
    ChangeVerdict::done(Need::Lazy)
}
