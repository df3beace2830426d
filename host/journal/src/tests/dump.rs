//! Everything that a store holds, to compare with what it should hold.

use std::collections::BTreeMap;

use redb::{ReadTransaction, ReadableTable};

use crate::entry::Entry;
use crate::row;
use crate::schema::{ACCEPTED, CONTENT, DELETES, ENTRIES, FAILED, KEYED, KEYS, OPEN, REMOTE, STATE, UNKNOWN};
use crate::types::PendingDelete;

/// All tables. The indexes are kept as they are, so that one which disagrees with the entries shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dump {
    pub(crate) entries: BTreeMap<String, Entry>,
    pub(crate) open: BTreeMap<u64, String>,
    pub(crate) accepted: BTreeMap<u64, String>,
    pub(crate) content: BTreeMap<(Vec<u8>, u64), String>,
    pub(crate) remote: BTreeMap<(Vec<u8>, u64), String>,
    pub(crate) keys: BTreeMap<Vec<u8>, String>,
    pub(crate) keyed: Vec<(u64, String)>,
    pub(crate) failed: Vec<(u64, String)>,
    pub(crate) unknown: BTreeMap<String, u64>,
    pub(crate) deletes: BTreeMap<Vec<u8>, PendingDelete>,
    pub(crate) state: BTreeMap<String, Vec<u8>>,
}

/// Reads all tables in one snapshot.
pub(crate) fn dump(snapshot: &ReadTransaction) -> Result<Dump, redb::Error> {
    let mut dump = Dump::default();
    for row in snapshot.open_table(ENTRIES)?.iter()? {
        let (id, entry) = row?;
        dump.entries
            .insert(id.value().into(), row::decode("entry", entry.value())?);
    }
    for row in snapshot.open_table(OPEN)?.iter()? {
        let (place, id) = row?;
        dump.open.insert(place.value(), id.value().into());
    }
    for row in snapshot.open_table(ACCEPTED)?.iter()? {
        let (place, id) = row?;
        dump.accepted.insert(place.value(), id.value().into());
    }
    for (table, into) in [(CONTENT, &mut dump.content), (REMOTE, &mut dump.remote)] {
        for row in snapshot.open_table(table)?.iter()? {
            let (key, id) = row?;
            let (key, place) = key.value();
            into.insert((key.to_vec(), place), id.value().into());
        }
    }
    for row in snapshot.open_table(KEYS)?.iter()? {
        let (key, id) = row?;
        dump.keys.insert(key.value().to_vec(), id.value().into());
    }
    for (table, into) in [(KEYED, &mut dump.keyed), (FAILED, &mut dump.failed)] {
        for row in snapshot.open_table(table)?.iter()? {
            let (key, ()) = row.map(|(key, unit)| (key, unit.value()))?;
            let (at, id) = key.value();
            into.push((at, id.into()));
        }
    }
    for row in snapshot.open_table(UNKNOWN)?.iter()? {
        let (id, at) = row?;
        dump.unknown.insert(id.value().into(), at.value());
    }
    for row in snapshot.open_table(DELETES)?.iter()? {
        let (key, pending) = row?;
        dump.deletes
            .insert(key.value().to_vec(), row::decode("delete", pending.value())?);
    }
    for row in snapshot.open_table(STATE)?.iter()? {
        let (key, bytes) = row?;
        dump.state.insert(key.value().into(), bytes.value().to_vec());
    }
    Ok(dump)
}
