//! From a receipt to a record.

use loadlock_sandbox::tracker::{FileRecord, Recorded};

use crate::error::{Error, ErrorCode, Result};
use crate::gateway::Inner;

impl Inner {
    /// Hands one record to the tracker.
    pub(crate) async fn record(&self, record: FileRecord) -> Result<()> {
        let outcome = crate::files::answered(self.tracker.record_many(vec![record]).await)?;
        match outcome.as_slice() {
            [Recorded::Inserted | Recorded::Existing] => Ok(()),
            [Recorded::RemoteNotLive] => Err(Error::new(
                ErrorCode::TrackerFailed,
                "the vendor answered with the id of a remote file that is being deleted",
            )
            .hint("upload it again")),
            _ => Err(Error::new(ErrorCode::TrackerFailed, "the tracker answered for another number of files than it was given")),
        }
    }
}
