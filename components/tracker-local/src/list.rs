//! Pages and cursors: `list` and `remotes`.

use crate::bindings::exports::loadlock::upload::tracker::{
    FileRecord, ListQuery, Page, RemoteRow, RemotesPage, RemotesQuery,
};
use crate::error::LedgerError;
use crate::ledger::Ledger;
use crate::rows::{FileRow, RemoteEntry, State, Stored, decode, encode, is_expired};
use crate::schema::{self, after};
use serde::{Deserialize, Serialize};
use std::ops::Bound;

/// Most rows of a page.
pub(crate) const MAX_LIMIT: u32 = 10_000;

/// Most rows of `remotes` that one call looks at. Past it the page is short, perhaps empty, and has a cursor: a filter
/// that few rows match must not use up the time of one call.
pub(crate) const MAX_SCAN: usize = 50_000;

/// Where a page ended: the last row that was looked at.
#[derive(Debug, Serialize, Deserialize)]
enum Cursor {
    /// Created, id.
    File(u64, String),
    /// Account, remote id.
    Remote(String, String),
}

impl Stored for Cursor {}

impl Cursor {
    fn write(&self) -> Result<String, LedgerError> {
        encode(self).map(hex::encode)
    }

    fn read(text: &str) -> Result<Self, LedgerError> {
        let bytes = hex::decode(text).map_err(|_| LedgerError::Cursor)?;
        decode(&bytes).map_err(|_| LedgerError::Cursor)
    }
}

fn check_limit(limit: u32) -> Result<usize, LedgerError> {
    match limit {
        1..=MAX_LIMIT => Ok(limit as usize),
        _ => Err(LedgerError::Limit(limit)),
    }
}

impl Ledger {
    /// A page of a tenant's unexpired files, by creation and then by id.
    pub(crate) fn list(&self, query: &ListQuery) -> Result<Page, LedgerError> {
        let limit = check_limit(query.limit)?;
        let from = match query.cursor.as_deref().map(Cursor::read).transpose()? {
            None => None,
            Some(Cursor::File(created, id)) => Some((created, id)),
            Some(Cursor::Remote(..)) => return Err(LedgerError::Cursor),
        };
        let mut files = self.files_from(query, from.as_ref(), limit + 1)?;
        let next = if files.len() > limit {
            files.truncate(limit);
            files
                .last()
                .map(|file| Cursor::File(file.created_at_ms, file.id.clone()).write())
                .transpose()?
        } else {
            None
        };
        Ok(Page { files, next })
    }

