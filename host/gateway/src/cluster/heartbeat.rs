//! Once a second: this gateway lives, this is what its breakers found, these attempts are over; and now and then what
//! it wrote into its audit log.

use std::sync::atomic::Ordering;
use std::sync::{PoisonError, Weak};

use loadlock_journal::State;
use loadlock_policy::Millis;
use loadlock_policy::breaker::Word;
use loadlock_sandbox::coordination::{News, ProviderState};

use super::member::{ARRIVAL, Cluster, HEARTBEAT, asks_again};
use super::summary;
use crate::error::Result;
use crate::state::gateway::GatewayState;

/// Between so many heartbeats the ledger is asked what accounts hold.
const USAGES: u64 = 10;

/// Sends heartbeats for as long as the gateway is open.
pub(super) async fn heartbeats(gateway: Weak<GatewayState>) {
    let Some(period) = gateway.upgrade().map(|state| state.clock.real(HEARTBEAT)) else {
        return;
    };
    let mut due = tokio::time::interval(period);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let heartbeats_between = (summary::EVERY.get() / HEARTBEAT.get()).max(1);
    let mut heartbeats: u64 = 0;
    loop {
        let Some(cluster) = gateway.upgrade().and_then(|state| state.peers.cluster().cloned()) else {
            return;
        };
        let is_due = tokio::select! {
            _ = due.tick() => true,
            () = cluster.ended.notified() => false,
        };
        // While the ledger is asked, nothing here keeps the gateway open.
        if is_due {
            let Some(states) = gateway.upgrade().map(|state| state.breaker_words(&cluster)) else {
                return;
            };
            let was_away = !cluster.answers();
            let news = cluster.heartbeat(states).await;
            let (Some(state), Some(news)) = (gateway.upgrade(), news) else {
                continue;
            };
            if was_away {
                // Records are handed over by other instances, so this one would not hear of it for a while.
                asks_again(state.ledger.tracker.answers_again()).await;
                state.ledger.outbox.wake();
            }
            state.told(&cluster, news).await;
            if heartbeats.is_multiple_of(USAGES) {
                state.refresh_usages().await;
            }
            heartbeats += 1;
            if heartbeats.is_multiple_of(heartbeats_between)
                && let Err(error) = state.tell_counts(&cluster).await
            {
                tracing::debug!(%error, "the ledger is told later how much is in the audit log");
            }
        }
        let Some(state) = gateway.upgrade() else {
            return;
        };
        if cluster.answers()
            && let Err(error) = state.end_attempts(&cluster).await
        {
            tracing::debug!(%error, "attempts that are over are told to the ledger later");
        }
    }
}

impl Cluster {
    /// Says that this gateway lives; answers what the others said, if the ledger does.
    async fn heartbeat(&self, states: Vec<ProviderState>) -> Option<News> {
        let beat = self.ledger.beat(self.id.clone(), self.lease_ms, states);
        let news = self.ask(beat).await.ok()?;
        if self.away.swap(false, Ordering::Relaxed) {
            tracing::info!(target: "loadlock::tracker", "the ledger answers again");
        }
        Some(news)
    }
}

impl GatewayState {
    /// The first heartbeat, before anything is settled or sent.
    pub(super) async fn first_heartbeat(&self, cluster: &Cluster) {
        if let Some(news) = cluster.heartbeat(self.breaker_words(cluster)).await {
            self.told(cluster, news).await;
        }
    }

    async fn told(&self, cluster: &Cluster, news: News) {
        self.hear(cluster, &news.states).await;
        *cluster.peers.write().unwrap_or_else(PoisonError::into_inner) = news.peers;
        if news.abandoned > 0 {
            cluster.abandoned.notify_one();
        }
        if !cluster.resumed.load(Ordering::Relaxed) {
            match self.resume(cluster).await {
                Ok(()) => cluster.resumed.store(true, Ordering::Relaxed),
                Err(error) => {
                    tracing::debug!(%error, "the ledger is told later what is open here");
                }
            }
        }
    }

