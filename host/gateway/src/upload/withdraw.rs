//! Ending an upload that was cancelled while a provider was receiving it: what may have arrived is looked for and taken
//! back.

use std::time::Duration;

use loadlock_policy::model::VerifyMethod;
use loadlock_policy::retry::Event;
use loadlock_sandbox::provider::LostUpload;

use super::entry::Entry;
use super::job::UploadJob;
use super::route::RouteLeg;
use super::verify::Looked;
use crate::error::{Error, ErrorCode};

/// Between two looks for a file that was sent whole: the vendor may be storing it at this moment.
const SECOND_LOOK: Duration = Duration::from_secs(1);

impl UploadJob<'_> {
    /// Ends the entry of an upload that was cancelled when the provider might have had it.
    pub(super) async fn withdraw(&self, leg: &RouteLeg, entry: Entry<'_>) -> Error {
        let unit = &leg.unit;
        // Without a report an earlier answer was lost, so that it may have been everything.
        let read = self.read.as_ref();
        let whole = !self.is_held_back() && read.is_none_or(|read| read.covered >= self.file.size());
        let digest = self.known_digest().or(read.and_then(|read| read.sha256.as_deref()));
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
            (VerifyMethod::Mark | VerifyMethod::ChosenId | VerifyMethod::Digest, _) => {
                self.look_twice(leg, &entry.lost(digest), whole).await
            }
        };
        match found {
            (Event::VerifyAbsent, _) => entry.failed("cancelled", &why, None).await,
            (Event::VerifyFound, Some(remote)) => {
                let nobody = self.state.wanted_by_nobody(unit, self.file.size(), entry.id(), &remote);
                let unwanted = nobody.await.then_some(remote);
                entry.failed("cancelled", &why, unwanted).await;
            }
            // Dropped, the entry stays open; what settling finds of it is taken back.
            _ => {
                let ids = vec![entry.id().to_owned()];
                if let Err(error) = self.state.cancel_uploads(self.asked.who.tenant(), ids).await {
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

    async fn look_twice(&self, leg: &RouteLeg, lost: &LostUpload, whole: bool) -> Looked {
        let look = || self.state.verify(&leg.unit, lost);
        match look().await {
            (Event::VerifyAbsent, _) if whole => {
                tokio::time::sleep(SECOND_LOOK).await;
                look().await
            }
            found => found,
        }
    }
}