    fn files_from(
        &self,
        query: &ListQuery,
        from: Option<&(u64, String)>,
        count: usize,
    ) -> Result<Vec<FileRecord>, LedgerError> {
        let view = self.read()?;
        let files = view.open_table(schema::FILES)?;
        let tenant = query.tenant.as_str();
        let mut found = Vec::new();
        // Takes one row; true when the page is full.
        let mut take = |created: u64, id: &str, stored: &[u8]| -> Result<bool, LedgerError> {
            let row: FileRow = decode(stored)?;
            if !is_expired(row.expires_at_ms, query.now_ms) {
                found.push(row.into_record(tenant, created, id));
            }
            Ok(found.len() >= count)
        };
        // The rows that are left, as bounds of (created, id) within the tenant or purpose.
        let start = from.map(|(created, id)| (*created, id.as_str()));
        if let Some(purpose) = query.purpose.as_deref() {
            let purpose_end = after(purpose);
            let key = |(created, id)| (tenant, purpose, created, id);
            let all = (tenant, purpose_end.as_str(), 0, "");
            let bounds = bounds(query.ascending, start.map(key), key((0, "")), all);
            let index = view.open_table(schema::BY_PURPOSE)?;
            let mut range = index.range(bounds)?;
            while let Some(entry) = next(&mut range, query.ascending) {
                let (place, ()) = entry.map(|(key, value)| (key, value.value()))?;
                let (_, _, created, id) = place.value();
                let Some(stored) = files.get((tenant, created, id))? else {
                    return Err(LedgerError::Damaged(format!("file {id:?} has no row")));
                };
                if take(created, id, stored.value())? {
                    break;
                }
            }
        } else {
            let tenant_end = after(tenant);
            let key = |(created, id)| (tenant, created, id);
            let all = (tenant_end.as_str(), 0, "");
            let bounds = bounds(query.ascending, start.map(key), key((0, "")), all);
            let mut range = files.range(bounds)?;
            while let Some(entry) = next(&mut range, query.ascending) {
                let (place, stored) = entry?;
                let (_, created, id) = place.value();
                if take(created, id, stored.value())? {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// A page of remote files over all tenants, by account and id.
    pub(crate) fn remotes(&self, query: &RemotesQuery) -> Result<RemotesPage, LedgerError> {
        let limit = check_limit(query.limit)?;
        let from = match query.cursor.as_deref().map(Cursor::read).transpose()? {
            None => None,
            Some(Cursor::Remote(account, id)) => Some((account, id)),
            Some(Cursor::File(..)) => return Err(LedgerError::Cursor),
        };
        let mut scan = Scan {
            query,
            limit,
            seen: 0,
            last: None,
            rows: Vec::new(),
        };
        let is_whole = match query.state.map(State::from) {
            None | Some(State::Live) => self.scan_all(from.as_ref(), &mut scan)?,
            Some(state) => self.scan_marked(state, from.as_ref(), &mut scan)?,
        };
        let next = match scan.last {
            Some((account, id)) if !is_whole => Some(Cursor::Remote(account, id).write()?),
            _ => None,
        };
        Ok(RemotesPage {
            remotes: scan.rows,
            next,
        })
    }

    /// True if the end was reached.
    fn scan_all(&self, from: Option<&(String, String)>, scan: &mut Scan<'_>) -> Result<bool, LedgerError> {
        let remotes = self.read()?.open_table(schema::REMOTES)?;
        let account = scan.query.account.as_deref();
        let account_end = account.map(after);
        let start = match from {
            Some((account, id)) => Bound::Excluded((account.as_str(), id.as_str())),
            None => Bound::Included((account.unwrap_or_default(), "")),
        };
        let end = match &account_end {
            Some(end) => Bound::Excluded((end.as_str(), "")),
            None => Bound::Unbounded,
        };
        for entry in remotes.range::<(&str, &str)>((start, end))? {
            let (key, stored) = entry?;
            if scan.is_full() {
                return Ok(false);
            }
            let (account, id) = key.value();
            scan.take(account, id, stored.value())?;
        }
        Ok(true)
    }

    /// True if the end was reached.
    fn scan_marked(
        &self,
        state: State,
        from: Option<&(String, String)>,
        scan: &mut Scan<'_>,
    ) -> Result<bool, LedgerError> {
        let view = self.read()?;
        let remotes = view.open_table(schema::REMOTES)?;
        let marked = view.open_table(schema::MARKED)?;
        let mark = state.mark();
        let account = scan.query.account.as_deref();
        let account_end = account.map(after);
        let start = match from {
            Some((account, id)) => Bound::Excluded((mark, account.as_str(), id.as_str())),
            None => Bound::Included((mark, account.unwrap_or_default(), "")),
        };
        let end = match &account_end {
            Some(end) => Bound::Excluded((mark, end.as_str(), "")),
            None => Bound::Excluded((mark + 1, "", "")),
        };
        for entry in marked.range::<(u8, &str, &str)>((start, end))? {
            let (key, _) = entry?;
            if scan.is_full() {
                return Ok(false);
            }
            let (_, account, id) = key.value();
            let Some(stored) = remotes.get((account, id))? else {
                return Err(LedgerError::Damaged(format!("remote file {id:?} has no row")));
            };
            scan.take(account, id, stored.value())?;
        }
        Ok(true)
    }
}

/// The bounds of what is left of a list: from `first` up to `end`, or up to or from where the page before ended.
fn bounds<K>(ascending: bool, from: Option<K>, first: K, end: K) -> (Bound<K>, Bound<K>) {
    match (from, ascending) {
        (None, _) => (Bound::Included(first), Bound::Excluded(end)),
        (Some(from), true) => (Bound::Excluded(from), Bound::Excluded(end)),
        (Some(from), false) => (Bound::Included(first), Bound::Excluded(from)),
    }
}

fn next<T>(range: &mut impl DoubleEndedIterator<Item = T>, ascending: bool) -> Option<T> {
    if ascending { range.next() } else { range.next_back() }
}

/// A page of `remotes` in the making.
struct Scan<'a> {
    query: &'a RemotesQuery,
    limit: usize,
    seen: usize,
    last: Option<(String, String)>,
    rows: Vec<RemoteRow>,
}

impl Scan<'_> {
    fn is_full(&self) -> bool {
        self.rows.len() >= self.limit || self.seen >= MAX_SCAN
    }

    fn take(&mut self, account: &str, id: &str, stored: &[u8]) -> Result<(), LedgerError> {
        self.seen += 1;
        let entry: RemoteEntry = decode(stored)?;
        let state = self.query.state.map(State::from);
        let matches_state = state.is_none_or(|state| state == entry.state);
        let matches_expiry = match self.query.expired_before_ms {
            Some(instant) => is_expired(entry.expires_at_ms, instant),
            None => true,
        };
        if matches_state && matches_expiry {
            self.rows.push(entry.into_row(account, id));
        }
        self.last = Some((account.to_owned(), id.to_owned()));
        Ok(())
    }
}
