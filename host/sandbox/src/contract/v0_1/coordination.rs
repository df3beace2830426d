//! The coordination's part.

use loadlock_policy::model::DedupKey;
use wasmtime::Store;

use super::provider::failure;
use crate::bindings::shared_tracker::SharedTrackerComponent;
use crate::bindings::shared_tracker::exports::loadlock::upload::coordination as w;
use crate::contract::calls::{Answered, CoordinationCalls};
use crate::model::coordination::{
    Acquired, Attempt, AuditCount, LeaseHolder, Leased, News, PeerGateway, ProviderState, TenantLimits,
};
use crate::model::tracker::{FileRecord, Recorded};
use crate::state::CallState;

impl CoordinationCalls for SharedTrackerComponent {
    fn open<'s>(&'s self, store: &'s mut Store<CallState>) -> Answered<'s, ()> {
        Box::pin(async move {
            let answer = self.loadlock_upload_tracker().call_open(store).await?;
            Ok(answer.map(|_| ()).map_err(failure))
        })
    }

    answers! { loadlock_upload_coordination:
        beat(gateway: String, lease_ms: u64, states: Vec<ProviderState>) -> News
            = call_beat(&gateway, lease_ms, &states.iter().map(state).collect::<Vec<_>>()), news;
        acquire(gateway: String, lease_ms: u64, attempt: Attempt, limits: Option<TenantLimits>, instead: Option<String>) -> Acquired
            = call_acquire(&gateway, lease_ms, &to_attempt(&attempt), limits.map(to_limits), instead.as_deref()), acquired;
        ended(gateway: String, ids: Vec<String>, lease_only: bool) -> u64
            = call_ended(&gateway, &ids, lease_only), |count| count;
        record_leased(gateway: String, files: Vec<FileRecord>) -> Vec<Leased>
            = call_record_leased(&gateway, &files.iter().map(file_record).collect::<Vec<_>>()), |all| all.into_iter().map(leased).collect();
        take_over(gateway: String, accounts: Vec<String>, limit: u32) -> Vec<Attempt>
            = call_take_over(&gateway, &accounts, limit), |all| all.into_iter().map(from_attempt).collect();
        resume(gateway: String, open: Vec<String>) -> Vec<String>
            = call_resume(&gateway, &open), |ids| ids;
        lost(gateway: String, ids: Vec<String>) -> Vec<String>
            = call_lost(&gateway, &ids), |ids| ids;
        others(gateway: String, after: Option<String>, limit: u32) -> Vec<Attempt>
            = call_others(&gateway, after.as_deref(), limit), |all| all.into_iter().map(from_attempt).collect();
        audit_counts(gateway: String, counts: Vec<AuditCount>) -> u64
            = call_audit_counts(&gateway, &counts.iter().map(audit_count).collect::<Vec<_>>()), |count| count;
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

fn to_attempt(attempt: &Attempt) -> w::Attempt {
    w::Attempt {
        id: attempt.id.clone(),
        key: to_key(&attempt.key),
        bytes: attempt.bytes,
        entry: attempt.entry.clone(),
    }
}

fn from_attempt(attempt: w::Attempt) -> Attempt {
    Attempt {
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

fn state(state: &ProviderState) -> w::ProviderState {
    w::ProviderState {
        account: state.account.clone(),
        open_ms: state.open_ms,
        cool_ms: state.cool_ms,
    }
}

fn audit_count(count: &AuditCount) -> w::AuditCount {
    w::AuditCount {
        day: count.day,
        since_ms: count.since_ms,
        tenant: count.tenant.clone(),
        event: count.event.clone(),
        outcome: count.outcome.clone(),
        records: count.records,
    }
}

fn news(news: w::News) -> News {
    News {
        peers: news
            .peers
            .into_iter()
            .map(|peer| PeerGateway {
                gateway: peer.gateway,
                url: peer.url,
                alive: peer.alive,
            })
            .collect(),
        states: news
            .states
            .into_iter()
            .map(|state| ProviderState {
                account: state.account,
                open_ms: state.open_ms,
                cool_ms: state.cool_ms,
            })
            .collect(),
        abandoned: news.abandoned,
    }
}

fn to_limits(limits: TenantLimits) -> w::Limits {
    w::Limits {
        max_files: limits.max_files,
        max_bytes: limits.max_bytes,
    }
}

fn acquired(acquired: w::Acquired) -> Acquired {
    match acquired {
        w::Acquired::Granted(fence) => Acquired::Granted(fence),
        w::Acquired::Held(holder) => Acquired::Held(LeaseHolder {
            gateway: holder.gateway,
            attempt: holder.attempt,
            alive: holder.alive,
        }),
        w::Acquired::OverQuota(used) => Acquired::OverQuota {
            files: used.files,
            bytes: used.bytes,
        },
    }
}

fn leased(leased: w::LeasedRecord) -> Leased {
    match leased {
        w::LeasedRecord::Fenced => Leased::Fenced,
        w::LeasedRecord::Done(recorded) => Leased::Done(match recorded {
            w::Recorded::Inserted => Recorded::Inserted,
            w::Recorded::Existing => Recorded::Existing,
            w::Recorded::RemoteNotLive => Recorded::RemoteNotLive,
        }),
    }
}
