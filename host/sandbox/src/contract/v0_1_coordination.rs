//! The coordination's part of `loadlock:upload@0.1.0`.

use crate::bindings::shared_tracker::exports::loadlock::upload::coordination as w;
use crate::roles::coordination as h;
use crate::roles::tracker::{DedupKey, FileRecord, Recorded};

fn key(key: &DedupKey) -> w::DedupKey {
    w::DedupKey {
        tenant: key.tenant.clone(),
        account: key.account.clone(),
        purpose: key.purpose.clone(),
        treatment: key.treatment.clone(),
        sha256: key.sha256.clone(),
    }
}

pub(crate) fn file_record(file: &FileRecord) -> w::FileRecord {
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

pub(crate) fn attempt(attempt: &h::Attempt) -> w::Attempt {
    w::Attempt {
        id: attempt.id.clone(),
        key: key(&attempt.key),
        bytes: attempt.bytes,
        entry: attempt.entry.clone(),
    }
}

pub(crate) fn from_attempt(attempt: w::Attempt) -> h::Attempt {
    h::Attempt {
        id: attempt.id,
        key: DedupKey {
            tenant: attempt.key.tenant,
            account: attempt.key.account,
            purpose: attempt.key.purpose,
            treatment: attempt.key.treatment,
            sha256: attempt.key.sha256,
        },
        bytes: attempt.bytes,
        entry: attempt.entry,
    }
}

pub(crate) fn state(state: &h::ProviderState) -> w::ProviderState {
    w::ProviderState {
        account: state.account.clone(),
        open_ms: state.open_ms,
        cool_ms: state.cool_ms,
    }
}

pub(crate) fn audit_count(count: &h::AuditCount) -> w::AuditCount {
    w::AuditCount {
        day: count.day,
        since_ms: count.since_ms,
        tenant: count.tenant.clone(),
        event: count.event.clone(),
        outcome: count.outcome.clone(),
        records: count.records,
    }
}

pub(crate) fn news(news: w::News) -> h::News {
    h::News {
        peers: news
            .peers
            .into_iter()
            .map(|peer| h::Peer {
                gateway: peer.gateway,
                url: peer.url,
                alive: peer.alive,
            })
            .collect(),
        states: news
            .states
            .into_iter()
            .map(|state| h::ProviderState {
                account: state.account,
                open_ms: state.open_ms,
                cool_ms: state.cool_ms,
            })
            .collect(),
        abandoned: news.abandoned,
    }
}

pub(crate) fn limits(limits: h::TenantLimits) -> w::Limits {
    w::Limits {
        max_files: limits.max_files,
        max_bytes: limits.max_bytes,
    }
}

pub(crate) fn acquired(acquired: w::Acquired) -> h::Acquired {
    match acquired {
        w::Acquired::Granted(fence) => h::Acquired::Granted(fence),
        w::Acquired::Held(holder) => h::Acquired::Held(h::Holder {
            gateway: holder.gateway,
            attempt: holder.attempt,
            alive: holder.alive,
        }),
        w::Acquired::OverQuota(used) => h::Acquired::OverQuota {
            files: used.files,
            bytes: used.bytes,
        },
    }
}

pub(crate) fn leased(leased: w::LeasedRecord) -> h::Leased {
    match leased {
        w::LeasedRecord::Fenced => h::Leased::Fenced,
        w::LeasedRecord::Done(recorded) => h::Leased::Done(match recorded {
            w::Recorded::Inserted => Recorded::Inserted,
            w::Recorded::Existing => Recorded::Existing,
            w::Recorded::RemoteNotLive => Recorded::RemoteNotLive,
        }),
    }
}
