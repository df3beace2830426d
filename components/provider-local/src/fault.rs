//! What a file system's error means.

use loadlock_sdk::types::{Failure, FailureKind};
use loadlock_sdk::wasip2::filesystem::types::ErrorCode;

/// A failure for `code`, which doing `what` met.
pub(crate) fn of(code: ErrorCode, what: &str) -> Failure {
    let (kind, hint) = match code {
        ErrorCode::InsufficientSpace | ErrorCode::Quota => (FailureKind::QuotaExhausted, "the disk is full"),
        ErrorCode::FileTooLarge => (FailureKind::Rejected, "the file is too large for this file system"),
        ErrorCode::Access | ErrorCode::NotPermitted | ErrorCode::ReadOnly => {
            (FailureKind::Internal, "the provider's directory must be writable")
        }
        ErrorCode::Loop => (
            FailureKind::Internal,
            "the provider's directory contains a symbolic link; remove it",
        ),
        ErrorCode::Io | ErrorCode::Busy | ErrorCode::Interrupted => (FailureKind::Unavailable, "the disk failed"),
        _ => (FailureKind::Internal, "see the provider's directory"),
    };
    Failure::new(kind, format!("cannot {what}: {}; {hint}", code.name())).with_code(code.name())
}
