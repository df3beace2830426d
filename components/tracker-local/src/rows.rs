//! The stored form of files and remote files: one byte of format, then postcard.

use crate::bindings::exports::loadlock::upload::tracker::{
    DedupKey, FileRecord, RemoteAddress, RemoteRow, RemoteState,
};
use crate::error::LedgerError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A row, postcard. A later format gets the next number, and reading keeps those before.
const PLAIN: u8 = 1;

/// A row and the address of its remote file. Written only where there is one, so that ledgers without any can be read
/// by every version.
const ADDRESSED: u8 = 2;

/// What else names a remote file in the vendor's own calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    uri: Option<String>,
    media_type: Option<String>,
}

impl Address {
    fn new(address: &RemoteAddress) -> Self {
        Self {
            uri: address.uri.clone(),
            media_type: address.media_type.clone(),
        }
    }

    fn into_contract(self) -> RemoteAddress {
        RemoteAddress {
            uri: self.uri,
            media_type: self.media_type,
        }
    }
}

/// What is stored as bytes.
pub(crate) trait Stored: Serialize + DeserializeOwned {
    /// The address beside the row.
    fn address(&self) -> Option<&Address> {
        None
    }

    /// Puts the address back that was beside the row.
    fn set_address(&mut self, _address: Address) {}
}

macro_rules! stored_with_address {
    ($($row:ty),*) => {
        $(impl Stored for $row {
            fn address(&self) -> Option<&Address> {
                Some(&self.address).filter(|address| **address != Address::default())
            }

            fn set_address(&mut self, address: Address) {
                self.address = address;
            }
        })*
    };
}

stored_with_address!(FileRow, RemoteEntry);

/// A file, without what its key says (tenant, id, created).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRow {
    pub(crate) account: String,
    pub(crate) purpose: String,
    pub(crate) treatment: String,
    pub(crate) sha256: String,
    pub(crate) filename: String,
    pub(crate) bytes: u64,
    pub(crate) media_type: String,
    pub(crate) provider: String,
    pub(crate) remote_id: String,
    pub(crate) deduplicated: bool,
    pub(crate) attempts: u32,
    pub(crate) expires_at_ms: Option<u64>,
    #[serde(skip)]
    pub(crate) address: Address,
}

impl FileRow {
    pub(crate) fn new(file: &FileRecord) -> Self {
        Self {
            account: file.key.account.clone(),
            purpose: file.key.purpose.clone(),
            treatment: file.key.treatment.clone(),
            sha256: file.key.sha256.clone(),
            filename: file.filename.clone(),
            bytes: file.bytes,
            media_type: file.media_type.clone(),
            provider: file.provider.clone(),
            remote_id: file.remote_id.clone(),
            deduplicated: file.deduplicated,
            attempts: file.attempts,
            expires_at_ms: file.expires_at_ms,
            address: Address::new(&file.address),
        }
    }

    pub(crate) fn into_record(self, tenant: &str, created_at_ms: u64, id: &str) -> FileRecord {
        FileRecord {
            id: id.to_owned(),
            key: DedupKey {
                tenant: tenant.to_owned(),
                account: self.account,
                purpose: self.purpose,
                treatment: self.treatment,
                sha256: self.sha256,
            },
            filename: self.filename,
            bytes: self.bytes,
            media_type: self.media_type,
            provider: self.provider,
            remote_id: self.remote_id,
            address: self.address.into_contract(),
            deduplicated: self.deduplicated,
            attempts: self.attempts,
            created_at_ms,
            expires_at_ms: self.expires_at_ms,
        }
    }
}

/// The state of a remote file as stored; the number is part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Live,
    Dying,
    Missing,
}

impl State {
    /// The number in the table of remote files that are not live.
    pub(crate) fn mark(self) -> u8 {
        match self {
            Self::Live => 0,
            Self::Dying => 1,
            Self::Missing => 2,
        }
    }
}

