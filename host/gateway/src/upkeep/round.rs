//! Settling while the gateway serves: the same steps as at a start, a bounded amount at a time, and never anything that an
//! upload of this process holds.

use std::collections::BTreeSet;
use std::sync::{PoisonError, Weak};
use std::time::Duration;

use loadlock_policy::breaker::Admission;
use loadlock_policy::upkeep::{SETTLE_INTERVAL, Waiting};
use loadlock_sandbox::tracker::{RemoteState, RemotesQuery};

use crate::error::Result;
use crate::files::answered;
use crate::gateway::Inner;
use crate::pipeline::{Settled, journal_error};

/// Entries, deletes and dying remote files that one round looks at, of each. One vendor call takes some 100 ms.
const MOST: usize = 100;
/// Longest that one of them may take. A vendor that takes longer is not asked again in this round.
const STEP: Duration = Duration::from_secs(30);
/// Files that expire in one round.
const EXPIRE: u32 = 1_000;

/// What one round hands to the next.
#[derive(Debug, Default)]
struct Memory {
    waiting: Waiting,
    /// Where the last round stopped among the dying remote files: those that cannot be deleted must not hide the others.
    dying: Option<String>,
}

/// Settles round by round for as long as the gateway is open.
pub(super) async fn rounds(gateway: Weak<Inner>) {
    let mut memory = Memory::default();
    loop {
        let wait = match gateway.upgrade() {
            Some(inner) => inner.clock.real(SETTLE_INTERVAL),
            None => return,
        };
        tokio::time::sleep(wait).await;
        let Some(inner) = gateway.upgrade() else {
            return;
        };
        match round(&inner, &mut memory).await {
            Ok(settled) if settled != Settled::default() => {
                tracing::info!(?settled, "settled in the background");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "a round of settling ended early"),
        }
    }
}

async fn round(inner: &Inner, memory: &mut Memory) -> Result<Settled> {
    let _one_at_a_time = inner.settling.lock().await;
    let mut settled = Settled::default();
    let mut asked = Asked {
        inner,
        silent: BTreeSet::new(),
    };
    let due = memory.waiting.due(inner.unsettled()?, inner.clock.now());
    let mut looks = 0;
    for id in due {
        if looks == MOST {
            break;
        }
        let entry = inner
            .journal
            .entry(&id)
            .map_err(|error| journal_error(&error))?;
        let Some(provider) = entry.map(|entry| entry.intent.provider) else {
            continue;
        };
        // What may not be asked about now takes nobody's place.
        if asked.may(&provider) {
            looks += 1;
            memory.waiting.looked_at(&id, inner.clock.now());
            let before = settled.open;
            let done = tokio::time::timeout(STEP, inner.settle_id(&id, &mut settled)).await;
            let answered = matches!(done, Ok(Ok(()))) && settled.open == before;
            asked.heard(&provider, answered);
            if let Ok(Err(error)) = done {
                tracing::warn!(%error, %id, "an open entry could not be settled yet");
            }
        }
    }
    match tokio::time::timeout(STEP, inner.take_back_given_up(&mut settled)).await {
        Ok(taken_back) => taken_back?,
        Err(_) => tracing::warn!("a cancelled upload is taken back later"),
    }
    match tokio::time::timeout(STEP, inner.deliver_backlog()).await {
        Ok(Ok(delivered)) => settled.delivered = delivered,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the tracker is away; records wait in the journal")
        }
        Err(_) => tracing::warn!("the tracker is slow; records wait in the journal"),
    }
    inner.clear_outdone().await?;
    let pending = inner
        .journal
        .pending_deletes(MOST)
        .map_err(|error| journal_error(&error))?;
    for delete in pending {
        if asked.may(&delete.intent.provider) {
            let gone = tokio::time::timeout(STEP, inner.discard(&delete.intent)).await;
            let gone = gone.unwrap_or(false);
            settled.deleted += u64::from(gone);
            asked.heard(&delete.intent.provider, gone);
        }
    }
    clean(inner, memory, &mut asked, &mut settled).await?;
    inner
        .journal
        .sweep(inner.clock.wall_ms())
        .await
        .map_err(|error| journal_error(&error))?;
    Ok(settled)
}

/// Tombstones what has expired and deletes dying remote files.
async fn clean(
    inner: &Inner,
    memory: &mut Memory,
    asked: &mut Asked<'_>,
    settled: &mut Settled,
) -> Result<()> {
    inner
        .take_back(async { answered(inner.tracker.expire(inner.clock.wall_ms(), EXPIRE).await) })
        .await?;
    let query = RemotesQuery {
        state: Some(RemoteState::Dying),
        cursor: memory.dying.take(),
        limit: u32::try_from(MOST).unwrap_or(u32::MAX),
        ..RemotesQuery::default()
    };
    let page = answered(inner.tracker.remotes(query).await)?;
    for row in &page.items {
        if asked.may(&row.provider) {
            let gone = tokio::time::timeout(STEP, inner.bury(row)).await;
            let gone = gone.unwrap_or(false);
            settled.deleted += u64::from(gone);
            asked.heard(&row.provider, gone);
        }
    }
    memory.dying = page.next;
    Ok(())
}

/// Which vendors a round may still ask.
struct Asked<'a> {
    inner: &'a Inner,
    silent: BTreeSet<String>,
}

impl Asked<'_> {
    /// Not one whose breaker is open, and not one that has failed in this round. A provider that is not configured any
    /// more is told about once.
    fn may(&self, provider: &str) -> bool {
        if self.silent.contains(provider) {
            return false;
        }
        let Ok(unit) = self.inner.provider(provider) else {
            return true;
        };
        let breaker = unit.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.inner.clock.now();
        breaker.eligibility(&unit.breaker_policy(), now) == Admission::Ready
    }

    fn heard(&mut self, provider: &str, answered: bool) {
        if !answered {
            self.silent.insert(provider.to_owned());
        }
    }
}
