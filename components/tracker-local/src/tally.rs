//! Totals, kept by adding and taking away what a row contributes.
//!
//! Sums wrap at 2⁶⁴: what is added and taken away again cancels out exactly, and no sum of sizes can fail an operation.

use crate::error::LedgerError;
use crate::ledger::Tables;
use crate::rows::{RemoteEntry, State};
use crate::schema::Sums;
use redb::ReadableTable;

/// Whether a contribution comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Add,
    Take,
}

impl Change {
    fn apply(self, sum: u64, amount: u64) -> u64 {
        match self {
            Self::Add => sum.wrapping_add(amount),
            Self::Take => sum.wrapping_sub(amount),
        }
    }
}

impl Tables<'_> {
    /// A file of a tenant.
    pub(crate) fn tally_file(&mut self, tenant: &str, bytes: u64, change: Change) -> Result<(), LedgerError> {
        for scope in [None, Some(tenant)] {
            self.tally(scope, (1, bytes, 0, 0, 0, 0), change)?;
        }
        Ok(())
    }

    /// A remote file, except for what it means to those who hold it.
    pub(crate) fn tally_remote(
        &mut self,
        account: &str,
        entry: &RemoteEntry,
        change: Change,
    ) -> Result<(), LedgerError> {
        self.tally(None, contribution(entry), change)?;
        match entry.state {
            State::Live => self.tally_usage(account, entry, change),
            // Nobody holds a dying remote file: it is counted for the tenant that brought it.
            State::Dying => self.tally(Some(&entry.tenant), contribution(entry), change),
            State::Missing => Ok(()),
        }
    }

    /// What a remote file that is not dying means to a tenant that holds it.
    pub(crate) fn tally_holder(
        &mut self,
        tenant: &str,
        account: &str,
        entry: &RemoteEntry,
        change: Change,
    ) -> Result<(), LedgerError> {
        if entry.state == State::Dying {
            return Ok(());
        }
        self.tally(Some(tenant), contribution(entry), change)?;
        if entry.state == State::Live {
            let key = (tenant, account, entry.bytes);
            let old = self.sizes.get(key)?.map_or(0, |count| count.value());
            match change.apply(old, 1) {
                0 => drop(self.sizes.remove(key)?),
                count => drop(self.sizes.insert(key, count)?),
            }
        }
        Ok(())
    }

    /// A remote file and all who hold it.
    pub(crate) fn tally_remote_and_holders(
        &mut self,
        account: &str,
        remote_id: &str,
        entry: &RemoteEntry,
        change: Change,
    ) -> Result<(), LedgerError> {
        self.tally_remote(account, entry, change)?;
        for (tenant, _) in self.holders_of(account, remote_id)? {
            self.tally_holder(&tenant, account, entry, change)?;
        }
        Ok(())
    }

    fn tally_usage(&mut self, account: &str, entry: &RemoteEntry, change: Change) -> Result<(), LedgerError> {
        let key = (account, entry.purpose.as_str());
        let (remotes, bytes) = self.usage.get(key)?.map_or((0, 0), |old| old.value());
        let new = (change.apply(remotes, 1), change.apply(bytes, entry.bytes));
        match new {
            (0, _) => drop(self.usage.remove(key)?),
            new => drop(self.usage.insert(key, new)?),
        }
        Ok(())
    }

    fn tally(&mut self, scope: Option<&str>, amounts: Sums, change: Change) -> Result<(), LedgerError> {
        let old = self.totals.get(scope)?.map_or(Sums::default(), |old| old.value());
        let new = (
            change.apply(old.0, amounts.0),
            change.apply(old.1, amounts.1),
            change.apply(old.2, amounts.2),
            change.apply(old.3, amounts.3),
            change.apply(old.4, amounts.4),
            change.apply(old.5, amounts.5),
        );
        if new == Sums::default() {
            self.totals.remove(scope)?;
        } else {
            self.totals.insert(scope, new)?;
        }
        Ok(())
    }
}

/// What a remote file adds to totals: files, bytes, remotes, remote bytes, dying, missing.
fn contribution(entry: &RemoteEntry) -> Sums {
    match entry.state {
        State::Live => (0, 0, 1, entry.bytes, 0, 0),
        State::Dying => (0, 0, 0, 0, 1, 0),
        State::Missing => (0, 0, 0, 0, 0, 1),
    }
}
