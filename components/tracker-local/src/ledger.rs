//! The open store: what every transaction has in common, and migration.

use crate::error::LedgerError;
use crate::rows::{RemoteEntry, decode, encode};
use crate::schema::{self, ClaimKey, IDENTITY_KEY, META, Sums, VERSION, VERSION_KEY};
use std::hash::{BuildHasher, Hasher, RandomState};

use redb::{
    Builder, Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, StorageBackend, Table,
    WriteTransaction,
};

/// Memory for pages, in bytes. The component's memory limit has to leave room for it.
pub(crate) const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// The ledger, open and of the current schema.
pub(crate) struct Ledger {
    database: Database,
}

impl Ledger {
    /// Opens the ledger in a storage, empty or not, and migrates it.
    pub(crate) fn open(storage: impl StorageBackend) -> Result<Self, LedgerError> {
        Self::open_with_cache(storage, CACHE_BYTES)
    }

    pub(crate) fn open_with_cache(storage: impl StorageBackend, cache_bytes: usize) -> Result<Self, LedgerError> {
        let database = Builder::new()
            .set_cache_size(cache_bytes)
            .create_with_backend(storage)?;
        let ledger = Self { database };
        ledger.migrate()?;
        Ok(ledger)
    }

    /// Reads all of the ledger against its checksums. redb itself does not look at them when it reads.
    pub(crate) fn verify(&mut self) -> Result<(), LedgerError> {
        // Every commit is in two phases, so a page that does not agree is damage and no commit that was cut off: redb
        // refuses then, and changes nothing.
        self.database.check_integrity()?;
        Ok(())
    }

    /// A number that no other ledger has.
    pub(crate) fn identity(&self) -> Result<u64, LedgerError> {
        self.meta(IDENTITY_KEY)?
            .ok_or_else(|| LedgerError::Damaged("it does not say which ledger it is".into()))
    }

    fn meta(&self, key: &str) -> Result<Option<u64>, LedgerError> {
        match self.database.begin_read()?.open_table(META) {
            Ok(meta) => Ok(meta.get(key)?.map(|found| found.value())),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Brings an empty or older ledger to the current schema. A newer one is left alone.
    fn migrate(&self) -> Result<(), LedgerError> {
        // There is no version before 1 but the empty ledger. The next version migrates here, in one transaction.
        let found = self.meta(VERSION_KEY)?;
        if let Some(found) = found.filter(|found| *found != u64::from(VERSION)) {
            return Err(LedgerError::NewerSchema { found, known: VERSION });
        }
        // Ledgers had no identity at first.
        if found.is_some() && self.meta(IDENTITY_KEY)?.is_some() {
            return Ok(());
        }
        self.write(|tables| {
            tables.meta.insert(VERSION_KEY, u64::from(VERSION))?;
            tables
                .meta
                .insert(IDENTITY_KEY, RandomState::new().build_hasher().finish())?;
            Ok(())
        })
    }

    /// A consistent view of what is committed.
    pub(crate) fn read(&self) -> Result<ReadTransaction, LedgerError> {
        Ok(self.database.begin_read()?)
    }

    /// Runs changes as one transaction: all of it synced when this returns `Ok`, none of it stored otherwise.
    pub(crate) fn write<T>(
        &self,
        change: impl FnOnce(&mut Tables<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        // The instance goes away without a goodbye, so every start looks like one after a crash: without this the
        // whole file would be read each time.
        transaction.set_quick_repair(true);
        let mut tables = Tables::open(&transaction)?;
        let outcome = change(&mut tables);
        drop(tables);
        match outcome {
            Ok(value) => {
                transaction.commit()?;
                Ok(value)
            }
            Err(error) => {
                transaction.abort()?;
                Err(error)
            }
        }
    }
}

/// Every table, open for writing.
pub(crate) struct Tables<'t> {
    pub(crate) meta: Table<'t, &'static str, u64>,
    pub(crate) files: Table<'t, (&'static str, u64, &'static str), &'static [u8]>,
    pub(crate) ids: Table<'t, &'static str, (&'static str, u64)>,
    pub(crate) by_purpose: Table<'t, (&'static str, &'static str, u64, &'static str), ()>,
    pub(crate) expiry: Table<'t, (u64, &'static str), ()>,
    pub(crate) remotes: Table<'t, (&'static str, &'static str), &'static [u8]>,
    pub(crate) marked: Table<'t, (u8, &'static str, &'static str), ()>,
    pub(crate) claims: Table<'t, ClaimKey<'static>, u64>,
    pub(crate) holders: Table<'t, (&'static str, &'static str, &'static str), u64>,
    pub(crate) sizes: Table<'t, (&'static str, &'static str, u64), u64>,
    pub(crate) totals: Table<'t, Option<&'static str>, Sums>,
    pub(crate) usage: Table<'t, (&'static str, &'static str), (u64, u64)>,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, LedgerError> {
        Ok(Self {
            meta: transaction.open_table(META)?,
            files: transaction.open_table(schema::FILES)?,
            ids: transaction.open_table(schema::IDS)?,
            by_purpose: transaction.open_table(schema::BY_PURPOSE)?,
            expiry: transaction.open_table(schema::EXPIRY)?,
            remotes: transaction.open_table(schema::REMOTES)?,
            marked: transaction.open_table(schema::MARKED)?,
            claims: transaction.open_table(schema::CLAIMS)?,
            holders: transaction.open_table(schema::HOLDERS)?,
            sizes: transaction.open_table(schema::SIZES)?,
            totals: transaction.open_table(schema::TOTALS)?,
            usage: transaction.open_table(schema::USAGE)?,
        })
    }

    /// The remote file of that account and id, in whatever state.
    pub(crate) fn remote(&self, account: &str, remote_id: &str) -> Result<Option<RemoteEntry>, LedgerError> {
        let stored = self.remotes.get((account, remote_id))?;
        stored.map(|bytes| decode(bytes.value())).transpose()
    }

    /// Stores a remote file's row over the old one. Totals and marks are the caller's.
    pub(crate) fn put_remote(
        &mut self,
        account: &str,
        remote_id: &str,
        entry: &RemoteEntry,
    ) -> Result<(), LedgerError> {
        let bytes = encode(entry)?;
        self.remotes.insert((account, remote_id), bytes.as_slice())?;
        Ok(())
    }

    /// The tenants whose files name a remote file, each with how many.
    pub(crate) fn holders_of(&self, account: &str, remote_id: &str) -> Result<Vec<(String, u64)>, LedgerError> {
        let end = schema::after(remote_id);
        self.holders
            .range((account, remote_id, "")..(account, end.as_str(), ""))?
            .map(|entry| {
                let (key, files) = entry?;
                Ok((key.value().2.to_owned(), files.value()))
            })
            .collect()
    }
}
