//! The contract's calls, each one call of a function in the database.

use crate::bindings::exports::loadlock::upload::tracker as contract;
use crate::cursor::Cursor;
use crate::rest::Rest;
use crate::wire::{self, LAST_INSTANT_MS};
use loadlock_sdk::settings::Settings;
use loadlock_sdk::types::{Failure, FailureKind};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

/// The version of the schema that this code was written for. A newer one is taken: migrations add and never take away,
/// so that gateways can be replaced one after the other.
const SCHEMA_VERSION: u32 = 8;

/// Most rows of a page, by the contract.
const MAX_LIMIT: u32 = 10_000;

/// Most rows of `remotes` that one call looks at; past them the page is short and has a cursor.
const WINDOW_ROWS: u32 = 50_000;

/// How far this machine's clock and the database's may be apart: what PostgREST allows for the times in a key. Beyond
/// it keys are refused, expiry differs between gateways, and pages come out of order.
const MAX_SKEW_MS: u64 = 30_000;

/// The ledger behind one REST interface.
pub(crate) struct Ledger(Rest);

impl Ledger {
    pub(crate) fn from_settings() -> Result<Self, Failure> {
        Ok(Self(Rest::new(&Settings::from_env())?))
    }

    pub(crate) fn open(&self) -> Result<u32, Failure> {
        let opened: wire::Opened = self.0.call("ledger_open", &json!({}))?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        check_clock(now, opened.now_ms)?;
        check_version(opened.version)
    }

    pub(crate) fn find(&self, key: contract::DedupKey, now_ms: u64) -> Result<Option<contract::RemoteRow>, Failure> {
        let arguments = json!({
            "tenant": key.tenant, "account": key.account, "purpose": key.purpose,
            "treatment": key.treatment, "sha256": key.sha256, "now_ms": instant(now_ms),
        });
        let row: Option<wire::Remote> = self.0.call("find", &arguments)?;
        Ok(row.map(wire::Remote::into_row))
    }

    pub(crate) fn has_size(&self, tenant: &str, account: &str, bytes: u64) -> Result<bool, Failure> {
        if i64::try_from(bytes).is_err() {
            return Ok(false);
        }
        let arguments = json!({ "tenant": tenant, "account": account, "bytes": bytes });
        self.0.call("has_size", &arguments)
    }

    pub(crate) fn record_many(&self, files: Vec<contract::FileRecord>) -> Result<Vec<contract::Recorded>, Failure> {
        let count = files.len();
        let files: Vec<wire::File> = files.into_iter().map(wire::File::new).collect::<Result<_, _>>()?;
        let outcome: Vec<wire::Recorded> = self.0.call("record_many", &json!({ "files": files }))?;
        if outcome.len() != count {
            return Err(Failure::protocol(format!(
                "the ledger answered {} of {count} records",
                outcome.len()
            )));
        }
        Ok(outcome.into_iter().map(Into::into).collect())
    }

    pub(crate) fn reference(&self, file: contract::FileRecord) -> Result<contract::Recorded, Failure> {
        let file = wire::File::new(file)?;
        let outcome: wire::Recorded = self.0.call("reference", &json!({ "file": file }))?;
        Ok(outcome.into())
    }

    pub(crate) fn get(&self, tenant: &str, id: &str, now_ms: u64) -> Result<Option<contract::FileRecord>, Failure> {
        let arguments = json!({ "tenant": tenant, "id": id, "now_ms": instant(now_ms) });
        let file: Option<wire::File> = self.0.call("get", &arguments)?;
        Ok(file.map(wire::File::into_record))
    }

    pub(crate) fn copies_of(&self, tenant: &str, ids: &[String]) -> Result<Vec<String>, Failure> {
        self.0.call("copies_of", &json!({ "tenant": tenant, "ids": ids }))
    }

    pub(crate) fn list(&self, query: &contract::ListQuery) -> Result<contract::Page, Failure> {
        let limit = limit(query.limit)?;
        let after = Cursor::file(query.cursor.as_deref())?;
        let (after_ms, after_id) = after.unzip();
        let arguments = json!({
            "tenant": query.tenant, "purpose": query.purpose, "ascending": query.ascending,
            "after_ms": after_ms, "after_id": after_id, "now_ms": instant(query.now_ms),
            // One more, to know whether there is a next page.
            "count": limit + 1,
        });
        let files: Vec<wire::File> = self.0.call("list", &arguments)?;
        let mut files: Vec<contract::FileRecord> = files.into_iter().map(wire::File::into_record).collect();
        let has_more = files.len() > limit as usize;
        files.truncate(limit as usize);
        let next = match files.last() {
            Some(last) if has_more => Some(Cursor::File(last.created_at_ms, last.id.clone()).write()?),
            _ => None,
        };
        Ok(contract::Page { files, next })
    }

    pub(crate) fn tombstone(&self, tenant: &str, id: &str) -> Result<contract::Release, Failure> {
        let arguments = json!({ "tenant": tenant, "id": id });
        let release: Option<wire::Release> = self.0.call("tombstone", &arguments)?;
        Ok(match release {
            None => contract::Release::NotFound,
            Some(wire::Release::Released(left)) => contract::Release::Released(left),
            Some(wire::Release::Last(row)) => contract::Release::Last(row.into_row()),
        })
    }