impl From<RemoteState> for State {
    fn from(state: RemoteState) -> Self {
        match state {
            RemoteState::Live => Self::Live,
            RemoteState::Dying => Self::Dying,
            RemoteState::Missing => Self::Missing,
        }
    }
}

impl From<State> for RemoteState {
    fn from(state: State) -> Self {
        match state {
            State::Live => Self::Live,
            State::Dying => Self::Dying,
            State::Missing => Self::Missing,
        }
    }
}

/// A remote file, without what its key says (account, remote id). The dedup key is that of the file that came first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RemoteEntry {
    pub(crate) provider: String,
    pub(crate) tenant: String,
    pub(crate) purpose: String,
    pub(crate) treatment: String,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
    pub(crate) media_type: String,
    pub(crate) state: State,
    pub(crate) references: u64,
    pub(crate) created_at_ms: u64,
    pub(crate) verified_at_ms: u64,
    pub(crate) expires_at_ms: Option<u64>,
    #[serde(skip)]
    pub(crate) address: Address,
}

impl RemoteEntry {
    /// The remote file behind a file that is its first; `references` as found.
    pub(crate) fn new(file: &FileRecord, references: u64) -> Self {
        Self {
            provider: file.provider.clone(),
            tenant: file.key.tenant.clone(),
            purpose: file.key.purpose.clone(),
            treatment: file.key.treatment.clone(),
            sha256: file.key.sha256.clone(),
            bytes: file.bytes,
            media_type: file.media_type.clone(),
            state: State::Live,
            references,
            created_at_ms: file.created_at_ms,
            verified_at_ms: file.created_at_ms,
            expires_at_ms: file.expires_at_ms,
            address: Address::new(&file.address),
        }
    }

    /// Whether files may come to refer to it at `now_ms`.
    pub(crate) fn is_usable(&self, now_ms: u64) -> bool {
        self.state == State::Live && !is_expired(self.expires_at_ms, now_ms)
    }

    pub(crate) fn into_row(self, account: &str, remote_id: &str) -> RemoteRow {
        RemoteRow {
            account: account.to_owned(),
            provider: self.provider,
            remote_id: remote_id.to_owned(),
            address: self.address.into_contract(),
            key: DedupKey {
                tenant: self.tenant,
                account: account.to_owned(),
                purpose: self.purpose,
                treatment: self.treatment,
                sha256: self.sha256,
            },
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

/// Whether something is over: after its instant, not at it.
pub(crate) fn is_expired(expires_at_ms: Option<u64>, now_ms: u64) -> bool {
    expires_at_ms.is_some_and(|instant| instant < now_ms)
}

/// The later of two expiries; none is the latest.
pub(crate) fn later(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    Some(a?.max(b?))
}

/// The bytes of a row.
pub(crate) fn encode<R: Stored>(row: &R) -> Result<Vec<u8>, LedgerError> {
    let bytes = match row.address() {
        None => postcard::to_extend(row, vec![PLAIN]),
        Some(address) => postcard::to_extend(&(row, address), vec![ADDRESSED]),
    };
    bytes.map_err(|error| LedgerError::Damaged(error.to_string()))
}

/// The row in the bytes.
pub(crate) fn decode<R: Stored>(bytes: &[u8]) -> Result<R, LedgerError> {
    match bytes.split_first() {
        Some((&PLAIN, row)) => whole(row),
        Some((&ADDRESSED, row)) => {
            let (mut row, address): (R, Address) = whole(row)?;
            row.set_address(address);
            Ok(row)
        }
        Some((format, _)) => Err(LedgerError::Damaged(format!("a row has the unknown format {format}"))),
        None => Err(LedgerError::Damaged("a row is empty".to_owned())),
    }
}

fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, LedgerError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err(LedgerError::Damaged("a row is too long".to_owned())),
        Err(error) => Err(LedgerError::Damaged(format!("a row cannot be read: {error}"))),
    }
}
