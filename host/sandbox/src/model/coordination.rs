//! What several gateways tell each other; see `wit/coordination.wit`.

use loadlock_policy::model::DedupKey;

use super::tracker::Recorded;

/// One upload under way, with what another gateway needs to settle it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The id that its file will have.
    pub id: String,
    /// Whose content where.
    pub key: DedupKey,
    /// Bytes.
    pub bytes: u64,
    /// The gateway's own; opaque to the ledger.
    pub entry: String,
}

/// A tenant's limits, inclusive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TenantLimits {
    /// Files.
    pub max_files: Option<u64>,
    /// Bytes.
    pub max_bytes: Option<u64>,
}

/// Who leads a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseHolder {
    /// The gateway.
    pub gateway: String,
    /// Its attempt.
    pub attempt: String,
    /// False when the gateway has not been heard of in time.
    pub alive: bool,
}

/// What became of asking for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    /// It is there, with this fence.
    Granted(u64),
    /// Another has it.
    Held(LeaseHolder),
    /// The tenant would pass a limit.
    OverQuota {
        /// Files recorded or under way anywhere.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
}

/// What one provider account's breaker tells others, in milliseconds that are left; 0 is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderState {
    /// Provider account.
    pub account: String,
    /// Of its being open.
    pub open_ms: u64,
    /// Of a pause that the vendor asked for.
    pub cool_ms: u64,
}

/// Another gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerGateway {
    /// Its id.
    pub gateway: String,
    /// Where clients reach it.
    pub url: Option<String>,
    /// Whether it was heard of in time.
    pub alive: bool,
}

/// What the others said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// All other gateways.
    pub peers: Vec<PeerGateway>,
    /// Of every account, the longest times left.
    pub states: Vec<ProviderState>,
    /// Attempts of gateways that are gone.
    pub abandoned: u64,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leased {
    /// As the tracker says.
    Done(Recorded),
    /// Refused: another gateway has a file, or leads, under its key.
    Fenced,
}

/// How many records of one kind a gateway wrote into its audit log, of one day and tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCount {
    /// Days since 1970-01-01, in UTC.
    pub day: u32,
    /// Since when they are counted, milliseconds since 1970: a count that began anew has another.
    pub since_ms: u64,
    /// Empty: none.
    pub tenant: String,
    /// What happened, as in the log.
    pub event: String,
    /// How it ended, as in the log.
    pub outcome: String,
    /// So many since then.
    pub records: u64,
}
