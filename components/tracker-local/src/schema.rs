//! The tables. Keys are tuples, compared element by element, so that every question is a lookup or a short range.
//!
//! A remote file's *holders* are the tenants whose files refer to it. Rows of `HOLDERS` and `CLAIMS` outlive a
//! forgotten remote row while files still name it: should the vendor give the same id out again, those files count
//! again.

use redb::TableDefinition as Table;

/// The version that this code writes.
pub(crate) const VERSION: u32 = 1;

/// Key of the version in [`META`].
pub(crate) const VERSION_KEY: &str = "schema-version";

/// Key in [`META`] of a number that no other ledger has.
pub(crate) const IDENTITY_KEY: &str = "identity";

/// Facts about the ledger itself.
pub(crate) const META: Table<'_, &str, u64> = Table::new("meta");

/// Files: (tenant, created, id) → row. In the order of a tenant's list.
pub(crate) const FILES: Table<'_, (&str, u64, &str), &[u8]> = Table::new("files");

/// id → (tenant, created): where a file is in [`FILES`]. Ids are unique over all tenants.
pub(crate) const IDS: Table<'_, &str, (&str, u64)> = Table::new("ids");

/// (tenant, purpose, created, id): a tenant's list of one purpose.
pub(crate) const BY_PURPOSE: Table<'_, (&str, &str, u64, &str), ()> = Table::new("by-purpose");

/// (expires, id): files that expire, the next one first.
pub(crate) const EXPIRY: Table<'_, (u64, &str), ()> = Table::new("expiry");

/// Remote files: (account, remote id) → row.
pub(crate) const REMOTES: Table<'_, (&str, &str), &[u8]> = Table::new("remotes");

/// (state, account, remote id) of remote files that are not live.
pub(crate) const MARKED: Table<'_, (u8, &str, &str), ()> = Table::new("marked");

/// (tenant, account, purpose, treatment, sha256, remote id) → files with that key over that remote file.
pub(crate) const CLAIMS: Table<'_, ClaimKey<'static>, u64> = Table::new("claims");

/// Key of [`CLAIMS`].
pub(crate) type ClaimKey<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str, &'a str);

/// (account, remote id, tenant) → that tenant's files over that remote file.
pub(crate) const HOLDERS: Table<'_, (&str, &str, &str), u64> = Table::new("holders");

/// (tenant, account, bytes) → live remote files of that size that the tenant holds.
pub(crate) const SIZES: Table<'_, (&str, &str, u64), u64> = Table::new("sizes");

/// Totals of a tenant, and under `None` over everything: files, bytes, remotes, remote bytes, dying, missing.
pub(crate) const TOTALS: Table<'_, Option<&str>, Sums> = Table::new("totals");

/// Value of [`TOTALS`].
pub(crate) type Sums = (u64, u64, u64, u64, u64, u64);

/// (account, purpose) → live remote files, their bytes.
pub(crate) const USAGE: Table<'_, (&str, &str), (u64, u64)> = Table::new("usage");

/// The string that follows `text` immediately: the exclusive end of a range over one `text`.
pub(crate) fn after(text: &str) -> String {
    format!("{text}\0")
}
