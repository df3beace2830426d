//! The forms of rows in JSON, as the functions of the ledger's schema speak them.

use crate::bindings::exports::loadlock::upload::tracker as contract;
use loadlock_sdk::types::{Failure, FailureKind};
use serde::{Deserialize, Serialize};

/// The last instant that the ledger holds: the end of the year 9999. PostgreSQL's own reach is longer, and of no use.
pub(crate) const LAST_INSTANT_MS: u64 = 253_402_300_799_999;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) tenant: String,
    pub(crate) account: String,
    pub(crate) purpose: String,
    pub(crate) treatment: String,
    pub(crate) sha256: String,
}

impl From<contract::DedupKey> for Key {
    fn from(key: contract::DedupKey) -> Self {
        Self {
            tenant: key.tenant,
            account: key.account,
            purpose: key.purpose,
            treatment: key.treatment,
            sha256: key.sha256,
        }
    }
}

impl From<Key> for contract::DedupKey {
    fn from(key: Key) -> Self {
        Self {
            tenant: key.tenant,
            account: key.account,
            purpose: key.purpose,
            treatment: key.treatment,
            sha256: key.sha256,
        }
    }
}

/// What else names a remote file; few have anything.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    uri: Option<String>,
    media_type: Option<String>,
}

impl From<contract::RemoteAddress> for Address {
    fn from(address: contract::RemoteAddress) -> Self {
        Self {
            uri: address.uri,
            media_type: address.media_type,
        }
    }
}

fn address(address: Option<Address>) -> contract::RemoteAddress {
    let Address { uri, media_type } = address.unwrap_or_default();
    contract::RemoteAddress { uri, media_type }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct File {
    id: String,
    key: Key,
    filename: String,
    bytes: u64,
    media_type: String,
    provider: String,
    remote_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    deduplicated: bool,
    attempts: u32,
    created_at_ms: u64,
    expires_at_ms: Option<u64>,
}

impl File {
    /// # Errors
    /// `rejected` for what PostgreSQL cannot hold: a NUL in a text, a size of 2⁶³ bytes, an instant after the year
    /// 9999.
    pub(crate) fn new(file: contract::FileRecord) -> Result<Self, Failure> {
        let file = Self {
            id: file.id,
            key: file.key.into(),
            filename: file.filename,
            bytes: file.bytes,
            media_type: file.media_type,
            provider: file.provider,
            remote_id: file.remote_id,
            address: Some(Address::from(file.address)).filter(|address| *address != Address::default()),
            deduplicated: file.deduplicated,
            attempts: file.attempts,
            created_at_ms: file.created_at_ms,
            expires_at_ms: file.expires_at_ms,
        };
        let instants = [Some(file.created_at_ms), file.expires_at_ms];
        let has_late = instants.into_iter().flatten().any(|ms| ms > LAST_INSTANT_MS);
        if has_late || i64::try_from(file.bytes).is_err() {
            return Err(unstorable(&file.id, "a size or an instant beyond its range"));
        }
        Ok(file)
    }

    pub(crate) fn into_record(self) -> contract::FileRecord {
        contract::FileRecord {
            id: self.id,
            key: self.key.into(),
            filename: self.filename,
            bytes: self.bytes,
            media_type: self.media_type,
            provider: self.provider,
            remote_id: self.remote_id,
            address: address(self.address),
            deduplicated: self.deduplicated,
            attempts: self.attempts,
            created_at_ms: self.created_at_ms,
            expires_at_ms: self.expires_at_ms,
        }
    }
}

fn unstorable(id: &str, what: &str) -> Failure {
    let message = format!("file {id:?} has {what}, which PostgreSQL cannot hold");
    Failure::new(FailureKind::Rejected, message).with_code("unstorable")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Live,
    Dying,
    Missing,
}

impl From<contract::RemoteState> for State {
    fn from(state: contract::RemoteState) -> Self {
        match state {
            contract::RemoteState::Live => Self::Live,
            contract::RemoteState::Dying => Self::Dying,
            contract::RemoteState::Missing => Self::Missing,
        }
    }
}

impl From<State> for contract::RemoteState {
    fn from(state: State) -> Self {
        match state {
            State::Live => Self::Live,
            State::Dying => Self::Dying,
            State::Missing => Self::Missing,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Remote {
    account: String,
    provider: String,
    remote_id: String,
    #[serde(default)]
    address: Option<Address>,
    key: Key,
    bytes: u64,
    media_type: String,
    state: State,
    references: u64,
    created_at_ms: u64,
    verified_at_ms: u64,
    expires_at_ms: Option<u64>,
}

impl Remote {
    pub(crate) fn into_row(self) -> contract::RemoteRow {
        contract::RemoteRow {
            account: self.account,
            provider: self.provider,
            remote_id: self.remote_id,
            address: address(self.address),
            key: self.key.into(),
            bytes: self.bytes,
            media_type: self.media_type,
            state: self.state.into(),
            references: self.references,
            created_at_ms: self.created_at_ms,
            verified_at_ms: self.verified_at_ms,
            expires_at_ms: self.expires_at_ms,
        }
    }
}

/// What `ledger_open` answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Opened {
    /// None: the schema is there, and no migration.
    pub(crate) version: Option<u32>,
    /// The database's clock.
    pub(crate) now_ms: u64,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Recorded {
    Inserted,
    Existing,
    RemoteNotLive,
}

impl From<Recorded> for contract::Recorded {
    fn from(recorded: Recorded) -> Self {
        match recorded {
            Recorded::Inserted => Self::Inserted,
            Recorded::Existing => Self::Existing,
            Recorded::RemoteNotLive => Self::RemoteNotLive,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Release {
    Released(u64),
    Last(Box<Remote>),
}

#[derive(Debug, Deserialize)]
pub(crate) struct Remotes {
    pub(crate) remotes: Vec<Remote>,
    /// Account and remote id of the last row that was looked at.
    pub(crate) next: Option<(String, String)>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Totals {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) remotes: u64,
    pub(crate) remote_bytes: u64,
    pub(crate) dying: u64,
    pub(crate) missing: u64,
    pub(crate) schema_version: u32,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Usage {
    pub(crate) account: String,
    pub(crate) purpose: String,
    pub(crate) remotes: u64,
    pub(crate) bytes: u64,
}
