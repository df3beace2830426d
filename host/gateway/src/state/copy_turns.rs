//! Copies that are being made: one at a time to each provider of a file, so that two that are asked for are one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// What is copied to where: tenant, file, provider.
type CopyKey = (String, String, String);

/// Turns that somebody has or waits for.
#[derive(Debug, Default)]
pub(crate) struct CopyTurns(Mutex<HashMap<CopyKey, Arc<tokio::sync::Mutex<()>>>>);

impl CopyTurns {
    /// Waits until no other copy of this file to this provider is being made; held, none is begun.
    pub(crate) async fn turn(&self, tenant: &str, file: &str, provider: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // What nobody has any more, nobody waits for.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            let key = (tenant.to_owned(), file.to_owned(), provider.to_owned());
            turns.entry(key).or_default().clone()
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turn_is_one_callers_and_is_forgotten_after_it() {
        let turns = CopyTurns::default();
        let held = turns.turn("acme", "file-a", "openai").await;
        let other = turns.turn("acme", "file-a", "kimi").await;
        let mut next = Box::pin(turns.turn("acme", "file-a", "openai"));
        assert!(futures::poll!(&mut next).is_pending());
        drop((held, other));
        drop(next.await);
        drop(turns.turn("acme", "file-b", "openai").await);
        let left = turns.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        assert_eq!(left, 1);
    }
}
