//! What others are told of the end of an upload, and of the end of a file. A row is written in the transaction of that
//! end, for everybody who wants to know, and stays until it was delivered: so nothing that ended is kept from anybody,
//! whatever happens between.

use std::collections::HashSet;

use redb::{ReadTransaction, ReadableTable, Table};
use serde::{Deserialize, Serialize};

use crate::change::{Change, ChangeAnswer, ChangeVerdict, Need};
use crate::entry::{Begun, Entry, State};
use crate::error::JournalError;
use crate::row;
use crate::schema::{JournalTables, LETTERS, OUTGOING};
use crate::types::{Callback, EntryId, MOVED_ON};

/// Events that wait for one receiver. The oldest beyond it becomes a dead letter.
pub(crate) const MOST_WAITING: u64 = 10_000;
/// Dead letters of one receiver. The oldest beyond it is removed.
pub(crate) const MOST_LETTERS: u64 = 1_000;

/// What happened to an upload, or to its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutgoingKind {
    /// A provider has it.
    Stored,
    /// No provider has it.
    Failed,
    /// Nobody can tell. One of the others follows if it is settled.
    Unknown,
    /// The file was deleted.
    Deleted,
}

/// Who wants to know what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Whose row it is.
    pub receiver: String,
    /// What is wanted.
    pub kinds: Vec<OutgoingKind>,
    /// Whether uploads may name a URL beneath the receiver's as their callback.
    pub callbacks: bool,
}

/// How far the delivery of one event got.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// How often it was sent.
    pub attempts: u32,
    /// Not before this, milliseconds since 1970.
    pub next_at_ms: u64,
    /// What came of the last attempt; no secret.
    pub last_error: Option<String>,
    /// When it was given up, milliseconds since 1970: it is a dead letter then.
    pub dead_at_ms: Option<u64>,
}

/// One event for one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutgoingEvent {
    /// What happened.
    pub kind: OutgoingKind,
    /// To which file.
    pub file: EntryId,
    /// Whose it is.
    pub tenant: String,
    /// Who asked.
    pub subject: String,
    /// The name that the tenant sees.
    pub filename: String,
    /// Media type.
    pub media_type: String,
    /// Size.
    pub bytes: u64,
    /// What it is for.
    pub purpose: String,
    /// Configured name of the last provider.
    pub provider: String,
    /// Digest, where it is known.
    pub sha256: Option<String>,
    /// Whether it shares a stored file.
    pub deduplicated: bool,
    /// When the file expires, milliseconds since 1970.
    pub expires_at_ms: Option<u64>,
    /// The failure's kind.
    pub code: Option<String>,
    /// What went wrong, for a person; no secret.
    pub message: Option<String>,
    /// When it happened, milliseconds since 1970.
    pub at_ms: u64,
    /// Set where it is for this callback, and not for the receiver itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Box<Callback>>,
    /// How far its delivery got.
    pub delivery: Delivery,
}

/// An event with its place among those of its receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedEvent {
    /// Events of one file are delivered in this order.
    pub place: u64,
    /// The event.
    pub event: OutgoingEvent,
}