    /// What the breakers of this gateway found themselves, by account.
    fn breaker_words(&self, cluster: &Cluster) -> Vec<ProviderState> {
        let now = self.clock.now();
        let heard = cluster.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let real = |left: Millis| u64::try_from(self.clock.real(left).as_millis()).unwrap_or(u64::MAX);
        let mut states: Vec<ProviderState> = Vec::new();
        for unit in self.providers.iter() {
            let breaker = unit.breaker();
            let word = breaker.tells(&heard.get(&unit.name).copied().unwrap_or_default(), now);
            let (open_ms, cool_ms) = (real(word.open), real(word.cooldown));
            // Two providers may be configured for one account: the ledger keeps one row of it.
            match states.iter_mut().find(|one| one.account == unit.account) {
                Some(one) => {
                    one.open_ms = one.open_ms.max(open_ms);
                    one.cool_ms = one.cool_ms.max(cool_ms);
                }
                None if open_ms + cool_ms > 0 => states.push(ProviderState {
                    account: unit.account.clone(),
                    open_ms,
                    cool_ms,
                }),
                None => {}
            }
        }
        states
    }

    /// Takes over what other gateways found.
    async fn hear(&self, cluster: &Cluster, states: &[ProviderState]) {
        for unit in self.providers.iter() {
            let Some(state) = states.iter().find(|state| state.account == unit.account) else {
                continue;
            };
            let word = Word {
                open: self.clock.policy(state.open_ms),
                cooldown: self.clock.policy(state.cool_ms),
            };
            let changed = {
                let mut all = cluster.heard.lock().unwrap_or_else(PoisonError::into_inner);
                let heard = all.entry(unit.name.clone()).or_default();
                let mut breaker = unit.breaker();
                breaker.hears(&unit.breaker_policy(), &word, heard, self.clock.now())
            };
            if let Some(label) = changed {
                crate::metrics::transition(&unit.name, label);
                tracing::warn!(target: "loadlock::circuit", provider = %unit.name, state = ?label, "[CIRCUIT] {} is \
                     now {label:?}: another gateway found it failing", unit.name);
                unit.health.reported.notify_one();
                unit.keep_breaker(&self.journal, &self.clock).await;
            }
        }
    }

    /// After a start: whatever the ledger has of this gateway that is not open here is over.
    async fn resume(&self, cluster: &Cluster) -> Result<()> {
        let _nothing_is_begun = cluster.resuming.write().await;
        let mut open: Vec<String> = {
            let attempts = cluster.attempts();
            let left = attempts.left.keys();
            attempts.held.iter().chain(left).cloned().collect()
        };
        let kept = || -> std::result::Result<Vec<String>, loadlock_journal::JournalError> {
            let mut ids = Vec::new();
            let journal = &self.journal;
            ids.extend(journal.open_entries()?);
            ids.extend(journal.unknown_entries(usize::MAX)?);
            ids.extend(journal.accepted_not_recorded(usize::MAX)?);
            Ok(ids.into_iter().map(|row| row.intent.id).collect())
        };
        let kept = kept()?;
        for id in kept {
            if !cluster.holds(&id) {
                cluster.attempts().left.entry(id.clone()).or_insert(true);
            }
            open.push(id);
        }
        let resume = cluster.ledger.resume(cluster.id.clone(), open);
        cluster.ask(resume).await.map(drop)
    }

    /// Tells the ledger which attempts are over, and which go on without a lease because nobody here works at them.
    async fn end_attempts(&self, cluster: &Cluster) -> Result<()> {
        let left: Vec<(String, bool)> = {
            let attempts = cluster.attempts();
            attempts.left.iter().map(|(id, leads)| (id.clone(), *leads)).collect()
        };
        if left.is_empty() {
            return Ok(());
        }
        let (mut over, mut unled) = (Vec::new(), Vec::new());
        for (id, leads) in left {
            if self.open_entries.is_held(&id) {
                continue;
            }
            let row = self.journal.entry(&id)?;
            match row.map(|row| row.state) {
                // Its record ends it.
                Some(State::Accepted { .. }) => {}
                Some(State::Sent) if leads => unled.push(id),
                Some(State::Sent) => {}
                None | Some(State::Recorded { .. } | State::Failed(_) | State::Unknown { .. }) => {
                    over.push(id);
                }
            }
        }
        if !unled.is_empty() {
            let ended = cluster.ledger.ended(cluster.id.clone(), unled.clone(), true);
            cluster.ask(ended).await?;
            let mut attempts = cluster.attempts();
            for id in &unled {
                if let Some(leads) = attempts.left.get_mut(id) {
                    *leads = false;
                }
            }
        }
        if !over.is_empty() {
            let ended = cluster.ledger.ended(cluster.id.clone(), over.clone(), false);
            cluster.ask(ended).await?;
            cluster.told_over(&over, self.clock.real(ARRIVAL));
        }
        Ok(())
    }
}