    pub(crate) fn expire(&self, now_ms: u64, limit: u32) -> Result<Vec<contract::RemoteRow>, Failure> {
        let arguments = json!({ "now_ms": instant(now_ms), "count": limit.min(MAX_LIMIT) });
        let rows: Vec<wire::Remote> = self.0.call("expire", &arguments)?;
        Ok(rows.into_iter().map(wire::Remote::into_row).collect())
    }

    pub(crate) fn forget(&self, account: &str, remote_id: &str) -> Result<bool, Failure> {
        let arguments = json!({ "account": account, "remote_id": remote_id });
        self.0.call("forget", &arguments)
    }

    pub(crate) fn observe(
        &self,
        account: &str,
        remote_id: &str,
        state: contract::RemoteState,
        now_ms: u64,
    ) -> Result<bool, Failure> {
        let state = wire::State::from(state);
        if state == wire::State::Dying {
            let message = "a remote file cannot be observed as dying; say `live` or `missing`";
            return Err(Failure::new(FailureKind::Rejected, message).with_code("bad_state"));
        }
        let arguments = json!({
            "account": account, "remote_id": remote_id, "state": state, "now_ms": instant(now_ms),
        });
        self.0.call("observe", &arguments)
    }

    pub(crate) fn remote(&self, account: &str, remote_id: &str) -> Result<Option<contract::RemoteRow>, Failure> {
        let arguments = json!({ "account": account, "remote_id": remote_id });
        let row: Option<wire::Remote> = self.0.call("remote", &arguments)?;
        Ok(row.map(wire::Remote::into_row))
    }

    pub(crate) fn remotes(&self, query: &contract::RemotesQuery) -> Result<contract::RemotesPage, Failure> {
        let limit = limit(query.limit)?;
        let (after_account, after_id) = Cursor::remote(query.cursor.as_deref())?.unzip();
        let arguments = json!({
            "account": query.account, "state": query.state.map(wire::State::from),
            "expired_before_ms": query.expired_before_ms.map(instant),
            "after_account": after_account, "after_id": after_id,
            "count": limit, "window_rows": WINDOW_ROWS,
        });
        let page: wire::Remotes = self.0.call("remotes", &arguments)?;
        let next = page
            .next
            .map(|(account, id)| Cursor::Remote(account, id).write())
            .transpose()?;
        Ok(contract::RemotesPage {
            remotes: page.remotes.into_iter().map(wire::Remote::into_row).collect(),
            next,
        })
    }

    pub(crate) fn stats(&self, tenant: Option<&str>) -> Result<contract::Totals, Failure> {
        let totals: wire::Totals = self.0.call("stats", &json!({ "tenant": tenant }))?;
        Ok(contract::Totals {
            files: totals.files,
            bytes: totals.bytes,
            remotes: totals.remotes,
            remote_bytes: totals.remote_bytes,
            dying: totals.dying,
            missing: totals.missing,
            schema_version: totals.schema_version,
        })
    }

    pub(crate) fn usage(&self) -> Result<Vec<contract::UsageRow>, Failure> {
        let rows: Vec<wire::Usage> = self.0.call("usage", &json!({}))?;
        Ok(rows
            .into_iter()
            .map(|row| contract::UsageRow {
                account: row.account,
                purpose: row.purpose,
                remotes: row.remotes,
                bytes: row.bytes,
            })
            .collect())
    }
}

/// The instant, or the ledger's last one: what is asked about the time after it is true of it too.
fn instant(ms: u64) -> u64 {
    ms.min(LAST_INSTANT_MS)
}

fn limit(limit: u32) -> Result<u32, Failure> {
    match limit {
        1..=MAX_LIMIT => Ok(limit),
        _ => {
            let message = format!("limit is {limit}; use 1 to {MAX_LIMIT}");
            Err(Failure::new(FailureKind::Rejected, message).with_code("bad_limit"))
        }
    }
}

fn check_clock(here_ms: u64, there_ms: u64) -> Result<(), Failure> {
    match here_ms.abs_diff(there_ms) {
        ..=MAX_SKEW_MS => Ok(()),
        apart => Err(Failure::internal(format!(
            "this machine's clock and the ledger's are {} s apart; set the one that is wrong (NTP)",
            apart / 1_000
        ))
        .with_code("clock_wrong")),
    }
}

fn check_version(found: Option<u32>) -> Result<u32, Failure> {
    match found {
        Some(version) if version >= SCHEMA_VERSION => Ok(version),
        older => Err(Failure::internal(format!(
            "the ledger's schema has version {}, and {SCHEMA_VERSION} is needed; run `loadlock tracker migrate \
             --apply`",
            older.unwrap_or(0)
        ))
        .with_code("schema_older")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_may_be_half_a_minute_off_either_way() {
        assert_eq!(check_clock(100_000, 130_000), Ok(()));
        assert_eq!(check_clock(130_000, 100_000), Ok(()));
        let failure = check_clock(100_000, 130_001).err();
        assert_eq!(failure.and_then(|f| f.code).as_deref(), Some("clock_wrong"));
    }

    #[test]
    fn an_older_schema_is_refused_and_a_newer_one_taken() {
        assert_eq!(check_version(Some(SCHEMA_VERSION + 1)), Ok(SCHEMA_VERSION + 1));
        for older in [None, Some(0)] {
            let failure = check_version(older).err();
            assert_eq!(failure.and_then(|f| f.code).as_deref(), Some("schema_older"));
        }
    }
}
