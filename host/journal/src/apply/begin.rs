//! Intent and sent: what must be durable before bytes go out.

use redb::ReadableTable;

use super::{free_key, indexed, leave, load, no_entry, wrong_state};
use crate::change::{Answer, Need, Verdict};
use crate::entry::{Begun, Entry, Outcome, State};
use crate::error::JournalError;
use crate::row;
use crate::schema::Tables;
use crate::types::{Attempt, EntryId, IDEMPOTENCY_MS, Intent};

/// Begins an entry, or answers what its idempotency key answers.
pub(super) fn begin(tables: &mut Tables<'_>, intent: &Intent) -> Result<Verdict, redb::Error> {
    let attempt = Attempt {
        number: 1,
        provider: intent.provider.clone(),
        account: intent.key.account.clone(),
        mark: intent.mark.clone(),
        remote_name: intent.remote_name.clone(),
        at_ms: intent.created_at_ms,
    };
    let entry = Entry {
        intent: intent.clone(),
        attempts: vec![attempt],
        state: State::Sent,
        begun: tables.next_place()?,
    };
    let bytes = match row::encode("the upload's intent", &entry) {
        Ok(bytes) => bytes,
        Err(error) => return Verdict::refused(error),
    };
    if tables.entries.get(intent.id.as_str())?.is_some() {
        return Verdict::refused(JournalError::Duplicate {
            id: intent.id.clone(),
        });
    }
    if let Some(idempotency) = &intent.idempotency {
        let key = row::key(&[&intent.tenant, &idempotency.key]);
        if let Some(begun) = answered(tables, &key, intent, &idempotency.fingerprint)? {
            return Ok(Verdict::Applied(Answer::Begun(begun), Need::Nothing));
        }
        tables.keys.insert(key.as_slice(), intent.id.as_str())?;
        tables
            .keyed
            .insert((intent.created_at_ms, intent.id.as_str()), ())?;
    }
    tables
        .entries
        .insert(intent.id.as_str(), bytes.as_slice())?;
    tables.open.insert(entry.begun, intent.id.as_str())?;
    Ok(Verdict::Applied(
        Answer::Begun(Begun::New(intent.id.clone())),
        Need::Durable,
    ))
}

/// What a key answers already. An expired key is freed here and answers nothing.
fn answered(
    tables: &mut Tables<'_>,
    key: &[u8],
    intent: &Intent,
    fingerprint: &str,
) -> Result<Option<Begun>, redb::Error> {
    let Some(holder) = tables.keys.get(key)?.map(|id| id.value().to_owned()) else {
        return Ok(None);
    };
    let holder = indexed(tables, &holder)?;
    if holder.intent.created_at_ms.saturating_add(IDEMPOTENCY_MS) <= intent.created_at_ms {
        free_key(tables, &holder)?;
        if matches!(holder.state, State::Recorded { .. }) {
            tables.entries.remove(holder.id())?;
        }
        return Ok(None);
    }
    let same = holder
        .intent
        .idempotency
        .as_ref()
        .is_some_and(|theirs| theirs.fingerprint == fingerprint);
    if !same {
        return Ok(Some(Begun::Conflict));
    }
    Ok(match holder.state {
        State::Sent => Some(Begun::InFlight(holder.intent.id)),
        State::Accepted { .. } | State::Recorded { .. } => {
            Some(Begun::Replay(Outcome::Accepted(Box::new(holder))))
        }
        State::Unknown { .. } => Some(Begun::Replay(Outcome::Unknown(Box::new(holder)))),
        State::Failed(_) => {
            return Err(redb::Error::Corrupted(format!(
                "failed entry {} holds a key",
                holder.id()
            )));
        }
    })
}

/// Notes another attempt. The same number again is a repetition.
pub(super) fn sending(
    tables: &mut Tables<'_>,
    id: &str,
    attempt: &Attempt,
) -> Result<Verdict, redb::Error> {
    let Some(mut entry) = load(tables, id)? else {
        return no_entry(id);
    };
    if entry.state != State::Sent {
        return wrong_state(&entry, "sent again");
    }
    if entry.attempts.contains(attempt) {
        return Verdict::done(Need::Nothing);
    }
    entry.attempts.push(attempt.clone());
    let bytes = match row::encode("the upload's attempts", &entry) {
        Ok(bytes) => bytes,
        Err(error) => return Verdict::refused(error),
    };
    tables.entries.insert(id, bytes.as_slice())?;
    Verdict::done(Need::Durable)
}

/// Takes back entries whose `begin` was answered with an error although its commit may have reached the disk: nobody
/// sent anything for them, and left alone they would hold their idempotency keys until the next start.
pub(super) fn forget(tables: &mut Tables<'_>, ids: &[EntryId]) -> Result<Verdict, redb::Error> {
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
    Verdict::done(need)
}
