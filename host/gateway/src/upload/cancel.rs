//! An upload that its caller gives up: every wait ends.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorCode, Result};

/// How long a cancelled upload may go on settling its end. What takes longer stays open in the journal and is settled
/// with what a crash leaves, so that whoever cancels never waits for a vendor that does not answer.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// The error of every cancelled upload.
pub(super) fn cancelled(when: &str) -> Error {
    Error::new(ErrorCode::Cancelled, format!("cancelled {when}"))
}

/// Waits for `work` unless the caller gives up. Only for work that may be dropped at any point.
pub(super) async fn unless_cancelled<T>(
    cancel: &CancellationToken,
    when: &str,
    work: impl Future<Output = T>,
) -> Result<T> {
    cancel.run_until_cancelled(work).await.ok_or_else(|| cancelled(when))
}

/// Ends [`GRACE`] after the caller gave up.
pub(super) async fn overdue(cancel: &CancellationToken) {
    cancel.cancelled().await;
    tokio::time::sleep(GRACE).await;
}
