//! Which clock is running for a request that has no response yet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::connect::Opening;
use crate::{Direction, Error, Timeouts};

/// What the request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A connection.
    Connecting,
    /// The upstream, to take more of the body.
    Upstream,
    /// The guest, to give more of the body.
    Guest,
    /// The upstream, to answer: the body is gone.
    Answer,
}

/// The phase and since when. The body reports, the request's driver waits.
#[derive(Debug)]
pub(crate) struct Progress {
    state: Mutex<(Phase, Instant)>,
    changed: Notify,
    opening: Arc<Opening>,
}

impl Progress {
    pub(crate) fn new(now: Instant, opening: Arc<Opening>) -> Self {
        Self {
            state: Mutex::new((Phase::Connecting, now)),
            changed: Notify::new(),
            opening,
        }
    }

    /// The connection is there. The body may have moved on already.
    pub(crate) fn connected(&self, body_is_empty: bool) {
        let mut state = self.lock();
        if state.0 == Phase::Connecting {
            let phase = if body_is_empty { Phase::Answer } else { Phase::Upstream };
            *state = (phase, Instant::now());
        }
    }

    pub(crate) fn set(&self, phase: Phase) {
        let mut state = self.lock();
        if state.0 == Phase::Answer {
            return;
        }
        // Staying with the upstream only moves a deadline away, which the driver finds out when it wakes.
        let wake = state.0 != phase;
        *state = (phase, Instant::now());
        drop(state);
        if wake {
            self.changed.notify_one();
        }
    }

    /// Ends when the phase changes.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(crate) fn is_connecting(&self) -> bool {
        self.lock().0 == Phase::Connecting
    }

    /// When the present phase has lasted too long, and the error for it; nothing while the guest is waited for.
    pub(crate) fn deadline(&self, timeouts: &Timeouts, origin: &str) -> Option<(Instant, Error)> {
        let (phase, since) = *self.lock();
        let origin = origin.to_owned();
        let (after, error) = match phase {
            Phase::Guest => return None,
            Phase::Connecting => {
                let after = timeouts.connect;
                let stage = self.opening.stage();
                (after, Error::ConnectTimeout { origin, stage, after })
            }
            Phase::Upstream => {
                let after = timeouts.between_bytes;
                let direction = Direction::Request;
                (
                    after,
                    Error::BetweenBytesTimeout {
                        origin,
                        direction,
                        after,
                    },
                )
            }
            Phase::Answer => {
                let after = timeouts.first_byte;
                (after, Error::FirstByteTimeout { origin, after })
            }
        };
        Some((later(since, after), error))
    }

    fn lock(&self) -> MutexGuard<'_, (Phase, Instant)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `since + after`, or thirty years from then when that does not exist.
pub(crate) fn later(since: Instant, after: std::time::Duration) -> Instant {
    const THIRTY_YEARS: std::time::Duration = std::time::Duration::from_secs(30 * 365 * 86_400);
    since + after.min(THIRTY_YEARS)
}
