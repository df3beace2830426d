//! A file that its vendor has and still works on: the upload is answered when that is over.

use loadlock_policy::Millis;
use loadlock_policy::model::{Failure, FailureKind, RemoteFile, RemoteRef, RemoteStatus};

use super::attempt::{AttemptEnd, Receipt, in_vain};
use super::job::UploadJob;
use super::route::RouteLeg;
use crate::fault::{self, Point};
use crate::state::provider::ProviderUnit;

/// What the vendor says about a file that it was working on.
enum Progressed {
    /// It described it.
    To(Box<RemoteFile>),
    /// It has it no more.
    Lost,
    /// It says nothing, or nothing of use: asked again.
    Unanswered,
}

impl UploadJob<'_> {
    /// Asks until the vendor has processed what it stored, where the profile says that this is worth waiting for. What
    /// is still processed when the upload's time is over is answered as it is.
    pub(super) async fn processed(&self, leg: &RouteLeg, mut receipt: Receipt) -> AttemptEnd {
        let unit = &leg.unit;
        let Some(interval) = unit.profile.poll_interval_ms else {
            return AttemptEnd::Stored(receipt);
        };
        let remote = RemoteRef {
            id: receipt.remote.id.clone(),
            purpose: leg.purpose.clone(),
        };
        let (clock, cancel) = (&self.state.clock, self.asked.cancel);
        let interval = Millis(u64::from(interval));
        while receipt.remote.status == RemoteStatus::Processing {
            if clock.now() + interval >= self.deadline {
                break;
            }
            let wait = tokio::time::sleep(clock.real(interval));
            if cancel.run_until_cancelled(wait).await.is_none() {
                return AttemptEnd::Cancelled(None);
            }
            fault::at(Point::ProcessingAsked);
            let left = clock.real(self.deadline - clock.now());
            let asking = tokio::time::timeout(left, ask(unit, &remote, receipt.remote.bytes));
            match cancel.run_until_cancelled(asking).await {
                None => return AttemptEnd::Cancelled(None),
                Some(Ok(Progressed::To(described))) => {
                    receipt.remote = RemoteFile {
                        name: described.name.clone().or(receipt.remote.name),
                        ..*described
                    };
                }
                Some(Ok(Progressed::Lost)) => {
                    let message = "the vendor lost the file while it processed it";
                    return AttemptEnd::Failed(Failure::new(FailureKind::Unavailable, message));
                }
                Some(Ok(Progressed::Unanswered) | Err(_)) => {}
            }
        }
        match in_vain(unit, &receipt.remote, clock.wall_ms()) {
            Some(error) => AttemptEnd::Fatal {
                error,
                unwanted: Some(receipt.remote),
            },
            None => AttemptEnd::Stored(receipt),
        }
    }
}

async fn ask(unit: &ProviderUnit, remote: &RemoteRef, bytes: u64) -> Progressed {
    let report = unit.component.stat(remote).await;
    unit.called(&report);
    match report.outcome {
        Ok(Ok(described)) if described.id == remote.id && described.bytes == bytes => Progressed::To(described.into()),
        Ok(Err(failure)) if failure.kind == FailureKind::NotFound => Progressed::Lost,
        _ => Progressed::Unanswered,
    }
}
