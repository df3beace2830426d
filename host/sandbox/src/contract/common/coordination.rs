//! The coordination's part.

use wasmtime::Store;

use self::leases::{leased, to_attempt, to_limits};
use self::rows::{file_record, from_key};
use super::bindings::shared_tracker::SharedTrackerComponent;
use super::bindings::shared_tracker::exports::loadlock::upload::coordination as w;
use super::provider::failure;
use crate::contract::calls::{Answered, CoordinationCalls};
use crate::model::coordination::{
    Acquired, Attempt, AuditCount, Leased, News, PeerGateway, ProviderState, TenantLimits,
};
use crate::model::tracker::FileRecord;
use crate::state::CallState;

ledger_rows!(SharedTrackerComponent, shared_tracker);
ledger_leases!(shared_tracker);

impl CoordinationCalls for SharedTrackerComponent {
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

fn from_attempt(attempt: w::Attempt) -> Attempt {
    Attempt {
        id: attempt.id,
        key: from_key(attempt.key),
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

fn acquired(acquired: w::Acquired) -> Acquired {
    match acquired {
        w::Acquired::Granted(fence) => Acquired::Granted(fence),
        w::Acquired::Held(holder) => Acquired::Held(leases::holder(holder)),
        w::Acquired::OverQuota(used) => Acquired::OverQuota {
            files: used.files,
            bytes: used.bytes,
        },
    }
}
