//! The tables, and how an empty or older store becomes a current one.

use redb::{ReadableTable, Table, TableDefinition, TableHandle, WriteTransaction};

use crate::error::JournalError;

/// The schema that this version writes.
pub(crate) const SCHEMA: u64 = 1;

/// Entry id → row.
pub(crate) const ENTRIES: TableDefinition<&str, &[u8]> = TableDefinition::new("entries");
/// Place in the order of beginning → id, of entries that have no end.
pub(crate) const OPEN: TableDefinition<u64, &str> = TableDefinition::new("open");
/// Place in the order of acceptance → id, of entries that the tracker lacks.
pub(crate) const ACCEPTED: TableDefinition<u64, &str> = TableDefinition::new("accepted");
/// Content key and place in [`ACCEPTED`] → id.
pub(crate) const CONTENT: TableDefinition<(&[u8], u64), &str> = TableDefinition::new("content");
/// Account, remote id and place in [`ACCEPTED`] → id.
pub(crate) const REMOTE: TableDefinition<(&[u8], u64), &str> = TableDefinition::new("remote");
/// Tenant and idempotency key → id.
pub(crate) const KEYS: TableDefinition<&[u8], &str> = TableDefinition::new("keys");
/// When it began and id, of entries that hold an idempotency key: what a sweep looks at.
pub(crate) const KEYED: TableDefinition<(u64, &str), ()> = TableDefinition::new("keyed");
/// When it ended and id, of clean failures.
pub(crate) const FAILED: TableDefinition<(u64, &str), ()> = TableDefinition::new("failed");
/// Id → when it was given up.
pub(crate) const UNKNOWN: TableDefinition<&str, u64> = TableDefinition::new("unknown");
/// Account and remote id → row.
pub(crate) const DELETES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("deletes");
/// The host's small state.
pub(crate) const STATE: TableDefinition<&str, &[u8]> = TableDefinition::new("state");
/// Receiver and place → event that waits for it.
pub(crate) const OUTGOING: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("outgoing");
/// Receiver and place → event that was given up.
pub(crate) const LETTERS: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("dead letters");
/// Facts about the store itself.
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");

/// Every table, open in one write transaction.
pub(crate) struct JournalTables<'t> {
    pub(crate) entries: Table<'t, &'static str, &'static [u8]>,
    pub(crate) open: Table<'t, u64, &'static str>,
    pub(crate) accepted: Table<'t, u64, &'static str>,
    pub(crate) content: Table<'t, (&'static [u8], u64), &'static str>,
    pub(crate) remote: Table<'t, (&'static [u8], u64), &'static str>,
    pub(crate) keys: Table<'t, &'static [u8], &'static str>,
    pub(crate) keyed: Table<'t, (u64, &'static str), ()>,
    pub(crate) failed: Table<'t, (u64, &'static str), ()>,
    pub(crate) unknown: Table<'t, &'static str, u64>,
    pub(crate) deletes: Table<'t, &'static [u8], &'static [u8]>,
    pub(crate) state: Table<'t, &'static str, &'static [u8]>,
    pub(crate) outgoing: Table<'t, (&'static str, u64), &'static [u8]>,
    pub(crate) letters: Table<'t, (&'static str, u64), &'static [u8]>,
}

impl<'t> JournalTables<'t> {
    /// Opens them, creating those that are missing.
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            entries: transaction.open_table(ENTRIES)?,
            open: transaction.open_table(OPEN)?,
            accepted: transaction.open_table(ACCEPTED)?,
            content: transaction.open_table(CONTENT)?,
            remote: transaction.open_table(REMOTE)?,
            keys: transaction.open_table(KEYS)?,
            keyed: transaction.open_table(KEYED)?,
            failed: transaction.open_table(FAILED)?,
            unknown: transaction.open_table(UNKNOWN)?,
            deletes: transaction.open_table(DELETES)?,
            state: transaction.open_table(STATE)?,
            outgoing: transaction.open_table(OUTGOING)?,
            letters: transaction.open_table(LETTERS)?,
        })
    }

    /// The next place in the orders of beginning and acceptance. It only needs to be above every place in use.
    pub(crate) fn next_place(&self) -> Result<u64, redb::Error> {
        let open = self.open.last()?.map(|(place, _)| place.value());
        let accepted = self.accepted.last()?.map(|(place, _)| place.value());
        Ok(open.max(accepted).map_or(1, |place| place + 1))
    }
}

/// Brings a store of any known schema to [`SCHEMA`]. True if it changed anything.
pub(crate) fn migrate(transaction: &WriteTransaction) -> Result<Result<bool, JournalError>, redb::Error> {
    let mut meta = transaction.open_table(META)?;
    let found = meta.get("schema")?.map_or(0, |version| version.value());
    match found {
        SCHEMA => {
            // Stores from before there were events for others lack their tables. An older version passes them over.
            let tables = transaction
                .list_tables()?
                .filter(|table| table.name() == OUTGOING.name())
                .count();
            drop(JournalTables::open(transaction)?);
            Ok(Ok(tables == 0))
        }
        0 => {
            JournalTables::open(transaction)?;
            meta.insert("schema", SCHEMA)?;
            Ok(Ok(true))
        }
        found => Ok(Err(JournalError::Newer {
            found,
            supported: SCHEMA,
        })),
    }
}

/// Writes another schema number: what a later version would leave.
#[cfg(test)]
pub(crate) fn pretend(transaction: &WriteTransaction, schema: u64) -> Result<(), redb::Error> {
    transaction.open_table(META)?.insert("schema", schema)?;
    Ok(())
}
