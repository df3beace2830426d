//! Giving references back: `tombstone` and `expire`.

use crate::bindings::exports::loadlock::upload::tracker::{Release, RemoteRow};
use crate::error::LedgerError;
use crate::ledger::{Ledger, Tables};
use crate::rows::{FileRow, State, decode};
use crate::tally::Change;
use redb::ReadableTable;

impl Ledger {
    /// Removes a file of a tenant; if its reference was the last, the remote file is dying in the same transaction.
    pub(crate) fn tombstone(&self, tenant: &str, id: &str) -> Result<Release, LedgerError> {
        let owned = match self.read()?.open_table(crate::schema::IDS)?.get(id)? {
            Some(place) => place.value().0 == tenant,
            None => false,
        };
        if !owned {
            // Answered without a write transaction, so that guessing ids costs no sync.
            return Ok(Release::NotFound);
        }
        self.write(|tables| tables.release(id))
    }

    /// Removes files that expired before `now_ms`, the longest expired first, at most `limit`.
    pub(crate) fn expire(&self, now_ms: u64, limit: u32) -> Result<Vec<RemoteRow>, LedgerError> {
        let expired: Vec<String> = self
            .read()?
            .open_table(crate::schema::EXPIRY)?
            .range((0, "")..(now_ms, ""))?
            .take(limit as usize)
            .map(|entry| Ok(entry?.0.value().1.to_owned()))
            .collect::<Result<_, LedgerError>>()?;
        if expired.is_empty() {
            return Ok(Vec::new());
        }
        self.write(|tables| {
            let mut dying = Vec::new();
            for id in &expired {
                if let Release::Last(remote) = tables.release(id)? {
                    dying.push(remote);
                }
            }
            Ok(dying)
        })
    }
}

impl Tables<'_> {
    fn release(&mut self, id: &str) -> Result<Release, LedgerError> {
        let Some((tenant, created)) = self.ids.remove(id)?.map(|place| {
            let (tenant, created) = place.value();
            (tenant.to_owned(), created)
        }) else {
            return Ok(Release::NotFound);
        };
        let file: FileRow = match self.files.remove((tenant.as_str(), created, id))? {
            Some(bytes) => decode(bytes.value())?,
            None => return Err(LedgerError::Damaged(format!("file {id:?} has no row"))),
        };
        self.by_purpose
            .remove((tenant.as_str(), file.purpose.as_str(), created, id))?;
        if let Some(expires) = file.expires_at_ms {
            self.expiry.remove((expires, id))?;
        }
        self.tally_file(&tenant, file.bytes, Change::Take)?;
        let was_last_of_tenant = self.take_claim(&tenant, &file)?;

        let (account, remote_id) = (file.account.as_str(), file.remote_id.as_str());
        let Some(mut entry) = self.remote(account, remote_id)? else {
            // The row was forgotten when the vendor lost the file: there is nothing left to delete.
            let rest = self.holders_of(account, remote_id)?;
            return Ok(Release::Released(rest.iter().map(|(_, files)| files).sum()));
        };
        if was_last_of_tenant {
            self.tally_holder(&tenant, account, &entry, Change::Take)?;
        }
        entry.references = entry.references.checked_sub(1).ok_or_else(|| {
            LedgerError::Damaged(format!("remote file {remote_id:?} has no reference left to give back"))
        })?;
        if entry.references > 0 {
            self.put_remote(account, remote_id, &entry)?;
            return Ok(Release::Released(entry.references));
        }
        self.tally_remote(account, &entry, Change::Take)?;
        self.set_state(account, remote_id, &mut entry, State::Dying)?;
        self.tally_remote(account, &entry, Change::Add)?;
        Ok(Release::Last(entry.into_row(account, remote_id)))
    }

    /// Takes back what a file claims. True if it was the tenant's last over that remote file.
    fn take_claim(&mut self, tenant: &str, file: &FileRow) -> Result<bool, LedgerError> {
        let claim = (
            tenant,
            file.account.as_str(),
            file.purpose.as_str(),
            file.treatment.as_str(),
            file.sha256.as_str(),
            file.remote_id.as_str(),
        );
        let claims = self.claims.get(claim)?.map_or(0, |count| count.value());
        match claims {
            0 | 1 => drop(self.claims.remove(claim)?),
            count => drop(self.claims.insert(claim, count - 1)?),
        }
        let holder = (file.account.as_str(), file.remote_id.as_str(), tenant);
        let held = self.holders.get(holder)?.map_or(0, |count| count.value());
        match held {
            0 | 1 => {
                self.holders.remove(holder)?;
                Ok(true)
            }
            count => {
                self.holders.insert(holder, count - 1)?;
                Ok(false)
            }
        }
    }
}
