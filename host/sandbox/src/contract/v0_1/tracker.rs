//! The tracker's part.

use loadlock_policy::model::DedupKey;
use wasmtime::Store;

use super::provider::failure;
use crate::bindings::tracker::TrackerComponent;
use crate::bindings::tracker::exports::loadlock::upload::tracker as w;
use crate::contract::calls::{Answered, TrackerCalls};
use crate::model::tracker::{
    AccountUsage, FileRecord, FilesQuery, LedgerPage, LedgerStats, Recorded, Release, RemoteRow, RemoteState,
    RemotesQuery,
};
use crate::state::CallState;

impl TrackerCalls for TrackerComponent {
    answers! { loadlock_upload_tracker:
        open() -> () = call_open(), |_| ();
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

fn to_key(key: &DedupKey) -> w::DedupKey {
    w::DedupKey {
        tenant: key.tenant.clone(),
        account: key.account.clone(),
        purpose: key.purpose.clone(),
        treatment: key.treatment.clone(),
        sha256: key.sha256.clone(),
    }
}

fn from_key(key: w::DedupKey) -> DedupKey {
    DedupKey {
        tenant: key.tenant,
        account: key.account,
        purpose: key.purpose,
        treatment: key.treatment,
        sha256: key.sha256,
    }
}

fn file_record(file: &FileRecord) -> w::FileRecord {
    w::FileRecord {
        id: file.id.clone(),
        key: to_key(&file.key),
        filename: file.filename.clone(),
        bytes: file.bytes,
        media_type: file.media_type.clone(),
        provider: file.provider.clone(),
        remote_id: file.remote_id.clone(),
        deduplicated: file.deduplicated,
        attempts: file.attempts,
        created_at_ms: file.created_at_ms,
        expires_at_ms: file.expires_at_ms,
    }
}

fn from_file_record(file: w::FileRecord) -> FileRecord {
    FileRecord {
        id: file.id,
        key: from_key(file.key),
        filename: file.filename,
        bytes: file.bytes,
        media_type: file.media_type,
        provider: file.provider,
        remote_id: file.remote_id,
        deduplicated: file.deduplicated,
        attempts: file.attempts,
        created_at_ms: file.created_at_ms,
        expires_at_ms: file.expires_at_ms,
    }
}

fn to_state(state: RemoteState) -> w::RemoteState {
    match state {
        RemoteState::Live => w::RemoteState::Live,
        RemoteState::Dying => w::RemoteState::Dying,
        RemoteState::Missing => w::RemoteState::Missing,
    }
}

fn remote_row(row: w::RemoteRow) -> RemoteRow {
    RemoteRow {
        account: row.account,
        provider: row.provider,
        remote_id: row.remote_id,
        key: from_key(row.key),
        bytes: row.bytes,
        media_type: row.media_type,
        state: match row.state {
            w::RemoteState::Live => RemoteState::Live,
            w::RemoteState::Dying => RemoteState::Dying,
            w::RemoteState::Missing => RemoteState::Missing,
        },
        references: row.references,
        created_at_ms: row.created_at_ms,
        verified_at_ms: row.verified_at_ms,
        expires_at_ms: row.expires_at_ms,
    }
}

fn recorded(recorded: w::Recorded) -> Recorded {
    match recorded {
        w::Recorded::Inserted => Recorded::Inserted,
        w::Recorded::Existing => Recorded::Existing,
        w::Recorded::RemoteNotLive => Recorded::RemoteNotLive,
    }
}

fn release(release: w::Release) -> Release {
    match release {
        w::Release::NotFound => Release::NotFound,
        w::Release::Released(left) => Release::Released(left),
        w::Release::Last(row) => Release::Last(Box::new(remote_row(row))),
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
