//! Looking for an upload whose answer was lost, before anything is sent again.

use loadlock_policy::model::{RemoteFile, VerifyMethod};
use loadlock_policy::retry::Event;

use crate::fault::{self, Point};
use crate::state::gateway::GatewayState;
use crate::state::provider::ProviderUnit;
use crate::upload::listing::{MAX_PAGES, page};

/// What was found, as an event for policy, with the remote file if exactly one is this upload's.
pub(crate) type Looked = (Event, Option<RemoteFile>);

impl GatewayState {
    /// Looks for the upload with this mark and digest.
    pub(crate) async fn verify(
        &self,
        unit: &ProviderUnit,
        bytes: u64,
        purpose: &str,
        mark: &str,
        sha256: Option<&str>,
    ) -> Looked {
        if unit.profile.verify == VerifyMethod::Digest && sha256.is_none() {
            // Whatever is on the list, none of it can be told to be this upload's or not.
            return (Event::VerifyUnknown, None);
        }
        let matches = |candidate: &RemoteFile| match unit.profile.verify {
            VerifyMethod::Mark => !mark.is_empty() && candidate.name.as_deref().is_some_and(|name| name.contains(mark)),
            VerifyMethod::Digest => {
                sha256.is_some() && candidate.sha256.as_deref() == sha256 && candidate.bytes == bytes
            }
            VerifyMethod::IdempotencyKey | VerifyMethod::None => false,
        };
        let mut found = Vec::new();
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            fault::at(Point::VerifyBefore);
            let report = page(unit, Some(purpose), cursor.take()).await;
            fault::at(Point::VerifyAfter);
            let page = match report.outcome {
                Ok(Ok(page)) => page,
                Ok(Err(failure)) => {
                    tracing::warn!(target: "loadlock::retry", provider = %unit.name, %failure, "[RETRY] cannot look \
                         for the lost upload");
                    let event = if failure.kind.is_retryable() {
                        Event::VerifyUnanswered
                    } else {
                        Event::VerifyUnknown
                    };
                    return (event, None);
                }
                Err(error) => {
                    tracing::warn!(target: "loadlock::retry", provider = %unit.name, %error, "[RETRY] cannot look for \
                         the lost upload");
                    return (Event::VerifyUnknown, None);
                }
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
