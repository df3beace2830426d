//! Sending.

use std::sync::Weak;
use std::time::Duration;

use futures::future::join_all;
use loadlock_journal::PlacedEvent;
use loadlock_policy::breaker::{Outcome, Permit};
use tokio::sync::watch;

use super::message::{body, event_id};
use super::receiver::{WebhookReceiver, WebhookReceivers, breaker_policy};
use super::schedule::{after, due, outcome};
use crate::error::Result;
use crate::metrics;
use crate::state::gateway::GatewayState;

/// Events of one receiver that are sent at once, each of another file.
const AT_ONCE: usize = 8;
/// Events that are looked at for that: those of files that wait for their next attempt must not hide the others.
const LOOKED_AT: usize = 1_000;
/// How long dead letters are kept.
const LETTERS_MS: u64 = 30 * 86_400_000;
/// How often it is looked for older ones.
const SWEEP: Duration = Duration::from_secs(3_600);
/// After the journal could not be asked.
const PAUSE: Duration = Duration::from_secs(1);

/// Delivers to every receiver for as long as the gateway is open.
pub(crate) async fn webhooks(gateway: Weak<GatewayState>) {
    let Some(mut changes) = gateway.upgrade().map(|state| state.config.webhooks.changes()) else {
        return;
    };
    loop {
        let receivers = changes.borrow_and_update().clone();
        let delivering = join_all(receivers.iter().map(|receiver| deliver(gateway.clone(), receiver)));
        // Others replace them: an attempt that is under way is given up, and made again.
        let replaced = tokio::select! {
            biased;
            changed = changes.changed() => changed.is_ok(),
            () = sweeps(&gateway, &receivers) => false,
            _ = async { delivering.await; std::future::pending::<()>().await } => false,
        };
        if !replaced {
            return;
        }
    }
}

/// Removes what is for nobody any more, again and again until the gateway is closed.
async fn sweeps(gateway: &Weak<GatewayState>, receivers: &WebhookReceivers) {
    while sweep(gateway, receivers).await {
        tokio::time::sleep(SWEEP).await;
    }
}

/// False once the gateway is closed.
async fn sweep(gateway: &Weak<GatewayState>, receivers: &WebhookReceivers) -> bool {
    let Some(state) = gateway.upgrade() else {
        return false;
    };
    let urls = receivers.iter().map(|receiver| receiver.url.clone()).collect();
    let since = state.clock.wall_ms().saturating_sub(LETTERS_MS);
    match state.journal.keep_outgoing(urls, since).await {
        Ok(false) => {}
        Ok(true) => tracing::warn!(target: "loadlock::webhooks", "removed old dead letters, or events for receivers \
             that are configured no more"),
        Err(error) => tracing::warn!(target: "loadlock::webhooks", %error, "the journal is away"),
    }
    true
}

/// Delivers to one receiver.
async fn deliver(gateway: Weak<GatewayState>, receiver: &WebhookReceiver) {
    let Some(mut added) = gateway.upgrade().map(|state| state.journal.outgoing_changes()) else {
        return;
    };
    loop {
        // What is added from here on is seen by the next turn.
        added.mark_unchanged();
        let Some(state) = gateway.upgrade() else {
            return;
        };
        let wait = match turn(&state, receiver).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::warn!(target: "loadlock::webhooks", %error, "the journal is away: events wait");
                Some(PAUSE)
            }
        };
        drop(state);
        if !rest(&mut added, receiver, wait).await {
            return;
        }
    }
}

/// Waits until something may be sent. False once nothing ever is.
async fn rest(added: &mut watch::Receiver<()>, receiver: &WebhookReceiver, wait: Option<Duration>) -> bool {
    let timer = async {
        match wait {
            Some(wait) => tokio::time::sleep(wait).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        changed = added.changed() => changed.is_ok(),
        () = receiver.sooner.notified() => true,
        () = timer => true,
    }
}

/// Sends what can be sent now, and answers how long nothing else can.
async fn turn(state: &GatewayState, receiver: &WebhookReceiver) -> Result<Option<Duration>> {
    let now_ms = state.clock.wall_ms();
    let events = state.journal.outgoing(&receiver.url, LOOKED_AT)?;
    let (due, next) = due(events, now_ms, AT_ONCE);
    if due.is_empty() {
        return Ok(next.map(|next| Duration::from_millis(next.saturating_sub(now_ms))));
    }
    let mut sending = Vec::new();
    for placed in due {
        let permit = receiver.breaker().acquire(&breaker_policy(), state.clock.now());
        match permit {
            Ok(permit) => sending.push(send(state, receiver, placed, permit)),
            Err(refusal) if sending.is_empty() => {
                let left = refusal.until() - state.clock.now();
                return Ok(Some(state.clock.real(left)));
            }
            Err(_) => break,
        }
    }
    for sent in join_all(sending).await {
        sent?;
    }
    Ok(Some(Duration::ZERO))
}

/// One attempt, and what becomes of the event.
async fn send(state: &GatewayState, receiver: &WebhookReceiver, placed: PlacedEvent, permit: Permit) -> Result<()> {
    let PlacedEvent { place, event } = placed;
    let mut held = HeldPermit {
        state,
        receiver,
        permit: Some(permit),
    };
    let id = event_id(&event);
    let at = event.callback.as_ref().map(|callback| callback.url.as_str());
    let answer = receiver
        .client
        .send(at, &id, state.clock.wall_ms() / 1_000, body(&event))
        .await;
    held.report(outcome(&answer));
    let next = after(&event.delivery, &answer, state.clock.wall_ms(), rand::random());
    if let Some(next) = &next {
        let (reason, dead) = (
            next.last_error.as_deref().unwrap_or_default(),
            next.dead_at_ms.is_some(),
        );
        let url = receiver.url_of(&event);
        tracing::warn!(target: "loadlock::webhooks", %url, %id, attempts = next.attempts, dead,
            "an event was not taken: {reason}");
    }
    metrics::webhook_sent(&receiver.id, next.as_ref().map(|next| next.dead_at_ms.is_some()));
    state.journal.put_delivery(&receiver.url, place, next).await?;
    Ok(())
}

/// A permit that comes back whatever becomes of the attempt.
struct HeldPermit<'a> {
    state: &'a GatewayState,
    receiver: &'a WebhookReceiver,
    permit: Option<Permit>,
}

impl HeldPermit<'_> {
    fn report(&mut self, outcome: Outcome) {
        let Some(permit) = self.permit.take() else {
            return;
        };
        let now = self.state.clock.now();
        let changed = self.receiver.breaker().report(&breaker_policy(), permit, outcome, now);
        if let Some(label) = changed {
            tracing::warn!(target: "loadlock::webhooks", url = %self.receiver.url, ?label, "[CIRCUIT] a receiver");
        }
    }
}

impl Drop for HeldPermit<'_> {
    fn drop(&mut self) {
        self.report(Outcome::Cancelled);
    }
}