type Rows<'t> = Table<'t, (&'static str, u64), &'static [u8]>;

/// What has to be told of this change, which was applied.
fn event_of(
    tables: &JournalTables<'_>,
    change: &Change,
    answer: &ChangeAnswer,
) -> Result<Option<OutgoingEvent>, redb::Error> {
    let id = match (change, answer) {
        (Change::Outgoing { event, .. }, _) => return Ok(Some((**event).clone())),
        (Change::BeginAccepted(_), ChangeAnswer::Begun(Begun::New(id))) => id,
        (Change::Accepted { id, .. } | Change::Unknown { id, .. }, _) => id,
        (Change::Failed { id, end }, _) if end.kind != MOVED_ON => id,
        _ => return Ok(None),
    };
    let Some(bytes) = tables.entries.get(id.as_str())? else {
        return Ok(None);
    };
    Ok(told(&row::decode("entry", bytes.value())?))
}

/// The event that an entry's end is.
fn told(entry: &Entry) -> Option<OutgoingEvent> {
    let intent = &entry.intent;
    let last = entry.attempts.last();
    let mut event = OutgoingEvent {
        kind: OutgoingKind::Stored,
        file: intent.id.clone(),
        tenant: intent.tenant.clone(),
        subject: intent.subject.clone(),
        filename: intent.filename.clone(),
        media_type: intent.media_type.clone(),
        bytes: intent.bytes,
        purpose: intent.key.purpose.clone(),
        provider: last.map_or_else(|| intent.provider.clone(), |attempt| attempt.provider.clone()),
        sha256: intent.key.sha256.clone(),
        deduplicated: false,
        expires_at_ms: intent.expires_at_ms,
        code: None,
        message: None,
        at_ms: intent.created_at_ms,
        callback: intent.callback.clone(),
        delivery: Delivery::default(),
    };
    match &entry.state {
        State::Accepted { accepted, .. } | State::Recorded { accepted } => {
            event.provider.clone_from(&accepted.provider);
            event.sha256 = Some(accepted.sha256.clone());
            event.bytes = accepted.bytes;
            event.deduplicated = accepted.attempts == 0;
            event.expires_at_ms = accepted.expires_at_ms;
            event.at_ms = accepted.accepted_at_ms;
        }
        State::Failed(end) => {
            event.kind = OutgoingKind::Failed;
            event.code = Some(end.kind.clone());
            event.message = Some(end.message.clone());
            event.at_ms = end.at_ms;
        }
        State::Unknown { why, at_ms } => {
            event.kind = OutgoingKind::Unknown;
            event.message = Some(why.clone());
            event.at_ms = *at_ms;
        }
        State::Sent => return None,
    }
    Some(event)
}

/// Adds what has to be told of a change that was applied. True if anybody has something to deliver.
pub(crate) fn add(
    tables: &mut JournalTables<'_>,
    subscriptions: &[Subscription],
    change: &Change,
    verdict: &ChangeVerdict,
) -> Result<bool, redb::Error> {
    let ChangeVerdict::Applied(answer, need) = verdict else {
        return Ok(false);
    };
    if subscriptions.is_empty() || *need == Need::Nothing {
        return Ok(false);
    }
    let Some(mut event) = event_of(tables, change, answer)? else {
        return Ok(false);
    };
    let callback = event.callback.take();
    let mut added = false;
    for Subscription {
        receiver,
        kinds,
        callbacks,
    } in subscriptions
    {
        if kinds.contains(&event.kind) {
            put_last(tables, receiver, &event)?;
            added = true;
        }
        if let Some(callback) = callback.as_ref().filter(|one| *callbacks && one.receiver == *receiver) {
            let callback = Some(callback.clone());
            put_last(
                tables,
                receiver,
                &OutgoingEvent {
                    callback,
                    ..event.clone()
                },
            )?;
            added = true;
        }
    }
    Ok(added)
}

fn put_last(tables: &mut JournalTables<'_>, receiver: &str, event: &OutgoingEvent) -> Result<(), redb::Error> {
    let place = next_place(tables, receiver)?;
    tables.outgoing.insert((receiver, place), encode(event)?.as_slice())?;
    let first = first_of(&tables.outgoing, receiver)?;
    match first.filter(|first| place - first >= MOST_WAITING) {
        Some(first) => give_up_oldest(tables, receiver, first, event.at_ms),
        None => Ok(()),
    }
}

fn encode(event: &OutgoingEvent) -> Result<Vec<u8>, redb::Error> {
    // Its entry is a row already, of which it has a part.
    row::encode("an event for others", event).map_err(|error| redb::Error::Corrupted(error.to_string()))
}

/// Above every place in use, so that a dead letter can go back to where it was.
fn next_place(tables: &JournalTables<'_>, receiver: &str) -> Result<u64, redb::Error> {
    let last = |rows: &Rows<'_>| -> Result<u64, redb::Error> {
        let last = rows
            .range((receiver, 0)..=(receiver, u64::MAX))?
            .next_back()
            .transpose()?;
        Ok(last.map_or(0, |(key, _)| key.value().1))
    };
    Ok(last(&tables.outgoing)?.max(last(&tables.letters)?) + 1)
}

fn first_of(rows: &Rows<'_>, receiver: &str) -> Result<Option<u64>, redb::Error> {
    let first = rows.range((receiver, 0)..=(receiver, u64::MAX))?.next().transpose()?;
    Ok(first.map(|(key, _)| key.value().1))
}

fn give_up_oldest(tables: &mut JournalTables<'_>, receiver: &str, place: u64, now_ms: u64) -> Result<(), redb::Error> {
    let Some(mut event) = taken(&mut tables.outgoing, receiver, place)? else {
        return Ok(());
    };
    event.delivery.dead_at_ms = Some(now_ms);
    let why = format!("more than {MOST_WAITING} events waited for the receiver");
    event.delivery.last_error.get_or_insert(why);
    bury(tables, receiver, place, &event)
}

