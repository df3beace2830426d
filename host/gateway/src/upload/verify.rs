//! Looking for an upload whose answer was lost, before anything is sent again.

use loadlock_policy::model::{Failure, FailureKind, RemoteFile, VerifyMethod};
use loadlock_policy::retry::Event;
use loadlock_sandbox::CallError;
use loadlock_sandbox::provider::LostUpload;

use crate::fault::{self, Point};
use crate::state::gateway::GatewayState;
use crate::state::provider::ProviderUnit;
use crate::upload::listing::{MAX_PAGES, page};

/// What was found, as an event for policy, with the remote file if exactly one is this upload's.
pub(crate) type Looked = (Event, Option<RemoteFile>);

impl GatewayState {
    /// Looks for an upload whose answer was lost.
    pub(crate) async fn verify(&self, unit: &ProviderUnit, lost: &LostUpload) -> Looked {
        match unit.profile.verify {
            VerifyMethod::ChosenId => self.locate(unit, lost).await,
            // Whatever is on the list, none of it can be told to be this upload's or not.
            VerifyMethod::Digest if lost.sha256.is_none() => (Event::VerifyUnknown, None),
            _ => self.look_through_list(unit, lost).await,
        }
    }

    /// Asks for the id that was chosen for it.
    async fn locate(&self, unit: &ProviderUnit, lost: &LostUpload) -> Looked {
        fault::at(Point::VerifyBefore);
        let report = unit.component.locate(lost).await;
        fault::at(Point::VerifyAfter);
        match report.outcome {
            Ok(Ok(remote)) => self.judge(unit, vec![remote]).await,
            Ok(Err(failure)) if failure.kind == FailureKind::NotFound => (Event::VerifyAbsent, None),
            Ok(Err(failure)) => (unanswered(unit, &failure), None),
            Err(error) => (unknown(unit, &error), None),
        }
    }

    /// Reads the vendor's list to its end.
    async fn look_through_list(&self, unit: &ProviderUnit, lost: &LostUpload) -> Looked {
        let (mark, sha256) = (lost.mark.as_str(), &lost.sha256);
        let matches = |candidate: &RemoteFile| match unit.profile.verify {
            VerifyMethod::Mark => !mark.is_empty() && candidate.name.as_deref().is_some_and(|name| name.contains(mark)),
            VerifyMethod::Digest => sha256.is_some() && candidate.sha256 == *sha256 && candidate.bytes == lost.bytes,
            VerifyMethod::ChosenId | VerifyMethod::IdempotencyKey | VerifyMethod::None => false,
        };
        let mut found = Vec::new();
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            fault::at(Point::VerifyBefore);
            let report = page(unit, Some(&lost.purpose), cursor.take()).await;
            fault::at(Point::VerifyAfter);
            let page = match report.outcome {
                Ok(Ok(page)) => page,
                Ok(Err(failure)) => return (unanswered(unit, &failure), None),
                Err(error) => return (unknown(unit, &error), None),
            };
            found.extend(page.files.into_iter().filter(|candidate| matches(candidate)));
            match page.next {
                Some(next) => cursor = Some(next),
                None => return self.judge(unit, found).await,
            }
        }
        // "Absent" would be a guess.
        (Event::VerifyUnknown, None)
    }

    /// Adopts exactly one candidate, and only if no record of any tenant holds it already (unless equal content shares
    /// an id anyway).
    async fn judge(&self, unit: &ProviderUnit, mut found: Vec<RemoteFile>) -> Looked {
        match (found.pop(), found.is_empty()) {
            (None, _) => (Event::VerifyAbsent, None),
            (Some(one), true) => {
                let shared = unit.profile.verify == VerifyMethod::Digest;
                match self.held(&unit.account, &one.id).await {
                    Ok(true) if !shared => (Event::VerifyUnknown, None),
                    // A mark is one attempt's alone: a tracker that is away must not make an upload fail.
                    _ => (Event::VerifyFound, Some(one)),
                }
            }
            (Some(_), false) => (Event::VerifyUnknown, None),
        }
    }
}

/// The vendor could not be asked.
fn unanswered(unit: &ProviderUnit, failure: &Failure) -> Event {
    tracing::warn!(target: "loadlock::retry", provider = %unit.name, %failure, "[RETRY] cannot look for the lost upload");
    if failure.kind.is_retryable() {
        Event::VerifyUnanswered
    } else {
        Event::VerifyUnknown
    }
}

/// The component could not ask.
fn unknown(unit: &ProviderUnit, error: &CallError) -> Event {
    tracing::warn!(target: "loadlock::retry", provider = %unit.name, %error, "[RETRY] cannot look for the lost upload");
    Event::VerifyUnknown
}
