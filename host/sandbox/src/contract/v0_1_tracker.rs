//! The tracker's part of `loadlock:upload@0.1.0`.

use crate::bindings::tracker::exports::loadlock::upload::tracker as w;
use crate::roles::tracker as h;

pub(crate) fn key(key: &h::DedupKey) -> w::DedupKey {
    w::DedupKey {
        tenant: key.tenant.clone(),
        account: key.account.clone(),
        purpose: key.purpose.clone(),
        treatment: key.treatment.clone(),
        sha256: key.sha256.clone(),
    }
}

fn from_key(key: w::DedupKey) -> h::DedupKey {
    h::DedupKey {
        tenant: key.tenant,
        account: key.account,
        purpose: key.purpose,
        treatment: key.treatment,
        sha256: key.sha256,
    }
}

pub(crate) fn file_record(file: &h::FileRecord) -> w::FileRecord {
    w::FileRecord {
        id: file.id.clone(),
        key: key(&file.key),
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

pub(crate) fn from_file_record(file: w::FileRecord) -> h::FileRecord {
    h::FileRecord {
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

pub(crate) fn to_state(state: h::RemoteState) -> w::RemoteState {
    match state {
        h::RemoteState::Live => w::RemoteState::Live,
        h::RemoteState::Dying => w::RemoteState::Dying,
        h::RemoteState::Missing => w::RemoteState::Missing,
    }
}

pub(crate) fn remote_row(row: w::RemoteRow) -> h::RemoteRow {
    h::RemoteRow {
        account: row.account,
        provider: row.provider,
        remote_id: row.remote_id,
        key: from_key(row.key),
        bytes: row.bytes,
        media_type: row.media_type,
        state: match row.state {
            w::RemoteState::Live => h::RemoteState::Live,
            w::RemoteState::Dying => h::RemoteState::Dying,
            w::RemoteState::Missing => h::RemoteState::Missing,
        },
        references: row.references,
        created_at_ms: row.created_at_ms,
        verified_at_ms: row.verified_at_ms,
        expires_at_ms: row.expires_at_ms,
    }
}

pub(crate) fn recorded(recorded: w::Recorded) -> h::Recorded {
    match recorded {
        w::Recorded::Inserted => h::Recorded::Inserted,
        w::Recorded::Existing => h::Recorded::Existing,
        w::Recorded::RemoteNotLive => h::Recorded::RemoteNotLive,
    }
}

pub(crate) fn release(release: w::Release) -> h::Release {
    match release {
        w::Release::NotFound => h::Release::NotFound,
        w::Release::Released(left) => h::Release::Released(left),
        w::Release::Last(row) => h::Release::Last(Box::new(remote_row(row))),
    }
}

pub(crate) fn files_query(query: &h::FilesQuery) -> w::ListQuery {
    w::ListQuery {
        tenant: query.tenant.clone(),
        cursor: query.cursor.clone(),
        limit: query.limit,
        purpose: query.purpose.clone(),
        ascending: query.ascending,
        now_ms: query.now_ms,
    }
}

pub(crate) fn files_page(page: w::Page) -> h::Page<h::FileRecord> {
    h::Page {
        items: page.files.into_iter().map(from_file_record).collect(),
        next: page.next,
    }
}

pub(crate) fn remotes_query(query: &h::RemotesQuery) -> w::RemotesQuery {
    w::RemotesQuery {
        account: query.account.clone(),
        state: query.state.map(to_state),
        expired_before_ms: query.expired_before_ms,
        cursor: query.cursor.clone(),
        limit: query.limit,
    }
}

pub(crate) fn remotes_page(page: w::RemotesPage) -> h::Page<h::RemoteRow> {
    h::Page {
        items: page.remotes.into_iter().map(remote_row).collect(),
        next: page.next,
    }
}

pub(crate) fn stats(stats: w::Totals) -> h::Stats {
    h::Stats {
        files: stats.files,
        bytes: stats.bytes,
        remotes: stats.remotes,
        remote_bytes: stats.remote_bytes,
        dying: stats.dying,
        missing: stats.missing,
        schema_version: stats.schema_version,
    }
}

pub(crate) fn usage(usage: w::UsageRow) -> h::AccountUsage {
    h::AccountUsage {
        account: usage.account,
        purpose: usage.purpose,
        remotes: usage.remotes,
        bytes: usage.bytes,
    }
}
