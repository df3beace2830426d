//! What gateways tell each other: each call is one call of a function in the database, whose clock all of them go by.

use crate::bindings::exports::loadlock::upload::coordination as contract;
use crate::rest::Rest;
use crate::wire;
use loadlock_sdk::settings::Settings;
use loadlock_sdk::types::{Failure, FailureKind};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Most rows of a call, by the contract.
const MAX_LIMIT: u32 = 10_000;

/// 9999-12-31, in days since 1970: whatever a gateway's clock says, the database can hold it.
const LAST_DAY: u32 = 2_932_896;

/// Its beginning in milliseconds.
const LAST_DAY_MS: u64 = LAST_DAY as u64 * 24 * 60 * 60 * 1_000;

/// The coordination behind one REST interface.
pub(crate) struct Coordination {
    rest: Rest,
    /// Where clients reach this gateway: the setting `gateway_url`.
    url: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct State {
    account: String,
    open_ms: u64,
    cool_ms: u64,
}

#[derive(Deserialize)]
struct Peer {
    gateway: String,
    url: Option<String>,
    alive: bool,
}

#[derive(Deserialize)]
struct News {
    peers: Vec<Peer>,
    states: Vec<State>,
    abandoned: u64,
}

#[derive(Serialize, Deserialize)]
struct Attempt {
    id: String,
    key: wire::Key,
    bytes: u64,
    entry: String,
}

impl From<Attempt> for contract::Attempt {
    fn from(attempt: Attempt) -> Self {
        Self {
            id: attempt.id,
            key: attempt.key.into(),
            bytes: attempt.bytes,
            entry: attempt.entry,
        }
    }
}

#[derive(Serialize)]
struct AuditCount {
    day: u32,
    since_ms: u64,
    tenant: String,
    event: String,
    outcome: String,
    records: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Acquired {
    Granted(u64),
    Held {
        gateway: String,
        attempt: String,
        alive: bool,
    },
    OverQuota {
        files: u64,
        bytes: u64,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Leased {
    Inserted,
    Existing,
    RemoteNotLive,
    Fenced,
}

impl From<Leased> for contract::LeasedRecord {
    fn from(leased: Leased) -> Self {
        use contract::Recorded;
        match leased {
            Leased::Inserted => Self::Done(Recorded::Inserted),
            Leased::Existing => Self::Done(Recorded::Existing),
            Leased::RemoteNotLive => Self::Done(Recorded::RemoteNotLive),
            Leased::Fenced => Self::Fenced,
        }
    }
}

impl Coordination {
    pub(crate) fn from_settings() -> Result<Self, Failure> {
        let settings = Settings::from_env();
        Ok(Self {
            rest: Rest::new(&settings)?,
            url: settings.text("gateway_url").filter(|url| !url.is_empty()),
        })
    }

    pub(crate) fn beat(
        &self,
        gateway: &str,
        lease_ms: u64,
        states: Vec<contract::ProviderState>,
    ) -> Result<contract::News, Failure> {
        let states: Vec<State> = states
            .into_iter()
            .map(|state| State {
                account: state.account,
                open_ms: duration(state.open_ms),
                cool_ms: duration(state.cool_ms),
            })
            .collect();
        let arguments = json!({
            "gateway": gateway, "lease_ms": duration(lease_ms), "states": states, "url": self.url,
        });
        let news: News = self.rest.call("beat", &arguments)?;
        Ok(contract::News {
            peers: news
                .peers
                .into_iter()
                .map(|peer| contract::Peer {
                    gateway: peer.gateway,
                    url: peer.url,
                    alive: peer.alive,
                })
                .collect(),
            states: news
                .states
                .into_iter()
                .map(|state| contract::ProviderState {
                    account: state.account,
                    open_ms: state.open_ms,
                    cool_ms: state.cool_ms,
                })
                .collect(),
            abandoned: news.abandoned,
        })
    }

    pub(crate) fn acquire(
        &self,
        gateway: &str,
        lease_ms: u64,
        attempt: contract::Attempt,
        limits: Option<contract::Limits>,
        instead: Option<&str>,
    ) -> Result<contract::Acquired, Failure> {
        if i64::try_from(attempt.bytes).is_err() {
            let message = "a size beyond 2^63 bytes, which PostgreSQL cannot hold";
            return Err(Failure::new(FailureKind::Rejected, message).with_code("unstorable"));
        }
        let attempt = Attempt {
            id: attempt.id,
            key: attempt.key.into(),
            bytes: attempt.bytes,
            entry: attempt.entry,
        };
        let most = |limit: Option<u64>| limit.map(|most| i64::try_from(most).unwrap_or(i64::MAX));
        let arguments = json!({
            "gateway": gateway, "lease_ms": duration(lease_ms), "attempt": attempt, "instead": instead,
            "max_files": most(limits.and_then(|limits| limits.max_files)),
            "max_bytes": most(limits.and_then(|limits| limits.max_bytes)),
        });
        Ok(match self.rest.call("acquire", &arguments)? {
            Acquired::Granted(fence) => contract::Acquired::Granted(fence),
            Acquired::Held {
                gateway,
                attempt,
                alive,
            } => contract::Acquired::Held(contract::Holder {
                gateway,
                attempt,
                alive,
            }),
            Acquired::OverQuota { files, bytes } => contract::Acquired::OverQuota(contract::HeldUsage { files, bytes }),
        })
    }

    pub(crate) fn ended(&self, gateway: &str, ids: &[String], lease_only: bool) -> Result<u64, Failure> {
        let arguments = json!({ "gateway": gateway, "ids": ids, "lease_only": lease_only });
        self.rest.call("ended", &arguments)
    }

    pub(crate) fn record_leased(
        &self,
        gateway: &str,
        files: Vec<contract::FileRecord>,
    ) -> Result<Vec<contract::LeasedRecord>, Failure> {
        let count = files.len();
        let files: Vec<wire::File> = files.into_iter().map(wire::File::new).collect::<Result<_, _>>()?;
        let arguments = json!({ "gateway": gateway, "files": files });
        let outcome: Vec<Leased> = self.rest.call("record_leased", &arguments)?;
        if outcome.len() != count {
            return Err(Failure::protocol(format!(
                "the ledger answered {} of {count} records",
                outcome.len()
            )));
        }
        Ok(outcome.into_iter().map(contract::LeasedRecord::from).collect())
    }

    pub(crate) fn take_over(
        &self,
        gateway: &str,
        accounts: &[String],
        limit: u32,
    ) -> Result<Vec<contract::Attempt>, Failure> {
        let arguments = json!({
            "gateway": gateway, "accounts": accounts, "count": limit.min(MAX_LIMIT),
        });
        self.attempts("take_over", &arguments)
    }

    pub(crate) fn resume(&self, gateway: &str, open: &[String]) -> Result<Vec<String>, Failure> {
        let arguments = json!({ "gateway": gateway, "open": open });
        self.rest.call("resume", &arguments)
    }

    pub(crate) fn lost(&self, gateway: &str, ids: &[String]) -> Result<Vec<String>, Failure> {
        let arguments = json!({ "gateway": gateway, "ids": ids });
        self.rest.call("lost", &arguments)
    }

    pub(crate) fn others(
        &self,
        gateway: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<contract::Attempt>, Failure> {
        let arguments = json!({
            "gateway": gateway, "after": after, "count": limit.min(MAX_LIMIT),
        });
        self.attempts("others", &arguments)
    }

    pub(crate) fn audit_counts(&self, gateway: &str, counts: Vec<contract::AuditCount>) -> Result<u64, Failure> {
        let counts: Vec<AuditCount> = counts
            .into_iter()
            .map(|count| AuditCount {
                day: count.day.min(LAST_DAY),
                since_ms: count.since_ms.min(LAST_DAY_MS),
                tenant: count.tenant,
                event: count.event,
                outcome: count.outcome,
                records: count.records.min(i64::MAX as u64),
            })
            .collect();
        let arguments = json!({ "gateway": gateway, "counts": counts });
        self.rest.call("audit_counts", &arguments)
    }

    fn attempts(&self, function: &str, arguments: &serde_json::Value) -> Result<Vec<contract::Attempt>, Failure> {
        let attempts: Vec<Attempt> = self.rest.call(function, arguments)?;
        Ok(attempts.into_iter().map(Into::into).collect())
    }
}

/// A year at most: PostgreSQL's instants end somewhere, a lease much earlier.
pub(crate) fn duration(ms: u64) -> u64 {
    const YEAR_MS: u64 = 366 * 24 * 60 * 60 * 1_000;
    ms.min(YEAR_MS)
}