fn taken(rows: &mut Rows<'_>, receiver: &str, place: u64) -> Result<Option<OutgoingEvent>, redb::Error> {
    let found = rows.remove((receiver, place))?;
    found
        .map(|bytes| row::decode("an event for others", bytes.value()))
        .transpose()
}

fn bury(tables: &mut JournalTables<'_>, receiver: &str, place: u64, event: &OutgoingEvent) -> Result<(), redb::Error> {
    tables.letters.insert((receiver, place), encode(event)?.as_slice())?;
    let all = tables.letters.range((receiver, 0)..=(receiver, u64::MAX))?;
    let places = all
        .map(|row| Ok(row?.0.value().1))
        .collect::<Result<Vec<_>, redb::Error>>()?;
    let over = places
        .len()
        .saturating_sub(usize::try_from(MOST_LETTERS).unwrap_or(usize::MAX));
    for place in places.into_iter().take(over) {
        tables.letters.remove((receiver, place))?;
    }
    Ok(())
}

/// Puts down how far a delivery got: it waits on, is a dead letter, or, with `None`, is over. What is gone stays gone.
pub(crate) fn put(
    tables: &mut JournalTables<'_>,
    receiver: &str,
    place: u64,
    delivery: Option<&Delivery>,
) -> Result<ChangeVerdict, redb::Error> {
    let waiting = taken(&mut tables.outgoing, receiver, place)?;
    let found = match waiting {
        Some(event) => Some(event),
        None => taken(&mut tables.letters, receiver, place)?,
    };
    let Some(mut event) = found else {
        return Ok(ChangeVerdict::Applied(ChangeAnswer::Removed(false), Need::Nothing));
    };
    if let Some(delivery) = delivery {
        event.delivery = delivery.clone();
        match delivery.dead_at_ms {
            Some(_) => bury(tables, receiver, place, &event)?,
            None => drop(tables.outgoing.insert((receiver, place), encode(&event)?.as_slice())?),
        }
    }
    Ok(ChangeVerdict::Applied(ChangeAnswer::Removed(true), Need::Lazy))
}

/// Removes what is for anybody else than these receivers, and dead letters from before.
pub(crate) fn keep(
    tables: &mut JournalTables<'_>,
    receivers: &[String],
    letters_since_ms: u64,
) -> Result<ChangeVerdict, redb::Error> {
    let known: HashSet<&str> = receivers.iter().map(String::as_str).collect();
    let mut removed = false;
    tables.outgoing.retain(|(receiver, _), _| {
        let keeps = known.contains(receiver);
        removed |= !keeps;
        keeps
    })?;
    tables.letters.retain(|(receiver, _), bytes| {
        let event: Option<OutgoingEvent> = row::decode("an event for others", bytes).ok();
        let died = event.and_then(|event| event.delivery.dead_at_ms).unwrap_or(0);
        let keeps = known.contains(receiver) && died >= letters_since_ms;
        removed |= !keeps;
        keeps
    })?;
    let need = if removed { Need::Lazy } else { Need::Nothing };
    Ok(ChangeVerdict::Applied(ChangeAnswer::Removed(removed), need))
}

/// The first events of a receiver, in their order; dead letters, if those are meant.
pub(crate) fn read(
    snapshot: &ReadTransaction,
    receiver: &str,
    letters: bool,
    limit: usize,
) -> Result<Vec<PlacedEvent>, redb::Error> {
    let table = snapshot.open_table(if letters { LETTERS } else { OUTGOING })?;
    let mut found = Vec::new();
    for row in table.range((receiver, 0)..=(receiver, u64::MAX))?.take(limit) {
        let (key, bytes) = row?;
        let event = row::decode("an event for others", bytes.value())?;
        let place = key.value().1;
        found.push(PlacedEvent { place, event });
    }
    Ok(found)
}

/// How many events wait for a receiver, and how many of its dead letters are kept.
pub(crate) fn count(snapshot: &ReadTransaction, receiver: &str) -> Result<(u64, u64), redb::Error> {
    let of = |table| -> Result<u64, redb::Error> {
        let rows = snapshot.open_table::<(&str, u64), &[u8]>(table)?;
        Ok(rows.range((receiver, 0)..=(receiver, u64::MAX))?.count() as u64)
    };
    Ok((of(OUTGOING)?, of(LETTERS)?))
}

/// An event without a delivery, for what the journal has no entry of.
impl OutgoingEvent {
    /// Whether its row is within the bound.
    pub(crate) fn check(&self) -> Result<(), JournalError> {
        row::encode("an event for others", self).map(drop)
    }
}
