//! Lookups and totals: none of them scans.

use crate::bindings::exports::loadlock::upload::tracker::{DedupKey, FileRecord, RemoteRow, Totals, UsageRow};
use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::rows::{FileRow, RemoteEntry, decode, is_expired};
use crate::schema::{self, Sums, VERSION};
use redb::ReadableTable;

impl Ledger {
    /// The live, unexpired remote file that the tenant claims under this key; of several the one verified last.
    ///
    /// The row's key is the one asked for, not that of the file that came first, which may be another tenant's.
    pub(crate) fn find(&self, key: &DedupKey, now_ms: u64) -> Result<Option<RemoteRow>, LedgerError> {
        let view = self.read()?;
        let remotes = view.open_table(schema::REMOTES)?;
        let digest_end = schema::after(&key.sha256);
        let claim = |digest| {
            (
                key.tenant.as_str(),
                key.account.as_str(),
                key.purpose.as_str(),
                key.treatment.as_str(),
                digest,
                "",
            )
        };
        let mut best: Option<(RemoteEntry, String)> = None;
        let claims = view.open_table(schema::CLAIMS)?;
        for entry in claims.range(claim(key.sha256.as_str())..claim(digest_end.as_str()))? {
            let (claim, _) = entry?;
            let remote_id = claim.value().5;
            let Some(stored) = remotes.get((key.account.as_str(), remote_id))? else {
                continue;
            };
            let remote: RemoteEntry = decode(stored.value())?;
            let is_better = best
                .as_ref()
                .is_none_or(|(other, _)| other.verified_at_ms < remote.verified_at_ms);
            if remote.is_usable(now_ms) && is_better {
                best = Some((remote, remote_id.to_owned()));
            }
        }
        Ok(best.map(|(remote, remote_id)| RemoteRow {
            key: key.clone(),
            ..remote.into_row(&key.account, &remote_id)
        }))
    }

    /// Whether the tenant holds a live remote file of this size in this account.
    pub(crate) fn has_size(&self, tenant: &str, account: &str, bytes: u64) -> Result<bool, LedgerError> {
        let sizes = self.read()?.open_table(schema::SIZES)?;
        Ok(sizes.get((tenant, account, bytes))?.is_some())
    }

    /// One file of a tenant, if it is there and not expired.
    pub(crate) fn get(&self, tenant: &str, id: &str, now_ms: u64) -> Result<Option<FileRecord>, LedgerError> {
        let view = self.read()?;
        let ids = view.open_table(schema::IDS)?;
        let created = match ids.get(id)? {
            Some(place) if place.value().0 == tenant => place.value().1,
            _ => return Ok(None),
        };
        let Some(stored) = view.open_table(schema::FILES)?.get((tenant, created, id))? else {
            return Err(LedgerError::Damaged(format!("file {id:?} has no row")));
        };
        let row: FileRow = decode(stored.value())?;
        Ok((!is_expired(row.expires_at_ms, now_ms)).then(|| row.into_record(tenant, created, id)))
    }

    /// Ids of the tenant's files that continue one of these ids after a `~`.
    pub(crate) fn copies_of(&self, tenant: &str, files: &[String]) -> Result<Vec<String>, LedgerError> {
        let ids = self.read()?.open_table(schema::IDS)?;
        let mut found = Vec::new();
        for file in files {
            // The character that follows `~` ends the range.
            let (first, end) = (format!("{file}~"), format!("{file}\u{7f}"));
            for entry in ids.range(first.as_str()..end.as_str())? {
                let (id, place) = entry?;
                if place.value().0 == tenant {
                    found.push(id.value().to_owned());
                }
            }
        }
        Ok(found)
    }

    /// The remote file of that account and id, in whatever state.
    pub(crate) fn remote(&self, account: &str, remote_id: &str) -> Result<Option<RemoteRow>, LedgerError> {
        let remotes = self.read()?.open_table(schema::REMOTES)?;
        let stored = remotes.get((account, remote_id))?;
        let entry = stored.map(|bytes| decode::<RemoteEntry>(bytes.value()));
        Ok(entry.transpose()?.map(|entry| entry.into_row(account, remote_id)))
    }

    /// Totals of a tenant or over everything. Files that have expired count until `expire` removes them.
    pub(crate) fn stats(&self, tenant: Option<&str>) -> Result<Totals, LedgerError> {
        let totals = self.read()?.open_table(schema::TOTALS)?;
        let (files, bytes, remotes, remote_bytes, dying, missing) =
            totals.get(tenant)?.map_or(Sums::default(), |sums| sums.value());
        Ok(Totals {
            files,
            bytes,
            remotes,
            remote_bytes,
            dying,
            missing,
            schema_version: VERSION,
        })
    }

    /// Live remote files and bytes by account and purpose, in that order.
    pub(crate) fn usage(&self) -> Result<Vec<UsageRow>, LedgerError> {
        let usage = self.read()?.open_table(schema::USAGE)?;
        usage
            .iter()?
            .map(|entry| {
                let (key, value) = entry?;
                let (account, purpose) = key.value();
                let (remotes, bytes) = value.value();
                Ok(UsageRow {
                    account: account.to_owned(),
                    purpose: purpose.to_owned(),
                    remotes,
                    bytes,
                })
            })
            .collect()
    }
}
