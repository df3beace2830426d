//! Settling while the gateway serves: the same steps as at a start, a bounded amount at a time, and never anything that
//! an upload of this process holds.

use std::sync::Weak;
use std::time::Duration;

use loadlock_policy::upkeep::{SETTLE_INTERVAL, SettleQueue};
use loadlock_sandbox::tracker::{RemoteState, RemotesQuery};
use rand::RngExt;

use crate::error::{Result, answered};
use crate::recovery::pass::{Pass, Settled};
use crate::state::gateway::GatewayState;

/// Entries, deletes and dying remote files that one round looks at, of each. One vendor call takes some 100 ms.
const MOST: usize = 100;
/// Longest that a round waits for the tracker to take records.
const DELIVERY: Duration = Duration::from_secs(30);
/// Files that expire in one round.
const EXPIRE: u32 = 1_000;

/// What one round hands to the next.
#[derive(Debug, Default)]
struct Memory {
    waiting: SettleQueue,
    /// Where the last round stopped among the dying remote files: those that cannot be deleted must not hide the
    /// others.
    dying: Option<String>,
}

/// Settles round by round for as long as the gateway is open.
pub(super) async fn settle_loop(gateway: Weak<GatewayState>) {
    let mut memory = Memory::default();
    loop {
        let wait = match gateway.upgrade() {
            Some(state) => state.clock.real(SETTLE_INTERVAL),
            None => return,
        };
        tokio::time::sleep(wait).await;
        let Some(state) = gateway.upgrade() else {
            return;
        };
        match round(&state, &mut memory).await {
            Ok(settled) if settled != Settled::default() => {
                tracing::info!(?settled, "settled in the background");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "a round of settling ended early"),
        }
    }
}

async fn round(state: &GatewayState, memory: &mut Memory) -> Result<Settled> {
    let _one_at_a_time = state.open_entries.settling().await;
    let mut pass = Pass::of_round(state);
    let due = memory.waiting.due(state.unsettled()?, state.clock.now());
    let mut looks = 0;
    for id in due {
        if looks == MOST {
            break;
        }
        // What may not be asked about now takes nobody's place.
        match pass.entry(&id).await {
            Ok(false) => continue,
            Ok(true) => {}
            Err(error) => {
                tracing::warn!(%error, %id, "an open entry could not be settled yet");
            }
        }
        looks += 1;
        memory.waiting.looked_at(&id, state.clock.now());
    }
    pass.given_up().await?;
    match tokio::time::timeout(DELIVERY, state.deliver_backlog()).await {
        Ok(Ok(delivered)) => pass.settled.delivered = delivered,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the tracker is away; records wait in the journal")
        }
        Err(_) => tracing::warn!("the tracker is slow; records wait in the journal"),
    }
    pass.conflicts().await?;
    pass.deletes(MOST).await?;
    clean(state, memory, &mut pass).await?;
    state.journal.sweep(state.clock.wall_ms()).await?;
    Ok(pass.settled)
}

/// Tombstones what has expired and deletes dying remote files.
async fn clean(state: &GatewayState, memory: &mut Memory, pass: &mut Pass<'_>) -> Result<()> {
    state
        .take_back(async { answered(state.ledger.tracker.expire(state.clock.wall_ms(), EXPIRE).await) })
        .await?;
    let query = RemotesQuery {
        state: Some(RemoteState::Dying),
        cursor: memory.dying.take(),
        limit: u32::try_from(MOST).unwrap_or(u32::MAX),
        ..RemotesQuery::default()
    };
    let mut page = answered(state.ledger.tracker.remotes(query).await)?;
    // One that its vendor never deletes ends the turn of that vendor: it must not be the first each time.
    if page.items.len() > 1 {
        let first = rand::rng().random_range(0..page.items.len());
        page.items.rotate_left(first);
    }
    for row in &page.items {
        pass.delete_dying(row).await;
    }
    memory.dying = page.next;
    Ok(())
}
