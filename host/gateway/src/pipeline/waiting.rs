//! Where an upload waits on its way: for its turn at a provider, and between two attempts.

use std::time::Duration;

use loadlock_policy::Millis;
use loadlock_policy::retry::Event as RetryEvent;
use tokio::sync::SemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::gateway::Inner;
use crate::progress::{Event, Progress};
use crate::setup::ProviderUnit;

/// The right to send: at the provider and in the gateway as a whole.
pub(super) type Turn<'a> = (SemaphorePermit<'a>, SemaphorePermit<'a>);

impl Inner {
    /// One of the provider's places for an upload, in the order of asking. Waiting is part of the upload's own time.
    pub(super) async fn turn<'a>(
        &'a self,
        unit: &'a ProviderUnit,
        cancel: &CancellationToken,
        deadline: Millis,
    ) -> std::result::Result<Turn<'a>, RetryEvent> {
        let waiting = async {
            let provider = unit.turns.acquire().await;
            // The gateway's own second, so that nobody holds one of those while waiting for a provider.
            let gateway = self.turns.acquire().await;
            // Neither is ever closed.
            provider.ok().zip(gateway.ok())
        };
        let left = self.clock.real(deadline - self.clock.now());
        match cancel.run_until_cancelled(tokio::time::timeout(left, waiting)).await {
            None => Err(RetryEvent::Cancelled),
            Some(Ok(Some(turn))) => Ok(turn),
            Some(_) => Err(RetryEvent::DeadlinePassed),
        }
    }

    /// Waits; false if the caller gives up meanwhile.
    pub(super) async fn pause(
        &self,
        unit: &ProviderUnit,
        after: Millis,
        what: &str,
        cancel: &CancellationToken,
        progress: &dyn Progress,
    ) -> bool {
        let real = self.clock.real(after);
        progress.event(Event::Retry {
            provider: unit.name.clone(),
            reason: what.to_owned(),
            after_ms: u64::try_from(real.as_millis()).unwrap_or(u64::MAX),
        });
        if real > Duration::ZERO {
            let _ = cancel.run_until_cancelled(tokio::time::sleep(real)).await;
        }
        !cancel.is_cancelled()
    }
}
