//! Places for reading content: fewer than calls that the sandbox has room for, so that an upload always finds some,
//! whatever readers do.
//!
//! Who gets a place is decided in [`loadlock_policy::reading`]. Here are the waiting, and the clock: a reader whose
//! client has taken nothing for [`GRACE`] has stalled, and while somebody waits who has a better right, it is ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use loadlock_policy::reading::{ReadAnswer, ReadShares};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorCode, Result};
use crate::metrics;

/// A client that takes no chunk (of up to 256 KiB) for this long is slower than what may keep others waiting.
const GRACE: Duration = Duration::from_secs(2);
/// The same, where the one who waits is of the same tenant: nobody else is harmed, and ending one costs what was read.
const OWN_GRACE: Duration = Duration::from_secs(8);
/// How often whoever waits looks for a reader that has stalled.
const LOOK: Duration = Duration::from_millis(250);
/// Longest wait for a place.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most places, where the sandbox has many.
const MOST: u32 = 64;
/// Of the calls that the sandbox has room for, one in so many may be a reader's.
const PART: u32 = 4;
/// A content of at most this many bytes is taken whole, so that its call ends at once whatever its client does.
pub(crate) const SMALL: u64 = 1 << 20;
/// Bytes of small contents that wait for their clients, together.
const SMALL_TOGETHER: usize = 64 << 20;

/// Places for reading content.
pub(crate) struct ReadPool {
    state: Arc<Mutex<PoolState>>,
    small: Arc<Semaphore>,
}

struct PoolState {
    shares: ReadShares,
    waiting: HashMap<u64, oneshot::Sender<()>>,
    readers: HashMap<u64, ActiveReader>,
    last: u64,
}

/// Somebody with a place.
struct ActiveReader {
    tenant: String,
    /// Since when its client has been offered a chunk and not taken it.
    offered: Option<Instant>,
    end: CancellationToken,
}

fn lock(state: &Mutex<PoolState>) -> MutexGuard<'_, PoolState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PoolState {
    /// Gives free places to those who wait.
    fn hand_on(&mut self) {
        while let Some(ticket) = self.shares.grant_next() {
            // Whoever has gone gives it back when it drops its ticket.
            if let Some(told) = self.waiting.remove(&ticket) {
                let _ = told.send(());
            }
        }
        metrics::reading(self.shares.in_use());
    }

    /// Ends the reader that has stalled longest of those that have to give way.
    fn make_way(&self, ticket: u64, waiting: &str, now: Instant) {
        let Some(tenant) = self.shares.gives_way(ticket) else {
            return;
        };
        let theirs = self.readers.values().filter(|reader| reader.tenant == tenant);
        let stalled = theirs.filter_map(|reader| reader.offered.map(|since| (since, reader)));
        let longest = stalled.min_by_key(|(since, _)| *since);
        if let Some((since, reader)) = longest
            && now.saturating_duration_since(since) >= if tenant == waiting { OWN_GRACE } else { GRACE }
        {
            reader.end.cancel();
        }
    }
}

impl ReadPool {
    /// For a sandbox with room for so many calls.
    pub(crate) fn new(slots: u32) -> Self {
        Self {
            state: Arc::new(Mutex::new(PoolState {
                shares: ReadShares::new((slots / PART).min(MOST)),
                waiting: HashMap::new(),
                readers: HashMap::new(),
                last: 0,
            })),
            small: Arc::new(Semaphore::new(SMALL_TOGETHER)),
        }
    }

    /// A place for one reader of this tenant, in its turn.
    ///
    /// # Errors
    /// [`ErrorCode::RateLimited`] if the tenant has as many as it may, [`ErrorCode::Overloaded`] if there is none.
    pub(crate) async fn place(&self, tenant: &str) -> Result<ReadPlace> {
        let (mut told, mut turn) = {
            let mut state = lock(&self.state);
            match state.shares.ask(tenant) {
                ReadAnswer::Granted => {
                    metrics::reading(state.shares.in_use());
                    return Ok(ReadPlace::new(&self.state, &mut state, tenant));
                }
                ReadAnswer::Refused { own } => return Err(refused(own)),
                ReadAnswer::Waits { ticket } => {
                    let (tell, told) = oneshot::channel();
                    state.waiting.insert(ticket, tell);
                    let turn = ReadTurn {
                        state: self.state.clone(),
                        ticket,
                        tenant: tenant.to_owned(),
                        taken: false,
                    };
                    (told, turn)
                }
            }
        };
        let until = Instant::now() + PATIENCE;
        loop {
            lock(&self.state).make_way(turn.ticket, tenant, Instant::now());
            if tokio::time::timeout(LOOK, &mut told).await.is_ok() {
                return Ok(turn.take());
            }
            if Instant::now() >= until {
                return Err(turn.refusal());
            }
        }
    }

    /// Room to keep a small content of this many bytes until its client has taken it.
    pub(crate) fn keep(&self, bytes: u64) -> Option<tokio::sync::OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes).ok().filter(|bytes| u64::from(*bytes) <= SMALL)?;
        self.small.clone().try_acquire_many_owned(bytes).ok()
    }
}

