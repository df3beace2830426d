//! Intent and sent: what must be durable before bytes go out.

use redb::ReadableTable;

use super::deletes::is_dying;
use super::rows::{free_key, indexed, leave, load, no_entry, wrong_state};
use super::settle;
use crate::change::{ChangeAnswer, ChangeVerdict, Need};
use crate::entry::{Begun, Entry, Outcome, State};
use crate::error::JournalError;
use crate::row;
use crate::schema::JournalTables;
use crate::types::{Accepted, Attempt, EntryId, IDEMPOTENCY_MS, Intent};

/// Begins an entry, or answers what its idempotency key answers. With `accepted` it needs no attempt, because its
/// remote file is there already.
pub(super) fn begin(
    tables: &mut JournalTables<'_>,
    intent: &Intent,
    accepted: Option<&Accepted>,
) -> Result<ChangeVerdict, redb::Error> {
    let mut entry = Entry {
        intent: intent.clone(),
        attempts: vec![first_attempt(intent)],
        state: State::Sent,
        begun: tables.next_place()?,
    };
    let bytes = match row::encode("the upload's intent", &entry) {
        Ok(bytes) => bytes,
        Err(error) => return ChangeVerdict::refused(error),
    };
    if tables.entries.get(intent.id.as_str())?.is_some() {
        return ChangeVerdict::refused(JournalError::Duplicate { id: intent.id.clone() });
    }
    let expired = match holder(tables, intent)? {
        Holder::Answers(begun) => return Ok(ChangeVerdict::Applied(ChangeAnswer::Begun(begun), Need::Nothing)),
        Holder::Expired(entry) => Some(entry),
        Holder::None => None,
    };
    if let Some(accepted) = accepted {
        if is_dying(tables, &accepted.account, &accepted.remote_id)? {
            return ChangeVerdict::refused(JournalError::RemoteDying {
                remote_id: accepted.remote_id.clone(),
            });
        }
        entry.state = State::Accepted {
            accepted: accepted.clone(),
            order: u64::MAX,
        };
        if let Err(error) = row::encode("the provider's answer", &entry) {
            return ChangeVerdict::refused(error);
        }
    }

    // Nothing refuses from here on.
    if let Some(expired) = expired {
        free_key(tables, &expired)?;
        if matches!(expired.state, State::Recorded { .. }) {
            tables.entries.remove(expired.id())?;
        }
    }
    if let Some(idempotency) = &intent.idempotency {
        let key = row::key(&[&intent.tenant, &idempotency.key]);
        tables.keys.insert(key.as_slice(), intent.id.as_str())?;
        tables.keyed.insert((intent.created_at_ms, intent.id.as_str()), ())?;
    }
    tables.entries.insert(intent.id.as_str(), bytes.as_slice())?;
    tables.open.insert(entry.begun, intent.id.as_str())?;
    if let Some(accepted) = accepted {
        settle::accepted(tables, &intent.id, accepted)?;
    }
    Ok(ChangeVerdict::Applied(
        ChangeAnswer::Begun(Begun::New(intent.id.clone())),
        Need::Durable,
    ))
}

fn first_attempt(intent: &Intent) -> Attempt {
    Attempt {
        number: 1,
        provider: intent.provider.clone(),
        account: intent.key.account.clone(),
        mark: intent.mark.clone(),
        remote_name: intent.remote_name.clone(),
        at_ms: intent.created_at_ms,
        component: intent.component.clone(),
    }
}

/// Who holds an intent's idempotency key.
enum Holder {
    /// Nobody, or there is no key.
    None,
    /// An entry whose time is over.
    Expired(Box<Entry>),
    /// An entry that answers.
    Answers(Begun),
}

fn holder(tables: &JournalTables<'_>, intent: &Intent) -> Result<Holder, redb::Error> {
    let Some(idempotency) = &intent.idempotency else {
        return Ok(Holder::None);
    };
    let key = row::key(&[&intent.tenant, &idempotency.key]);
    let Some(id) = tables.keys.get(key.as_slice())?.map(|id| id.value().to_owned()) else {
        return Ok(Holder::None);
    };
    let holder = indexed(tables, &id)?;
    if holder.intent.created_at_ms.saturating_add(IDEMPOTENCY_MS) <= intent.created_at_ms {
        return Ok(Holder::Expired(Box::new(holder)));
    }
    let theirs = holder.intent.idempotency.as_ref();
    if theirs.is_none_or(|theirs| theirs.fingerprint != idempotency.fingerprint) {
        return Ok(Holder::Answers(Begun::Conflict));
    }
    Ok(Holder::Answers(match holder.state {
        State::Sent => Begun::InFlight(holder.intent.id),
        State::Accepted { .. } | State::Recorded { .. } => Begun::Replay(Outcome::Accepted(Box::new(holder))),
        State::Unknown { .. } => Begun::Replay(Outcome::Unknown(Box::new(holder))),
        State::Failed(_) => {
            return Err(redb::Error::Corrupted(format!(
                "failed entry {} holds a key",
                holder.id()
            )));
        }
    }))
}

/// Notes another attempt. The same number again is a repetition.
pub(super) fn sending(
    tables: &mut JournalTables<'_>,
    id: &str,
    attempt: &Attempt,
) -> Result<ChangeVerdict, redb::Error> {
    let Some(mut entry) = load(tables, id)? else {
        return no_entry(id);
    };
    if entry.state != State::Sent {
        return wrong_state(&entry, "sent again");
    }
    if entry.attempts.contains(attempt) {
        return ChangeVerdict::done(Need::Nothing);
    }
    entry.attempts.push(attempt.clone());
    let bytes = match row::encode("the upload's attempts", &entry) {
        Ok(bytes) => bytes,
        Err(error) => return ChangeVerdict::refused(error),
    };
    tables.entries.insert(id, bytes.as_slice())?;
    ChangeVerdict::done(Need::Durable)
}

/// Takes back entries whose `begin` was answered with an error although its commit may have reached the disk: nobody
/// sent anything for them, and left alone they would hold their idempotency keys until the next start.
pub(super) fn forget(tables: &mut JournalTables<'_>, ids: &[EntryId]) -> Result<ChangeVerdict, redb::Error> {
    let mut need = Need::Nothing;
    for id in ids {
        let Some(entry) = load(tables, id)? else {
            continue;
        };
        if entry.state == State::Sent && entry.attempts.len() == 1 {
            free_key(tables, &entry)?;
            leave(tables, &entry)?;
            tables.entries.remove(id.as_str())?;
            need = Need::Lazy;
        }
    }
    ChangeVerdict::done(need)
}
