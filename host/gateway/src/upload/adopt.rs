//! An upload whose answer was lost: looked for before anything is sent again, and taken over if it is there.

use loadlock_policy::Millis;
use loadlock_policy::model::{RemoteFile, VerifyMethod};
use loadlock_policy::retry::Event;

use super::attempt::{Receipt, deleted_meanwhile, in_vain};
use super::job::{UploadJob, unreadable};
use super::route::RouteLeg;
use crate::error::{Error, ErrorCode, Result};
use crate::state::provider::ProviderUnit;
use crate::view;

impl UploadJob<'_> {
    /// Looks for an upload whose answer was lost, before anything is sent again: not longer than `until`.
    pub(super) async fn look(&mut self, leg: &RouteLeg, after: Millis, until: Millis) -> Event {
        self.found = None;
        if !self.pause(&leg.unit, after, "looking for the lost upload").await {
            return Event::Cancelled;
        }
        if leg.unit.profile.verify == VerifyMethod::Digest {
            // Without it nothing on the list can be told to be this upload's. A file that has changed has none.
            let _ = self.digest().await;
        }
        let Some(lost) = self.entry.as_ref().map(|entry| entry.lost(self.known_digest())) else {
            return Event::VerifyUnknown;
        };
        let state = self.state;
        let look = state.verify(&leg.unit, &lost);
        // A list that hangs must not hang the caller.
        let left = state.clock.real(until - state.clock.now());
        let looked = tokio::time::timeout(left, look).await;
        let (event, found) = looked.unwrap_or((Event::VerifyUnanswered, None));
        self.found = found;
        event
    }

    /// Takes the remote file that was found as this upload's.
    pub(super) async fn adopt(&mut self, leg: &RouteLeg, attempts: u32) -> Result<view::File> {
        let unit = &leg.unit;
        let (Some(entry), Some(remote)) = (self.entry.take(), self.found.take()) else {
            return Err(Error::new(ErrorCode::Internal, "nothing to take over"));
        };
        if let Some(error) = in_vain(unit, &remote, self.state.clock.wall_ms()) {
            entry.failed(error.code.as_str(), &error.message, Some(remote)).await;
            return Err(error);
        }
        let accepting = self.state.accepting(unit, &remote.id, self.deletes_before);
        let Some(_accepting) = accepting.await? else {
            let error = Error::new(
                ErrorCode::ProviderFailed,
                format!("`{}`: {}", unit.name, deleted_meanwhile()),
            )
            .hint("upload it again");
            entry.failed(error.code.as_str(), &error.message, None).await;
            return Err(error);
        };
        match self.receipt_of(unit, remote).await {
            Ok(receipt) => {
                self.entry = Some(entry);
                self.finish(leg, receipt, attempts).await
            }
            Err(error) => {
                entry.unknown(&error.message).await;
                Err(error)
            }
        }
    }

    /// A remote file that was found by its mark or digest: the bytes were read in the attempt whose answer was lost.
    async fn receipt_of(&self, unit: &ProviderUnit, remote: RemoteFile) -> Result<Receipt> {
        let file = self.file;
        file.unchanged()?;
        if remote.bytes != file.size() {
            return Err(Error::new(
                ErrorCode::OutcomeUnknown,
                format!(
                    "`{}` holds a remote file with this upload's mark, but of {} bytes instead of {}",
                    unit.name,
                    remote.bytes,
                    file.size()
                ),
            ));
        }
        let sha256 = match self.known_digest() {
            Some(digest) => digest.to_owned(),
            None => {
                let digest = self.hash().await.map_err(unreadable)?;
                // Of the bytes that were sent only if they are still the same.
                file.unchanged()?;
                digest
            }
        };
        Ok(Receipt { remote, sha256 })
    }
}
