//! What can go wrong with the ledger, in the contract's words.

use crate::bindings::exports::loadlock::upload::tracker::Failure;
use crate::bindings::loadlock::upload::types::FailureKind;
use std::io;

/// A failed operation. Nothing of it was stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error("the ledger is not open; call `open` first")]
    NotOpen,
    #[error("the ledger cannot be read or written: {0}; check free space and permissions of the state directory")]
    Io(#[source] io::Error),
    #[error(
        "the ledger is damaged: {0}; restore it from a backup (`loadlock restore DIR --ledger`), or move the files of \
         its directory away and run `loadlock reconcile`"
    )]
    Damaged(String),
    #[error(
        "the ledger has schema version {found}, but this component knows versions up to {known}; use the component \
         that wrote it, or a newer one"
    )]
    NewerSchema { found: u64, known: u32 },
    #[error("limit is {0}; use 1 to {max}", max = crate::list::MAX_LIMIT)]
    Limit(u32),
    #[error("the cursor does not belong to this list; start again without a cursor")]
    Cursor,
    #[error("a remote file cannot be observed as dying; say `live` or `missing`")]
    ObservedDying,
}

impl LedgerError {
    /// Whether the store itself failed, so that it has to be opened again.
    pub(crate) fn is_storage(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Damaged(_))
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::Io(_) => FailureKind::Unavailable,
            Self::Limit(_) | Self::Cursor | Self::ObservedDying => FailureKind::Rejected,
            Self::NotOpen | Self::Damaged(_) | Self::NewerSchema { .. } => FailureKind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotOpen => "not_open",
            Self::Io(error) if error.kind() == io::ErrorKind::StorageFull => "storage_full",
            Self::Io(_) => "storage_failed",
            Self::Damaged(_) => "ledger_damaged",
            Self::NewerSchema { .. } => "schema_newer",
            Self::Limit(_) => "bad_limit",
            Self::Cursor => "bad_cursor",
            Self::ObservedDying => "bad_state",
        }
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self {
            kind: error.kind(),
            status: None,
            code: Some(error.code().to_owned()),
            message: error.to_string(),
            retry_after_ms: None,
            outcome_unknown: false,
        }
    }
}

impl From<redb::Error> for LedgerError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => Self::Io(error),
            redb::Error::PreviousIo | redb::Error::DatabaseClosed => Self::Io(io::Error::other(error.to_string())),
            other => Self::Damaged(other.to_string()),
        }
    }
}

/// redb has an error type per kind of call; all of them convert into its general one.
macro_rules! from_redb {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for LedgerError {
            fn from(error: $error) -> Self {
                redb::Error::from(error).into()
            }
        }
    )*};
}

from_redb!(
    redb::CommitError,
    redb::DatabaseError,
    redb::SetDurabilityError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
);
