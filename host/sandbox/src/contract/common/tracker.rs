//! The tracker's part, and that of the copies where the component finds them.

use std::sync::Arc;

use loadlock_policy::model::DedupKey;
use wasmtime::Store;
use wasmtime::component::InstancePre;

use self::rows::{file_record, from_file_record, recorded, release, remote_row, to_key, to_state};
use super::bindings::copies::{CopiesComponent, CopiesComponentPre};
use super::bindings::tracker::exports::loadlock::upload::tracker as w;
use super::bindings::tracker::{TrackerComponent, TrackerComponentPre};
use super::provider::failure;
use crate::contract::calls::{Answered, Instantiate, TrackerCalls};
use crate::model::tracker::{
    AccountUsage, FileRecord, FilesQuery, LedgerPage, LedgerStats, Recorded, Release, RemoteRow, RemoteState,
    RemotesQuery,
};
use crate::state::CallState;

/// One instance and its interfaces: a store of its own disk cannot be open in two.
struct TrackerInstance {
    tracker: TrackerComponent,
    copies: Option<CopiesComponent>,
}

/// Checks the component's types, those of its copies as well if it exports them.
pub(super) fn bind(component: InstancePre<CallState>) -> wasmtime::Result<Instantiate<dyn TrackerCalls>> {
    let tracker = Arc::new(TrackerComponentPre::new(component.clone())?);
    let finds_copies = CopiesComponentPre::new(component).is_ok();
    Ok(Arc::new(move |store| {
        let tracker = tracker.clone();
        Box::pin(async move {
            let instance = tracker.instance_pre().instantiate_async(&mut *store).await?;
            let copies = finds_copies.then(|| CopiesComponent::new(&mut *store, &instance));
            let tracker = TrackerComponent::new(&mut *store, &instance)?;
            let copies = copies.transpose()?;
            Ok(Box::new(TrackerInstance { tracker, copies }) as Box<_>)
        })
    }))
}

impl TrackerInstance {
    fn loadlock_upload_tracker(&self) -> &w::Guest {
        self.tracker.loadlock_upload_tracker()
    }
}

ledger_rows!(TrackerInstance, tracker);

impl TrackerCalls for TrackerInstance {
    fn copies_of<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        tenant: String,
        ids: Vec<String>,
    ) -> Answered<'s, Option<Vec<String>>> {
        Box::pin(async move {
            let Some(copies) = &self.copies else {
                return Ok(Ok(None));
            };
            let found = copies.loadlock_upload_copies().call_copies_of(store, &tenant, &ids);
            Ok(found.await?.map(Some).map_err(failure))
        })
    }

    answers! { loadlock_upload_tracker:
        find(key: DedupKey, now_ms: u64) -> Option<RemoteRow>
            = call_find(&to_key(&key), now_ms), |row| row.map(remote_row);
        has_size(tenant: String, account: String, bytes: u64) -> bool
            = call_has_size(&tenant, &account, bytes), |found| found;
        record_many(files: Vec<FileRecord>) -> Vec<Recorded>
            = call_record_many(&files.iter().map(file_record).collect::<Vec<_>>()), |all| all.into_iter().map(recorded).collect();
        reference(file: FileRecord) -> Recorded
            = call_reference(&file_record(&file)), recorded;
        get(tenant: String, id: String, now_ms: u64) -> Option<FileRecord>
            = call_get(&tenant, &id, now_ms), |file| file.map(from_file_record);
        list(query: FilesQuery) -> LedgerPage<FileRecord>
            = call_list(&files_query(&query)), files_page;
        tombstone(tenant: String, id: String) -> Release
            = call_tombstone(&tenant, &id), release;
        expire(now_ms: u64, limit: u32) -> Vec<RemoteRow>
            = call_expire(now_ms, limit), |rows| rows.into_iter().map(remote_row).collect();
        forget(account: String, remote_id: String) -> bool
            = call_forget(&account, &remote_id), |found| found;
        observe(account: String, remote_id: String, state: RemoteState, now_ms: u64) -> bool
            = call_observe(&account, &remote_id, to_state(state), now_ms), |found| found;
        remote(account: String, remote_id: String) -> Option<RemoteRow>
            = call_remote(&account, &remote_id), |row| row.map(remote_row);
        remotes(query: RemotesQuery) -> LedgerPage<RemoteRow>
            = call_remotes(&remotes_query(&query)), remotes_page;
        stats(tenant: Option<String>) -> LedgerStats
            = call_stats(tenant.as_deref()), stats;
        usage() -> Vec<AccountUsage>
            = call_usage(), |all| all.into_iter().map(usage).collect();
    }
}

fn files_query(query: &FilesQuery) -> w::ListQuery {
    w::ListQuery {
        tenant: query.tenant.clone(),
        cursor: query.cursor.clone(),
        limit: query.limit,
        purpose: query.purpose.clone(),
        ascending: query.ascending,
        now_ms: query.now_ms,
    }
}

fn files_page(page: w::Page) -> LedgerPage<FileRecord> {
    LedgerPage {
        items: page.files.into_iter().map(from_file_record).collect(),
        next: page.next,
    }
}

fn remotes_query(query: &RemotesQuery) -> w::RemotesQuery {
    w::RemotesQuery {
        account: query.account.clone(),
        state: query.state.map(to_state),
        expired_before_ms: query.expired_before_ms,
        cursor: query.cursor.clone(),
        limit: query.limit,
    }
}

fn remotes_page(page: w::RemotesPage) -> LedgerPage<RemoteRow> {
    LedgerPage {
        items: page.remotes.into_iter().map(remote_row).collect(),
        next: page.next,
    }
}

fn stats(stats: w::Totals) -> LedgerStats {
    LedgerStats {
        files: stats.files,
        bytes: stats.bytes,
        remotes: stats.remotes,
        remote_bytes: stats.remote_bytes,
        dying: stats.dying,
        missing: stats.missing,
        schema_version: stats.schema_version,
    }
}

fn usage(usage: w::UsageRow) -> AccountUsage {
    AccountUsage {
        account: usage.account,
        purpose: usage.purpose,
        remotes: usage.remotes,
        bytes: usage.bytes,
    }
}
