//! An upload that its caller gives up: every wait ends, and what may have arrived is looked for and taken back.

use std::time::Duration;

use loadlock_policy::model::{RemoteFile, VerifyMethod};
use loadlock_policy::retry::Event;
use loadlock_sandbox::files::ReadReport;
use tokio_util::sync::CancellationToken;

use super::entry::Entry;
use super::upload::{Order, Stop};
use crate::error::{Error, ErrorCode, Result};
use crate::gateway::Inner;
use crate::setup::ProviderUnit;

/// How long a cancelled upload may go on settling its end. What takes longer stays open in the journal and is settled
/// with what a crash leaves, so that whoever cancels never waits for a vendor that does not answer.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// Between two looks for a file that was sent whole: the vendor may be storing it at this moment.
const SECOND_LOOK: Duration = Duration::from_secs(1);

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

impl Inner {
    /// Ends the entry of an upload that was cancelled when the provider might have had it. `read` is what the provider
    /// had read of the file; `None` if an earlier answer was lost, so that it may have been everything.
    pub(super) async fn withdraw(
        &self,
        order: &Order<'_>,
        stop: &Stop<'_>,
        entry: Entry<'_>,
        digest: Option<&str>,
        read: Option<&ReadReport>,
    ) -> Error {
        let unit = stop.0;
        let whole = read.is_none_or(|read| read.covered >= order.file.size());
        let digest = digest.or(read.and_then(|read| read.sha256.as_deref()));
        let why = format!("cancelled while `{}` was receiving it", unit.name);
        let found = match (unit.profile.verify, whole) {
            // An incomplete message is not to be processed (RFC 9112, section 8), and a digest of a part is no digest
            // of the file.
            (VerifyMethod::None | VerifyMethod::IdempotencyKey | VerifyMethod::Digest, false) => {
                (Event::VerifyAbsent, None)
            }
            (VerifyMethod::None | VerifyMethod::IdempotencyKey, true) => {
                let message = format!("{why}; it cannot be asked whether the file is stored there");
                entry.unknown(&message).await;
                return Error::new(ErrorCode::Cancelled, message);
            }
            (VerifyMethod::Mark | VerifyMethod::Digest, _) => {
                self.look_twice(order, stop, entry.mark(), digest, whole).await
            }
        };
        match found {
            (Event::VerifyAbsent, _) => entry.failed("cancelled", &why, None).await,
            (Event::VerifyFound, Some(remote)) => {
                let unwanted = self
                    .wanted_by_nobody(unit, order.file.size(), entry.id(), &remote)
                    .await;
                entry.failed("cancelled", &why, unwanted.then_some(remote)).await;
            }
            // Dropped, the entry stays open; what settling finds of it is taken back.
            _ => {
                let id = entry.id().to_owned();
                if let Err(error) = self.give_up_uploads(order.who.tenant(), vec![id]).await {
                    tracing::error!(%error, "that an upload was cancelled could not be journalled");
                }
                return Error::new(
                    ErrorCode::Cancelled,
                    format!("{why}; it does not say whether it has the file, so it is asked again later"),
                );
            }
        }
        Error::new(ErrorCode::Cancelled, why)
    }

    async fn look_twice(
        &self,
        order: &Order<'_>,
        stop: &Stop<'_>,
        mark: &str,
        digest: Option<&str>,
        whole: bool,
    ) -> super::verify::Found {
        let look = || self.verify(stop.0, order.file.size(), &stop.1, mark, digest);
        match look().await {
            (Event::VerifyAbsent, _) if whole => {
                tokio::time::sleep(SECOND_LOOK).await;
                look().await
            }
            found => found,
        }
    }

    /// Whether a remote file can go: no record refers to it and, where equal content shares an id, no other upload may
    /// be storing the same.
    pub(super) async fn wanted_by_nobody(
        &self,
        unit: &ProviderUnit,
        bytes: u64,
        entry: &str,
        remote: &RemoteFile,
    ) -> bool {
        let account = &unit.account;
        if unit.profile.verify == VerifyMethod::Digest {
            let Ok(open) = self.journal.open_entries() else {
                return false;
            };
            let shared = open
                .iter()
                .any(|row| row.id() != entry && row.intent.key.account == *account && row.intent.bytes == bytes);
            if shared {
                return false;
            }
        }
        matches!(self.held(account, &remote.id).await, Ok(false))
    }
}
