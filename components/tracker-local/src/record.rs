//! Taking references: `record-many` and `reference`.

use crate::bindings::exports::loadlock::upload::tracker::{FileRecord, Recorded};
use crate::error::LedgerError;
use crate::ledger::{Ledger, Tables};
use crate::rows::{FileRow, RemoteEntry, State, encode, later};
use crate::tally::Change;
use redb::ReadableTable;

impl Ledger {
    /// Records files in order, in one transaction; a remote row is made where none is.
    pub(crate) fn record_many(&self, files: &[FileRecord]) -> Result<Vec<Recorded>, LedgerError> {
        self.write(|tables| {
            files
                .iter()
                .map(|file| {
                    if tables.ids.get(file.id.as_str())?.is_some() {
                        return Ok(Recorded::Existing);
                    }
                    match tables.remote(&file.key.account, &file.remote_id)? {
                        None => tables.first_file(file),
                        Some(entry) if entry.state == State::Live => tables.further_file(file, entry),
                        Some(_) => Ok(Recorded::RemoteNotLive),
                    }
                })
                .collect()
        })
    }

    /// Records one file over a remote row that is live, and unexpired when the file was created.
    pub(crate) fn reference(&self, file: &FileRecord) -> Result<Recorded, LedgerError> {
        self.write(|tables| {
            if tables.ids.get(file.id.as_str())?.is_some() {
                return Ok(Recorded::Existing);
            }
            match tables.remote(&file.key.account, &file.remote_id)? {
                Some(entry) if entry.is_usable(file.created_at_ms) => tables.further_file(file, entry),
                _ => Ok(Recorded::RemoteNotLive),
            }
        })
    }
}

impl Tables<'_> {
    /// A file over a remote file that has no row. Files of a forgotten row of the same id count again.
    fn first_file(&mut self, file: &FileRecord) -> Result<Recorded, LedgerError> {
        let (account, remote_id) = (file.key.account.as_str(), file.remote_id.as_str());
        self.insert_file(file)?;
        let holders = self.holders_of(account, remote_id)?;
        let entry = RemoteEntry::new(file, holders.iter().map(|(_, files)| files).sum());
        self.put_remote(account, remote_id, &entry)?;
        self.tally_remote_and_holders(account, remote_id, &entry, Change::Add)?;
        Ok(Recorded::Inserted)
    }

    /// A file over a live remote file.
    fn further_file(&mut self, file: &FileRecord, mut entry: RemoteEntry) -> Result<Recorded, LedgerError> {
        let (account, remote_id) = (file.key.account.as_str(), file.remote_id.as_str());
        if self.insert_file(file)? {
            self.tally_holder(&file.key.tenant, account, &entry, Change::Add)?;
        }
        entry.references += 1;
        entry.expires_at_ms = later(entry.expires_at_ms, file.expires_at_ms);
        if !file.deduplicated {
            // The vendor has just answered an upload with this id.
            entry.verified_at_ms = entry.verified_at_ms.max(file.created_at_ms);
        }
        self.put_remote(account, remote_id, &entry)?;
        Ok(Recorded::Inserted)
    }

    /// Stores a file with its indexes and its claim. True if it is the tenant's first over that remote file.
    fn insert_file(&mut self, file: &FileRecord) -> Result<bool, LedgerError> {
        let (id, created) = (file.id.as_str(), file.created_at_ms);
        let key = &file.key;
        let tenant = key.tenant.as_str();
        let row = encode(&FileRow::new(file))?;
        self.files.insert((tenant, created, id), row.as_slice())?;
        self.ids.insert(id, (tenant, created))?;
        self.by_purpose
            .insert((tenant, key.purpose.as_str(), created, id), ())?;
        if let Some(expires) = file.expires_at_ms {
            self.expiry.insert((expires, id), ())?;
        }
        self.tally_file(tenant, file.bytes, Change::Add)?;

        let claim = (
            tenant,
            key.account.as_str(),
            key.purpose.as_str(),
            key.treatment.as_str(),
            key.sha256.as_str(),
            file.remote_id.as_str(),
        );
        let claims = self.claims.get(claim)?.map_or(0, |count| count.value());
        self.claims.insert(claim, claims + 1)?;
        let holder = (key.account.as_str(), file.remote_id.as_str(), tenant);
        let held = self.holders.get(holder)?.map_or(0, |count| count.value());
        self.holders.insert(holder, held + 1)?;
        Ok(held == 0)
    }
}