/// A turn in the queue; whatever happens, it is left or its place is given back.
struct ReadTurn {
    state: Arc<Mutex<PoolState>>,
    ticket: u64,
    tenant: String,
    taken: bool,
}

impl ReadTurn {
    fn take(&mut self) -> ReadPlace {
        self.taken = true;
        ReadPlace::new(&self.state, &mut lock(&self.state), &self.tenant)
    }

    /// Why there was none.
    fn refusal(&self) -> Error {
        let own = lock(&self.state).shares.gives_way(self.ticket) == Some(self.tenant.as_str());
        refused(own)
    }
}

/// No place: for `own`, because the tenant has as many as it may.
fn refused(own: bool) -> Error {
    metrics::reading_refused();
    let error = match own {
        true => Error::new(
            ErrorCode::RateLimited,
            "too many contents are being read for this tenant",
        ),
        false => Error::new(ErrorCode::Overloaded, "too many contents are being read"),
    };
    error.retry_after(Some(1_000))
}

impl Drop for ReadTurn {
    fn drop(&mut self) {
        if self.taken {
            return;
        }
        let mut state = lock(&self.state);
        state.waiting.remove(&self.ticket);
        if !state.shares.leave(self.ticket) {
            state.shares.give_back(&self.tenant);
        }
        state.hand_on();
    }
}

/// The right to read one content; given back when it is dropped.
pub(crate) struct ReadPlace {
    state: Arc<Mutex<PoolState>>,
    id: u64,
    end: CancellationToken,
}

impl ReadPlace {
    fn new(pool: &Arc<Mutex<PoolState>>, state: &mut PoolState, tenant: &str) -> Self {
        state.last += 1;
        let (id, end) = (state.last, CancellationToken::new());
        state.readers.insert(
            id,
            ActiveReader {
                tenant: tenant.to_owned(),
                offered: None,
                end: end.clone(),
            },
        );
        Self {
            state: pool.clone(),
            id,
            end,
        }
    }

    /// Waits for the client to take a chunk.
    pub(crate) async fn offer<T>(&self, taken: impl Future<Output = T>) -> T {
        self.offered(Some(Instant::now()));
        let taken = taken.await;
        self.offered(None);
        taken
    }

    fn offered(&self, since: Option<Instant>) {
        if let Some(reader) = lock(&self.state).readers.get_mut(&self.id) {
            reader.offered = since;
        }
    }

    /// Done when the reader has to give way.
    pub(crate) async fn gave_way(&self) -> Error {
        self.end.cancelled().await;
        metrics::reading_ended();
        Error::new(
            ErrorCode::Overloaded,
            "the content was taken too slowly while others waited to read",
        )
        .hint("read it again, and take what comes as it comes")
    }
}

impl Drop for ReadPlace {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if let Some(reader) = state.readers.remove(&self.id) {
            state.shares.give_back(&reader.tenant);
            state.hand_on();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn in_use(pool: &ReadPool) -> u32 {
        lock(&pool.state).shares.in_use()
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_reader_gives_way_and_one_that_takes_what_comes_does_not() {
        let pool = ReadPool::new(8);
        let (busy, stalled) = (pool.place("a").await.unwrap(), pool.place("b").await.unwrap());
        let gives_way = async move {
            let error = tokio::select! {
                () = stalled.offer(std::future::pending::<()>()) => return None,
                error = stalled.gave_way() => error,
            };
            drop(stalled);
            Some(error)
        };
        let began = Instant::now();
        let (error, third) = tokio::join!(gives_way, pool.place("b"));
        assert_eq!(error.unwrap().code, ErrorCode::Overloaded);
        assert!(began.elapsed() >= OWN_GRACE && began.elapsed() < PATIENCE);
        // Nobody has stalled: whoever has as many as it may is refused, in bounded time.
        let refused = pool.place("b").await.err().unwrap();
        assert_eq!(
            (refused.code, refused.retry_after_ms),
            (ErrorCode::RateLimited, Some(1_000))
        );
        assert!(!busy.end.is_cancelled());
        drop((busy, third));
        assert_eq!(in_use(&pool), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_waiting_leaves_nothing_behind() {
        let pool = ReadPool::new(8);
        let held = pool.place("a").await.unwrap();
        let waited = tokio::time::timeout(Duration::from_secs(1), pool.place("a"));
        assert!(waited.await.is_err());
        drop(held);
        assert_eq!((in_use(&pool), lock(&pool.state).waiting.len()), (0, 0));
    }

    #[test]
    fn small_contents_are_kept_up_to_a_bound() {
        let pool = ReadPool::new(8);
        assert!(pool.keep(SMALL + 1).is_none());
        let kept: Vec<_> = std::iter::from_fn(|| pool.keep(SMALL)).collect();
        assert_eq!(kept.len(), 64);
        drop(kept);
        assert!(pool.keep(SMALL).is_some());
    }
}
