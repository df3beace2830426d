//! Once a second: this gateway lives, this is what its breakers found, these attempts are over; and now and then what
//! it wrote into its audit log.

use std::sync::atomic::Ordering;
use std::sync::{PoisonError, Weak};

use loadlock_journal::State;
use loadlock_policy::Millis;
use loadlock_policy::breaker::Word;
use loadlock_sandbox::coordination::{News, ProviderState};

use super::{BEAT, Together, summary};
use crate::error::Result;
use crate::gateway::Inner;
use crate::pipeline::journal_error;

/// Beats for as long as the gateway is open.
pub(super) async fn beats(gateway: Weak<Inner>) {
    let Some(period) = gateway.upgrade().map(|inner| inner.clock.real(BEAT)) else {
        return;
    };
    let mut due = tokio::time::interval(period);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let beats_between = (summary::EVERY.get() / BEAT.get()).max(1);
    let mut beats: u64 = 0;
    loop {
        let Some(together) = gateway.upgrade().and_then(|inner| inner.together.clone()) else {
            return;
        };
        let is_beat = tokio::select! {
            _ = due.tick() => true,
            () = together.over.notified() => false,
        };
        // While the ledger is asked, nothing here keeps the gateway open.
        if is_beat {
            let Some(states) = gateway.upgrade().map(|inner| inner.breaker_words(&together)) else {
                return;
            };
            let news = together.beat(states).await;
            let (Some(inner), Some(news)) = (gateway.upgrade(), news) else {
                continue;
            };
            inner.told(&together, news).await;
            beats += 1;
            if beats.is_multiple_of(beats_between)
                && let Err(error) = inner.tell_counts(&together).await
            {
                tracing::debug!(%error, "the ledger is told later how much is in the audit log");
            }
        }
        let Some(inner) = gateway.upgrade() else {
            return;
        };
        if together.answers()
            && let Err(error) = inner.end_attempts(&together).await
        {
            tracing::debug!(%error, "attempts that are over are told to the ledger later");
        }
    }
}

impl Together {
    /// Says that this gateway lives; answers what the others said, if the ledger does.
    async fn beat(&self, states: Vec<ProviderState>) -> Option<News> {
        let beat = self.ledger.beat(self.id.clone(), self.lease_ms, states);
        let news = self.ask(beat).await.ok()?;
        if self.away.swap(false, Ordering::Relaxed) {
            tracing::info!(target: "loadlock::tracker", "the ledger answers again");
        }
        Some(news)
    }
}

impl Inner {
    /// The first beat, before anything is settled or sent.
    pub(super) async fn first_beat(&self, together: &Together) {
        if let Some(news) = together.beat(self.breaker_words(together)).await {
            self.told(together, news).await;
        }
    }

    async fn told(&self, together: &Together, news: News) {
        self.hear(together, &news.states).await;
        *together.peers.write().unwrap_or_else(PoisonError::into_inner) = news.peers;
        if news.abandoned > 0 {
            together.abandoned.notify_one();
        }
        if !together.resumed.load(Ordering::Relaxed) {
            match self.resume(together).await {
                Ok(()) => together.resumed.store(true, Ordering::Relaxed),
                Err(error) => {
                    tracing::debug!(%error, "the ledger is told later what is open here");
                }
            }
        }
    }

    /// What the breakers of this gateway found themselves, by account.
    fn breaker_words(&self, together: &Together) -> Vec<ProviderState> {
        let now = self.clock.now();
        let heard = together.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let real = |left: Millis| u64::try_from(self.clock.real(left).as_millis()).unwrap_or(u64::MAX);
        let mut states: Vec<ProviderState> = Vec::new();
        for unit in &self.providers {
            let breaker = unit.breaker.lock().unwrap_or_else(PoisonError::into_inner);
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
    async fn hear(&self, together: &Together, states: &[ProviderState]) {
        for unit in &self.providers {
            let Some(state) = states.iter().find(|state| state.account == unit.account) else {
                continue;
            };
            let word = Word {
                open: self.clock.policy(state.open_ms),
                cooldown: self.clock.policy(state.cool_ms),
            };
            let changed = {
                let mut all = together.heard.lock().unwrap_or_else(PoisonError::into_inner);
                let heard = all.entry(unit.name.clone()).or_default();
                let mut breaker = unit.breaker.lock().unwrap_or_else(PoisonError::into_inner);
                breaker.hears(&unit.breaker_policy(), &word, heard, self.clock.now())
            };
            if let Some(label) = changed {
                crate::metrics::transition(&unit.name, label);
                tracing::warn!(target: "loadlock::circuit", provider = %unit.name, state = ?label, "[CIRCUIT] {} is \
                     now {label:?}: another gateway found it failing", unit.name);
                unit.reported.notify_one();
                self.keep_breaker(unit).await;
            }
        }
    }

    /// After a start: whatever the ledger has of this gateway that is not open here is over.
    async fn resume(&self, together: &Together) -> Result<()> {
        let _nothing_is_begun = together.resuming.write().await;
        let mut open: Vec<String> = {
            let attempts = together.attempts();
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
        let kept = kept().map_err(|error| journal_error(&error))?;
        for id in kept {
            if !together.holds(&id) {
                together.attempts().left.entry(id.clone()).or_insert(true);
            }
            open.push(id);
        }
        let resume = together.ledger.resume(together.id.clone(), open);
        together.ask(resume).await.map(drop)
    }

    /// Tells the ledger which attempts are over, and which go on without a lease because nobody here works at them.
    async fn end_attempts(&self, together: &Together) -> Result<()> {
        let left: Vec<(String, bool)> = {
            let attempts = together.attempts();
            attempts.left.iter().map(|(id, leads)| (id.clone(), *leads)).collect()
        };
        if left.is_empty() {
            return Ok(());
        }
        let (mut over, mut unled) = (Vec::new(), Vec::new());
        for (id, leads) in left {
            if self.under_way(&id) {
                continue;
            }
            let row = self.journal.entry(&id).map_err(|error| journal_error(&error))?;
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
            let ended = together.ledger.ended(together.id.clone(), unled.clone(), true);
            together.ask(ended).await?;
            let mut attempts = together.attempts();
            for id in &unled {
                if let Some(leads) = attempts.left.get_mut(id) {
                    *leads = false;
                }
            }
        }
        if !over.is_empty() {
            let ended = together.ledger.ended(together.id.clone(), over.clone(), false);
            together.ask(ended).await?;
            let mut attempts = together.attempts();
            for id in &over {
                attempts.left.remove(id);
            }
        }
        Ok(())
    }
}
