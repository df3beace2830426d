//! A value that ends: fetched by one caller while the others wait, used by all, and renewed before its end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::CredentialError;
use crate::clock::Clock;

/// How often a credential file is looked at, at most, while requests use it.
pub const RECHECK: Duration = Duration::from_secs(1);

/// A value is renewed so long before its end, or at half its life if that is shorter: AWS replaces keys five minutes
/// before they end.
const MARGIN: Duration = Duration::from_secs(300);

/// After a renewal that failed, how long the old value is used before the next try.
const PAUSE: Duration = Duration::from_secs(10);

/// How long a failure is the answer to everybody when there is no value: those who waited for it do not ask again one
/// after the other.
const FAILED_FOR: Duration = Duration::from_secs(1);

/// The shortest time between two renewals because a server did not accept the value.
const DOUBT_PAUSE: Duration = Duration::from_secs(30);

/// How long a value is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// For ever.
    Endless,
    /// It can be replaced at any time, by whoever writes the file, and is looked at every [`RECHECK`].
    Watched,
    /// For so long from now.
    Until(Duration),
}

/// The value, and who fetches it.
pub(super) struct Renewed<T> {
    clock: Arc<dyn Clock>,
    held: Mutex<Held<T>>,
    fetching: tokio::sync::Mutex<()>,
}

struct Held<T> {
    current: Option<Arc<T>>,
    previous: Option<Arc<T>>,
    since: Duration,
    renew_at: Duration,
    ends_at: Duration,
    failed: Option<(Duration, CredentialError)>,
}

enum Look<T> {
    Good(Arc<T>),
    /// Still good, and due.
    Aging(Arc<T>),
    Gone,
    Failed(CredentialError),
}

impl<T> Renewed<T> {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            held: Mutex::new(Held {
                current: None,
                previous: None,
                since: Duration::ZERO,
                renew_at: Duration::ZERO,
                ends_at: Duration::ZERO,
                failed: None,
            }),
            fetching: tokio::sync::Mutex::new(()),
        }
    }

    /// The value that is good now. `fetch` has a bound of its own; while it runs for a value that is still good, only
    /// the caller that began it waits.
    pub(super) async fn get<F>(
        &self,
        is_same: fn(&T, &T) -> bool,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, CredentialError>
    where
        F: Future<Output = Result<(T, Life), CredentialError>>,
    {
        let _turn = match self.look() {
            Look::Good(value) => return Ok(value),
            Look::Failed(error) => return Err(error),
            Look::Aging(value) => match self.fetching.try_lock() {
                Ok(turn) => turn,
                Err(_) => return Ok(value),
            },
            Look::Gone => self.fetching.lock().await,
        };
        let old = match self.look() {
            Look::Good(value) => return Ok(value),
            Look::Failed(error) => return Err(error),
            Look::Aging(value) => Some(value),
            Look::Gone => None,
        };
        match fetch().await {
            Ok((value, life)) => Ok(self.store(value, life, is_same)),
            Err(error) => self.failed(error, old),
        }
    }

    /// Puts a first value in.
    pub(super) fn store(&self, value: T, life: Life, is_same: fn(&T, &T) -> bool) -> Arc<T> {
        let now = self.clock.monotonic();
        let mut held = self.lock();
        let value = match held.current.take() {
            Some(old) if is_same(&old, &value) => old,
            old => {
                held.previous = old.or_else(|| held.previous.take());
                Arc::new(value)
            }
        };
        let (renew_at, ends_at) = match life {
            Life::Endless => (Duration::MAX, Duration::MAX),
            Life::Watched => (now + RECHECK, now + RECHECK),
            Life::Until(life) => {
                let ends = now.saturating_add(life);
                (ends.saturating_sub(MARGIN.min(life / 2)), ends)
            }
        };
        held.current = Some(Arc::clone(&value));
        held.since = now;
        (held.renew_at, held.ends_at, held.failed) = (renew_at, ends_at, None);
        value
    }

    fn failed(&self, error: CredentialError, old: Option<Arc<T>>) -> Result<Arc<T>, CredentialError> {
        let now = self.clock.monotonic();
        let mut held = self.lock();
        match old {
            Some(old) => {
                tracing::warn!("[AUTH] {error}; what was fetched before is still good");
                held.renew_at = now + PAUSE;
                Ok(old)
            }
            None => {
                tracing::error!("[AUTH] {error}");
                held.failed = Some((now, error.clone()));
                Err(error)
            }
        }
    }

    /// A server did not accept the value: the next caller renews it, unless that was done just now.
    pub(super) fn doubt(&self) {
        let now = self.clock.monotonic();
        let mut held = self.lock();
        if held.ends_at != Duration::MAX && now.saturating_sub(held.since) >= DOUBT_PAUSE {
            held.renew_at = held.renew_at.min(now);
        }
    }

    /// What is held and what was held before.
    pub(super) fn known(&self) -> (Option<Arc<T>>, Option<Arc<T>>) {
        let held = self.lock();
        (held.current.clone(), held.previous.clone())
    }

    fn look(&self) -> Look<T> {
        let now = self.clock.monotonic();
        let held = self.lock();
        match (&held.current, &held.failed) {
            (Some(value), _) if now < held.renew_at => Look::Good(Arc::clone(value)),
            (Some(value), _) if now < held.ends_at => Look::Aging(Arc::clone(value)),
            (_, Some((at, error))) if now.saturating_sub(*at) < FAILED_FOR => Look::Failed(error.clone()),
            _ => Look::Gone,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held<T>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
